//! One frame as RTP payloads, made once for all viewers.

use crate::proto::frame::Frame;
use crate::proto::rtp_h264;
use std::sync::Arc;
use std::time::Instant;

/// A packetised frame. Viewers share the payloads; each adds its own header.
#[derive(Debug)]
pub struct Packets {
    pub payloads: Vec<Arc<[u8]>>,
    pub captured: Instant,
    pub keyframe: bool,
    /// Sum of the payloads' lengths.
    pub bytes: usize,
}

impl Packets {
    pub fn new(frame: &Frame) -> Packets {
        let payloads = rtp_h264::packetize(&frame.data);
        let bytes = payloads.iter().map(|payload| payload.len()).sum();
        Packets {
            payloads,
            captured: frame.captured,
            keyframe: frame.keyframe,
            bytes,
        }
    }
}
