//! The guard ends the server or resets the board when that may help, and never in a loop.

// A time to begin with may be the real one.
#![allow(clippy::disallowed_methods)]

use mimamori::core::guard::{Action, Guard};
use mimamori::proto::heartbeat::{Beat, Pulse};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A board with its server, run second by second.
struct Board {
    guard: Guard,
    begin: Instant,
    now: Instant,
    resets: u32,
    server: Server,
    /// Everything but pets and waits, with its second.
    done: Vec<(u64, Action)>,
    last_pet: Instant,
}

struct Server {
    beats: bool,
    camera: Pulse,
    /// Whether pictures come.
    delivers: bool,
    frames: u64,
    /// Seconds until an ended server beats again; nothing: never.
    recovers: Option<u64>,
    ended: Option<Instant>,
}

impl Board {
    fn new(resets: u32) -> Board {
        let now = Instant::now();
        Board {
            guard: Guard::new(now, resets),
            begin: now,
            now,
            resets,
            server: Server {
                beats: true,
                camera: Pulse::Running,
                delivers: true,
                frames: 0,
                recovers: Some(5),
                ended: None,
            },
            done: Vec::new(),
            last_pet: now,
        }
    }

    /// Until the time is over, or the board is reset; true if it was.
    fn run(&mut self, time: Duration) -> bool {
        let end = self.now + time;
        while self.now < end {
            self.now += SECOND;
            self.server_turn();
            if self.guard_turn() {
                return true;
            }
            let unpetted = self.now - self.last_pet;
            assert!(unpetted < 15 * SECOND, "not petted for {unpetted:?}");
        }
        false
    }

    fn server_turn(&mut self) {
        let server = &mut self.server;
        if let (Some(ended), Some(recovers)) = (server.ended, server.recovers)
            && self.now - ended >= SECOND * recovers as u32
        {
            server.ended = None;
            server.beats = true;
            server.frames = 0;
        }
        if server.beats && server.ended.is_none() {
            server.frames += 30 * u64::from(server.delivers);
            let beat = Beat {
                camera: server.camera,
                frames: server.frames,
                viewers: 0,
            };
            self.guard.handle_beat(self.now, beat);
        }
    }

    fn guard_turn(&mut self) -> bool {
        loop {
            let action = self.guard.poll(self.now);
            match &action {
                Action::Wait(_) => return false,
                Action::Pet => {
                    self.last_pet = self.now;
                    continue;
                }
                Action::EndServer(_) => self.server.ended = Some(self.now),
                Action::Forget => self.resets = 0,
                Action::Reset(_) => self.resets += 1,
            }
            let reset = matches!(action, Action::Reset(_));
            let second = (self.now - self.begin).as_secs();
            self.done.push((second, action));
            if reset {
                return true;
            }
        }
    }

    fn endings(&self) -> usize {
        let ended = |(_, action): &&(u64, Action)| matches!(action, Action::EndServer(_));
        self.done.iter().filter(ended).count()
    }
}

#[test]
fn a_good_server_is_left_in_peace() {
    let mut board = Board::new(0);
    assert!(!board.run(30 * HOUR));
    assert_eq!(board.done, []);
}

#[test]
fn a_server_that_stands_still_is_ended_and_begins_anew() {
    let mut board = Board::new(0);
    board.run(MINUTE);
    board.server.beats = false;
    assert!(!board.run(10 * MINUTE));
    assert_eq!(board.endings(), 1);
    assert!((60..90).contains(&board.done[0].0), "{:?}", board.done);
}

#[test]
fn a_server_that_does_not_come_back_resets_the_board() {
    let mut board = Board::new(0);
    board.run(MINUTE);
    board.server.recovers = None;
    board.server.beats = false;
    assert!(board.run(10 * MINUTE));
    assert_eq!(board.endings(), 3);
    // What a reset is petted no more, whoever asks.
    let before = board.done.len();
    for n in 0..100 {
        assert!(matches!(
            board.guard.poll(board.now + n * SECOND),
            Action::Wait(_)
        ));
    }
    assert_eq!(board.done.len(), before);
}

