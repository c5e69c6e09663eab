//! What one viewer's link carries, by what its receiver reports.
//!
//! The receiver does the estimating: it compares how fast packets leave here with how
//! fast they arrive there (abs-send-time) and reports its estimate (REMB,
//! draft-alvestrand-rmcat-remb). It says nothing of losses, which come with each
//! receiver report (RFC 3550, 6.4.2). Estimating on this side instead (transport-wide
//! congestion control) costs a report each 50 ms and a paced queue: a third of all
//! instructions that a viewer takes.

use super::backlog::Backlog;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A link must stay below the floor for this long before its viewer is told.
const SLOW_PATIENCE: Duration = Duration::from_secs(3);

/// A viewer that falls behind that often within [`FALLS_WITHIN`] has a slow link,
/// whatever the estimate says.
const FALLS: usize = 3;
const FALLS_WITHIN: Duration = Duration::from_secs(20);

/// Share of lost packets up to which a link may just be noisy, as a bad Wi-Fi is: it
/// gains nothing by frames that are held back.
const NOISE: f32 = 0.3;

/// A round trip this much longer than the shortest has a queue in it.
const QUEUE: Duration = Duration::from_millis(150);

/// A link that showed losses or a queue is watched for this long: holding frames back
/// makes both go away before the cause does.
const STRAIN: Duration = Duration::from_secs(10);

/// Share of lost packets from which a link is flooded rather than noisy: most of what
/// is sent to it only keeps the rest from arriving. No estimate shows this when next
/// to nothing arrives.
const FLOODED: f32 = 0.5;

/// Losses above this lower the rate, losses below [`LITTLE`] raise it again, by the
/// rules of draft-ietf-rmcat-gcc-02, 6.
const MUCH: f32 = 0.1;
const LITTLE: f32 = 0.02;

/// Growth in a second while nothing speaks against it, as a factor: before the
/// receiver's first estimate, which takes it five seconds, and after it.
const FIRST_GROWTH: f64 = 1.3;
const GROWTH: f64 = 1.08;

/// An estimate that sank by less has not sunk.
const SINK: f64 = 0.98;

/// One viewer's link.
#[derive(Debug)]
pub struct Link {
    backlog: Backlog,
    start: u32,
    /// The receiver's latest estimate.
    remb: Option<u32>,
    /// What delays speak for: the receiver's estimate, where it means anything.
    by_delay: Option<u32>,
    /// What losses leave, while they matter.
    by_loss: Option<u32>,
    /// Sent since the last report.
    bytes: usize,
    reported: Instant,
    slow_since: Option<Instant>,
    /// When it fell behind, the last few times.
    falls: VecDeque<Instant>,
    told_slow: bool,
    strained_until: Instant,
    shortest_round_trip: Option<Duration>,
}

impl Link {
    /// `start`: bits per second that it is thought to carry until something is known.
    pub fn new(now: Instant, start: u32) -> Link {
        Link {
            backlog: Backlog::new(now, start),
            start,
            remb: None,
            by_delay: None,
            by_loss: None,
            bytes: 0,
            reported: now,
            slow_since: None,
            falls: VecDeque::new(),
            told_slow: false,
            strained_until: now,
            shortest_round_trip: None,
        }
    }

    /// What it carries, bits per second, where that is known.
    pub fn estimate(&self) -> Option<u32> {
        match (self.by_delay, self.by_loss) {
            (Some(delay), Some(loss)) => Some(delay.min(loss)),
            (delay, loss) => delay.or(loss),
        }
    }

    /// Counts a frame that is sent.
    pub fn add(&mut self, now: Instant, bytes: usize) {
        self.bytes += bytes;
        self.backlog.add(now, bytes);
    }

    /// Counts the burst of a join: see [`Backlog::add_join`].
    pub fn add_join(&mut self, now: Instant, bytes: usize) {
        self.bytes += bytes;
        self.backlog.add_join(now, bytes);
    }

    /// True if frames sent now would only wait in front of it.
    pub fn is_behind(&mut self, now: Instant) -> bool {
        self.backlog.is_behind(now) && now < self.strained_until
    }

    pub fn has_caught_up(&mut self, now: Instant) -> bool {
        self.backlog.has_caught_up(now)
    }

    /// Its viewer waits for the next keyframe.
    pub fn handle_fall(&mut self, now: Instant) {
        self.falls.push_back(now);
        self.falls.drain(..self.falls.len().saturating_sub(FALLS));
    }

