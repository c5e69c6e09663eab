//! Checks of the parsers that read the camera's or a file's bytes.

use super::Dice;
use mimamori::proto::annexb::{self, AccessUnits, NAL_AUD, NAL_PPS, NAL_SPS};
use mimamori::proto::annexb::{facts, nal_type, nal_units};
use mimamori::proto::assembler::{Assembled, Assembler};
use mimamori::proto::frame::Frame;
use mimamori::proto::rtp_h264::{MAX_PAYLOAD, depacketize, packetize};
use mimamori::proto::sps;
use std::sync::Arc;
use std::time::Instant;

/// Cutting finds what a naive reader finds, and what is joined is found again.
pub fn annexb(data: &[u8]) {
    let nals: Vec<&[u8]> = nal_units(data).collect();
    assert_eq!(nals, naive_nal_units(data));

    let joined: Vec<u8> = nals
        .iter()
        .flat_map(|nal| [&[0, 0, 0, 1], *nal].concat())
        .collect();
    assert_eq!(nal_units(&joined).collect::<Vec<_>>(), nals);

    let found = facts(data);
    let last = |kind| nals.iter().rev().find(|nal| nal_type(nal) == kind).copied();
    assert_eq!(found.sps, last(annexb::NAL_SPS));
    assert_eq!(found.pps, last(annexb::NAL_PPS));
    assert_eq!(found.idr, last(annexb::NAL_IDR).is_some());
    assert_eq!(
        found.picture,
        nals.iter().any(|nal| (1..=5).contains(&nal_type(nal)))
    );
}

fn naive_nal_units(data: &[u8]) -> Vec<&[u8]> {
    let is_code = |at: &usize| data[*at..].starts_with(&[0, 0, 1]);
    let codes: Vec<usize> = (0..data.len()).filter(is_code).collect();
    let ends = codes.iter().skip(1).copied().chain([data.len()]);
    codes
        .iter()
        .zip(ends)
        .map(|(code, end)| {
            let mut nal = &data[code + 3..end];
            while let [head @ .., 0] = nal {
                nal = head;
            }
            nal
        })
        .filter(|nal| !nal.is_empty())
        .collect()
}

/// The size of the pieces does not matter, nothing is lost behind the first unit,
/// a unit alone is a unit, and a limit is a limit.
pub fn access_units(data: &[u8]) {
    let mut dice = Dice::new(data);
    let whole = cut(&mut AccessUnits::default(), data, |_| data.len().max(1), 1);
    let pieces = cut(&mut AccessUnits::default(), data, |_| dice.roll(1, 40), 1);
    assert_eq!(pieces, whole);
    let bytewise = cut(&mut AccessUnits::default(), data, |_| 1, 1);
    assert_eq!(bytewise, whole);

    assert!(data.ends_with(&whole.concat()));
    for unit in &whole {
        assert!(unit.starts_with(&[0, 0, 1]) || unit.starts_with(&[0, 0, 0, 1]));
        let alone = cut(&mut AccessUnits::default(), unit, |_| unit.len(), 1);
        assert_eq!(alone, std::slice::from_ref(unit));
    }
    limited_access_units(data, &mut dice);
}

fn limited_access_units(data: &[u8], dice: &mut Dice) {
    let limit = dice.roll(1, 300);
    let every = dice.roll(1, 30);
    let mut cutter = AccessUnits::with_limit(limit);
    for unit in cut(&mut cutter, data, |_| dice.roll(1, 40), every) {
        assert!(unit.len() <= limit, "{} over {limit}", unit.len());
        assert!(data.windows(unit.len()).any(|window| window == unit));
    }
}

/// Feeds `data` in pieces and takes the units out after every `every`th piece.
fn cut(
    cutter: &mut AccessUnits,
    data: &[u8],
    mut size: impl FnMut(usize) -> usize,
    every: usize,
) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    let mut rest = data;
    for turn in 1.. {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(size(turn).min(rest.len()));
        cutter.push(piece);
        rest = after;
        if turn % every == 0 {
            units.extend(std::iter::from_fn(|| cutter.next_unit()));
        }
    }
    units.extend(std::iter::from_fn(|| cutter.finish()));
    units
}

