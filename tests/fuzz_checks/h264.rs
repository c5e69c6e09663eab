//! Checks of the parsers that read the camera's or a file's bytes.

use super::Dice;
use mimamori::proto::annexb::{self, AccessUnits, facts, nal_type, nal_units};
use mimamori::proto::sps;

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
