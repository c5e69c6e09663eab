//! Keyframe requests of all viewers, merged into few.

use std::time::{Duration, Instant};

/// Shortest time between two requests to the encoder. A keyframe costs as much as
/// ten other frames; twice a second is what a lossy Wi-Fi can still carry.
const MIN_INTERVAL: Duration = Duration::from_millis(500);

/// How long a request is given until the camera must have answered it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Decides when the encoder is really asked.
#[derive(Debug, Default)]
pub struct Keyframes {
    /// The last time a keyframe was asked for or came by itself.
    last: Option<Instant>,
    wanted: bool,
    asked: Option<Instant>,
}

impl Keyframes {
    /// Somebody needs a keyframe.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// A keyframe has come; it serves everybody who waited.
    pub fn handle_keyframe(&mut self, now: Instant) {
        self.last = Some(now);
        self.wanted = false;
        self.asked = None;
    }

    /// True if the encoder is to be asked now; call again at [`Self::due`].
    pub fn poll(&mut self, now: Instant) -> bool {
        if self.due(now).is_none_or(|due| due > now) {
            return false;
        }
        self.asked = Some(now);
        self.last = Some(now);
        true
    }

    /// When the encoder is to be asked next; `None` if nobody waits.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let interval = if self.asked.is_some() {
            PATIENCE
        } else {
            MIN_INTERVAL
        };
        self.wanted
            .then(|| self.last.map_or(now, |last| last + interval))
    }

    /// True if a request would be answered without a wait.
    pub fn ready(&self, now: Instant) -> bool {
        self.last.is_none_or(|last| last + MIN_INTERVAL <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn start() -> Instant {
        #[allow(clippy::disallowed_methods)]
        Instant::now()
    }

    #[test]
    fn a_storm_of_requests_becomes_few() {
        let (start, mut keyframes, mut asked) = (start(), Keyframes::default(), 0);
        for ms in 0..3000 {
            let now = start + ms * MS;
            keyframes.want();
            if keyframes.poll(now) {
                asked += 1;
                keyframes.handle_keyframe(now);
            }
        }
        assert_eq!(asked, 6, "two a second in three seconds");
    }

    #[test]
    fn the_first_request_goes_through_at_once_and_is_repeated_if_unanswered() {
        let (start, mut keyframes) = (start(), Keyframes::default());
        assert_eq!(keyframes.due(start), None);
        keyframes.want();
        assert!(keyframes.poll(start));
        assert!(!keyframes.poll(start + 999 * MS));
        assert!(keyframes.poll(start + 1000 * MS));
    }

    #[test]
    fn a_keyframe_that_comes_by_itself_satisfies_everybody() {
        let (start, mut keyframes) = (start(), Keyframes::default());
        keyframes.handle_keyframe(start);
        keyframes.want();
        assert!(!keyframes.ready(start) && keyframes.ready(start + 500 * MS));
        keyframes.handle_keyframe(start + 100 * MS);
        assert!(!keyframes.poll(start + 700 * MS));
    }
}
