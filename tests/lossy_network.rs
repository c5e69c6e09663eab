//! On a lossy link the picture goes on: losses are repaired by retransmission, and
//! what can't be repaired costs a keyframe, not the picture.

mod common;

use common::{House, Link, SECOND};

fn shown_after(loss: f64, seconds: u32) -> (House, usize) {
    let mut house = House::new();
    house.run(SECOND);
    let n = house.call(Link::GOOD);
    house.run(SECOND / 2);
    // Connected; from here on the link is bad.
    let address = house.browsers[n].address;
    house.network.set_link(address, |link| link.loss = loss);
    house.run(seconds * SECOND);
    let shown = house.browsers[n].decodable().len();
    (house, shown)
}

#[test]
fn five_percent_loss_is_repaired_without_anyone_noticing() {
    let (house, shown) = shown_after(0.05, 20);
    assert!(
        house.network.dropped > 100,
        "the network did lose: {}",
        house.network.dropped
    );
    // 600 frames less the time to connect.
    assert!(shown > 540, "{shown} of 600 frames could be shown");
    assert!(
        house.keyframe_requests < 6,
        "{} keyframes asked for",
        house.keyframe_requests
    );
}

#[test]
fn twenty_percent_loss_still_gives_a_moving_picture() {
    let (house, shown) = shown_after(0.20, 20);
    assert!(house.network.dropped > 300);
    assert!(shown > 100, "{shown} of 600 frames could be shown");
    let requests = house.keyframe_requests;
    assert!(
        requests <= 42,
        "{requests} keyframes asked for in 20 s: at most two a second"
    );
}

#[test]
fn a_lossy_viewer_does_not_disturb_a_good_one() {
    let mut house = House::new();
    house.run(SECOND);
    let (good, _bad) = (house.call(Link::GOOD), house.call(Link::lossy(0.2)));
    house.run(10 * SECOND);
    let shown = house.browsers[good].decodable().len();
    assert!(shown > 290, "{shown} of 300 frames");
    assert_eq!(shown, house.browsers[good].frames.len(), "no gap");
}

#[test]
fn a_link_that_is_bad_from_the_start_does_not_keep_a_viewer_waiting() {
    for _ in 0..10 {
        let mut house = House::new();
        house.run(SECOND);
        let n = house.call(Link::lossy(0.2));
        house.run(4 * SECOND);
        // A handshake of a second's retries took up to seven, now and then forever.
        assert!(house.browsers[n].connected.is_some(), "not within 4 s");
    }
}