#[test]
fn a_server_that_never_begins_is_given_time_first() {
    let mut board = Board::new(0);
    board.server.beats = false;
    board.server.recovers = None;
    assert!(!board.run(90 * SECOND));
    assert_eq!(board.done, []);
    assert!(board.run(HOUR));
}

#[test]
fn without_a_camera_nothing_is_ended_or_reset() {
    for camera in [Pulse::Missing, Pulse::Lost, Pulse::Running, Pulse::Resting] {
        let mut board = Board::new(0);
        board.server.camera = camera;
        // A stand-in's pictures come and come.
        board.server.delivers = camera == Pulse::Missing;
        assert!(!board.run(30 * HOUR), "{camera:?}");
        assert_eq!(board.done, []);
    }
}

#[test]
fn a_camera_that_is_unplugged_is_no_reason_either() {
    let mut board = Board::new(0);
    board.run(10 * MINUTE);
    board.server.camera = Pulse::Missing;
    assert!(!board.run(30 * HOUR));
    assert_eq!(board.done, []);
}

#[test]
fn a_film_that_rests_while_nobody_watches_has_not_stalled() {
    let mut board = Board::new(0);
    board.server.camera = Pulse::Resting;
    board.run(10 * MINUTE);
    board.server.delivers = false;
    assert!(!board.run(30 * HOUR));
    assert_eq!(board.done, []);
}

#[test]
fn a_stalled_camera_ends_the_server_first_and_then_resets_the_board() {
    for camera in [Pulse::Running, Pulse::Lost] {
        let mut board = Board::new(0);
        board.run(10 * MINUTE);
        board.server.camera = camera;
        board.server.delivers = false;
        assert!(board.run(10 * MINUTE));
        assert_eq!(board.endings(), 1);
        assert!(board.done[0].0 > 600 + 60, "{:?}", board.done);
        assert!(board.done[1].0 > board.done[0].0 + 60, "{:?}", board.done);
        // The power-like start does not help: it stays as it is.
        let mut after = Board::new(board.resets);
        after.server.camera = camera;
        after.server.delivers = false;
        assert!(!after.run(30 * HOUR));
        assert_eq!(after.done.len(), 1, "the earlier reset is forgotten");
    }
}

#[test]
fn a_stall_that_the_new_server_mends_resets_nothing() {
    let mut board = Board::new(0);
    board.run(10 * MINUTE);
    board.server.delivers = false;
    while board.endings() == 0 {
        board.run(SECOND);
    }
    board.server.delivers = true;
    assert!(!board.run(10 * HOUR));
    assert_eq!(board.endings(), 1);
}

/// A camera that delivers for a minute after each start, and then stalls.
#[test]
fn resets_that_follow_one_another_become_rare() {
    let mut resets = 0;
    let mut begins = Vec::new();
    let mut time = Duration::ZERO;
    while time < 7 * 24 * HOUR {
        begins.push(time);
        let mut board = Board::new(resets);
        board.run(MINUTE);
        board.server.delivers = false;
        board.run(48 * HOUR);
        time += board.now - board.begin;
        resets = board.resets;
    }
    assert!(begins.len() < 14, "{} starts in a week", begins.len());
    let first_day = begins.iter().filter(|&&at| at < 24 * HOUR).count();
    assert!((3..=6).contains(&first_day), "{first_day} on the first day");
}

#[test]
fn a_good_hour_lets_earlier_resets_be_forgotten() {
    let mut board = Board::new(4);
    assert!(!board.run(2 * HOUR));
    assert_eq!(board.done.len(), 1);
    assert_eq!(board.done[0].1, Action::Forget);
}

#[test]
fn a_reset_that_can_not_be_remembered_is_put_off_and_petting_goes_on() {
    let mut board = Board::new(0);
    board.run(10 * MINUTE);
    board.server.delivers = false;
    assert!(board.run(HOUR));
    board.guard.reset_failed(board.now);
    board.last_pet = board.now;
    assert!(!board.run(23 * HOUR));
    assert!(board.run(2 * HOUR));
}
