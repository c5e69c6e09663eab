//! Many viewers, few keyframes.

mod common;

use common::{House, Link, MS, SECOND};

#[test]
fn a_join_storm_costs_few_keyframes_and_everybody_sees_at_once() {
    let mut house = House::new();
    house.run(2 * SECOND);
    let asked = house.keyframe_requests;
    for _ in 0..8 {
        house.call(Link::GOOD);
        house.run(20 * MS);
    }
    house.run(2 * SECOND);
    for browser in &house.browsers {
        let (connected, first) = (browser.connected.unwrap(), browser.frames[0]);
        assert!(
            first.keyframe && first.at - connected < 150 * MS,
            "{:?}",
            first.at - connected
        );
    }
    let asked = house.keyframe_requests - asked;
    assert!(asked <= 4, "{asked} keyframes for eight viewers");
}

#[test]
fn a_pli_storm_gives_at_most_two_keyframes_a_second() {
    let mut house = House::new();
    let viewers: Vec<_> = (0..4).map(|_| house.call(Link::GOOD)).collect();
    house.run(3 * SECOND);
    let asked = house.keyframe_requests;
    for _ in 0..250 {
        viewers
            .iter()
            .for_each(|n| house.browsers[*n].request_keyframe());
        house.run(20 * MS);
    }
    let asked = house.keyframe_requests - asked;
    assert!(
        (5..=11).contains(&asked),
        "{asked} keyframes for 1000 PLIs in 5 s"
    );
}

#[test]
fn the_ninth_viewer_is_told_that_the_camera_is_full() {
    let mut house = House::new();
    (0..8).for_each(|_| _ = house.call(Link::GOOD));
    let ninth = house.browser(Link::GOOD);
    house.say(ninth, serde_json::json!({"what": "call"}));
    let told = house.messages(ninth).last().unwrap();
    assert_eq!(told["what"], "message");
    assert!(told["data"].as_str().unwrap().contains('8'), "{told}");
    assert!(house.closed(ninth));
    let answer = house.request(
        "POST",
        "/whep",
        &[("content-type", "application/sdp")],
        "v=0",
    );
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .headers
            .iter()
            .any(|(name, _)| *name == "Retry-After")
    );
    house.run(SECOND);
    house.say(0, serde_json::json!({"what": "hangup"}));
    house.say(ninth, serde_json::json!({"what": "call"}));
    assert!(
        house.last_offer(ninth).is_some(),
        "the freed place is given"
    );
}
