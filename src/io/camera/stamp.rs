//! When a picture was taken, from timestamps that cannot all be trusted.

use std::time::{Duration, Instant};

/// Payloads up to this size may carry the timestamp of an earlier one
/// (bcm2835-camera, `buffer_to_host_cb` reuses short messages).
const STALE_UP_TO: usize = 128;
/// A timestamp older than this is a mistake.
const OLDEST: Duration = Duration::from_secs(2);
/// Two pictures of one moment would become one on the wire (RFC 6184, 5.1: the
/// RTP timestamp tells access units apart).
const APART: Duration = Duration::from_millis(1);

/// Brings the timestamps of one stream into an order.
#[derive(Debug, Default)]
pub struct Stamps {
    /// How old the last trusted picture was when it came.
    delay: Duration,
    last: Option<Instant>,
}

impl Stamps {
    /// The moment of capture of a buffer that came at `now`.
    ///
    /// `age` is how long before `now` the driver says it was taken; `None` if it
    /// does not say so on the monotonic clock, or says the future. An age that
    /// cannot be trusted is replaced by that of the last picture that could.
    /// Always later than the one before.
    pub fn captured(&mut self, now: Instant, age: Option<Duration>, payload: usize) -> Instant {
        if let Some(age) = age
            && payload > STALE_UP_TO
            && age <= OLDEST
        {
            self.delay = age;
        }
        let taken = now.checked_sub(self.delay).unwrap_or(now);
        let taken = match self.last {
            Some(last) => taken.max(last + APART),
            None => taken,
        };
        self.last = Some(taken);
        taken
    }
}

/// The age of a timestamp on the monotonic clock; `None` for the future.
pub fn age(now: Duration, stamp: Duration) -> Option<Duration> {
    now.checked_sub(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 5_000;
    const SMALL: usize = 128;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_sane_timestamp_is_taken() {
        let now = Instant::now() + ms(10_000);
        let taken = Stamps::default().captured(now, Some(ms(40)), LARGE);
        assert_eq!(taken, now - ms(40));
    }

    #[test]
    fn without_a_timestamp_it_is_now() {
        let now = Instant::now();
        assert_eq!(Stamps::default().captured(now, None, LARGE), now);
        let old = Some(ms(2_001));
        assert_eq!(Stamps::default().captured(now, old, LARGE), now);
    }

    #[test]
    fn a_small_payload_is_as_old_as_the_last_large_one() {
        let now = Instant::now() + ms(10_000);
        let mut stamps = Stamps::default();
        stamps.captured(now, Some(ms(40)), LARGE);
        let next = now + ms(33);
        assert_eq!(stamps.captured(next, Some(ms(900)), SMALL), next - ms(40));
    }

    #[test]
    fn time_never_stands_still_or_goes_back() {
        let now = Instant::now() + ms(10_000);
        let mut stamps = Stamps::default();
        let first = stamps.captured(now, Some(ms(0)), LARGE);
        let second = stamps.captured(now + ms(33), Some(ms(100)), LARGE);
        assert_eq!(second, first + APART);
        let third = stamps.captured(now + ms(66), Some(ms(0)), LARGE);
        assert_eq!(third, now + ms(66));
    }

    #[test]
    fn the_future_has_no_age() {
        assert_eq!(age(ms(5), ms(6)), None);
        assert_eq!(age(ms(6), ms(5)), Some(ms(1)));
    }
}
