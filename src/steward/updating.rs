//! The steward's part in updates: takes bundles in, has the engine write them, restarts
//! into what was written, and judges it there.

mod board;
mod receiving;
mod restarting;
#[cfg(test)]
mod tests;
mod trying;

use super::Paths;
use crate::core::update::aftermath::{self, Found, Next};
use crate::core::update::record::{Known, Outcome, Record};
use crate::core::update::session::{ENVELOPE, Uploads};
use crate::core::update::trial::{Camera, Trial};
use crate::io::steward::boot_environment::BootEnvironment;
use crate::io::steward::bundles::{Arrived, Bundles, Delivery, Transfer};
use crate::io::steward::dirty_pages::Bounded;
use crate::io::steward::engine::{End, Engine};
use crate::io::steward::lock::Lock;
use crate::proto::steward::Refused;
use board::Board;
use receiving::Inlet;
use restarting::{Done, Job};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::time::sleep_until;
use trying::{Probe, Seen};

/// With nothing to wait for, the loop looks in again after this.
const IDLE: Duration = Duration::from_secs(3600);
/// The start scripts are still busy with the kernel's last words; see last-crash.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// The programs that are called. Those without a folder are looked for in `PATH`.
#[derive(Clone, Debug)]
pub struct Tools {
    pub engine: PathBuf,
    pub print_environment: PathBuf,
    pub set_environment: PathBuf,
    pub restart: PathBuf,
    /// Where the page is looked for.
    pub page: Vec<u16>,
}

impl Default for Tools {
    fn default() -> Tools {
        Tools {
            engine: "swupdate".into(),
            print_environment: "fw_printenv".into(),
            set_environment: "fw_setenv".into(),
            restart: "/sbin/reboot".into(),
            page: vec![80, 8080],
        }
    }
}

pub(super) struct Updating {
    paths: Paths,
    tools: Tools,
    board: Board,
    record: Record,
    /// What was before is not judged yet, and is to be then.
    judge: Option<Instant>,
    bundles: Bundles,
    lock: Option<Lock>,
    uploads: Uploads,
    inlet: Inlet,
    transfer: Option<Transfer>,
    engine: Option<Engine>,
    bounded: Option<Bounded>,
    /// A piece that can be answered when the engine has ended, which is then.
    waiting: Option<(UnixStream, Instant)>,
    /// What was known of the other slot, and its first bytes.
    displaced: Option<(Option<Known>, Vec<u8>)>,
    job: Option<Job>,
    /// When the board is restarted.
    restart: Option<Instant>,
    /// It has been asked to restart: nothing pets the watchdog any more.
    pub leaving: bool,
    trial: Option<Trial>,
    probe: Probe,
    /// How the camera is, by its last beat.
    camera: Camera,
    due: Instant,
}

/// What a turn has waited for.
pub(super) enum Event {
    Delivery(Delivery),
    Arrived(Option<Arrived>),
    Ended(End),
    Done(Done),
    Seen(Seen),
    Time,
}

impl Updating {
    /// `group`: who may bring bundles, besides root.
    pub fn begin(paths: &Paths, tools: Tools, group: Option<u32>) -> Result<Updating, String> {
        let socket = paths.run.join("bundle");
        let bundles = Bundles::listen(&socket, group)
            .map_err(|error| format!("{}: {error}", socket.display()))?;
        let now = Instant::now();
        let mut updating = Updating {
            board: Board::read(paths),
            record: board::load(paths),
            paths: paths.clone(),
            tools,
            judge: Some(now),
            bundles,
            lock: None,
            uploads: Uploads::default(),
            inlet: Inlet::Closed,
            transfer: None,
            engine: None,
            bounded: None,
            waiting: None,
            displaced: None,
            job: None,
            restart: None,
            leaving: false,
            trial: None,
            probe: Probe::default(),
            camera: Camera::None,
            due: now,
        };
        if updating.is_unexplained() {
            updating.judge = Some(now + LAST_WORDS);
        }
        updating.settle(now);
        Ok(updating)
    }

    /// Completes when there is something for [`Self::turn`] to do. Cancel-safe.
    pub async fn wait(&mut self) -> Event {
        tokio::select! {
            delivery = self.bundles.next() => Event::Delivery(delivery),
            arrived = receiving::arrived(&mut self.transfer) => Event::Arrived(arrived),
            end = receiving::ended(&mut self.engine) => Event::Ended(end),
            done = restarting::done(&mut self.job) => Event::Done(done),
            seen = self.probe.seen() => Event::Seen(seen),
            () = sleep_until(self.due.into()) => Event::Time,
        }
    }