    /// The receiver's estimate, bits per second. It grows slowly, and to one and a half
    /// times what arrives at the most, so that a low one that does not sink only tells
    /// that little is sent: what held before still does.
    pub fn handle_remb(&mut self, now: Instant, bits_per_second: u32) {
        let sank = |last: u32| f64::from(bits_per_second) < f64::from(last) * SINK;
        let overused = match self.remb {
            Some(last) => sank(last),
            // The first comes early where there was a queue already.
            None => bits_per_second < self.start / 2,
        };
        self.remb = Some(bits_per_second);
        self.by_delay = Some(match self.by_delay {
            Some(known) if !overused => known.max(bits_per_second),
            _ => bits_per_second,
        });
        self.settle(now);
    }

    /// A second's news: the share of packets lost and the round trip, where a receiver
    /// report has told. True if the link is flooded, so that its viewer must fall
    /// behind now.
    pub fn handle_report(
        &mut self,
        now: Instant,
        loss: Option<f32>,
        round_trip: Option<Duration>,
    ) -> bool {
        let sent = self.take_sent(now);
        let Some(loss) = loss else { return false };
        let queued = round_trip.is_some_and(|round_trip| self.has_queue(round_trip));
        if loss > NOISE || queued {
            self.strained_until = now + STRAIN;
        }
        self.follow_losses(sent, loss);
        if self.remb.is_none() && loss < LITTLE && !queued {
            self.grow(sent);
        }
        let flooded = loss >= FLOODED;
        if flooded {
            let carried = f64::from(self.backlog.rate()) * f64::from(1.0 - loss);
            self.by_delay = Some(carried as u32);
            self.settle(now);
            self.backlog.fill();
        }
        self.settle(now);
        flooded
    }

    /// Bits per second since the last report.
    fn take_sent(&mut self, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(self.reported);
        self.reported = now;
        let bits = std::mem::take(&mut self.bytes) as f64 * 8.0;
        bits / elapsed.as_secs_f64().max(0.1)
    }

    fn has_queue(&mut self, round_trip: Duration) -> bool {
        let shortest = self.shortest_round_trip.get_or_insert(round_trip);
        *shortest = round_trip.min(*shortest);
        round_trip > *shortest + QUEUE
    }

    /// Losses alone take the rate down to half the start at the most: what a noisy link
    /// loses, it loses at any rate.
    fn follow_losses(&mut self, sent: f64, loss: f32) {
        if loss > MUCH {
            let left = sent.min(self.by_loss.map_or(f64::MAX, f64::from));
            let left = left * f64::from(1.0 - 0.5 * loss);
            self.by_loss = Some(left.round().max(f64::from(self.start / 2)) as u32);
        } else if loss < LITTLE {
            let grown = self.by_loss.map(|rate| f64::from(rate) * GROWTH);
            // A delay-based estimate that is reached makes it pointless.
            let still = |rate: &f64| self.by_delay.is_none_or(|delay| *rate < f64::from(delay));
            self.by_loss = grown.filter(still).map(|rate| rate.round() as u32);
        }
    }

    /// There is no estimate of the receiver's yet, or it makes none: what was sent has
    /// arrived, so there may be room for more.
    fn grow(&mut self, sent: f64) {
        let known = f64::from(self.by_delay.unwrap_or(self.start));
        let room = (sent * 1.5).min(known * FIRST_GROWTH);
        self.by_delay = Some(known.max(room) as u32);
    }

    fn settle(&mut self, now: Instant) {
        if let Some(estimate) = self.estimate() {
            self.backlog.set_rate(now, estimate);
        }
    }

