//! A STUN server's answer to a plain Binding request (RFC 8489).
//!
//! Many of UV4L's clients name the camera itself as their STUN server. ICE's own
//! checks come to the same socket; they carry USERNAME and belong to the viewers.

use std::net::{IpAddr, SocketAddr};

const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = 0x2112_a442_u32.to_be_bytes();
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802a;
/// Attributes below this number must be understood by whoever answers.
const COMPREHENSION_OPTIONAL: u16 = 0x8000;
/// "STUN" in ASCII, so that the CRC differs from another protocol's (14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554e;
/// A request that asks for an address has no reason to be longer: the limit of
/// RFC 8489, 6.1 for IPv4 where the path's MTU is unknown.
const REQUEST_LIMIT: usize = 548;

/// The answer to a Binding request that carries no USERNAME (a client asking for
/// its own address, not ICE), or `None` if the datagram is anything else.
///
/// The answer has a FINGERPRINT exactly if the request had one. A request with an
/// attribute that a server must understand and this one does not (CHANGE-REQUEST,
/// MESSAGE-INTEGRITY) gets no answer, so ICE never meets a stranger's response.
///
/// Never longer than the request plus 44 bytes, so it cannot amplify.
pub fn answer_binding(datagram: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let attributes = attributes_of_request(datagram)?;
    let fingerprint = check_attributes(datagram, attributes)?;
    let transaction: [u8; 12] = datagram.get(8..HEADER)?.try_into().ok()?;

    let mut answer = Vec::with_capacity(HEADER + 24 + 8);
    answer.extend_from_slice(&BINDING_SUCCESS.to_be_bytes());
    answer.extend_from_slice(&[0, 0]);
    answer.extend_from_slice(&MAGIC_COOKIE);
    answer.extend_from_slice(&transaction);
    push_xor_mapped_address(&mut answer, source, transaction);
    if fingerprint {
        push_fingerprint(&mut answer);
    }
    set_length(&mut answer);
    Some(answer)
}

/// True if a datagram on the media port is STUN's, by its first byte (RFC 7983, 7).
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}

/// The attributes of a well-formed Binding request header (RFC 8489, 5).
fn attributes_of_request(datagram: &[u8]) -> Option<&[u8]> {
    if datagram.len() > REQUEST_LIMIT {
        return None;
    }
    let (header, attributes) = datagram.split_at_checked(HEADER)?;
    let length = usize::from(be16(header, 2)?);
    let well_formed = be16(header, 0)? == BINDING_REQUEST
        && header.get(4..8)? == MAGIC_COOKIE
        && length == attributes.len()
        && length.is_multiple_of(4);
    well_formed.then_some(attributes)
}

/// Whether the request ends in a (correct) FINGERPRINT; `None` if it is not one
/// to be answered here.
fn check_attributes(datagram: &[u8], mut rest: &[u8]) -> Option<bool> {
    while !rest.is_empty() {
        let kind = be16(rest, 0)?;
        let length = usize::from(be16(rest, 2)?);
        let value = rest.get(4..)?.get(..length)?;
        let here = datagram.len() - rest.len();
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
        match kind {
            FINGERPRINT => {
                let right = rest.is_empty() && value == fingerprint(datagram.get(..here)?);
                return right.then_some(true);
            }
            ICE_CONTROLLED | ICE_CONTROLLING => return None,
            required if required < COMPREHENSION_OPTIONAL => return None,
            _ => {}
        }
    }
    Some(false)
}

/// RFC 8489, 14.2.
fn push_xor_mapped_address(answer: &mut Vec<u8>, source: SocketAddr, transaction: [u8; 12]) {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE);
    mask[4..].copy_from_slice(&transaction);

    // A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d.
    let (family, address) = match source.ip().to_canonical() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    push16(answer, XOR_MAPPED_ADDRESS);
    push16(answer, 4 + address.len() as u16);
    push16(answer, family);
    push16(answer, source.port() ^ 0x2112);
    answer.extend(address.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
}

/// RFC 8489, 14.7: the CRC covers a header whose length counts the FINGERPRINT.
fn push_fingerprint(answer: &mut Vec<u8>) {
    let here = answer.len();
    push16(answer, FINGERPRINT);
    push16(answer, 4);
    answer.extend_from_slice(&[0; 4]);
    set_length(answer);
    let value = fingerprint(&answer[..here]);
    answer.truncate(here + 4);
    answer.extend_from_slice(&value);
}

fn fingerprint(before: &[u8]) -> [u8; 4] {
    (crc32(before) ^ FINGERPRINT_XOR).to_be_bytes()
}

/// CRC-32 of ITU-T V.42, four bits at a time: the datagrams are short.
fn crc32(bytes: &[u8]) -> u32 {
    const STEP: [u32; 16] = {
        let mut table = [0; 16];
        let mut i = 0;
        while i < 16 {
            let mut value = i as u32;
            let mut bit = 0;
            while bit < 4 {
                value = (value >> 1) ^ (0xedb8_8320 & (value & 1).wrapping_neg());
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        let crc = crc ^ u32::from(byte);
        let crc = (crc >> 4) ^ STEP[(crc & 15) as usize];
        (crc >> 4) ^ STEP[(crc & 15) as usize]
    })
}

fn set_length(message: &mut [u8]) {
    let length = message.len().saturating_sub(HEADER) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([pair[0], pair[1]]))
}

