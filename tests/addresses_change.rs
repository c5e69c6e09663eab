//! Candidates follow the machine's addresses.

mod common;

use common::{House, Link, MS, SECOND};
use mimamori::core::bitrate::BitrateBounds;
use mimamori::core::stage::StageSettings;
use mimamori::proto::session_id::SessionId;
use serde_json::{Value, json};
use std::net::IpAddr;

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|ip| ip.parse().unwrap()).collect()
}

fn set(house: &mut House, list: &[&str]) {
    house.hub.handle_addresses(house.now, addresses(list));
    house.drain();
}

/// The lines that session `n` was trickled.
fn trickled(house: &House, n: usize) -> Vec<String> {
    let line = |message: &Value| {
        let inner: Value = serde_json::from_str(message["data"].as_str()?).ok()?;
        inner["candidate"].as_str().map(str::to_string)
    };
    house
        .messages(n)
        .filter(|message| message["what"] == "iceCandidate")
        .filter_map(line)
        .collect()
}

/// The candidates in the offer to a client at `peer`.
fn offered(house: &mut House, peer: &str) -> Vec<String> {
    let n = 90 + house.browsers.len() as u64;
    let peer = format!("{peer}:40000").parse().unwrap();
    house.hub.handle_session_opened(SessionId(n), peer);
    house.say(n as usize, json!({"what": "call"}));
    let offer = house.last_offer(n as usize).expect("an offer");
    house.hub.handle_session_closed(house.now, SessionId(n));
    let lines = offer.lines().filter(|l| l.starts_with("a=candidate:"));
    lines.map(str::to_string).collect()
}

fn with_announced(list: &[&str]) -> House {
    House::with(StageSettings {
        max_viewers: 8,
        bitrate: BitrateBounds {
            floor: 200_000,
            start: 1_500_000,
            ceiling: 4_000_000,
        },
        port: 8080,
        announce: list.iter().map(|a| a.parse().unwrap()).collect(),
    })
}

#[test]
fn a_new_address_is_trickled_to_those_who_trickle() {
    let mut house = House::new();
    let trickles = house.call(Link::GOOD);
    let another = house.call(Link::GOOD);
    let gathers = house.browser(Link::GOOD);
    house.say(gathers, json!({"what": "call"}));
    let idle = house.browser(Link::GOOD);
    let before = house.messages(gathers).count();
    set(&mut house, &["10.0.0.1", "10.0.0.2", "2001:db8::2"]);
    let lines = trickled(&house, trickles);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[1..]
            .iter()
            .any(|l| l.contains(" 10.0.0.2 8080 typ host"))
    );
    assert!(
        lines[1..]
            .iter()
            .any(|l| l.contains(" 2001:db8::2 8080 typ host"))
    );
    for n in [trickles, another] {
        let lines = trickled(&house, n);
        let ufrag = lines[0].split(" ufrag ").nth(1).unwrap();
        let own = |line: &String| line.ends_with(ufrag);
        assert!(lines.iter().all(own), "with its own credentials: {lines:?}");
    }
    assert_eq!(house.messages(gathers).count(), before);
    assert_eq!(house.messages(idle).count(), 0);
    set(&mut house, &["10.0.0.1", "10.0.0.2", "2001:db8::2"]);
    assert_eq!(trickled(&house, trickles).len(), 3, "each only once");
    assert_eq!(offered(&mut house, "10.0.1.77").len(), 3);
}

#[test]
fn when_the_address_changes_the_picture_goes_on_over_the_new_one() {
    let mut house = House::new();
    let n = house.call(Link::GOOD);
    house.run(2 * SECOND);
    set(&mut house, &["10.0.0.1", "10.0.0.2"]);
    let line = trickled(&house, n).pop().unwrap();
    let candidate = str0m::Candidate::from_sdp_string(&line).unwrap();
    house.browsers[n].rtc.add_remote_candidate(candidate);
    house.run(2 * SECOND);
    set(&mut house, &["10.0.0.2"]);
    let before = house.browsers[n].decodable().len();
    house.run(10 * SECOND);
    assert_eq!(house.status()["viewers"], 1);
    let shown = house.browsers[n].decodable().len() - before;
    assert!(shown > 200, "{shown} frames in 10 s");
}

#[test]
fn without_any_address_nothing_breaks_and_the_next_one_serves_new_viewers() {
    let mut house = House::new();
    let first = house.call(Link::GOOD);
    house.run(SECOND);
    for _ in 0..100 {
        set(&mut house, &[]);
        house.run(20 * MS);
        set(&mut house, &["10.0.0.1"]);
        house.run(20 * MS);
    }
    set(&mut house, &[]);
    house.run(10 * SECOND);
    let nowhere = house.browser(Link::GOOD);
    house.say(nowhere, json!({"what": "call"}));
    assert!(house.last_offer(nowhere).is_some());
    set(&mut house, &["10.0.0.1"]);
    let n = house.call(Link::GOOD);
    house.run(2 * SECOND);
    assert!(house.browsers[n].decodable().len() > 30);
    assert!(house.browsers[first].connected.is_some());
}

#[test]
fn an_announced_address_is_offered_as_the_forwarded_one() {
    let mut house = with_announced(&["203.0.113.5:40000"]);
    let offer = offered(&mut house, "10.0.1.77");
    assert_eq!(offer.len(), 2, "{offer:?}");
    let announced = " 203.0.113.5 40000 typ srflx ";
    assert!(offer.iter().any(|l| l.contains(announced)), "{offer:?}");
}

#[test]
fn an_announced_address_of_a_family_that_is_not_here_is_left_out() {
    let mut house = with_announced(&["[2001:db8::5]:40000"]);
    assert_eq!(offered(&mut house, "10.0.1.77").len(), 1);
    set(&mut house, &["10.0.0.1", "2001:db8::2"]);
    let offer = offered(&mut house, "10.0.1.77");
    assert!(
        offer
            .iter()
            .any(|l| l.contains(" 2001:db8::5 40000 typ srflx"))
    );
}

#[test]
fn the_loopback_is_offered_to_this_machine_only_or_when_alone() {
    let mut house = House::new();
    let has = |lines: Vec<String>| lines.iter().any(|line| line.contains(" 127.0.0.1 "));
    set(&mut house, &["127.0.0.1", "::1", "10.0.0.1"]);
    assert!(!has(offered(&mut house, "10.0.1.77")));
    assert!(has(offered(&mut house, "127.0.0.1")));
    assert!(has(offered(&mut house, "127.8.9.10")));
    let mapped = offered(&mut house, "[::ffff:127.0.0.1]");
    assert!(has(mapped));
    set(&mut house, &["127.0.0.1"]);
    assert!(has(offered(&mut house, "10.0.1.77")));
}
