//! The lamp's patterns, as somebody who looks at it sees them.

// A time to begin with may be the real one.
#![allow(clippy::disallowed_methods)]

use mimamori::core::lamp::{Lamp, Signal};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// Milliseconds of light and dark in turn, for so long.
fn seen(lamp: &mut Lamp, from: Instant, time: Duration) -> Vec<u128> {
    let mut switched = Vec::new();
    let mut now = from;
    let mut last = from;
    while now < from + time {
        let (lit, due) = lamp.poll(now);
        if lit.is_some() {
            switched.push((now - last).as_millis());
            last = now;
        }
        match due {
            Some(due) => now = due.max(now + MS),
            None => break,
        }
    }
    switched
}

#[test]
fn each_signal_has_a_pattern_of_its_own() {
    let begin = Instant::now();
    let second = 1000 * MS;
    for (signal, parts) in [
        (Signal::Starting, &[0, 100, 100, 100][..]),
        (Signal::SetUp, &[0, 1000, 1000, 1000]),
        (Signal::NoCamera, &[0, 150, 200, 150, 1500, 150, 200]),
        (Signal::Problem, &[0, 150, 200, 150, 200, 150, 1500, 150]),
        (Signal::Running, &[0]),
    ] {
        let mut lamp = Lamp::default();
        lamp.show(begin, signal);
        let seen = seen(&mut lamp, begin, 10 * second);
        assert_eq!(seen[..parts.len()], *parts, "{signal:?}");
    }
}

#[test]
fn a_new_signal_begins_with_light_and_the_same_one_goes_on() {
    let begin = Instant::now();
    let mut lamp = Lamp::default();
    assert_eq!(lamp.poll(begin), (None, None));
    lamp.show(begin, Signal::SetUp);
    assert_eq!(lamp.poll(begin).0, Some(true));
    assert_eq!(lamp.poll(begin + 1100 * MS).0, Some(false));
    lamp.show(begin + 1200 * MS, Signal::SetUp);
    assert_eq!(lamp.poll(begin + 1300 * MS).0, None);
    lamp.show(begin + 1400 * MS, Signal::Running);
    assert_eq!(lamp.poll(begin + 1400 * MS), (Some(true), None));
}

#[test]
fn who_is_held_up_does_not_hurry_through_what_was_missed() {
    let begin = Instant::now();
    let mut lamp = Lamp::default();
    lamp.show(begin, Signal::Starting);
    lamp.poll(begin);
    let late = begin + 3_600_000 * MS;
    let (_, due) = lamp.poll(late);
    assert_eq!(due, Some(late + 100 * MS));
}