fn push16(bytes: &mut Vec<u8>, value: u16) {
    bytes.extend_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transaction of the samples in RFC 5769.
    const TRANSACTION: [u8; 12] = [
        0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
    ];

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut message = BINDING_REQUEST.to_be_bytes().to_vec();
        push16(&mut message, attributes.len() as u16);
        message.extend_from_slice(&MAGIC_COOKIE);
        message.extend_from_slice(&TRANSACTION);
        message.extend_from_slice(attributes);
        message
    }

    fn with_fingerprint(attributes: &[u8]) -> Vec<u8> {
        let mut message = request(attributes);
        push_fingerprint(&mut message);
        message
    }

    fn v4() -> SocketAddr {
        "192.0.2.1:32853".parse().unwrap()
    }

    #[test]
    fn the_first_byte_tells_stun_from_dtls_and_rtp() {
        assert!(is_stun(&[0, 1]) && is_stun(&[1, 1]));
        for other in [&[][..], &[22, 254], &[128, 102]] {
            assert!(!is_stun(other), "{other:?}");
        }
    }

    #[test]
    fn the_crc_is_the_common_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_bare_request_is_told_its_ipv4_address() {
        let answer = answer_binding(&request(&[]), v4()).unwrap();
        assert_eq!(answer[..4], [1, 1, 0, 12]);
        assert_eq!(answer[4..8], MAGIC_COOKIE);
        assert_eq!(answer[8..20], TRANSACTION);
        // RFC 5769, 2.2: the XOR-MAPPED-ADDRESS of 192.0.2.1:32853.
        let expected = [
            0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
        ];
        assert_eq!(answer[20..], expected);
    }

    #[test]
    fn an_ipv6_client_is_told_its_address() {
        let source = "[2001:db8:1234:5678:11:2233:4455:6677]:32853";
        let answer = answer_binding(&request(&[]), source.parse().unwrap()).unwrap();
        // RFC 5769, 2.3.
        let expected = [
            0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3,
            0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
        ];
        assert_eq!(answer[20..], expected);
    }

    #[test]
    fn an_ipv4_client_on_a_dual_stack_socket_is_told_ipv4() {
        let source = "[::ffff:192.0.2.1]:32853".parse().unwrap();
        assert_eq!(
            answer_binding(&request(&[]), source),
            answer_binding(&request(&[]), v4())
        );
    }

    #[test]
    fn a_fingerprint_is_answered_with_a_fingerprint() {
        let answer = answer_binding(&with_fingerprint(&[]), v4()).unwrap();
        assert_eq!(answer[2..4], [0, 20]);
        assert_eq!(answer[32..36], [0x80, 0x28, 0, 4]);
        let expected = crc32(&answer[..32]) ^ 0x5354_554e;
        assert_eq!(answer[36..], expected.to_be_bytes());
    }

    #[test]
    fn a_wrong_or_misplaced_fingerprint_is_not_answered() {
        let mut wrong = with_fingerprint(&[]);
        *wrong.last_mut().unwrap() ^= 1;
        assert_eq!(answer_binding(&wrong, v4()), None);

        let right = with_fingerprint(&[]);
        let mut early = right[20..].to_vec();
        early.extend_from_slice(&[0x80, 0x22, 0, 0]);
        assert_eq!(answer_binding(&request(&early), v4()), None);
    }

    #[test]
    fn optional_attributes_are_passed_over_with_their_padding() {
        let software = [0x80, 0x22, 0, 5, b'a', b'i', b'o', b'r', b't', 0, 0, 0];
        assert!(answer_binding(&request(&software), v4()).is_some());
        assert!(answer_binding(&with_fingerprint(&software), v4()).is_some());
    }

    #[test]
    fn ice_and_unknown_required_attributes_are_not_answered() {
        let username = [0, 6, 0, 4, b'a', b':', b'b', b'c'];
        let controlling = [0x80, 0x2a, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
        let change_request = [0, 3, 0, 4, 0, 0, 0, 6];
        for attribute in [&username[..], &controlling, &change_request] {
            assert_eq!(answer_binding(&request(attribute), v4()), None);
        }
    }

    #[test]
    fn responses_indications_and_other_protocols_are_not_answered() {
        for kind in [0x0101_u16, 0x0011, 0x0111, 0x0003, 0x8001] {
            let mut message = request(&[]);
            message[..2].copy_from_slice(&kind.to_be_bytes());
            assert_eq!(answer_binding(&message, v4()), None, "{kind:#06x}");
        }
        let mut old = request(&[]);
        old[4] = 0;
        assert_eq!(answer_binding(&old, v4()), None);
    }

    #[test]
    fn every_truncation_and_false_length_is_refused() {
        let whole = with_fingerprint(&[0x80, 0x22, 0, 2, b'x', b'y', 0, 0]);
        assert!(answer_binding(&whole, v4()).is_some());
        for end in 0..whole.len() {
            assert_eq!(answer_binding(&whole[..end], v4()), None, "{end}");
        }
        for length in [0xffff_u16, 2, 3] {
            let lying = [&[0x80, 0x22][..], &length.to_be_bytes()].concat();
            assert_eq!(answer_binding(&request(&lying), v4()), None, "{length}");
        }
        assert_eq!(answer_binding(&request(&[0x80; 1000]), v4()), None);
    }
}
