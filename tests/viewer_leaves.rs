//! A viewer that goes is gone at once; one that vanishes is gone within 6 s.

mod common;

use common::{House, Link, MS, SECOND};
use mimamori::proto::session_id::SessionId;
use serde_json::json;

#[test]
fn a_silent_leaver_is_gone_within_six_seconds() {
    let mut house = House::new();
    let n = house.call(Link::GOOD);
    house.run(3 * SECOND);
    let address = house.browsers[n].address;
    house.network.set_link(address, |link| link.cut = true);
    house.run(4 * SECOND);
    assert_eq!(house.status()["viewers"], 1, "not hasty: it may come back");
    house.run(2 * SECOND);
    assert_eq!(house.status()["viewers"], 0);
    assert!(
        house.closed(n),
        "its WebSocket is closed, so that it calls again"
    );
}

#[test]
fn a_short_break_is_survived() {
    let mut house = House::new();
    let n = house.call(Link::GOOD);
    house.run(3 * SECOND);
    let address = house.browsers[n].address;
    house.network.set_link(address, |link| link.cut = true);
    house.run(3 * SECOND);
    house.network.set_link(address, |link| link.cut = false);
    let before = house.browsers[n].decodable().len();
    house.run(3 * SECOND);
    assert_eq!(house.status()["viewers"], 1);
    assert!(house.browsers[n].decodable().len() > before + 45);
}

#[test]
fn a_quiet_camera_does_not_make_viewers_look_gone() {
    let mut house = House::new();
    let n = house.call(Link::GOOD);
    house.run(2 * SECOND);
    house.camera.paused = true;
    house.hub.handle_camera_lost("unplugged".into());
    house.run(30 * SECOND);
    assert_eq!(house.status()["viewers"], 1, "it waits for the camera");
    let before = house.browsers[n].frames.len();
    house.camera.paused = false;
    let info = house.camera.info();
    house.hub.handle_camera(info);
    house.run(2 * SECOND);
    let frames = &house.browsers[n].frames;
    assert!(
        frames.len() > before + 40 && frames[before].keyframe,
        "goes on with a keyframe"
    );
}

#[test]
fn a_hangup_and_a_closed_socket_free_the_place_at_once() {
    let mut house = House::new();
    let (a, b) = (house.call(Link::GOOD), house.call(Link::GOOD));
    house.run(SECOND);
    house.say(a, json!({"what": "hangup"}));
    assert_eq!(house.status()["viewers"], 1);
    house
        .hub
        .handle_session_closed(house.now, SessionId(b as u64));
    assert_eq!(house.status()["viewers"], 0);
    house.run(100 * MS);
    assert!(!house.browsers[b].rtc.is_connected() || !house.browsers[b].rtc.is_alive());
}

#[test]
fn one_that_never_connects_gives_its_place_back() {
    let mut house = House::new();
    let n = house.browser(Link::GOOD);
    house.say(n, json!({"what": "call"}));
    assert_eq!(house.status()["viewers"], 1);
    house.run(25 * SECOND);
    assert_eq!(house.status()["viewers"], 0);
}
