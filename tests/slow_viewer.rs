//! Delay never grows: a viewer that falls behind skips to the next keyframe.

mod common;

use common::{House, Link, MS, SECOND};
use std::time::Duration;

/// How late each frame came, from the camera's own schedule.
fn delays(house: &House, n: usize) -> Vec<u128> {
    let late = |frame: &common::Received| {
        let due = house.start + SECOND * frame.number / house.camera.fps;
        (frame.at - due).as_millis()
    };
    house.browsers[n].frames.iter().map(late).collect()
}

/// The longest time without a frame that is less than 0.7 s late.
fn longest_late(house: &House, n: usize) -> Duration {
    let frames = house.browsers[n].frames.iter().zip(delays(house, n));
    let live: Vec<_> = frames
        .filter(|(_, late)| *late < 700)
        .map(|(frame, _)| frame.at)
        .collect();
    let longest = live.windows(2).map(|pair| pair[1] - pair[0]).max();
    longest.expect("frames that are not late")
}

#[test]
fn a_slow_viewer_skips_and_a_fast_one_does_not_notice() {
    let mut house = House::new();
    // An encoder that does not follow (a file): 1.5 Mbit/s whatever is asked.
    house.camera.period = 30;
    house.run(SECOND);
    let (fast, slow) = (house.call(Link::GOOD), house.call(Link::narrow(600_000)));
    for _ in 0..300 {
        house.camera.bitrate = 1_500_000;
        house.run(100 * MS);
    }
    let fast_delays = delays(&house, fast);
    assert!(fast_delays.len() > 880, "{} frames", fast_delays.len());
    assert!(
        fast_delays[30..].iter().all(|ms| *ms < 120),
        "{:?}",
        fast_delays.iter().max()
    );
    let slow_delays = delays(&house, slow);
    assert!(
        slow_delays.len() > 60,
        "{} frames: it still sees something",
        slow_delays.len()
    );
    // A frame behind a gap waits in the receiver for the frame after it, and that may
    // be of a group or two later.
    let last = &slow_delays[slow_delays.len() / 2..];
    assert!(
        last.iter().all(|ms| *ms < 3000),
        "{:?} ms late",
        last.iter().max()
    );
    assert!(
        longest_late(&house, slow) < 6 * SECOND,
        "live again soon after each fall: {:?}",
        longest_late(&house, slow)
    );
    let shown = house.browsers[slow].decodable().len() as f64 / slow_delays.len() as f64;
    assert!(
        shown > 0.6,
        "{shown} of what it got can be shown: it lost groups, not single frames"
    );
}

#[test]
fn a_viewer_below_the_floor_is_told_once_and_starves_nobody() {
    let mut house = House::new();
    house.run(SECOND);
    let (good, poor) = (house.call(Link::GOOD), house.call(Link::narrow(120_000)));
    house.run(30 * SECOND);
    let told = |n: usize| house.messages(n).filter(|m| m["what"] == "message").count();
    assert_eq!(
        (told(good), told(poor)),
        (0, 1),
        "{:?}",
        house.messages(poor).last()
    );
    let (_, bitrate) = *house.bitrates.last().unwrap();
    assert!(
        bitrate > 1_000_000,
        "{bitrate} bit/s for the one who can take it"
    );
    assert!(house.browsers[good].decodable().len() > 880);
}
