//! H.264 access units into RTP payloads (RFC 6184, packetization mode 1).

use super::annexb::{NAL_AUD, NAL_PPS, NAL_SPS, nal_type, nal_units};
use std::sync::Arc;

/// Longest RTP payload in bytes.
///
/// An IPv6 path carries 1280 bytes everywhere: less 48 (IPv6, UDP), 12 (RTP), 22
/// (header extensions), 2 (RTX) and 16 (SRTP tag) leaves 1180.
pub const MAX_PAYLOAD: usize = 1180;

const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// Cuts one access unit into RTP payloads of at most [`MAX_PAYLOAD`] bytes, in
/// sending order; the last one gets the marker bit.
///
/// SPS and PPS travel together in one STAP-A (RFC 6184, 5.7.1), so that no loss
/// separates them; long NAL units become FU-A (5.8) of equal size but the last.
/// Access unit delimiters mean nothing in RTP and are left out. So are the types
/// that H.264 leaves unspecified: RTP has given them meanings of its own (5.2). An
/// access unit without a NAL unit gives no payload.
pub fn packetize(access_unit: &[u8]) -> Vec<Arc<[u8]>> {
    let mut payloads = Vec::with_capacity(access_unit.len() / MAX_PAYLOAD + 2);
    let mut sets: Vec<&[u8]> = Vec::new();
    for nal in nal_units(access_unit) {
        match nal_type(nal) {
            NAL_AUD | 0 | 24..=31 => {}
            NAL_SPS | NAL_PPS => sets.push(nal),
            _ => {
                push_parameter_sets(&mut sets, &mut payloads);
                push_nal(nal, &mut payloads);
            }
        }
    }
    push_parameter_sets(&mut sets, &mut payloads);
    payloads
}

fn push_parameter_sets(sets: &mut Vec<&[u8]>, payloads: &mut Vec<Arc<[u8]>>) {
    let length = 1 + sets.iter().map(|set| 2 + set.len()).sum::<usize>();
    if sets.len() < 2 || length > MAX_PAYLOAD {
        sets.drain(..).for_each(|set| push_nal(set, payloads));
        return;
    }
    let importance = sets.iter().map(|set| set[0] & 0x60).max().unwrap_or(0);
    let mut stap = Vec::with_capacity(length);
    stap.push(importance | STAP_A);
    for set in sets.drain(..) {
        stap.extend_from_slice(&(set.len() as u16).to_be_bytes());
        stap.extend_from_slice(set);
    }
    payloads.push(stap.into());
}

fn push_nal(nal: &[u8], payloads: &mut Vec<Arc<[u8]>>) {
    if nal.len() <= MAX_PAYLOAD {
        payloads.push(nal.into());
        return;
    }
    let (indicator, kind) = ((nal[0] & 0xe0) | FU_A, nal[0] & 0x1f);
    let mut parts = nal[1..].chunks(MAX_PAYLOAD - 2).peekable();
    let (mut position, mut payload) = (FU_START, Vec::with_capacity(MAX_PAYLOAD));
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            position |= FU_END;
        }
        payload.clear();
        payload.extend_from_slice(&[indicator, position | kind]);
        payload.extend_from_slice(part);
        payloads.push(payload.as_slice().into());
        position = 0;
    }
}

/// Puts NAL units together again from payloads in order, as a receiver would.
/// The inverse of [`packetize`], for tests and fuzzing; `None` if the payloads
/// are not what RFC 6184 allows here.
pub fn depacketize(payloads: &[Arc<[u8]>]) -> Option<Vec<Vec<u8>>> {
    let mut units = Vec::new();
    let mut fragments: Option<Vec<u8>> = None;
    for payload in payloads {
        match payload.first()? & 0x1f {
            STAP_A => split_stap(&payload[1..], &mut units)?,
            FU_A => {
                let header = *payload.get(1)?;
                if header & FU_START != 0 {
                    fragments = Some(vec![(payload[0] & 0xe0) | (header & 0x1f)]);
                }
                fragments.as_mut()?.extend_from_slice(&payload[2..]);
                if header & FU_END != 0 {
                    units.push(fragments.take()?);
                }
            }
            _ => units.push(payload.to_vec()),
        }
    }
    fragments.is_none().then_some(units)
}

fn split_stap(mut rest: &[u8], units: &mut Vec<Vec<u8>>) -> Option<()> {
    while !rest.is_empty() {
        let length = u16::from_be_bytes([rest[0], *rest.get(1)?]) as usize;
        units.push(rest.get(2..2 + length)?.to_vec());
        rest = &rest[2 + length..];
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access_unit(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter()
            .flat_map(|nal| [&[0, 0, 0, 1], *nal].concat())
            .collect()
    }

    #[test]
    fn parameter_sets_share_one_payload_and_a_long_slice_is_cut_evenly() {
        let slice: Vec<u8> = [0x65]
            .into_iter()
            .chain((0..3000).map(|i| 1 + (i % 200) as u8))
            .collect();
        let payloads = packetize(&access_unit(&[&[0x67, 1, 2], &[0x68, 3], &slice]));
        assert_eq!(
            payloads[0][..],
            [0x60 | 24, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3]
        );
        assert_eq!(
            payloads.iter().map(|p| p.len()).collect::<Vec<_>>(),
            [10, 1180, 1180, 646]
        );
        assert_eq!(payloads[1][..2], [0x60 | 28, 0x80 | 5]);
        assert_eq!(payloads[3][..2], [0x60 | 28, 0x40 | 5]);
        assert_eq!(
            depacketize(&payloads).unwrap(),
            [vec![0x67, 1, 2], vec![0x68, 3], slice]
        );
    }

    #[test]
    fn short_units_travel_whole_and_delimiters_not_at_all() {
        let payloads = packetize(&access_unit(&[&[9, 0x10], &[0x41, 7, 7], &[0x41, 8]]));
        assert_eq!(
            payloads,
            [
                Arc::from([0x41, 7, 7].as_slice()),
                Arc::from([0x41, 8].as_slice())
            ]
        );
    }

    #[test]
    fn nothing_gives_nothing() {
        assert!(packetize(&[]).is_empty());
        assert!(packetize(&[0, 0, 1]).is_empty());
    }
}
