//! From V4L2 buffers to whole frames.

use super::annexb;
use super::frame::Frame;
use std::time::Instant;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Longest parameter set that is remembered, in bytes. Real ones have 10 to 40;
/// the standard allows an SPS of a few hundred.
const MAX_PARAMETER_SET: usize = 1024;

/// Puts together what an H.264 device delivers in pieces: SPS and PPS in a buffer
/// of their own (remembered, and put in front of every IDR that lacks them),
/// truncated or damaged buffers (dropped, with everything up to the next IDR).
#[derive(Debug, Default)]
pub struct Assembler {
    /// The last parameter sets seen, without start codes.
    sps: Vec<u8>,
    pps: Vec<u8>,
    /// True once an IDR has been handed out and nothing was lost since.
    in_step: bool,
}

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
    /// Buffers are left out from here on: nothing makes sense before the next IDR.
    pub fn skip(&mut self) {
        self.in_step = false;
    }

    /// `damaged` is true if the driver flagged an error or the buffer was filled
    /// to its last byte (the Pi's driver truncates silently).
    pub fn push(&mut self, buffer: &[u8], captured: Instant, damaged: bool) -> Assembled {
        if damaged {
            self.in_step = false;
            return Assembled::Damaged;
        }
        let facts = annexb::facts(buffer);
        remember(&mut self.sps, facts.sps);
        remember(&mut self.pps, facts.pps);
        if !facts.picture {
            return Assembled::Nothing;
        }
        if facts.idr {
            return self.idr(buffer, &facts, captured);
        }
        if !self.in_step {
            return Assembled::Nothing;
        }
        Assembled::Frame(Frame {
            data: buffer.into(),
            captured,
            keyframe: false,
        })
    }

    /// An IDR without parameter sets, own or remembered, is of no use to anybody:
    /// the encoder is asked for another.
    fn idr(&mut self, buffer: &[u8], facts: &annexb::Facts<'_>, captured: Instant) -> Assembled {
        if self.sps.is_empty() || self.pps.is_empty() {
            self.in_step = false;
            return Assembled::Damaged;
        }
        self.in_step = true;
        let data = if facts.sps.is_some() && facts.pps.is_some() {
            buffer.into()
        } else {
            self.with_parameter_sets(buffer).into()
        };
        Assembled::Frame(Frame {
            data,
            captured,
            keyframe: true,
        })
    }

    /// The access unit anew with SPS and PPS in front of everything but an access
    /// unit delimiter, which must stay first (H.264, 7.4.1.2.3).
    fn with_parameter_sets(&self, buffer: &[u8]) -> Vec<u8> {
        let mut unit = Vec::with_capacity(buffer.len() + self.sps.len() + self.pps.len() + 32);
        let is_delimiter = |nal: &&[u8]| annexb::nal_type(nal) == annexb::NAL_AUD;
        let is_content = |nal: &&[u8]| {
            let kind = annexb::nal_type(nal);
            ![annexb::NAL_AUD, annexb::NAL_SPS, annexb::NAL_PPS].contains(&kind)
        };
        let delimiter = annexb::nal_units(buffer).find(is_delimiter);
        let content = annexb::nal_units(buffer).filter(is_content);
        for nal in delimiter
            .into_iter()
            .chain([&self.sps[..], &self.pps[..]])
            .chain(content)
        {
            unit.extend_from_slice(&START_CODE);
            unit.extend_from_slice(nal);
        }
        unit
    }
}

