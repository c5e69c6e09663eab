//! The steward's part that keeps the camera alive: signs of life, watchdog, lamp.

use super::Paths;
use crate::core::guard::{Action, Guard};
use crate::core::lamp::{Lamp, Signal};
use crate::io::problems::Problems;
use crate::io::steward::beats::Beats;
use crate::io::steward::led::Led;
use crate::io::steward::resets::{self, Resets};
use crate::io::steward::watchdog::Watchdog;
use crate::proto::heartbeat::{Beat, Pulse};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often what the lamp shows is thought over.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What the program was ended for.
pub(super) struct Complaint {
    pub why: String,
    /// Ending it has not helped.
    pub hopeless: bool,
}

pub(super) struct Guarding {
    guard: Guard,
    lamp: Lamp,
    beats: Beats,
    watchdog: Option<Watchdog>,
    led: Led,
    resets: Resets,
    problems: Problems,
    pid_file: PathBuf,
    /// The camera has no network, and opens one to be set up in.
    pub set_up: bool,
    /// The running version is on trial: what would reset the board ends the trial.
    pub on_trial: bool,
    /// What there is to complain of, for the trial.
    complaint: Option<Complaint>,
    due: Instant,
}

impl Guarding {
    pub fn new(paths: &Paths, group: Option<u32>) -> Result<Guarding, String> {
        let now = Instant::now();
        let socket = paths.run.join("notify");
        let beats = Beats::listen(&socket, group)
            .map_err(|error| format!("{}: {error}", socket.display()))?;
        let resets = Resets(paths.data.join("resets"));
        if let Some(reason) = resets.last_reason() {
            log::warn!(
                "the board was reset {} times running, last because {reason}",
                resets.count()
            );
        }
        Ok(Guarding {
            guard: Guard::new(now, resets.count()),
            lamp: Lamp::default(),
            beats,
            watchdog: Watchdog::open(&paths.root),
            led: Led::find(&paths.root),
            resets,
            problems: Problems {
                notes: paths.run.join("problems"),
                memory: paths.data.clone(),
            },
            pid_file: paths.run.join("camera.pid"),
            set_up: false,
            on_trial: false,
            complaint: None,
            due: now,
        })
    }

    /// Completes when there is something for [`Self::turn`] to do. Cancel-safe.
    pub async fn wait(&self) -> Option<Beat> {
        tokio::select! {
            beat = self.beats.next() => Some(beat),
            () = tokio::time::sleep_until(self.due.into()) => None,
        }
    }

    pub fn turn(&mut self, beat: Option<Beat>) {
        let now = Instant::now();
        if let Some(beat) = beat {
            self.guard.handle_beat(now, beat);
        }
        let next = self.guard_it(now);
        self.due = next.min(self.light(now));
    }

    /// How the camera is by the last beat, and whether it really delivers.
    pub fn camera(&self) -> Option<Pulse> {
        self.guard.camera(Instant::now())
    }

    /// What there was to complain of since this was asked last.
    pub fn complaint(&mut self) -> Option<Complaint> {
        self.complaint.take()
    }

    /// The board is about to restart.
    pub fn leave(&mut self) {
        self.guard.leave();
    }

    fn guard_it(&mut self, now: Instant) -> Instant {
        loop {
            match self.guard.poll(now) {
                Action::Wait(until) => return until,
                Action::Pet => {
                    if let Some(watchdog) = &mut self.watchdog {
                        watchdog.pet();
                    }
                }
                Action::EndServer(why) => {
                    log::error!("{why}: it is ended and started again");
                    if let Err(error) = resets::end_server(&self.pid_file) {
                        log::info!("there is nothing to end: {error}");
                    }
                    self.complain(why, false);
                }
                Action::Reset(why) if self.on_trial => {
                    self.guard.reset_failed(now);
                    self.complain(why, true);
                }
                Action::Reset(why) => self.reset(now, &why),
                Action::Forget => {
                    if let Err(error) = self.resets.forget() {
                        log::warn!("{}: {error}", self.resets.0.display());
                    }
                }
            }
        }
    }

    fn complain(&mut self, why: String, hopeless: bool) {
        self.complaint = Some(Complaint { why, hopeless });
    }

    /// What can't be remembered is not done: it would be done again and again.
    fn reset(&mut self, now: Instant, why: &str) {
        log::error!("{why}: the board is reset");
        let count = self.resets.count().saturating_add(1);
        let done = self
            .resets
            .remember(count, why)
            .and_then(|()| resets::reset_board());
        if let Err(error) = done {
            log::error!("the board can't be reset now: {error}");
            self.guard.reset_failed(now);
        }
    }

    fn light(&mut self, now: Instant) -> Instant {
        let signal = match self.guard.camera(now) {
            None => Signal::Starting,
            Some(_) if self.set_up => Signal::SetUp,
            Some(Pulse::Lost | Pulse::Missing) => Signal::NoCamera,
            Some(_) if !self.problems.read().is_empty() => Signal::Problem,
            Some(_) => Signal::Running,
        };
        self.lamp.show(now, signal);
        let (switched, due) = self.lamp.poll(now);
        if let Some(lit) = switched {
            self.led.switch(lit);
        }
        due.map_or(now + LOOK_AGAIN, |due| due.min(now + LOOK_AGAIN))
    }
}