    pub fn turn(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Delivery(delivery) => self.take_delivery(now, delivery),
            Event::Arrived(arrived) => self.handle_arrival(now, arrived),
            Event::Ended(end) => self.handle_end(now, end),
            Event::Done(done) => self.handle_done(now, done),
            Event::Seen(seen) => self.handle_seen(now, seen),
            Event::Time => {}
        }
        self.settle(now);
    }

    /// What `GET /api/update` shows.
    pub fn facts(&mut self) -> Value {
        let now = Instant::now();
        self.count(now);
        let progress = self.uploads.progress();
        let other = self.board.start.slot.map(|slot| slot.other());
        let known = other.and_then(|slot| self.record.known(slot));
        json!({
            "version": self.board.version,
            "slot": self.board.start.slot,
            "state": self.state(),
            "id": self.uploads.id(),
            "received": progress.map(|(received, _)| received),
            "size": progress.map(|(_, size)| size),
            "other": { "slot": other, "version": known.map(|known| &known.version) },
            "can_roll_back": self.state() == "idle" && known.is_some_and(|known| known.proven),
            "trial": self.trial.as_ref().map(|trial| json!({
                "waits_for": trial.waits_for(),
                "seconds_left": trial.left(now).as_secs(),
            })),
            "last": self.record.last,
            "max_size": self.room().ok().map(|room| room + ENVELOPE),
        })
    }

    /// The steward is told to end. Whoever restarts the board to try what the fleet's
    /// client has installed leaves nothing else to judge it by.
    pub fn end(&mut self) {
        let seen = Some(restarting::before(&self.paths, self.camera, Some(80)));
        if self.record.attempt.is_none() && self.record.seen != seen {
            self.record.seen = seen;
            self.save();
        }
    }

    fn state(&self) -> &'static str {
        match () {
            () if self.trial.is_some() => "trial",
            () if self.uploads.is_receiving() => "receiving",
            () if self.uploads.is_installing() => "installing",
            () if self.restart.is_some() => "restarting",
            () if self.job.is_some() && self.record.attempt.is_some() => "restarting",
            () => "idle",
        }
    }

    /// Nothing else may be under way for this.
    fn may_begin(&mut self) -> Result<(), Refused> {
        let now = Instant::now();
        // Who asks now can't wait for the kernel's last words.
        self.judge = self.judge.map(|_| now);
        self.settle(now);
        if self.board.start.slot.is_none() {
            let why = "This camera's system has no second slot to put an update into.";
            return Err(Refused::new(503, why));
        }
        let why = match self.state() {
            "idle" if self.transfer.is_some() || self.job.is_some() => {
                "Another update has just ended; try again."
            }
            "idle" => return self.take_lock(),
            "trial" => "This version is still on trial; wait until that has ended.",
            "restarting" => "The camera is about to restart.",
            _ => "Another update is under way.",
        };
        Err(Refused::new(409, why))
    }

    fn take_lock(&mut self) -> Result<(), Refused> {
        match Lock::take(&self.paths.run.join("update.lock")) {
            Ok(Some(lock)) => self.lock = Some(lock),
            Ok(None) => return Err(Refused::new(409, "Another update is under way.")),
            Err(error) => {
                let why = format!("It is not known whether another update is under way: {error}.");
                return Err(Refused::new(503, &why));
            }
        }
        Ok(())
    }

    /// Does what it is time for, and plans the next look.
    fn settle(&mut self, now: Instant) {
        self.count(now);
        if self.judge.is_some_and(|due| now >= due) {
            self.judge = None;
            self.look_back(now);
        }
        self.give_up_late(now);
        self.try_on(now);
        self.restart_if_due(now);
        let dues = [
            self.judge,
            self.uploads.deadline(),
            self.waiting.as_ref().map(|(_, until)| *until),
            self.restart,
            self.next_look(now),
        ];
        self.due = dues.into_iter().flatten().min().unwrap_or(now + IDLE);
        self.due = self.due.min(now + IDLE);
    }

    /// An attempt of which only the kernel's log can tell how it ended.
    fn is_unexplained(&self) -> bool {
        let attempt = self.record.attempt.as_ref();
        let elsewhere = |slot| self.board.start.slot.is_some_and(|running| running != slot);
        !self.board.start.on_trial()
            && attempt.is_some_and(|each| {
                elsewhere(each.slot) && each.reason.is_none() && each.boot != self.board.boot
            })
    }

    /// Finds out what was before this start.
    fn look_back(&mut self, now: Instant) {
        let before = self.record.clone();
        let crash = board::last_crash(&self.paths);
        let found = Found {
            start: self.board.start,
            version: &self.board.version,
            digest: &self.board.digest,
            boot: &self.board.boot,
            crash: crash.as_deref(),
            at: board::seconds(),
        };
        let next = aftermath::judge(&mut self.record, &found);
        if self.record != before {
            self.save();
        }
        if self.record.last != before.last
            && let Some(last) = &self.record.last
        {
            log::info!("the last update: {last:?}");
        }
        self.follow(now, next);
    }

    fn follow(&mut self, now: Instant, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Trial(before) => self.begin_trial(now, before),
            Next::GiveUp(why) => {
                self.begin_trial(now, Default::default());
                if let Some(trial) = &mut self.trial {
                    trial.fail(&why);
                }
            }
            Next::Restart => self.plan_restart(now),
            Next::Tell(script) => self.tell(script, restarting::Then::Nothing),
        }
    }

    /// Whether it is kept.
    fn save(&self) -> bool {
        let saved = board::save(&self.paths, &self.record);
        if let Err(error) = &saved {
            log::error!("what is known of updates can't be kept: {error}");
        }
        saved.is_ok()
    }

    /// The attempt has come to this end.
    fn end_attempt(&mut self, outcome: Outcome, why: &str) {
        log::warn!("the update was not done ({outcome:?}): {why}");
        self.record.end(outcome, why, board::seconds());
        if let Some(last) = &mut self.record.last {
            last.from = Some(self.board.version.clone());
        }
        self.save();
        self.lock = None;
    }

    fn environment(&self) -> BootEnvironment {
        BootEnvironment {
            print: self.tools.print_environment.clone(),
            set: self.tools.set_environment.clone(),
        }
    }
}
