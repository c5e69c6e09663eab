//! The receiver's bandwidth estimate, by the rules that browsers follow
//! (draft-ietf-rmcat-gcc-02, 5): down to 85 % of what arrives when delays grow, else up
//! by 8 % a second, to one and a half times what arrives at the most.

use super::MS;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_millis(700);
const REPORT: Duration = Duration::from_millis(250);
/// Without a queue a browser waits that long for its first estimate.
const FIRST: Duration = Duration::from_secs(5);

pub struct Estimator {
    began: Option<Instant>,
    arrived: VecDeque<(Instant, usize, Duration)>,
    shortest: Duration,
    estimate: Option<f64>,
    grown: Instant,
    sank: Instant,
    reported: Instant,
}

impl Estimator {
    pub fn new(now: Instant) -> Estimator {
        Estimator {
            began: None,
            arrived: VecDeque::new(),
            shortest: Duration::MAX,
            estimate: None,
            grown: now,
            sank: now,
            reported: now,
        }
    }

    /// A frame was `delay` on its way. The result is a report to send, bits per second.
    pub fn handle_frame(&mut self, now: Instant, bytes: usize, delay: Duration) -> Option<u64> {
        let began = *self.began.get_or_insert(now);
        self.shortest = self.shortest.min(delay);
        self.arrived.push_back((now, bytes, delay));
        while self
            .arrived
            .front()
            .is_some_and(|(at, ..)| now > *at + WINDOW)
        {
            self.arrived.pop_front();
        }
        let bytes: usize = self.arrived.iter().map(|(_, bytes, _)| bytes).sum();
        let rate = bytes as f64 * 8.0 / (now - began).clamp(100 * MS, WINDOW).as_secs_f64();
        if self.queue_grows(delay) {
            return self.sink(now, rate);
        }
        if self.estimate.is_none() && now > began + FIRST {
            self.estimate = Some(rate);
        }
        self.grow(now, rate, delay);
        if now < self.reported + REPORT {
            return None;
        }
        self.reported = now;
        self.estimate.map(|estimate| estimate as u64)
    }

    fn queue_grows(&self, delay: Duration) -> bool {
        let before = self.arrived.front().map_or(delay, |(_, _, delay)| *delay);
        delay > self.shortest + 50 * MS && delay > before + 15 * MS
    }

    fn sink(&mut self, now: Instant, rate: f64) -> Option<u64> {
        self.grown = now;
        let lower = rate * 0.85;
        let lowers = self.estimate.is_none_or(|estimate| lower < estimate);
        if !lowers || now < self.sank + 200 * MS {
            return None;
        }
        self.sank = now;
        self.reported = now;
        self.estimate = Some(lower);
        Some(lower as u64)
    }

    fn grow(&mut self, now: Instant, rate: f64, delay: Duration) {
        let elapsed = (now - self.grown).min(Duration::from_secs(1));
        self.grown = now;
        let Some(estimate) = &mut self.estimate else {
            return;
        };
        if delay < self.shortest + 30 * MS && *estimate < rate * 1.5 {
            *estimate = (*estimate * 1.08f64.powf(elapsed.as_secs_f64())).min(rate * 1.5);
        }
    }
}
