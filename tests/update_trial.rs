//! A new version is kept only if everything works at the same time that worked before,
//! and is given up with the reason if it does not.

// A time to begin with may be the real one.
#![allow(clippy::disallowed_methods)]

use mimamori::core::update::trial::{Before, Camera, LIMIT, NETWORK_LIMIT, PROOF, Trial, Verdict};
use mimamori::proto::heartbeat::{Beat, Pulse};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const ALL: Before = Before {
    camera: Camera::Running,
    network: true,
    page: Some(80),
};

/// A board on trial, run second by second; times are seconds since its start.
struct Board {
    before: Before,
    /// When each begins to work; never, if not.
    program: Option<u64>,
    camera: Option<u64>,
    page: Option<u64>,
    network: Option<u64>,
    pulse: Pulse,
    /// Seconds in which the program is silent.
    silent: std::ops::Range<u64>,
    /// When it is ended by the guard.
    endings: Vec<u64>,
}

impl Default for Board {
    fn default() -> Board {
        Board {
            before: ALL,
            program: Some(20),
            camera: Some(25),
            page: Some(22),
            network: Some(30),
            pulse: Pulse::Running,
            silent: 0..0,
            endings: Vec::new(),
        }
    }
}

impl Board {
    /// How it ends, and after how many seconds.
    fn run(self) -> (u64, Result<(), String>) {
        let begin = Instant::now();
        let mut trial = Trial::new(begin, self.before);
        let mut frames = 0;
        for second in 0..300 {
            let now = begin + SECOND * second as u32;
            let works = |since: Option<u64>| since.is_some_and(|since| second >= since);
            if works(self.camera) {
                frames += 30;
            }
            if works(self.program) && second % 2 == 0 && !self.silent.contains(&second) {
                let (camera, viewers) = (self.pulse, 0);
                trial.handle_beat(
                    now,
                    Beat {
                        camera,
                        frames,
                        viewers,
                    },
                );
            }
            if second % 3 == 0 {
                trial.handle_page(now, works(self.page));
                trial.handle_network(now, works(self.network));
            }
            if self.endings.contains(&second) {
                trial.handle_ending("the program gives no sign of life");
            }
            match trial.poll(now) {
                Verdict::Wait(until) => assert!(until > now, "at {second} s"),
                Verdict::Proven => return (second, Ok(())),
                Verdict::Failed(why) => return (second, Err(why)),
            }
        }
        panic!("a trial without an end: {:?}", trial.waits_for());
    }

    fn fails_with(self, words: &str, at: Duration) {
        let (second, ended) = self.run();
        let why = ended.expect_err("not proven");
        assert!(why.contains(words), "{why}");
        assert_eq!(second, at.as_secs(), "{why}");
    }

    fn kept_after(self) -> u64 {
        let (second, ended) = self.run();
        assert_eq!(ended, Ok(()));
        second
    }
}

#[test]
fn what_works_for_ten_seconds_is_kept() {
    let second = Board::default().kept_after();
    assert!((40..=42).contains(&second), "{second}");
    assert_eq!(PROOF, 10 * SECOND);
}

#[test]
fn each_thing_that_is_missing_is_named() {
    let silent = Board {
        program: None,
        ..Board::default()
    };
    silent.fails_with("no sign of life", LIMIT);
    let blind = Board {
        camera: None,
        ..Board::default()
    };
    blind.fails_with("no picture", LIMIT);
    let deaf = Board {
        page: None,
        ..Board::default()
    };
    deaf.fails_with("page did not answer", LIMIT);
    let alone = Board {
        network: None,
        ..Board::default()
    };
    alone.fails_with("no network", NETWORK_LIMIT);
    let both = Board {
        network: None,
        page: None,
        ..Board::default()
    };
    both.fails_with("page did not answer, and it found no network", LIMIT);
}

#[test]
fn a_network_may_take_longer_than_the_rest() {
    let late = Board {
        network: Some(170),
        ..Board::default()
    };
    assert!(late.kept_after() > 170);
}

#[test]
fn what_did_not_work_before_is_not_asked_for() {
    let board = Board {
        before: Before::default(),
        camera: None,
        page: None,
        network: None,
        pulse: Pulse::Missing,
        ..Board::default()
    };
    assert!(board.kept_after() < 40);
}

#[test]
fn a_stand_ins_pictures_are_no_cameras() {
    for pulse in [Pulse::Missing, Pulse::Lost] {
        let board = Board {
            pulse,
            ..Board::default()
        };
        board.fails_with("no picture", LIMIT);
    }
}

#[test]
fn a_camera_that_rested_before_may_rest() {
    let before = Before {
        camera: Camera::Resting,
        ..ALL
    };
    for (pulse, camera) in [(Pulse::Resting, None), (Pulse::Running, Some(25))] {
        let board = Board {
            before,
            pulse,
            camera,
            ..Board::default()
        };
        board.kept_after();
    }
    let running = Board {
        pulse: Pulse::Resting,
        camera: None,
        ..Board::default()
    };
    running.fails_with("no picture", LIMIT);
    let lost = Board {
        before,
        pulse: Pulse::Lost,
        ..Board::default()
    };
    lost.fails_with("no picture", LIMIT);
}

#[test]
fn ten_seconds_count_only_without_a_break() {
    // Silent for longer than a beat may be late.
    let board = Board {
        silent: 31..48,
        ..Board::default()
    };
    assert!(board.kept_after() >= 58);
    let late = Board {
        silent: 35..39,
        ..Board::default()
    };
    assert!(late.kept_after() <= 42);
}

#[test]
fn what_breaks_after_the_limit_is_not_waited_for() {
    let board = Board {
        network: Some(115),
        silent: 118..300,
        ..Board::default()
    };
    let (second, ended) = board.run();
    assert!(ended.unwrap_err().contains("no sign of life"));
    assert!((120..=130).contains(&second), "{second}");
}

#[test]
fn a_program_that_has_to_be_ended_twice_has_failed() {
    let once = Board {
        endings: vec![30],
        ..Board::default()
    };
    once.kept_after();
    let twice = Board {
        endings: vec![30, 35],
        ..Board::default()
    };
    twice.fails_with("the program gives no sign of life", 35 * SECOND);
}

#[test]
fn it_tells_what_it_waits_for_and_how_long() {
    let begin = Instant::now();
    let mut trial = Trial::new(begin, ALL);
    assert_eq!(trial.waits_for(), ["program", "camera", "page", "network"]);
    assert_eq!(trial.left(begin), LIMIT);
    let beat = |frames| Beat {
        camera: Pulse::Running,
        frames,
        viewers: 0,
    };
    trial.handle_beat(begin + SECOND, beat(3));
    trial.handle_page(begin + SECOND, true);
    assert_eq!(trial.waits_for(), ["network"]);
    assert_eq!(trial.left(begin + SECOND), NETWORK_LIMIT - SECOND);
    // Frames that do not go on are no frames.
    for second in 3..14 {
        trial.handle_beat(begin + second * SECOND, beat(3));
        trial.poll(begin + second * SECOND);
    }
    assert_eq!(trial.waits_for(), ["camera", "page", "network"]);
}
