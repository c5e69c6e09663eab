//! However much is said, only so many viewers are there, and others still watch.

mod common;

use common::{House, Link, MS, SECOND};
use mimamori::proto::session_id::SessionId;
use serde_json::{Value, json};

const SDP: (&str, &str) = ("content-type", "application/sdp");

/// The house still serves, and a newcomer gets its picture.
#[track_caller]
fn assert_serves(house: &mut House) {
    assert!(house.status()["viewers"].as_u64().unwrap() <= 8);
    house.run(21 * SECOND);
    let n = house.call(Link::GOOD);
    house.run(1500 * MS);
    let shown = house.browsers[n].decodable().len();
    assert!(shown > 30, "{shown} frames");
}

fn candidate(i: usize) -> Value {
    let line = format!(
        "candidate:{i} 1 udp {} 10.9.{}.{} {} typ host",
        i + 1,
        i / 250 % 250,
        1 + i % 250,
        1024 + i
    );
    json!({"what": "addIceCandidate", "data": {"candidate": line, "sdpMid": "0"}})
}

#[test]
fn ten_thousand_candidates_do_not_become_ten_thousand_checks() {
    let mut house = House::new();
    let n = house.browser(Link::GOOD);
    house.say(n, json!({"what": "call"}));
    (0..5_000).for_each(|i| house.say(n, candidate(i)));
    house.answer_offer(n);
    (5_000..10_000).for_each(|i| house.say(n, candidate(i)));
    house.run(1500 * MS);
    assert!(house.browsers[n].decodable().len() > 30);
    house.say(n, json!({"what": "hangup"}));
    assert_serves(&mut house);
}

#[test]
fn an_answer_full_of_candidates_is_taken_and_costs_little() {
    let mut house = House::new();
    let n = house.browser(Link::GOOD);
    house.say(n, json!({"what": "call"}));
    let offer = house.last_offer(n).unwrap();
    let mut answer = house.browsers[n].answer(&offer);
    for i in 0..400 {
        let line = candidate(i)["data"]["candidate"]
            .as_str()
            .unwrap()
            .to_string();
        answer.push_str(&format!("a={line}\r\n"));
    }
    house.say(
        n,
        json!({"what": "answer", "data": {"type": "answer", "sdp": answer}}),
    );
    house.run(1500 * MS);
    assert!(house.browsers[n].decodable().len() > 30);
    let strangers = house.network.to_nowhere;
    assert!(strangers < 500, "{strangers} datagrams to strangers");
}

#[test]
fn a_thousand_calls_in_one_session_are_one_viewer() {
    let mut house = House::new();
    let n = house.browser(Link::GOOD);
    for _ in 0..1000 {
        house.say(n, json!({"what": "call", "options": {"trickle_ice": true}}));
        assert_eq!(house.status()["viewers"], 1);
    }
    house.answer_offer(n);
    house.run(1500 * MS);
    assert!(house.browsers[n].decodable().len() > 30);
    house.say(n, json!({"what": "hangup"}));
    assert_serves(&mut house);
}

#[test]
fn a_thousand_sessions_are_at_most_eight_viewers() {
    let mut house = House::new();
    let peer = "10.0.1.200:4000".parse().unwrap();
    let sessions = || (1000..2000).map(SessionId);
    for session in sessions() {
        house.hub.handle_session_opened(session, peer);
        house
            .hub
            .handle_session_text(house.now, session, r#"{"what":"call"}"#);
        house.drain();
        assert!(house.status()["viewers"].as_u64().unwrap() <= 8);
    }
    let offers = house.sent.iter().flat_map(|(_, message)| message);
    assert_eq!(offers.filter(|m| m["what"] == "offer").count(), 8);
    for session in sessions() {
        house.hub.handle_session_closed(house.now, session);
    }
    assert_eq!(house.status()["viewers"], 0);
    assert_serves(&mut house);
}

#[test]
fn a_thousand_posts_are_at_most_eight_viewers() {
    let mut house = House::new();
    let n = house.browser(Link::GOOD);
    let offer = house.browsers[n].offer();
    let created = (0..1000)
        .filter(|_| house.request("POST", "/whep", &[SDP], &offer).status == 201)
        .count();
    assert_eq!(created, 8);
    assert_serves(&mut house);
}

#[test]
fn datagrams_of_strangers_change_nothing() {
    let mut house = House::new();
    let n = house.call(Link::GOOD);
    house.run(SECOND);
    let camera = common::CAMERA.parse().unwrap();
    for i in 0..10_000u32 {
        let source = format!("10.7.{}.{}:{}", i / 250 % 250, i % 250, 1024 + i);
        let source = source.parse().unwrap();
        let first = [0u8, 1, 20, 22, 23, 63, 64, 127, 128, 191, 200, 255][i as usize % 12];
        let mut contents = vec![first; 1 + i as usize % 200];
        contents[0] = first;
        house
            .hub
            .handle_datagram(house.now, source, camera, &contents);
        house.drain();
    }
    let before = house.browsers[n].decodable().len();
    house.run(SECOND);
    assert!(house.browsers[n].decodable().len() >= before + 29);
    assert_eq!(house.status()["viewers"], 1);
}