fn remember(kept: &mut Vec<u8>, seen: Option<&[u8]>) {
    if let Some(nal) = seen
        && nal.len() <= MAX_PARAMETER_SET
        && kept != nal
    {
        kept.clear();
        kept.extend_from_slice(nal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 0x8c];
    const SPS_2: &[u8] = &[0x67, 0x42, 0xc0, 0x28, 0x8d];
    const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
    const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x21];
    const IDR_SLICE_2: &[u8] = &[0x65, 0x08, 0x84, 0x22];
    const P: &[u8] = &[0x41, 0x9a, 0x24];
    const AUD: &[u8] = &[0x09, 0xf0];
    const SEI: &[u8] = &[0x06, 0x05, 0x01, 0xaa, 0x80];

    fn unit(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter()
            .flat_map(|nal| [&START_CODE[..], nal].concat())
            .collect()
    }

    fn push(assembler: &mut Assembler, nals: &[&[u8]]) -> Assembled {
        assembler.push(&unit(nals), Instant::now(), false)
    }

    #[track_caller]
    fn frame(assembled: Assembled) -> Frame {
        match assembled {
            Assembled::Frame(frame) => frame,
            other => panic!("no frame but {other:?}"),
        }
    }

    #[track_caller]
    fn assert_nothing(assembled: Assembled) {
        assert!(matches!(assembled, Assembled::Nothing), "{assembled:?}");
    }

    #[test]
    fn header_buffer_goes_in_front_of_the_idr_that_follows() {
        let mut assembler = Assembler::default();
        assert_nothing(push(&mut assembler, &[SPS, PPS]));
        let first = frame(push(&mut assembler, &[IDR]));
        assert!(first.keyframe);
        assert_eq!(first.data[..], unit(&[SPS, PPS, IDR]));
    }

    #[test]
    fn sps_and_pps_may_come_in_separate_buffers() {
        let mut assembler = Assembler::default();
        assert_nothing(push(&mut assembler, &[SPS]));
        assert_nothing(push(&mut assembler, &[PPS]));
        assert_eq!(
            frame(push(&mut assembler, &[IDR])).data[..],
            unit(&[SPS, PPS, IDR])
        );
    }

    #[test]
    fn every_later_idr_gets_the_remembered_sets() {
        let mut assembler = Assembler::default();
        push(&mut assembler, &[SPS, PPS]);
        for _ in 0..3 {
            let key = frame(push(&mut assembler, &[IDR]));
            assert_eq!(key.data[..], unit(&[SPS, PPS, IDR]));
            let delta = frame(push(&mut assembler, &[P]));
            assert!(!delta.keyframe);
            assert_eq!(delta.data[..], unit(&[P]));
        }
    }

    #[test]
    fn an_idr_with_its_own_sets_passes_unchanged() {
        let mut assembler = Assembler::default();
        let whole = unit(&[SPS, PPS, IDR, IDR_SLICE_2]);
        let key = frame(assembler.push(&whole, Instant::now(), false));
        assert_eq!(key.data[..], whole);
    }

    #[test]
    fn an_idr_with_only_one_of_the_sets_gets_both() {
        let mut assembler = Assembler::default();
        push(&mut assembler, &[SPS, PPS]);
        let key = frame(push(&mut assembler, &[SPS_2, IDR]));
        assert_eq!(key.data[..], unit(&[SPS_2, PPS, IDR]));
    }

    #[test]
    fn new_parameter_sets_replace_the_old() {
        let mut assembler = Assembler::default();
        push(&mut assembler, &[SPS, PPS]);
        frame(push(&mut assembler, &[IDR]));
        push(&mut assembler, &[SPS_2, PPS]);
        let key = frame(push(&mut assembler, &[IDR]));
        assert_eq!(key.data[..], unit(&[SPS_2, PPS, IDR]));
    }

    #[test]
    fn a_delimiter_stays_first_and_sei_stays_behind_the_sets() {
        let mut assembler = Assembler::default();
        push(&mut assembler, &[AUD, SPS, PPS]);
        let key = frame(push(&mut assembler, &[AUD, SEI, IDR, IDR_SLICE_2]));
        assert_eq!(key.data[..], unit(&[AUD, SPS, PPS, SEI, IDR, IDR_SLICE_2]));
    }

    #[test]
    fn an_idr_without_any_sets_asks_for_another() {
        let mut assembler = Assembler::default();
        assert!(matches!(push(&mut assembler, &[IDR]), Assembled::Damaged));
        push(&mut assembler, &[SPS]);
        assert!(matches!(push(&mut assembler, &[IDR]), Assembled::Damaged));
        assert_nothing(push(&mut assembler, &[P]));
    }

    #[test]
    fn delta_frames_before_the_first_idr_are_dropped() {
        let mut assembler = Assembler::default();
        push(&mut assembler, &[SPS, PPS]);
        assert_nothing(push(&mut assembler, &[P]));
        assert_nothing(push(&mut assembler, &[AUD, P]));
        frame(push(&mut assembler, &[IDR]));
        frame(push(&mut assembler, &[P]));
    }

    #[test]
    fn after_damage_everything_up_to_the_next_idr_is_dropped() {
        let mut assembler = Assembler::default();
        push(&mut assembler, &[SPS, PPS]);
        frame(push(&mut assembler, &[IDR]));
        let damaged = assembler.push(&unit(&[P]), Instant::now(), true);
        assert!(matches!(damaged, Assembled::Damaged));
        assert_nothing(push(&mut assembler, &[P]));
        assert_nothing(push(&mut assembler, &[P]));
        assert!(frame(push(&mut assembler, &[IDR])).keyframe);
        frame(push(&mut assembler, &[P]));
    }

    #[test]
    fn a_damaged_buffer_teaches_no_parameter_sets() {
        let mut assembler = Assembler::default();
        push(&mut assembler, &[SPS, PPS]);
        assembler.push(&unit(&[SPS_2, PPS, IDR]), Instant::now(), true);
        let key = frame(push(&mut assembler, &[IDR]));
        assert_eq!(key.data[..], unit(&[SPS, PPS, IDR]));
    }

    #[test]
    fn empty_and_meaningless_buffers_change_nothing() {
        let mut assembler = Assembler::default();
        push(&mut assembler, &[SPS, PPS]);
        frame(push(&mut assembler, &[IDR]));
        for junk in [&[][..], &[0], &[0, 0, 1], &[0, 0, 0, 1], &[7; 90]] {
            assert_nothing(assembler.push(junk, Instant::now(), false));
        }
        assert_nothing(push(&mut assembler, &[AUD]));
        assert_nothing(push(&mut assembler, &[SEI]));
        frame(push(&mut assembler, &[P]));
    }

    #[test]
    fn a_monstrous_parameter_set_is_not_remembered() {
        let mut assembler = Assembler::default();
        push(&mut assembler, &[SPS, PPS]);
        let monster = [&[0x67][..], &[0x55; MAX_PARAMETER_SET]].concat();
        push(&mut assembler, &[&monster]);
        let key = frame(push(&mut assembler, &[IDR]));
        assert_eq!(key.data[..], unit(&[SPS, PPS, IDR]));
    }

    #[test]
    fn the_moment_of_capture_is_kept() {
        let mut assembler = Assembler::default();
        let captured = Instant::now();
        let buffer = unit(&[SPS, PPS, IDR]);
        assert_eq!(
            frame(assembler.push(&buffer, captured, false)).captured,
            captured
        );
    }
}
