//! One encoder, many links: which bitrate to ask for.

use std::time::{Duration, Instant};

/// The bounds of the encoder's bitrate, bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitrateBounds {
    /// Below this the picture is not worth sending; a link that can't take it
    /// is told so and does not pull the others down.
    pub floor: u32,
    /// Used until the first estimate is there.
    pub start: u32,
    pub ceiling: u32,
}

/// The encoder gets this share of the estimate: headers take the rest. An estimate that
/// sank is already that of 85 % of what arrived, so that a queue goes away.
const SHARE: f64 = 0.95;

/// Shortest time between two raises: the estimates need to see the last one.
const RAISE_INTERVAL: Duration = Duration::from_secs(1);

/// Smallest change worth telling the encoder, as a share of the current rate.
const STEP: f64 = 0.05;

/// Follows the slowest link that can take the floor: down at once, up slowly.
#[derive(Debug)]
pub struct BitratePolicy {
    bounds: BitrateBounds,
    current: u32,
    changed: Option<Instant>,
}

impl BitratePolicy {
    pub fn new(bounds: BitrateBounds) -> Self {
        BitratePolicy {
            bounds,
            current: bounds.start,
            changed: None,
        }
    }

    /// What the encoder was last asked for, bits per second.
    pub fn current(&self) -> u32 {
        self.current
    }

    pub fn bounds(&self) -> BitrateBounds {
        self.bounds
    }

    /// The new bitrate if the encoder is to be told. `estimates` are the viewers'
    /// links, bits per second; links below the floor don't count unless all are.
    pub fn update(&mut self, now: Instant, estimates: impl Iterator<Item = u32>) -> Option<u32> {
        let wanted = self.wanted(estimates)?;
        let change = (f64::from(wanted) - f64::from(self.current)) / f64::from(self.current);
        let raised_lately = self.changed.is_some_and(|at| now < at + RAISE_INTERVAL);
        if change.abs() < STEP && wanted != self.bounds.ceiling && wanted != self.bounds.floor
            || wanted == self.current
            || change > 0.0 && raised_lately
        {
            return None;
        }
        self.current = wanted;
        self.changed = Some(now);
        Some(wanted)
    }

    fn wanted(&self, estimates: impl Iterator<Item = u32>) -> Option<u32> {
        let BitrateBounds { floor, ceiling, .. } = self.bounds;
        let (mut slowest, mut anybody) = (None::<u32>, false);
        for estimate in estimates {
            anybody = true;
            if f64::from(estimate) * SHARE >= f64::from(floor) {
                slowest = Some(slowest.map_or(estimate, |least| least.min(estimate)));
            }
        }
        let wanted = slowest.map_or(floor, |least| (f64::from(least) * SHARE) as u32);
        anybody.then(|| wanted.clamp(floor, ceiling))
    }

    /// True if a link of that many bits per second can take the floor.
    pub fn carries_floor(&self, estimate: u32) -> bool {
        f64::from(estimate) * SHARE >= f64::from(self.bounds.floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: BitrateBounds = BitrateBounds {
        floor: 200_000,
        start: 2_000_000,
        ceiling: 4_000_000,
    };

    fn start() -> Instant {
        #[allow(clippy::disallowed_methods)]
        Instant::now()
    }

    #[test]
    fn follows_the_slowest_link_down_at_once_and_up_slowly() {
        let (now, mut policy) = (start(), BitratePolicy::new(BOUNDS));
        assert_eq!(
            policy.update(now, [5_000_000, 1_000_000].into_iter()),
            Some(950_000)
        );
        let soon = now + Duration::from_millis(900);
        assert_eq!(policy.update(soon, [5_000_000].into_iter()), None);
        assert_eq!(policy.update(soon, [500_000].into_iter()), Some(475_000));
        let later = soon + RAISE_INTERVAL;
        assert_eq!(
            policy.update(later, [9_000_000].into_iter()),
            Some(4_000_000)
        );
    }

    #[test]
    fn a_link_below_the_floor_does_not_starve_the_others() {
        let (now, mut policy) = (start(), BitratePolicy::new(BOUNDS));
        assert!(!policy.carries_floor(100_000));
        assert_eq!(
            policy.update(now, [100_000, 3_000_000].into_iter()),
            Some(2_850_000)
        );
        assert_eq!(policy.update(now, [100_000].into_iter()), Some(200_000));
    }

    #[test]
    fn small_changes_and_an_empty_house_are_left_alone() {
        let (now, mut policy) = (start(), BitratePolicy::new(BOUNDS));
        assert_eq!(policy.update(now, [2_150_000].into_iter()), None);
        assert_eq!(policy.update(now, std::iter::empty()), None);
    }
}
