//! Checks of the parsers that read what viewers send.

use mimamori::proto::candidate::{Remote, normalise};
use mimamori::proto::sdp_fragment;
use mimamori::proto::signal::{Candidate, ClientMessage, Dialect, ServerMessage, parse, render};
use mimamori::proto::stun::answer_binding;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};

/// What is read is within its limits, means the same however it is packed, and
/// what is said can be read by a client.
pub fn signal(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let said = parse(&text);
    match &said.0 {
        ClientMessage::Answer(sdp) => assert!((1..=32 << 10).contains(&sdp.trim().len())),
        ClientMessage::Candidate(line) => {
            assert!(!line.trim().is_empty() && line.len() <= 1024);
            normalise(line);
        }
        ClientMessage::Ignored(reason) => assert!(!reason.is_empty()),
        _ => {}
    }
    if let Ok(Value::Object(message)) = serde_json::from_str(&text) {
        packing_does_not_matter(&text, message, &said);
    }
    a_client_can_read(&text);
}

fn packing_does_not_matter(
    text: &str,
    mut message: serde_json::Map<String, Value>,
    said: &(ClientMessage, Dialect),
) {
    let same = |packed: String| {
        if text.len() < 8 << 10 && packed.len() < 64 << 10 {
            assert_eq!(parse(&packed), *said, "{packed}");
        }
    };
    same(json!(text).to_string());
    for key in ["data", "options"] {
        if let Some(value @ Value::Object(_)) = message.get(key) {
            message.insert(key.into(), Value::String(value.to_string()));
            same(Value::Object(message.clone()).to_string());
        }
    }
}

/// Any text in any place of the server's messages arrives as it was.
fn a_client_can_read(text: &str) {
    let candidate = Candidate {
        candidate: format!("candidate:{text}"),
        sdp_mid: text.to_owned(),
        sdp_m_line_index: text.len() as u16,
    };
    let line = json!({
        "candidate": candidate.candidate,
        "sdpMid": text,
        "sdpMLineIndex": text.len() as u16,
    });
    let description = json!({"type": "offer", "sdp": text});

    let offer = ServerMessage::Offer(text.to_owned());
    assert_eq!(
        data_of("what", "offer", &render(&offer, Dialect::Current)),
        description
    );
    assert_eq!(read(&render(&offer, Dialect::Legacy)), description);

    let one = ServerMessage::Candidate(candidate.clone());
    assert_eq!(
        data_of("what", "iceCandidate", &render(&one, Dialect::Current)),
        line
    );
    let legacy = render(&one, Dialect::Legacy);
    assert_eq!(data_of("type", "geticecandidate", &legacy), json!([line]));

    let all = ServerMessage::Candidates(vec![candidate; 2]);
    let current = render(&all, Dialect::Current);
    assert_eq!(
        data_of("what", "iceCandidates", &current),
        json!([line, line])
    );
    let legacy = render(&all, Dialect::Legacy);
    assert_eq!(
        data_of("type", "geticecandidate", &legacy),
        json!([line, line])
    );

    let words = render(&ServerMessage::Message(text.to_owned()), Dialect::Current);
    assert_eq!(read(&words), json!({"what": "message", "data": text}));
}

fn read(message: &str) -> Value {
    serde_json::from_str(message).expect("the server speaks JSON")
}

fn data_of(key: &str, word: &str, message: &str) -> Value {
    let message = read(message);
    assert_eq!(message[key], word);
    read(message["data"].as_str().expect("data is a string"))
}

/// What is usable is usable for the agent, and stays as it is when read again.
pub fn candidate(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match normalise(&text) {
        Remote::Usable(line) => {
            assert!(line.starts_with("candidate:") && !line.contains(char::is_control));
            str0m::Candidate::from_sdp_string(&line).expect(&line);
            let bare = line.trim_start_matches("candidate:").to_owned();
            for form in [&line, &format!("a={line}"), &format!("{line}\r\n"), &bare] {
                assert_eq!(normalise(form), Remote::Usable(line.clone()), "{form}");
            }
        }
        Remote::Skipped(reason) => assert!(!reason.is_empty()),
        Remote::Mdns => assert!(text.to_ascii_lowercase().contains(".local")),
    }
}

/// What is read can be written and read again.
pub fn sdp_fragment(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(fragment) = sdp_fragment::parse(&text) else {
        return;
    };
    assert!(fragment.candidates.len() <= 64);
    let written = sdp_fragment::render(&fragment, "0");
    if written.len() <= 16 << 10 {
        assert_eq!(sdp_fragment::parse(&written), Ok(fragment));
    }
    // Any text as mid stays in its line.
    let other = sdp_fragment::Fragment::default();
    assert_eq!(
        sdp_fragment::parse(&sdp_fragment::render(&other, &text)).unwrap_or_default(),
        other
    );
}

/// Only requests without USERNAME are answered, with the asker's address, and the
/// answer is never much longer than the question.
pub fn stun(data: &[u8]) {
    check_stun(data);
    // Luck does not find the header: also read the input as the attributes.
    let attributes = &data[..data.len() & !3];
    let length = (attributes.len() as u16).to_be_bytes();
    let head = [
        &[0, 1],
        &length[..],
        &[0x21, 0x12, 0xa4, 0x42],
        b"transaction!",
    ]
    .concat();
    check_stun(&[&head, attributes].concat());
}

fn check_stun(datagram: &[u8]) {
    for source in [
        "192.0.2.1:32853",
        "[2001:db8::7]:3478",
        "[::ffff:192.0.2.1]:9",
    ] {
        let source: SocketAddr = source.parse().expect("an address");
        let Some(answer) = answer_binding(datagram, source) else {
            continue;
        };
        assert!(answer.len() <= datagram.len() + 44);
        assert_eq!(datagram[..2], [0, 1]);
        assert_eq!(answer[..2], [1, 1]);
        assert_eq!(answer[4..20], datagram[4..20]);
        assert_eq!(
            usize::from(u16::from_be_bytes([answer[2], answer[3]])),
            answer.len() - 20
        );
        assert_eq!(
            mapped_address(&answer),
            (source.ip().to_canonical(), source.port())
        );
        assert_eq!(answer_binding(&answer, source), None);
        assert!(
            !naive_attributes(datagram).contains(&0x0006),
            "answered an ICE check"
        );
        let asked = naive_attributes(datagram).contains(&0x8028);
        assert_eq!(naive_attributes(&answer).contains(&0x8028), asked);
    }
}

fn mapped_address(answer: &[u8]) -> (IpAddr, u16) {
    assert_eq!(answer[20..22], [0, 0x20]);
    let length = usize::from(answer[23]);
    let open: Vec<u8> = answer[28..24 + length]
        .iter()
        .zip(&answer[4..20])
        .map(|(a, b)| a ^ b)
        .collect();
    let ip = match <[u8; 4]>::try_from(open.as_slice()) {
        Ok(v4) => IpAddr::from(v4),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(open).expect("4 or 16 bytes")),
    };
    (
        ip,
        u16::from_be_bytes([answer[26] ^ 0x21, answer[27] ^ 0x12]),
    )
}

fn naive_attributes(message: &[u8]) -> Vec<u16> {
    let mut kinds = Vec::new();
    let mut at = 20;
    while at + 4 <= message.len() {
        kinds.push(u16::from_be_bytes([message[at], message[at + 1]]));
        let length = usize::from(u16::from_be_bytes([message[at + 2], message[at + 3]]));
        at += 4 + length.div_ceil(4) * 4;
    }
    kinds
}
