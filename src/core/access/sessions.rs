//! Browsers that have logged in, and how long they stay so.

use super::digest::Digest;
use super::grant::Who;
use super::record::{MAX_AGENT, MAX_SESSIONS_EACH, Session};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Without a request for so long, a session ends.
pub const IDLE: Duration = Duration::from_secs(14 * DAY);
/// Whatever happens, a session ends so long after it began.
pub const ABSOLUTE: Duration = Duration::from_secs(90 * DAY);
const DAY: u64 = 24 * 3600;
/// When a session was last seen is written to the card no more often than this.
const SEEN_STEP: u64 = DAY;
/// The clock has been set if it differs by more from what has passed, in seconds.
const STEP: u64 = 60;

/// Which time it is, in both ways.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now: Instant,
    /// In seconds since 1970, as the clock has it; the clock may be wrong, and be set.
    pub clock: u64,
}

impl Moment {
    /// That much later.
    pub fn after(self, time: Duration) -> Moment {
        Moment {
            now: self.now + time,
            clock: self.clock + time.as_secs(),
        }
    }
}

/// A board without a battery often begins with the wrong time. Sessions count how long ago
/// things were, so they move with the clock when it is set.
pub(super) fn follow_clock(sessions: &mut [Session], before: Moment, at: Moment) -> bool {
    let passed = at.now.saturating_duration_since(before.now).as_secs();
    let expected = before.clock.saturating_add(passed);
    if expected.abs_diff(at.clock) <= STEP {
        return false;
    }
    let moved = |time: u64| at.clock.saturating_sub(expected.saturating_sub(time));
    for session in sessions {
        session.began = moved(session.began);
        session.seen = moved(session.seen);
    }
    true
}

/// True until it has ended.
pub(super) fn is_alive(session: &Session, clock: u64) -> bool {
    clock.saturating_sub(session.began) < ABSOLUTE.as_secs()
        && clock.saturating_sub(session.seen) < IDLE.as_secs()
}

/// When it will end if nobody uses it any more, on the clock.
pub(super) fn ends(session: &Session) -> u64 {
    let absolute = session.began.saturating_add(ABSOLUTE.as_secs());
    absolute.min(session.seen.saturating_add(IDLE.as_secs()))
}

/// Notes that the session was used; true if that is to be written down.
pub(super) fn see(session: &mut Session, clock: u64) -> bool {
    let due = clock.saturating_sub(session.seen) >= SEEN_STEP;
    if due {
        session.seen = clock;
    }
    due
}

/// Adds a session. The oldest one of the same person goes if there are too many.
pub(super) fn add(sessions: &mut Vec<Session>, hash: Digest, who: Who, visit: &Visit) {
    let of_same = |session: &&Session| session.who == who;
    if sessions.iter().filter(of_same).count() >= MAX_SESSIONS_EACH {
        let oldest = sessions
            .iter()
            .filter(of_same)
            .min_by_key(|s| (s.seen, s.began));
        if let Some(oldest) = oldest.map(|session| session.hash) {
            sessions.retain(|session| session.hash != oldest);
        }
    }
    sessions.push(Session {
        hash,
        who,
        began: visit.at.clock,
        seen: visit.at.clock,
        from: visit.from,
        agent: shortened(&visit.agent),
    });
}

/// Who has come to log in, when and from where.
#[derive(Clone, Debug)]
pub struct Visit {
    pub at: Moment,
    pub from: IpAddr,
    pub place: super::place::Place,
    /// The User-Agent field; may be empty.
    pub agent: String,
}

/// One line of printable text.
fn shortened(agent: &str) -> String {
    let mut text: String = agent.chars().filter(|c| !c.is_control()).collect();
    let mut end = text.len().min(MAX_AGENT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::access::place::Place;

    fn visit(clock: u64) -> Visit {
        Visit {
            at: Moment {
                now: Instant::now(),
                clock,
            },
            from: "192.0.2.1".parse().unwrap(),
            place: Place::Local,
            agent: "Browser\r\n/1".into(),
        }
    }

    fn digest(n: usize) -> Digest {
        Digest::of_parts(&[&[n as u8]])
    }

    fn one(clock: u64) -> Session {
        let mut sessions = Vec::new();
        add(&mut sessions, digest(1), Who::Owner, &visit(clock));
        sessions.remove(0)
    }

    #[test]
    fn a_session_ends_when_it_is_idle_or_old() {
        let mut session = one(1000);
        assert_eq!(session.agent, "Browser/1");
        assert!(is_alive(&session, 1000 + IDLE.as_secs() - 1));
        assert!(!is_alive(&session, 1000 + IDLE.as_secs()));
        let mut clock = 1000;
        while is_alive(&session, clock) {
            see(&mut session, clock);
            clock += DAY;
        }
        assert_eq!(clock, 1000 + ABSOLUTE.as_secs());
        assert_eq!(ends(&session), clock);
        // A clock that has gone back ends nothing.
        assert!(is_alive(&one(1000), 10));
    }

    #[test]
    fn use_is_written_down_once_a_day() {
        let mut session = one(1000);
        assert!(!see(&mut session, 1000 + DAY - 1));
        assert!(see(&mut session, 1000 + DAY));
        assert!(!see(&mut session, 1000 + DAY + 1));
    }

    #[test]
    fn sessions_move_with_a_clock_that_is_set() {
        let before = visit(1000).at;
        let mut sessions = [one(900)];
        let an_hour_later = before.after(Duration::from_secs(3600));
        assert!(!follow_clock(&mut sessions, before, an_hour_later));
        let clock = 1_800_000_000;
        let set = Moment {
            clock,
            ..an_hour_later
        };
        assert!(follow_clock(&mut sessions, before, set));
        assert_eq!(clock - sessions[0].began, 3700);
        assert!(is_alive(&sessions[0], clock));
        let back = Moment {
            clock: 500,
            ..an_hour_later
        };
        assert!(follow_clock(&mut sessions, set, back));
        assert_eq!(sessions[0].began, 0);
    }

    #[test]
    fn a_new_session_takes_the_place_of_the_same_persons_oldest() {
        let mut sessions = Vec::new();
        add(&mut sessions, digest(99), Who::Owner, &visit(1));
        for n in 0..MAX_SESSIONS_EACH + 2 {
            let guest = Who::Guest("g".into());
            add(&mut sessions, digest(n), guest, &visit(10 + n as u64));
        }
        let left: Vec<_> = sessions.iter().map(|s| s.hash).collect();
        let expected = [99].into_iter().chain(2..MAX_SESSIONS_EACH + 2);
        assert_eq!(left, expected.map(digest).collect::<Vec<_>>());
    }

    #[test]
    fn a_browsers_name_is_cut_between_letters() {
        assert_eq!(
            shortened(&"\u{65e5}".repeat(100)).chars().count(),
            MAX_AGENT / 3
        );
    }
}
