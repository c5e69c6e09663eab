//! H.264 in Annex B byte-stream form (ITU-T H.264, Annex B).

use std::collections::VecDeque;

/// The NAL units of a byte stream, without their start codes and without
/// trailing zero bytes. Empty NAL units are skipped, and so is everything in
/// front of the first start code.
pub fn nal_units(data: &[u8]) -> NalUnits<'_> {
    NalUnits {
        rest: match find_start_code(data, 0) {
            Some(one) => &data[one + 1..],
            None => &[],
        },
    }
}

/// Iterator made by [`nal_units`].
#[derive(Clone, Debug)]
pub struct NalUnits<'a> {
    /// Begins behind a start code.
    rest: &'a [u8],
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let nal = match find_start_code(self.rest, 0) {
                Some(one) => {
                    let nal = &self.rest[..one - 2];
                    self.rest = &self.rest[one + 1..];
                    nal
                }
                None => std::mem::take(&mut self.rest),
            };
            let nal = without_trailing_zeros(nal);
            if !nal.is_empty() {
                return Some(nal);
            }
        }
        None
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
pub fn facts(data: &[u8]) -> Facts<'_> {
    let mut facts = Facts::default();
    for nal in nal_units(data) {
        match nal_type(nal) {
            NAL_SPS => facts.sps = Some(nal),
            NAL_PPS => facts.pps = Some(nal),
            kind @ NAL_SLICE..=NAL_IDR => {
                facts.picture = true;
                facts.idr |= kind == NAL_IDR;
            }
            _ => {}
        }
    }
    facts
}

/// Cuts a byte stream that comes in pieces into access units (H.264, 7.4.1.2.3).
///
/// An access unit ends where the next begins: at an AUD, SPS, PPS or SEI after a
/// slice, or at a slice with `first_mb_in_slice` 0. What comes in front of the
/// first such place is dropped.
///
/// Holds at most [`AccessUnits::LIMIT`] bytes, taken units not counted; what
/// exceeds it is dropped up to the next start of an access unit. Take the units
/// out after every push.
#[derive(Debug)]
pub struct AccessUnits {
    limit: usize,
    /// The unit in the making; where there is none, the last few bytes, which may
    /// be the beginning of a start code.
    buffer: Vec<u8>,
    /// Start codes whose last byte lies before this index have been seen.
    scanned: usize,
    /// The buffer begins with an access unit.
    in_unit: bool,
    /// The unit in the making has a slice, so that another can begin.
    has_slice: bool,
    ready: VecDeque<Vec<u8>>,
    /// Bytes in `ready`, with [`Self::OVERHEAD`] for each unit.
    ready_cost: usize,
}

impl Default for AccessUnits {
    fn default() -> Self {
        Self::with_limit(Self::LIMIT)
    }
}

impl AccessUnits {
    /// 8 MiB: more than any access unit of level 4.2.
    pub const LIMIT: usize = 8 << 20;

    /// Bytes taken in before units are cut off and the limit is looked at.
    const PIECE: usize = 64 << 10;
    /// What keeping one more unit costs beside its bytes; hostile units are tiny.
    const OVERHEAD: usize = 64;
    /// Bytes of a start code that may stand in front of its last byte.
    const CODE_HEAD: usize = 3;