    /// True once if it has been too slow for a while: its viewer is to be told.
    pub fn turned_slow(&mut self, now: Instant, carries_floor: impl Fn(u32) -> bool) -> bool {
        if self.estimate().is_none_or(carries_floor) {
            self.slow_since = None;
        } else {
            self.slow_since.get_or_insert(now);
        }
        let poor = self
            .slow_since
            .is_some_and(|since| now >= since + SLOW_PATIENCE);
        let oldest = self.falls.front().filter(|_| self.falls.len() == FALLS);
        let falls = oldest.is_some_and(|oldest| now < *oldest + FALLS_WITHIN);
        let tell = (poor || falls) && !self.told_slow;
        self.told_slow |= tell;
        tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const RTT: Option<Duration> = Some(Duration::from_millis(5));

    fn start() -> Instant {
        #[allow(clippy::disallowed_methods)]
        Instant::now()
    }

    /// A second of `rate` bits per second, and its report.
    fn second(link: &mut Link, now: &mut Instant, rate: u32, loss: f32, rtt: Option<Duration>) {
        link.add(*now, rate as usize / 8);
        *now += SECOND;
        link.handle_report(*now, Some(loss), rtt);
    }

    #[test]
    fn before_the_first_estimate_it_grows_with_what_has_arrived() {
        let mut now = start();
        let mut link = Link::new(now, 1_000_000);
        assert_eq!(link.estimate(), None);
        for rate in [1_000_000, 1_300_000, 1_690_000] {
            second(&mut link, &mut now, rate, 0.0, RTT);
            assert_eq!(link.estimate(), Some((f64::from(rate) * 1.3) as u32));
        }
        // A still picture takes little: nothing is learnt from that.
        let before = link.estimate();
        second(&mut link, &mut now, 100_000, 0.0, RTT);
        assert_eq!(link.estimate(), before);
    }

    #[test]
    fn an_estimate_that_sinks_holds_and_one_that_stays_low_does_not() {
        let now = start();
        let mut link = Link::new(now, 1_000_000);
        link.handle_remb(now, 2_000_000);
        link.handle_remb(now, 1_990_000);
        assert_eq!(link.estimate(), Some(2_000_000), "within the noise");
        link.handle_remb(now, 800_000);
        assert_eq!(link.estimate(), Some(800_000));
        link.handle_remb(now, 870_000);
        assert_eq!(link.estimate(), Some(870_000));
    }

    #[test]
    fn the_first_estimate_does_not_take_back_what_was_reached() {
        let mut now = start();
        let mut link = Link::new(now, 1_000_000);
        for rate in [1_000_000, 1_300_000, 1_690_000, 2_197_000] {
            second(&mut link, &mut now, rate, 0.0, RTT);
        }
        let reached = link.estimate();
        link.handle_remb(now, 2_000_000);
        assert_eq!(link.estimate(), reached);
        let mut poor = Link::new(now, 1_000_000);
        poor.handle_remb(now, 90_000);
        assert_eq!(poor.estimate(), Some(90_000), "there was a queue already");
    }

    #[test]
    fn much_loss_lowers_the_rate_but_not_without_end_and_little_lets_it_grow() {
        let mut now = start();
        let mut link = Link::new(now, 1_000_000);
        link.handle_remb(now, 2_000_000);
        second(&mut link, &mut now, 2_000_000, 0.2, RTT);
        assert_eq!(link.estimate(), Some(1_800_000));
        second(&mut link, &mut now, 1_800_000, 0.05, RTT);
        assert_eq!(
            link.estimate(),
            Some(1_800_000),
            "some loss changes nothing"
        );
        second(&mut link, &mut now, 1_800_000, 0.0, RTT);
        assert_eq!(link.estimate(), Some(1_944_000));
        for _ in 0..20 {
            second(&mut link, &mut now, 1_000_000, 0.2, RTT);
        }
        assert_eq!(link.estimate(), Some(500_000));
        for _ in 0..40 {
            second(&mut link, &mut now, 1_000_000, 0.0, RTT);
        }
        assert_eq!(link.estimate(), Some(2_000_000), "what delays speak for");
    }

    #[test]
    fn a_queue_stops_the_growth_and_strains() {
        let mut now = start();
        let mut link = Link::new(now, 1_000_000);
        second(&mut link, &mut now, 1_000_000, 0.0, RTT);
        let reached = link.estimate();
        let queued = Some(Duration::from_millis(300));
        second(&mut link, &mut now, 1_300_000, 0.0, queued);
        assert_eq!(link.estimate(), reached);
        assert!(!link.is_behind(now));
        link.add(now, 200_000);
        assert!(link.is_behind(now), "1.6 Mbit wait on a strained link");
    }

    #[test]
    fn a_flooded_link_is_cut_to_what_arrives() {
        let mut now = start();
        let mut link = Link::new(now, 1_000_000);
        link.add(now, 125_000);
        now += SECOND;
        assert!(link.handle_report(now, Some(0.8), RTT));
        let estimate = link.estimate().unwrap();
        assert!((190_000..=210_000).contains(&estimate), "{estimate}");
        assert!(!link.has_caught_up(now));
    }

    #[test]
    fn without_a_report_nothing_changes() {
        let now = start();
        let mut link = Link::new(now, 1_000_000);
        assert!(!link.handle_report(now + SECOND, None, None));
        assert_eq!(link.estimate(), None);
    }

    #[test]
    fn a_slow_link_is_told_once_after_a_while() {
        let now = start();
        let mut link = Link::new(now, 1_000_000);
        link.handle_remb(now, 90_000);
        let carries = |rate: u32| rate >= 200_000;
        assert!(!link.turned_slow(now, carries));
        assert!(!link.turned_slow(now + 2 * SECOND, carries));
        assert!(link.turned_slow(now + 3 * SECOND, carries));
        assert!(!link.turned_slow(now + 9 * SECOND, carries));
    }
}
