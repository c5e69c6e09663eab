//! When the camera takes somebody's word for the time.
//!
//! The board forgets the time with the power. The network's word is the better one;
//! where there is none, a browser that looks at the camera knows the time as well.
//! All times are since 1970 began, in UTC.

use std::time::Duration;

/// A clock so little wrong is left as it is.
pub const NEAR: Duration = Duration::from_secs(2);
/// 2038-01-19: the last second that programs of 32 bits can count to.
const LATEST: Duration = Duration::from_secs(i32::MAX as u64);

/// What is known here of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What the clock says.
    pub now: Duration,
    /// When the system was built: it can't be earlier.
    pub built: Duration,
    /// The network has set the clock, since the system began.
    pub synchronised: bool,
}

/// What to do with a browser's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Put the clock there.
    Set,
    /// It says what the clock says.
    Right,
    /// The clock is right, and the browser's is not.
    Known,
    /// That time can't be.
    Implausible,
}

pub fn judge(known: Known, said: Duration) -> Verdict {
    if known.now.abs_diff(said) <= NEAR {
        Verdict::Right
    } else if known.synchronised {
        Verdict::Known
    } else if said < known.built || said > LATEST {
        Verdict::Implausible
    } else {
        Verdict::Set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: Duration = Duration::from_secs(1_800_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn verdict(now: Duration, said: Duration, synchronised: bool) -> Verdict {
        let built = BUILT;
        judge(
            Known {
                now,
                built,
                synchronised,
            },
            said,
        )
    }

    #[test]
    fn a_browser_is_believed_where_nobody_else_is() {
        assert_eq!(verdict(BUILT, BUILT + DAY, false), Verdict::Set);
        assert_eq!(verdict(BUILT + 9 * DAY, BUILT + DAY, false), Verdict::Set);
        assert_eq!(verdict(Duration::ZERO, BUILT, false), Verdict::Set);
    }

    #[test]
    fn the_networks_word_is_the_better_one() {
        assert_eq!(verdict(BUILT, BUILT + DAY, true), Verdict::Known);
    }

    #[test]
    fn no_time_before_the_system_was_built_and_none_that_can_t_be_counted() {
        let now = BUILT + DAY;
        assert_eq!(verdict(now, Duration::ZERO, false), Verdict::Implausible);
        assert_eq!(verdict(now, BUILT - NEAR, false), Verdict::Implausible);
        assert_eq!(verdict(now, LATEST + NEAR, false), Verdict::Implausible);
        assert_eq!(verdict(now, Duration::MAX, false), Verdict::Implausible);
    }

    #[test]
    fn a_clock_that_is_right_is_left_alone() {
        assert_eq!(verdict(BUILT, BUILT + NEAR, false), Verdict::Right);
        assert_eq!(verdict(BUILT + NEAR, BUILT, true), Verdict::Right);
        assert_eq!(verdict(BUILT, BUILT + NEAR * 2, false), Verdict::Set);
    }
}
