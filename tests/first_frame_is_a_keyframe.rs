//! Whoever joins sees a picture at once, and it starts with a keyframe.

mod common;

use common::{House, Link, MS, SECOND};

#[test]
fn the_first_frame_is_a_keyframe_and_comes_within_two_frame_times() {
    let mut house = House::new();
    house.run(3 * SECOND);
    let n = house.call(Link::GOOD);
    house.run(2 * SECOND);
    let browser = &house.browsers[n];
    let (connected, first) = (browser.connected.expect("connected"), browser.frames[0]);
    assert!(first.keyframe, "{first:?}");
    assert!(
        first.at - connected < 100 * MS,
        "{:?} after connecting",
        first.at - connected
    );
    assert!(
        browser.decodable().len() > 50,
        "{} frames shown in 2 s",
        browser.decodable().len()
    );
}

#[test]
fn without_keyframes_on_request_the_cached_group_shows_at_once() {
    let mut house = House::new();
    house.camera.keyframe_on_request = false;
    house.camera.period = 60;
    house.hub.handle_camera(house.camera.info());
    house.run(3500 * MS);
    let n = house.call(Link::GOOD);
    house.run(SECOND);
    let browser = &house.browsers[n];
    let (connected, first) = (browser.connected.expect("connected"), browser.frames[0]);
    assert!(
        first.keyframe && first.at - connected < 100 * MS,
        "{:?}",
        first.at - connected
    );
    let shown = browser.decodable();
    assert_eq!(
        shown.len(),
        browser.frames.len(),
        "every frame of the group and after it can be shown"
    );
    assert!(
        house.keyframe_requests <= 1,
        "nobody asks an encoder in vain"
    );
}

#[test]
fn whep_viewers_see_the_same() {
    let mut house = House::new();
    house.run(SECOND);
    let n = house.browser(Link::GOOD);
    let offer = house.browsers[n].offer();
    let answer = house.request(
        "POST",
        "/whep",
        &[("content-type", "application/sdp")],
        &offer,
    );
    assert_eq!(
        answer.status,
        201,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    house.browsers[n].accept_answer(&String::from_utf8(answer.body).unwrap());
    house.run(2 * SECOND);
    assert!(house.browsers[n].frames[0].keyframe);
    assert!(
        house.browsers[n].decodable().len() > 45,
        "{}",
        house.browsers[n].decodable().len()
    );
}
