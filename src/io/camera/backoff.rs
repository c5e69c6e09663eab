//! How long to wait before a camera is tried again.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);
/// A stream that held this long was a good one: the next wait is short again.
const GOOD_STREAM: Duration = Duration::from_secs(10);

/// Waits of 0.5, 1, 2, 4, 8, 8, ... seconds, from the start again after ten
/// seconds of good streaming.
#[derive(Debug)]
pub struct Backoff {
    wait: Duration,
    streaming_since: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff {
            wait: FIRST,
            streaming_since: None,
        }
    }
}

impl Backoff {
    /// The first picture has come.
    pub fn started(&mut self, now: Instant) {
        self.streaming_since.get_or_insert(now);
    }

    /// The camera is lost: how long to wait before the next try.
    pub fn lost(&mut self, now: Instant) -> Duration {
        let good = self
            .streaming_since
            .take()
            .is_some_and(|since| now.saturating_duration_since(since) >= GOOD_STREAM);
        if good {
            self.wait = FIRST;
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_eight_seconds() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        let waits: Vec<_> = (0..7).map(|_| backoff.lost(now).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
    }

    #[test]
    fn ten_good_seconds_bring_short_waits_back() {
        let mut backoff = Backoff::default();
        let start = Instant::now();
        for _ in 0..4 {
            backoff.lost(start);
        }
        backoff.started(start);
        let later = start + GOOD_STREAM;
        assert_eq!(backoff.lost(later), FIRST);
    }

    #[test]
    fn a_stream_that_breaks_at_once_does_not() {
        let mut backoff = Backoff::default();
        let start = Instant::now();
        backoff.lost(start);
        backoff.started(start);
        assert_eq!(
            backoff.lost(start + Duration::from_secs(9)),
            Duration::from_secs(1)
        );
    }
}
