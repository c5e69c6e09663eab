//! When the watchdog is petted, when the camera's server is ended so that it begins
//! anew, and when the whole board is: decided from the server's signs of life.
//!
//! The board is reset for nothing that a reset has not a chance to mend: a camera that
//! never gave a picture since the power came is broken or missing, and stays so. And
//! resets that follow one another come ever more rarely, however bad things are.

use crate::proto::heartbeat::{Beat, Pulse};
use std::time::{Duration, Instant};

/// The board's watchdogs reset after 15 seconds; a busy card holds us up for some.
const PET_INTERVAL: Duration = Duration::from_secs(3);

/// The server beats every two seconds; a busy board is late now and then.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);

/// For a server that has just been started: it may wait 30 seconds before it is.
const START_LIMIT: Duration = Duration::from_secs(90);

/// The server itself notices a stall after some seconds and opens the camera anew, again
/// and again. This is how long it may try.
const STALL_LIMIT: Duration = Duration::from_secs(60);

/// So many times the server is ended for its silence before the board is reset.
const ENDINGS: u32 = 3;

/// After this long without anything to complain of, what was is forgotten.
const GOOD_RUN: Duration = Duration::from_secs(3600);

/// How long the board has to have run before it is reset, by how many of our resets
/// came before without a good run between them.
const BACKOFF: [Duration; 5] = [
    Duration::from_secs(0),
    Duration::from_secs(600),
    Duration::from_secs(3600),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(24 * 3600),
];

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Tell the watchdog that all is well.
    Pet,
    /// End the server, which its supervisor starts again. The text is for the log.
    EndServer(String),
    /// Remember the reset, then reset the board. No `Pet` comes after it.
    Reset(String),
    /// It has run well: earlier resets are to be forgotten.
    Forget,
    /// Look in again then.
    Wait(Instant),
}

/// The state of things; drain [`Self::poll`] to [`Action::Wait`] after each call.
#[derive(Debug)]
pub struct Guard {
    started: Instant,
    /// Resets of ours without a good run between them, the last one before this start.
    resets: u32,
    pet: Instant,
    /// The last beat, or when the server was started.
    heard: Instant,
    /// Since then it beats; nothing if it was started and has not begun.
    beating_since: Option<Instant>,
    endings: u32,
    frames: u64,
    /// When the camera gave its last frame, if it gave any since the start.
    delivered: Option<Instant>,
    pulse: Option<Pulse>,
    /// When the server was ended because the camera had stalled.
    ended_for_stall: Option<Instant>,
    /// When there was something to complain of, or the start.
    trouble: Instant,
    resetting: bool,
}

impl Guard {
    /// `resets`: what is remembered; many, where nothing can be.
    pub fn new(now: Instant, resets: u32) -> Guard {
        Guard {
            started: now,
            resets,
            pet: now,
            heard: now,
            beating_since: None,
            endings: 0,
            frames: 0,
            delivered: None,
            pulse: None,
            ended_for_stall: None,
            trouble: now,
            resetting: false,
        }
    }

    /// The server gives a sign of life.
    pub fn handle_beat(&mut self, now: Instant, beat: Beat) {
        self.heard = now;
        let since = *self.beating_since.get_or_insert(now);
        if now - since > START_LIMIT {
            self.endings = 0;
        }
        // A stand-in's pictures are no camera's; a new server counts from zero.
        let delivers = beat.frames != self.frames && beat.frames != 0;
        if matches!(beat.camera, Pulse::Running | Pulse::Resting) && delivers {
            self.delivered = Some(now);
            self.ended_for_stall = None;
        }
        self.frames = beat.frames;
        self.pulse = Some(beat.camera);
    }

    /// How the camera is by the last beat, and whether it really delivers.
    pub fn camera(&self, now: Instant) -> Option<Pulse> {
        match self.pulse {
            Some(Pulse::Running) if self.stalls_for(now) > SILENCE_LIMIT => Some(Pulse::Lost),
            pulse => pulse,
        }
    }

    /// The reset could not be remembered, or not done: it is tried again much later.
    pub fn reset_failed(&mut self, now: Instant) {
        self.resets = BACKOFF.len() as u32;
        self.started = now;
        self.pet = now;
        self.resetting = false;
    }

    /// The board is about to restart: if that hangs, the watchdog is to do it.
    pub fn leave(&mut self) {
        self.resetting = true;
    }

    pub fn poll(&mut self, now: Instant) -> Action {
        if self.resetting {
            return Action::Wait(now + PET_INTERVAL);
        }
        if let Some(action) = self.complain(now) {
            return action;
        }
        if self.resets > 0 && now - self.trouble > GOOD_RUN {
            self.resets = 0;
            return Action::Forget;
        }
        if now >= self.pet {
            self.pet = now + PET_INTERVAL;
            return Action::Pet;
        }
        Action::Wait(self.pet)
    }

    fn complain(&mut self, now: Instant) -> Option<Action> {
        let limit = match self.beating_since {
            Some(_) => SILENCE_LIMIT,
            None => START_LIMIT,
        };
        let silence = now - self.heard;
        if silence > limit {
            self.trouble = now;
            let why = format!(
                "the program gives no sign of life for {} s",
                silence.as_secs()
            );
            return self.end_or_reset(now, why);
        }
        let stall = self.stalls_for(now);
        if stall > STALL_LIMIT {
            self.trouble = now;
            let why = format!(
                "the camera gives no picture any more for {} s",
                stall.as_secs()
            );
            return match self.ended_for_stall {
                None => {
                    self.ended_for_stall = Some(now);
                    Some(self.end(now, why))
                }
                Some(ended) if now - ended > STALL_LIMIT + START_LIMIT => self.reset(now, why),
                Some(_) => None,
            };
        }
        None
    }

    /// Nothing, for a camera that never gave a picture, or is known to be away.
    fn stalls_for(&self, now: Instant) -> Duration {
        match self.delivered {
            Some(delivered) if matches!(self.pulse, Some(Pulse::Running | Pulse::Lost)) => {
                now - delivered
            }
            _ => Duration::ZERO,
        }
    }

    fn end_or_reset(&mut self, now: Instant, why: String) -> Option<Action> {
        if self.endings < ENDINGS {
            self.endings += 1;
            return Some(self.end(now, why));
        }
        let action = self.reset(now, why);
        if action.is_none() && now - self.heard > 2 * START_LIMIT {
            // Not yet. Meanwhile it is ended again, now and then.
            self.endings = ENDINGS - 1;
        }
        action
    }

    fn end(&mut self, now: Instant, why: String) -> Action {
        self.heard = now;
        self.beating_since = None;
        Action::EndServer(why)
    }

    fn reset(&mut self, now: Instant, why: String) -> Option<Action> {
        let step = (self.resets as usize).min(BACKOFF.len() - 1);
        if now - self.started < BACKOFF[step] {
            return None;
        }
        self.resetting = true;
        Some(Action::Reset(why))
    }
}
