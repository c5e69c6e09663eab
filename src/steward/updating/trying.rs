//! Holds the trial of a version that was started for the first time.

use super::restarting::Then;
use super::{Updating, board};
use crate::core::update::record::Known;
use crate::core::update::trial::{Before, Camera, Trial, Verdict};
use crate::io::steward::lock::Lock;
use crate::io::steward::presence;
use crate::proto::heartbeat::{Beat, Pulse};
use crate::proto::update::board::script;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How often page and network are looked at, at most.
const LOOK: Duration = Duration::from_secs(2);
/// For one look at all of them.
const LOOKING: Duration = Duration::from_secs(9);
/// So often U-Boot is told that this version is kept.
const TELLINGS: u32 = 5;

/// Looks at page and network, again and again.
#[derive(Debug, Default)]
pub struct Probe {
    ports: Vec<u16>,
    root: PathBuf,
    look: Option<JoinHandle<Seen>>,
    tellings: u32,
}

/// What a look has seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    page: bool,
    network: bool,
}

impl Probe {
    /// Never, unless it was begun. Cancel-safe.
    pub async fn seen(&mut self) -> Seen {
        let Some(look) = &mut self.look else {
            return std::future::pending().await;
        };
        let seen = look.await;
        self.look = None;
        seen.unwrap_or(Seen {
            page: false,
            network: false,
        })
    }

    fn look(&mut self, after: Duration) {
        let (ports, root) = (self.ports.clone(), self.root.clone());
        self.look = Some(tokio::spawn(async move {
            sleep(after).await;
            let page = timeout(LOOKING, presence::page(&ports)).await;
            Seen {
                page: page.is_ok_and(|port| port.is_some()),
                network: presence::network(&root),
            }
        }));
    }

    fn end(&mut self) {
        if let Some(look) = self.look.take() {
            look.abort();
        }
    }
}

impl Updating {
    pub(super) fn begin_trial(&mut self, now: Instant, before: Before) {
        log::info!(
            "version {} is on trial: it has to show what there was before, {before:?}",
            self.board.version
        );
        // Until it has ended nobody else may update. If the lock can't be had, who holds
        // it has yet to find out that there is a trial.
        self.lock = Lock::take(&self.paths.run.join("update.lock")).unwrap_or_default();
        self.probe.root = self.paths.root.clone();
        self.probe.ports = self.tools.page.clone();
        if let Some(port) = before.page {
            self.probe.ports.retain(|each| *each != port);
            self.probe.ports.insert(0, port);
        }
        self.probe.look(Duration::ZERO);
        self.trial = Some(Trial::new(now, before));
    }

    /// The camera's program gives a sign of life; `pulse`: how the camera is by that, and
    /// by what it really delivers.
    pub fn handle_beat(&mut self, beat: Beat, pulse: Option<Pulse>) {
        self.camera = Camera::of(pulse);
        if let Some(trial) = &mut self.trial {
            let now = Instant::now();
            trial.handle_beat(now, beat);
            self.settle(now);
        }
    }

    /// The program had to be ended; or, if it is `hopeless`, the board would be reset.
    pub fn handle_complaint(&mut self, why: &str, hopeless: bool) {
        let Some(trial) = &mut self.trial else {
            return;
        };
        match hopeless {
            true => trial.fail(why),
            false => trial.handle_ending(why),
        }
        self.settle(Instant::now());
    }

    pub fn on_trial(&self) -> bool {
        self.trial.is_some()
    }

    pub(super) fn handle_seen(&mut self, now: Instant, seen: Seen) {
        if let Some(trial) = &mut self.trial {
            trial.handle_page(now, seen.page);
            trial.handle_network(now, seen.network);
            self.probe.look(LOOK);
        }
    }

    /// When to look at the trial again.
    pub(super) fn next_look(&mut self, now: Instant) -> Option<Instant> {
        match (&mut self.trial, &self.job) {
            (Some(trial), None) if self.restart.is_none() => match trial.poll(now) {
                Verdict::Wait(until) => Some(until),
                _ => Some(now),
            },
            _ => None,
        }
    }

    pub(super) fn try_on(&mut self, now: Instant) {
        let Some(trial) = &mut self.trial else {
            return;
        };
        if self.job.is_some() || self.restart.is_some() {
            return;
        }
        let verdict = trial.poll(now);
        let Some(slot) = self.board.start.slot else {
            return;
        };
        match verdict {
            Verdict::Wait(_) => {}
            Verdict::Proven => self.tell(script::keep(slot), Then::Kept),
            Verdict::Failed(why) => {
                log::error!("version {} is given up: {why}", self.board.version);
                if let Some(attempt) = &mut self.record.attempt {
                    attempt.reason = Some(why);
                }
                // First of all: the old version tells it.
                self.save();
                self.tell(script::give_up(slot), Then::GivenUp);
            }
        }
    }

    pub(super) fn handle_kept(&mut self, now: Instant, told: io::Result<()>) {
        if let Err(error) = told {
            log::error!("U-Boot can't be told that this version is kept: {error}");
            self.probe.tellings += 1;
            if self.probe.tellings >= TELLINGS
                && let Some(trial) = &mut self.trial
            {
                trial.fail("U-Boot could not be told to keep it");
            }
            return;
        }
        let Some(slot) = self.board.start.slot else {
            return;
        };
        log::info!(
            "version {} has proved itself and is kept",
            self.board.version
        );
        let running = Known {
            version: self.board.version.clone(),
            proven: true,
            digest: self.board.digest.clone(),
        };
        let boot = self.board.boot.clone();
        self.record.kept(slot, running, &boot, board::seconds());
        self.save();
        self.trial = None;
        self.probe.end();
        self.lock = None;
        self.settle(now);
    }
}
