//! How much of what was sent is still on its way, by a model of the link.

use std::time::{Duration, Instant};

/// A frame is held back while more than this lies in front of it: a keyframe on a
/// slow link and a few frames after it fit, and live is still live.
const LIMIT: Duration = Duration::from_millis(700);

/// A viewer that fell behind starts again below this.
const RESUME: Duration = Duration::from_millis(100);

/// A leaky bucket that drains at the estimated rate of the link.
#[derive(Debug)]
pub struct Backlog {
    bits: f64,
    drained: Instant,
    rate: u32,
}

impl Backlog {
    /// `rate`: the first estimate, bits per second.
    pub fn new(now: Instant, rate: u32) -> Self {
        Backlog {
            bits: 0.0,
            drained: now,
            rate: rate.max(1),
        }
    }

    pub fn set_rate(&mut self, now: Instant, bits_per_second: u32) {
        self.drain(now);
        self.rate = bits_per_second.max(1);
    }

    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Counts a sent frame.
    pub fn add(&mut self, now: Instant, bytes: usize) {
        self.drain(now);
        // No link queues more than that; beyond it the estimate is wrong.
        let most = 2.0 * LIMIT.as_secs_f64() * f64::from(self.rate);
        self.bits = (self.bits + bytes as f64 * 8.0).min(most);
    }

    /// Counts the burst of a join, which must not make the new viewer fall behind
    /// before there is any estimate of its link.
    pub fn add_join(&mut self, now: Instant, bytes: usize) {
        self.add(now, bytes);
        self.bits = self.bits.min(RESUME.as_secs_f64() * f64::from(self.rate));
    }

    /// The link is known to be full, whatever was counted.
    pub fn fill(&mut self) {
        self.bits = LIMIT.as_secs_f64() * f64::from(self.rate);
    }

    pub fn is_behind(&mut self, now: Instant) -> bool {
        self.delay(now) > LIMIT
    }

    pub fn has_caught_up(&mut self, now: Instant) -> bool {
        self.delay(now) < RESUME
    }

    fn delay(&mut self, now: Instant) -> Duration {
        self.drain(now);
        Duration::from_secs_f64(self.bits / f64::from(self.rate))
    }

    fn drain(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.drained);
        self.drained = self.drained.max(now);
        self.bits = (self.bits - elapsed.as_secs_f64() * f64::from(self.rate)).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_slower_than_the_stream_falls_behind_and_catches_up() {
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut backlog = Backlog::new(start, 1_000_000);
        let frame = |i: u32| start + i * Duration::from_millis(33);
        let behind = (0..60).find(|&i| {
            backlog.add(frame(i), 8_000);
            backlog.is_behind(frame(i))
        });
        // 64 kbit each 33 ms on 1 Mbit/s: 31 ms more behind with each frame.
        assert_eq!(behind, Some(21));
        assert!(!backlog.has_caught_up(frame(22)));
        assert!(backlog.has_caught_up(frame(45)));
    }

    #[test]
    fn a_join_burst_leaves_room() {
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut backlog = Backlog::new(start, 1_000_000);
        backlog.add_join(start, 1 << 20);
        assert!(!backlog.is_behind(start));
    }
}
