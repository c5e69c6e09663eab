//! What goes through U-Boot: reading back what the engine told it, the way back to the
//! other slot, the end of a trial; and the restart itself.

use super::super::Paths;
use super::{Updating, board};
use crate::core::update::record::{Attempt, Known, Outcome, Stage};
use crate::core::update::trial::{Before, Camera};
use crate::io::steward::boot_environment::BootEnvironment;
use crate::io::steward::{presence, resets};
use crate::proto::steward::Refused;
use crate::proto::update::board::{Slot, script};
use crate::proto::update::crash;
use serde_json::{Value, json};
use std::io;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// So long the restart is announced, for who follows the update to learn of it.
const NOTICE: Duration = Duration::from_secs(4);
/// A restart that has not happened by then is asked for again.
const AGAIN: Duration = Duration::from_secs(90);

/// Something that takes its time, one at a time.
#[derive(Debug)]
pub struct Job(JoinHandle<Done>);

/// What has come of it.
#[derive(Debug)]
pub enum Done {
    /// What U-Boot is to try, and where the page answers.
    ReadBack(io::Result<String>, Option<u16>),
    /// Where the page answers, before the way back.
    Looked(Option<u16>),
    Told(Then, io::Result<()>),
    /// It could not be done at all.
    Lost,
}

/// What U-Boot was told, and so what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Nothing,
    /// To try the other slot.
    Restart,
    /// To keep this one.
    Kept,
    /// To go back.
    GivenUp,
}

impl Job {
    pub fn read_back(environment: BootEnvironment, ports: Vec<u16>) -> Job {
        Job(tokio::spawn(async move {
            let word = environment.word("try").await;
            Done::ReadBack(word, presence::page(&ports).await)
        }))
    }

    fn look(ports: Vec<u16>) -> Job {
        Job(tokio::spawn(async move {
            Done::Looked(presence::page(&ports).await)
        }))
    }

    fn tell(environment: BootEnvironment, script: String, then: Then) -> Job {
        Job(tokio::spawn(async move {
            Done::Told(then, environment.tell(&script).await)
        }))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub async fn done(job: &mut Option<Job>) -> Done {
    match job {
        Some(job) => (&mut job.0).await.unwrap_or(Done::Lost),
        None => std::future::pending().await,
    }
}

/// What works now.
pub fn before(paths: &Paths, camera: Camera, page: Option<u16>) -> Before {
    Before {
        camera,
        network: presence::network(&paths.root),
        page,
    }
}

impl Updating {
    /// Back to the version in the other slot, by a trial like any other.
    pub fn roll_back(&mut self) -> Result<Value, Refused> {
        self.may_begin()?;
        let Some((slot, version)) = self.way_back() else {
            self.lock = None;
            let why = "The other slot has no version that is known to work.";
            return Err(Refused::new(409, why));
        };
        log::info!("back to version {version} in slot {}", slot.name());
        let crash = board::last_crash(&self.paths).unwrap_or_default();
        self.record.attempt = Some(Attempt {
            stage: Stage::Restarting,
            slot,
            from: Some(self.board.version.clone()),
            to: Some(version),
            before: None,
            starts: 0,
            reason: None,
            boot: self.board.boot.clone(),
            crash: crash::stamp(&crash).into(),
        });
        self.job = Some(Job::look(self.tools.page.clone()));
        Ok(json!({}))
    }

    /// The other slot and its version, if that has run and nobody has written there since.
    fn way_back(&self) -> Option<(Slot, String)> {
        let slot = self.board.start.slot?.other();
        let known = self.record.known(slot).filter(|known| known.proven)?;
        let first = board::first_bytes(&self.paths, slot);
        (board::digest(&first) == known.digest).then(|| (slot, known.version.clone()))
    }

    pub(super) fn tell(&mut self, script: String, then: Then) {
        self.job = Some(Job::tell(self.environment(), script, then));
    }

    pub(super) fn handle_done(&mut self, now: Instant, done: Done) {
        self.job = None;
        match done {
            Done::ReadBack(word, page) => self.handle_read_back(now, word, page),
            Done::Looked(page) => self.handle_look(page),
            Done::Told(Then::Nothing, Ok(())) => {}
            Done::Told(Then::Nothing, Err(error)) => log::error!("U-Boot: {error}"),
            Done::Told(Then::Restart, Ok(())) => self.plan_restart(now),
            Done::Told(Then::Restart, Err(error)) => {
                let why = format!("U-Boot can't be told to start the other slot: {error}.");
                self.end_attempt(Outcome::Failed, &why);
            }
            Done::Told(Then::Kept, told) => self.handle_kept(now, told),
            Done::Told(Then::GivenUp, told) => {
                if let Err(error) = told {
                    log::error!("U-Boot can't be told to go back: {error}");
                }
                self.restart = Some(now);
            }
            Done::Lost if self.trial.is_some() => log::error!("U-Boot was perhaps not told"),
            Done::Lost => self.fail("The camera's steward lost what it was doing."),
        }
    }

    /// The engine says that all is well; only U-Boot's own words count.
    fn handle_read_back(&mut self, now: Instant, word: io::Result<String>, page: Option<u16>) {
        let slot = self.record.attempt.as_ref().map(|attempt| attempt.slot);
        let told = word.unwrap_or_else(|error| error.to_string());
        if slot.is_none_or(|slot| slot.name() != told) {
            log::error!("U-Boot is to try {told:?}, not {slot:?}");
            return self.fail("The update was written, but U-Boot was not told to start it.");
        }
        self.note_before(page);
        // Restarted is in any case: a trial of which nothing is known is held all the same.
        self.save();
        self.finish(now);
        self.plan_restart(now);
    }

    fn note_before(&mut self, page: Option<u16>) {
        let before = before(&self.paths, self.camera, page);
        log::info!("before the restart: {before:?}");
        let Some(attempt) = &mut self.record.attempt else {
            return;
        };
        attempt.stage = Stage::Restarting;
        attempt.before = Some(before);
        let (slot, version) = (attempt.slot, attempt.to.clone());
        if self.record.known(slot).is_none()
            && let Some(version) = version
        {
            let (proven, digest) = (false, String::new());
            let known = Known {
                version,
                proven,
                digest,
            };
            self.record.set_known(slot, Some(known));
        }
    }

    fn handle_look(&mut self, page: Option<u16>) {
        self.note_before(page);
        let Some(slot) = self.record.attempt.as_ref().map(|attempt| attempt.slot) else {
            return;
        };
        match self.save() {
            true => self.tell(script::try_slot(slot), Then::Restart),
            false => {
                let why = "The card lets nothing be written to the camera's memory for settings: without it there is no way back.";
                self.end_attempt(Outcome::Failed, why);
            }
        }
    }

    pub(super) fn plan_restart(&mut self, now: Instant) {
        self.restart = Some(now + NOTICE);
    }

    pub(super) fn restart_if_due(&mut self, now: Instant) {
        if self.restart.is_none_or(|due| now < due) {
            return;
        }
        log::warn!("the board restarts");
        match resets::restart(&self.tools.restart) {
            Ok(()) => self.leaving = true,
            Err(error) => log::error!("{}: {error}", self.tools.restart.display()),
        }
        self.restart = Some(now + AGAIN);
    }
}