    /// Like `default()`, with another limit in bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            buffer: Vec::new(),
            scanned: 0,
            in_unit: false,
            has_slice: false,
            ready: VecDeque::new(),
            ready_cost: 0,
        }
    }

    /// Adds bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(Self::PIECE) {
            self.buffer.extend_from_slice(piece);
            self.cut_units();
            if self.buffer.len() + self.ready_cost > self.limit {
                self.in_unit = false;
            }
            if !self.in_unit {
                self.keep_code_head();
            }
        }
    }

    /// The next complete access unit, with start codes.
    pub fn next_unit(&mut self) -> Option<Vec<u8>> {
        let unit = self.ready.pop_front()?;
        self.ready_cost -= unit.len() + Self::OVERHEAD;
        Some(unit)
    }

    /// What is left when the stream has ended: first the complete units, then the
    /// last one, then `None`. A new stream may follow.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        if let Some(unit) = self.next_unit() {
            return Some(unit);
        }
        let rest = std::mem::take(&mut self.buffer);
        let in_unit = self.in_unit;
        *self = Self::with_limit(self.limit);
        in_unit.then_some(rest)
    }

    /// Moves every complete unit of the buffer to `ready`.
    fn cut_units(&mut self) {
        let mut start = 0;
        loop {
            let Some(one) = find_start_code(&self.buffer, self.scanned) else {
                self.scanned = self.buffer.len();
                break;
            };
            let Some(role) = Role::of(&self.buffer[one + 1..]) else {
                self.scanned = one; // the header is still to come
                break;
            };
            self.scanned = one + 1;
            if role.may_begin_unit() && (self.has_slice || !self.in_unit) {
                let begin = begin_of_start_code(&self.buffer, one);
                if self.in_unit {
                    self.make_ready(start, begin);
                }
                start = begin;
                self.in_unit = true;
                self.has_slice = false;
            }
            self.has_slice |= role.is_slice();
        }
        self.discard(start);
    }

    fn make_ready(&mut self, start: usize, end: usize) {
        let cost = end - start + Self::OVERHEAD;
        if self.ready_cost + cost <= self.limit {
            self.ready.push_back(self.buffer[start..end].to_vec());
            self.ready_cost += cost;
        }
    }

    fn keep_code_head(&mut self) {
        self.discard(self.scanned.saturating_sub(Self::CODE_HEAD));
    }

    fn discard(&mut self, count: usize) {
        self.buffer.drain(..count);
        self.scanned -= count;
    }
}

/// What a NAL unit means for the bounds of access units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// AUD, SPS, PPS, SEI.
    Preamble,
    /// The slice with the first macroblock of a picture.
    FirstSlice,
    OtherSlice,
    Other,
}

impl Role {
    /// `None` if more bytes are needed.
    fn of(nal: &[u8]) -> Option<Role> {
        let kind = nal.first()? & 0x1f;
        Some(match kind {
            // first_mb_in_slice is the first exp-Golomb code: one bit 1 is a 0.
            1 | 2 | NAL_IDR if nal.get(1)? & 0x80 != 0 => Role::FirstSlice,
            NAL_SLICE..=NAL_IDR => Role::OtherSlice,
            NAL_SEI | NAL_SPS | NAL_PPS | NAL_AUD => Role::Preamble,
            _ => Role::Other,
        })
    }

    fn may_begin_unit(self) -> bool {
        matches!(self, Role::Preamble | Role::FirstSlice)
    }

    fn is_slice(self) -> bool {
        matches!(self, Role::FirstSlice | Role::OtherSlice)
    }
}

/// The index, `from` or later, of the 1 of the next `00 00 01`.
///
/// Searches for the 1: zeros are far more common in coded pictures.
fn find_start_code(data: &[u8], from: usize) -> Option<usize> {
    memchr::memchr_iter(1, data.get(from..)?)
        .map(|at| from + at)
        .find(|&one| one >= 2 && data[one - 1] == 0 && data[one - 2] == 0)
}

/// A zero in front of `00 00 01` belongs to the start code (B.1.1, zero_byte).
fn begin_of_start_code(data: &[u8], one: usize) -> usize {
    let begin = one - 2;
    match begin.checked_sub(1) {
        Some(before) if data[before] == 0 => before,
        _ => begin,
    }
}

