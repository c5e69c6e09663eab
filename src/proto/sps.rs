//! The sequence parameter set (ITU-T H.264, 7.3.2.1.1).

/// What the rest of the program needs to know of a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sps {
    /// `profile_idc`, constraint flags and `level_idc`: the three bytes of
    /// `profile-level-id` (RFC 6184, 8.1), for example 0x42e01f.
    pub profile_level_id: u32,
    /// Pixels after cropping.
    pub width: u32,
    /// Pixels after cropping.
    pub height: u32,
    /// Frames per second from the VUI, where it is there and sensible.
    pub fps: Option<f32>,
}

/// Why an SPS was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpsError {
    /// The NAL unit ends too early.
    Truncated,
    /// Not a NAL unit of type 7.
    NotSps,
    /// A value outside of what the standard allows.
    OutOfRange(&'static str),
}

/// Reads an SPS NAL unit (without start code, with emulation prevention).
pub fn parse(_nal: &[u8]) -> Result<Sps, SpsError> {
    todo!()
}
