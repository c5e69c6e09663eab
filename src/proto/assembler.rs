//! From V4L2 buffers to whole frames.

use super::frame::Frame;
use std::time::Instant;

/// Puts together what an H.264 device delivers in pieces: SPS and PPS in a buffer
/// of their own (remembered, and put in front of every IDR that lacks them),
/// truncated or damaged buffers (dropped, with everything up to the next IDR).
#[derive(Debug, Default)]
pub struct Assembler {}

/// What one buffer came to.
#[derive(Debug)]
pub enum Assembled {
    /// A whole frame.
    Frame(Frame),
    /// Nothing to show yet: parameter sets only, or waiting for an IDR.
    Nothing,
    /// The picture is lost; ask the encoder for a keyframe.
    Damaged,
}

impl Assembler {
    /// `damaged` is true if the driver flagged an error or the buffer was filled
    /// to its last byte (the Pi's driver truncates silently).
    pub fn push(&mut self, _buffer: &[u8], _captured: Instant, _damaged: bool) -> Assembled {
        todo!()
    }
}