/// What is read lies within the standard's limits and does not depend on what
/// stands behind.
pub fn sps(data: &[u8]) {
    read_sps(data);
    read_sps(&[&[0x67], data].concat());
}

fn read_sps(nal: &[u8]) {
    let Ok(found) = sps::parse(nal) else {
        return;
    };
    assert_eq!(nal_type(nal), annexb::NAL_SPS);
    assert!((1..=16_880).contains(&found.width), "{found:?}");
    assert!((1..=16_880).contains(&found.height), "{found:?}");
    assert!(found.width * found.height <= 139_264 * 256, "{found:?}");
    assert!(found.profile_level_id <= 0xff_ffff, "{found:?}");
    assert!(
        found.fps.is_none_or(|fps| (1.0..=240.0).contains(&fps)),
        "{found:?}"
    );
    for tail in [&[0xff, 0x80][..], &[0, 0, 3, 1]] {
        assert_eq!(sps::parse(&[nal, tail].concat()), Ok(found));
    }
}

/// A receiver finds the units again, and every payload fits a datagram.
pub fn rtp_h264(data: &[u8]) {
    let payloads = packetize(data);
    for payload in &payloads {
        assert!((1..=MAX_PAYLOAD).contains(&payload.len()));
    }
    // RTP has meanings of its own for the types that H.264 leaves open.
    let sendable = |nal: &&[u8]| (1..=23).contains(&nal_type(nal)) && nal_type(nal) != NAL_AUD;
    let units: Vec<&[u8]> = nal_units(data).filter(sendable).collect();
    let received = depacketize(&payloads).expect("payloads as RFC 6184 has them");
    assert_eq!(received, units);

    // A receiver's own reader takes whatever comes.
    let strange: Vec<Arc<[u8]>> = data.chunks(7).map(Arc::from).collect();
    depacketize(&strange);
    depacketize(&[data.into()]);
}

/// Between these the input is one buffer of the camera; the byte behind says how
/// it came.
const BUFFER_END: [u8; 2] = [0xff, 0xff];

/// A frame can be decoded when it comes: the first and the next after damage is a
/// keyframe with its parameter sets, and the others are as the camera made them.
#[allow(clippy::disallowed_methods)]
pub fn assembler(data: &[u8]) {
    let captured = Instant::now();
    let mut assembler = Assembler::default();
    let mut decodable = false;
    for (buffer, damaged) in buffers(data) {
        let facts = facts(buffer);
        match assembler.push(buffer, captured, damaged) {
            Assembled::Damaged => {
                assert!(damaged || facts.idr, "asks for a keyframe in vain");
                decodable = false;
            }
            Assembled::Nothing => assert!(!facts.picture || !decodable && !facts.idr),
            Assembled::Frame(frame) => {
                assert!(!damaged && frame.captured == captured);
                assert_eq!(frame.keyframe, facts.idr);
                assert!(frame.keyframe || decodable && frame.data[..] == *buffer);
                decodable = true;
                whole_frame(buffer, &frame);
            }
        }
    }
}

fn buffers(data: &[u8]) -> Vec<(&[u8], bool)> {
    let mut rest = data;
    let mut buffers = Vec::new();
    while let Some(at) = rest.windows(2).position(|pair| pair == BUFFER_END) {
        let flags = rest.get(at + 2).copied().unwrap_or(0);
        buffers.push((&rest[..at], flags & 0x0f == 1));
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    buffers.push((rest, false));
    buffers
}

fn whole_frame(buffer: &[u8], frame: &Frame) {
    let made = facts(&frame.data);
    assert!(made.picture);
    if frame.keyframe {
        assert!(made.idr && made.sps.is_some() && made.pps.is_some());
    }
    let content = |data: &[u8]| -> Vec<Vec<u8>> {
        let is_content = |nal: &&[u8]| ![NAL_SPS, NAL_PPS, NAL_AUD].contains(&nal_type(nal));
        nal_units(data)
            .filter(is_content)
            .map(<[u8]>::to_vec)
            .collect()
    };
    assert_eq!(content(&frame.data), content(buffer));
    // Two remembered sets, and a byte for each start code that was a short one.
    assert!(frame.data.len() <= buffer.len() * 5 / 4 + 2 * 1024 + 64);
}
