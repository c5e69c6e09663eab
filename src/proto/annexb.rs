//! H.264 in Annex B byte-stream form (ITU-T H.264, Annex B).

/// The NAL units of a byte stream, without their start codes and without
/// trailing zero bytes. Empty NAL units are skipped.
pub fn nal_units(_data: &[u8]) -> NalUnits<'_> {
    todo!()
}

/// Iterator made by [`nal_units`].
pub struct NalUnits<'a> {
    _rest: &'a [u8],
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        todo!()
    }
}

/// NAL unit type (H.264, table 7-1) of a NAL unit; 0 for an empty slice.
pub fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |b| b & 0x1f)
}

pub const NAL_SLICE: u8 = 1;
pub const NAL_IDR: u8 = 5;
pub const NAL_SEI: u8 = 6;
pub const NAL_SPS: u8 = 7;
pub const NAL_PPS: u8 = 8;
pub const NAL_AUD: u8 = 9;

/// What one buffer of NAL units holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The last sequence parameter set, without start code.
    pub sps: Option<&'a [u8]>,
    /// The last picture parameter set, without start code.
    pub pps: Option<&'a [u8]>,
    /// True if a slice of an IDR picture is inside.
    pub idr: bool,
    /// True if any coded slice (types 1 to 5) is inside.
    pub picture: bool,
}

/// Looks at the NAL types of one buffer.
pub fn facts(_data: &[u8]) -> Facts<'_> {
    todo!()
}

/// Cuts a byte stream that comes in pieces into access units (H.264, 7.4.1.2.3).
///
/// An access unit ends where the next begins: at an AUD, SPS, PPS or SEI after a
/// slice, or at a slice with `first_mb_in_slice` 0. Holds at most
/// [`AccessUnits::LIMIT`] bytes; what exceeds it is dropped up to the next
/// start of an access unit.
#[derive(Debug, Default)]
pub struct AccessUnits {
    _buffer: Vec<u8>,
}

impl AccessUnits {
    /// 8 MiB: more than any access unit of level 4.2.
    pub const LIMIT: usize = 8 << 20;

    /// Adds bytes of the stream.
    pub fn push(&mut self, _bytes: &[u8]) {
        todo!()
    }

    /// The next complete access unit, with start codes.
    pub fn next_unit(&mut self) -> Option<Vec<u8>> {
        todo!()
    }

    /// What is left when the stream has ended.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        todo!()
    }
}