fn without_trailing_zeros(nal: &[u8]) -> &[u8] {
    let end = nal.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1);
    &nal[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 0x42, 0xe0, 0x1f];
    const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
    const SEI: &[u8] = &[0x06, 0x05, 0x80];
    const AUD: &[u8] = &[0x09, 0xf0];
    const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x01];
    const IDR_SECOND: &[u8] = &[0x65, 0x1f, 0x84];
    const P: &[u8] = &[0x41, 0x9a, 0x02];
    const P_SECOND: &[u8] = &[0x41, 0x3a, 0x02];

    fn long(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter()
            .flat_map(|nal| [&[0, 0, 0, 1], *nal].concat())
            .collect()
    }

    fn short(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter()
            .flat_map(|nal| [&[0, 0, 1], *nal].concat())
            .collect()
    }

    fn list(data: &[u8]) -> Vec<&[u8]> {
        nal_units(data).collect()
    }

    fn units(data: &[u8], chunk: usize) -> Vec<Vec<u8>> {
        let mut cutter = AccessUnits::default();
        let mut units = Vec::new();
        for piece in data.chunks(chunk) {
            cutter.push(piece);
            units.extend(std::iter::from_fn(|| cutter.next_unit()));
        }
        units.extend(std::iter::from_fn(|| cutter.finish()));
        units
    }

    #[test]
    fn short_and_long_start_codes_are_found() {
        let nals = [SPS, PPS, IDR];
        assert_eq!(list(&long(&nals)), nals);
        assert_eq!(list(&short(&nals)), nals);
    }

    #[test]
    fn padding_and_empty_units_are_skipped() {
        let data = [
            0xff, 0xff, 0, 0, 0, 0, 1, 0x41, 0x9a, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0x42, 7,
            0, 0,
        ];
        assert_eq!(list(&data), [&[0x41, 0x9a][..], &[0x42, 7]]);
    }

    #[test]
    fn bytes_without_a_start_code_hold_nothing() {
        for data in [
            &[][..],
            &[0],
            &[0, 0],
            &[0, 0, 1],
            &[0, 0, 0, 1],
            &[1, 0, 0, 2],
            &[1; 50],
        ] {
            assert!(list(data).is_empty(), "{data:?}");
        }
    }

    #[test]
    fn facts_tell_what_a_buffer_is_for() {
        let other_sps: &[u8] = &[0x67, 1];
        let data = long(&[other_sps, SPS, PPS, SEI, IDR]);
        let keyframe = facts(&data);
        assert_eq!(keyframe.sps, Some(SPS));
        assert_eq!(keyframe.pps, Some(PPS));
        assert!(keyframe.idr && keyframe.picture);

        let data = long(&[AUD, P]);
        let delta = facts(&data);
        assert!(delta.picture && !delta.idr);
        assert_eq!((delta.sps, delta.pps), (None, None));

        assert!(!facts(&long(&[SPS, PPS])).picture);
    }

    #[test]
    fn a_stream_is_cut_into_access_units() {
        let expected = [
            long(&[SPS, PPS, IDR, IDR_SECOND]),
            long(&[P, P_SECOND]),
            long(&[SEI, P]),
            long(&[AUD, SPS, PPS, SEI, IDR]),
            long(&[P]),
        ];
        assert_eq!(units(&expected.concat(), 1 << 20), expected);
    }

    #[test]
    fn the_size_of_the_pieces_does_not_matter() {
        let stream = [
            long(&[SPS, PPS, IDR, IDR_SECOND]),
            short(&[P, P_SECOND]),
            vec![0, 0, 0],
            short(&[AUD, P]),
        ]
        .concat();
        let whole = units(&stream, stream.len());
        assert_eq!(whole.len(), 3);
        assert_eq!(whole.concat(), stream);
        for chunk in 1..stream.len() {
            assert_eq!(units(&stream, chunk), whole, "{chunk}");
        }
    }

    #[test]
    fn a_stream_joined_in_the_middle_begins_with_a_whole_unit() {
        let stream = [vec![7, 0, 0, 3, 4], short(&[P_SECOND]), long(&[P])].concat();
        for chunk in 1..stream.len() {
            assert_eq!(units(&stream, chunk), [long(&[P])], "{chunk}");
        }
    }

    #[test]
    fn what_exceeds_the_limit_is_dropped_up_to_the_next_unit() {
        let mut cutter = AccessUnits::with_limit(1000);
        let big = [long(&[P]), vec![0xaa; 3000]].concat();
        for piece in [big, long(&[P]), long(&[AUD, IDR]), long(&[P])]
            .concat()
            .chunks(100)
        {
            cutter.push(piece);
            assert!(cutter.buffer.len() <= 1000);
        }
        assert_eq!(cutter.next_unit(), Some(long(&[P])));
        assert_eq!(cutter.next_unit(), Some(long(&[AUD, IDR])));
        assert_eq!(cutter.next_unit(), None);
        assert_eq!(cutter.finish(), Some(long(&[P])));
        assert_eq!(cutter.finish(), None);
    }

    #[test]
    fn units_that_nobody_takes_do_not_pile_up() {
        let mut cutter = AccessUnits::with_limit(10_000);
        let many = long(&[P]).repeat(100_000);
        cutter.push(&many);
        assert!(cutter.ready_cost <= 10_000);
        assert!(cutter.buffer.len() <= 10_000);
        let kept = std::iter::from_fn(|| cutter.next_unit()).count();
        assert_eq!(kept, 10_000 / (long(&[P]).len() + AccessUnits::OVERHEAD));
    }

    #[test]
    fn nonsense_is_not_kept() {
        let mut cutter = AccessUnits::default();
        cutter.push(&[0; 1 << 20]);
        cutter.push(&[0xff; 1 << 20]);
        assert!(cutter.buffer.len() <= AccessUnits::CODE_HEAD);
        assert_eq!(cutter.finish(), None);
    }
}
