//! What the board's one lamp says, as patterns of light.

use std::time::{Duration, Instant};

/// What it has to say; where several hold, the first of this list that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The program is not there yet, or not any more.
    Starting,
    /// No network: the camera waits to be set up.
    SetUp,
    /// There is no camera, or it gives no picture.
    NoCamera,
    /// Something is wrong that the page tells.
    Problem,
    /// All is well.
    Running,
}

/// Milliseconds of light and dark in turn, again and again.
fn pattern(signal: Signal) -> &'static [u64] {
    match signal {
        Signal::Starting => &[100, 100],
        Signal::SetUp => &[1000, 1000],
        Signal::NoCamera => &[150, 200, 150, 1500],
        Signal::Problem => &[150, 200, 150, 200, 150, 1500],
        Signal::Running => &[],
    }
}

/// The lamp's state; it begins with a dark one.
#[derive(Debug, Default)]
pub struct Lamp {
    signal: Option<Signal>,
    /// The part of the pattern that is shown, and until when.
    part: usize,
    until: Option<Instant>,
    lit: bool,
}

impl Lamp {
    /// A new signal begins at once; the same one goes on.
    pub fn show(&mut self, now: Instant, signal: Signal) {
        if self.signal != Some(signal) {
            self.signal = Some(signal);
            self.part = 0;
            self.until = pattern(signal).first().map(|&ms| after(now, ms));
        }
    }

    /// Whether it has to be switched, and when to ask again, if ever.
    pub fn poll(&mut self, now: Instant) -> (Option<bool>, Option<Instant>) {
        let Some(signal) = self.signal else {
            return (None, None);
        };
        let pattern = pattern(signal);
        while let Some(until) = self.until.filter(|&until| until <= now) {
            self.part = (self.part + 1) % pattern.len();
            // Who was held up does not hurry through what was missed.
            let begin = if now - until > Duration::from_secs(1) {
                now
            } else {
                until
            };
            self.until = Some(after(begin, pattern[self.part]));
        }
        let lit = self.part.is_multiple_of(2);
        let switched = (lit != self.lit).then_some(lit);
        self.lit = lit;
        (switched, self.until)
    }
}

fn after(now: Instant, ms: u64) -> Instant {
    now + Duration::from_millis(ms)
}
