//! Checks of what reads HTTP at the gate.

use mimamori::proto::head::{self, Head, LOCAL_FIELD, MAX_HEAD, MAX_HEADERS, PEER_FIELD};
use mimamori::proto::host;
use mimamori::proto::refusal::Refusal;
use mimamori::proto::update::piece::{MAX_PIECE, Piece};
use mimamori::proto::update::tus::{self, Asked, Wish};

/// A head is taken only whole, means the same wherever the bytes behind it end, and
/// what is passed on is read as the same request.
pub fn head(data: &[u8]) {
    match head::parse(data) {
        Ok(Some(found)) => whole(data, &found),
        Ok(None) => assert!(data.len() < MAX_HEAD),
        Err(error) => {
            let refusal = Refusal::from(error);
            assert!((400..600).contains(&refusal.status) && !refusal.words.is_empty());
        }
    }
}

fn whole(data: &[u8], found: &Head) {
    assert!(found.length <= data.len().min(MAX_HEAD));
    assert!(found.headers.len() <= MAX_HEADERS);
    assert!(found.path.starts_with('/') && !found.path.contains('?'));
    assert!(!(found.chunked && found.content_length.is_some()));
    let alone = &data[..found.length];
    assert_eq!(head::parse(alone), Ok(Some(found.clone())));
    assert_eq!(head::parse(&alone[..alone.len() - 1]), Ok(None));
    assert!((0..=alone.len() - 1).all(|from| head::may_be_complete(alone, from)));
    let own_names = ["cam.example.com".to_owned()];
    let verdict = host::check(found, &own_names);
    if let Err(error) = &verdict {
        assert!(matches!(Refusal::from(error.clone()).status, 400 | 421));
    }
    passed_on(found, &own_names);
}

fn passed_on(found: &Head, own_names: &[String]) {
    let peer = "192.0.2.7:4321".parse().expect("an address");
    let local = "192.0.2.1:80".parse().expect("an address");
    let bytes = found.rewrite(peer, local);
    assert!(bytes.is_ascii() && bytes.ends_with(b"\r\n\r\n"));
    if bytes.len() > MAX_HEAD || found.headers.len() > MAX_HEADERS - 4 {
        return;
    }
    let again = head::parse(&bytes)
        .expect("a sound head")
        .expect("a whole head");
    assert_eq!(again.length, bytes.len());
    assert_eq!(
        (&again.method, &again.path, &again.query),
        (&found.method, &found.path, &found.query)
    );
    assert_eq!(again.content_length, found.content_length);
    assert!(!again.chunked && !again.is_websocket_upgrade());
    assert_eq!(Vec::from_iter(again.values("connection")), ["close"]);
    assert_eq!(Vec::from_iter(again.values(PEER_FIELD)), ["192.0.2.7:4321"]);
    assert_eq!(Vec::from_iter(again.values(LOCAL_FIELD)), ["192.0.2.1:80"]);
    let added = ["connection", "content-length", PEER_FIELD, LOCAL_FIELD];
    let mut said = found.headers.iter();
    for field in &again.headers {
        let passed = added.contains(&field.0.as_str()) || said.any(|f| f == field);
        assert!(passed, "{field:?} was not said, or not in that order");
    }
    if found.values("host").all(str::is_ascii) {
        assert_eq!(
            host::check(&again, own_names),
            host::check(found, own_names)
        );
    }
    if found.values("origin").all(str::is_ascii) && found.values("host").all(str::is_ascii) {
        let verdict = host::same_origin(&again.headers);
        assert!(!verdict || host::same_origin(&found.headers));
    }
}

/// What is asked of updates is refused in words, or within its limits, and a piece gets to
/// the steward as it was read.
pub fn update(data: &[u8]) {
    let Ok(Some(found)) = head::parse(data) else {
        return;
    };
    let asked = Asked {
        method: &found.method,
        path: &found.path,
        headers: &found.headers,
        length: found.content_length,
    };
    match tus::read(&asked) {
        Err(answer) => {
            assert!((400..500).contains(&answer.status));
            let text = String::from_utf8(answer.to_bytes(true)).expect("text");
            assert_eq!(text.matches("\r\n\r\n").count(), 1, "{text:?}");
            let said: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
            assert!(said["error"].as_str().is_some_and(|words| words.len() > 3));
        }
        Ok(wish) => {
            assert!(tus::serves(&found.path) && host::same_origin(&found.headers));
            granted(&found, wish);
        }
    }
}

fn granted(found: &Head, wish: Wish) {
    let method = match wish {
        Wish::Facts | Wish::Offset { .. } => ["GET", "HEAD"].contains(&&*found.method),
        Wish::Options => found.method == "OPTIONS",
        Wish::Announce { size } => found.method == "POST" && size > 0,
        Wish::RollBack => found.method == "POST",
        Wish::Abandon { .. } => found.method == "DELETE",
        Wish::Piece(piece) => {
            assert!((1..=MAX_PIECE).contains(&piece.length));
            assert_eq!(found.content_length, Some(piece.length));
            assert_eq!(Piece::parse(piece.line().as_bytes()), Ok(piece));
            found.method == "PATCH"
        }
    };
    assert!(method, "{} {}", found.method, found.path);
}
