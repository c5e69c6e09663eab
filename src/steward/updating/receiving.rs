//! Takes a bundle in: from the socket into the engine, piece by piece.

use super::restarting::Job;
use super::{Updating, board};
use crate::core::update::record::{Attempt, Outcome, Stage};
use crate::io::steward::bundles::{self, Arrived, Delivery, How, Transfer};
use crate::io::steward::dirty_pages::Bounded;
use crate::io::steward::engine::{End, Engine, Order};
use crate::proto::steward::{self, Refused};
use crate::proto::update::bundle::Contents;
use crate::proto::update::complaint::Complaint;
use crate::proto::update::crash;
use crate::proto::update::piece::UploadId;
use serde_json::{Value, json};
use std::io;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::process::ChildStdin;

/// For an engine to end that takes no more: it then knows why.
const LAST_BREATH: Duration = Duration::from_secs(20);

/// Where the next bytes go.
#[derive(Debug)]
pub enum Inlet {
    /// To nobody: there is no upload, or its bytes are on their way.
    Closed,
    /// To the head, which decides whether the engine is started.
    Head(Vec<u8>),
    Engine(ChildStdin),
}

pub async fn arrived(transfer: &mut Option<Transfer>) -> Option<Arrived> {
    match transfer {
        Some(transfer) => transfer.arrived().await,
        None => std::future::pending().await,
    }
}

pub async fn ended(engine: &mut Option<Engine>) -> End {
    match engine {
        Some(engine) => engine.ended().await,
        None => std::future::pending().await,
    }
}

impl Updating {
    /// A bundle of `size` bytes is to come.
    pub fn announce(&mut self, size: u64) -> Result<Value, Refused> {
        self.may_begin()?;
        let now = Instant::now();
        let announced = self.room().and_then(|room| {
            let random = getrandom::u64().map_err(|error| {
                Refused::new(503, &format!("There are no random numbers: {error}."))
            })?;
            let id = UploadId::from_random(random);
            self.uploads.announce(now, id.clone(), size, room)?;
            Ok(json!({ "id": id }))
        });
        match announced {
            Ok(_) => {
                log::info!("an update of {size} bytes is to come");
                self.inlet = Inlet::Head(Vec::new());
            }
            Err(_) => self.lock = None,
        }
        self.settle(now);
        announced
    }

    pub fn abandon(&mut self, id: &UploadId) -> Result<Value, Refused> {
        self.uploads.abandon(id)?;
        log::info!("the upload is given up by who sends it");
        let refused = Refused::new(410, "The upload was given up.");
        self.stop(refused, Outcome::Failed, "The upload was given up.");
        self.settle(Instant::now());
        Ok(json!({}))
    }

    pub(super) fn room(&self) -> Result<u64, Refused> {
        let slot = self.board.start.slot.map(|slot| slot.other());
        slot.and_then(|slot| board::room(&self.paths, slot))
            .ok_or_else(|| Refused::new(503, "The card has no second slot for an update."))
    }

    pub(super) fn take_delivery(&mut self, now: Instant, delivery: Delivery) {
        let Delivery { piece, stream } = delivery;
        self.count(now);
        if let Err(refused) = self.uploads.begin(now, &piece) {
            return bundles::answer(stream, refused.line());
        }
        if !self.uploads.is_receiving() {
            return self.confirm(now, stream);
        }
        let (size, room) = (
            self.uploads.progress().map_or(0, |(_, size)| size),
            self.room().unwrap_or(0),
        );
        let transfer = match std::mem::replace(&mut self.inlet, Inlet::Closed) {
            Inlet::Head(head) => Transfer::collect(stream, head, piece.length, size, room),
            Inlet::Engine(stdin) => Transfer::pour(stream, stdin, Vec::new(), piece.length),
            // The engine has ended, and is heard next.
            Inlet::Closed => return self.wait_for_end(now, stream),
        };
        self.transfer = Some(transfer);
    }

    /// Counts what has come since it was counted last.
    pub(super) fn count(&mut self, now: Instant) {
        let news = self.transfer.as_mut().map_or(0, Transfer::news);
        if news > 0 {
            self.uploads.take(now, news);
        }
    }

    pub(super) fn handle_arrival(&mut self, now: Instant, arrived: Option<Arrived>) {
        self.count(now);
        self.transfer = None;
        let Some(Arrived { stream, how }) = arrived else {
            return self.fail("The camera's steward lost the bundle.");
        };
        if self.uploads.id().is_none() {
            return bundles::answer(stream, self.uploads.last_end().line());
        }
        match how {
            How::Collected(head) => {
                self.inlet = Inlet::Head(head);
                self.confirm(now, stream);
            }
            How::Headed(head, contents, left) => match self.start_engine(contents) {
                Ok(stdin) => self.transfer = Some(Transfer::pour(stream, stdin, head, left)),
                Err(why) => {
                    self.waiting = Some((stream, now));
                    self.fail(&why);
                }
            },
            How::Bad(complaint) => {
                self.waiting = Some((stream, now));
                self.refuse(complaint);
            }
            How::Poured(stdin) => {
                self.inlet = Inlet::Engine(stdin);
                self.confirm(now, stream);
            }
            How::Engine(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.waiting = Some((stream, now));
                self.fail("The update engine takes no more of the bundle.");
            }
            How::Engine(_) => self.wait_for_end(now, stream),
        }
    }

    /// The piece is there, as far as it came.
    fn confirm(&mut self, now: Instant, stream: UnixStream) {
        let offset = self.uploads.end_piece(now).unwrap_or(0);
        bundles::answer(stream, steward::done(json!({ "offset": offset })));
        if self.uploads.is_installing() {
            // The end of the bundle, for the engine.
            self.inlet = Inlet::Closed;
        }
    }

    fn wait_for_end(&mut self, now: Instant, stream: UnixStream) {
        if !self.uploads.is_receiving() {
            // It has ended well, and was heard already.
            return self.confirm(now, stream);
        }
        self.waiting = Some((stream, now + LAST_BREATH));
    }

    /// What the other slot holds is noted as unknown first: from here on it may be written.
    fn start_engine(&mut self, contents: Contents) -> Result<ChildStdin, String> {
        let running = self.board.start.slot.ok_or("There is no other slot.")?;
        let slot = running.other();
        let first = board::first_bytes(&self.paths, slot);
        self.displaced = Some((self.record.known(slot).cloned(), first));
        self.record.set_known(slot, None);
        let crash = board::last_crash(&self.paths).unwrap_or_default();
        self.record.attempt = Some(Attempt {
            stage: Stage::Writing,
            slot,
            from: Some(self.board.version.clone()),
            to: contents.version.clone(),
            before: None,
            starts: 0,
            reason: None,
            boot: self.board.boot.clone(),
            crash: crash::stamp(&crash).into(),
        });
        if !self.save() {
            return Err("The card lets nothing be written to the camera's memory for settings: without it no update is begun.".into());
        }
        let order = Order {
            program: self.tools.engine.clone(),
            keys: self.paths.root.join("etc/mimamori/update-keys.pem"),
            floor: board::floor(&self.paths),
            hardware: board::hardware(&self.paths),
            folder: self.paths.run.join("update.d"),
            slot,
        };
        self.bounded = Some(Bounded::new(&self.paths.root));
        let (engine, stdin) = Engine::start(&order)
            .map_err(|error| format!("The update engine can't be started: {error}."))?;
        log::info!("slot {} is written: {contents:?}", slot.name());
        self.engine = Some(engine);
        Ok(stdin)
    }

    pub(super) fn handle_end(&mut self, now: Instant, end: End) {
        self.engine = None;
        self.bounded = None;
        if end.success {
            let ports = self.tools.page.clone();
            self.job = Some(Job::read_back(self.environment(), ports));
            return;
        }
        // Its own end: what it wrote is all that was written.
        let slot = self.record.attempt.as_ref().map(|attempt| attempt.slot);
        if let (Some(slot), Some((known, first))) = (slot, self.displaced.take())
            && !first.is_empty()
            && first == board::first_bytes(&self.paths, slot)
        {
            self.record.set_known(slot, known);
        }
        let words = end.heard.words();
        let outcome = match end.heard.complaint() {
            Some(complaint) if complaint.is_refusal() => Outcome::Refused,
            _ => Outcome::Failed,
        };
        self.stop(Refused::new(422, &words), outcome, &words);
        self.settle(now);
    }

    fn refuse(&mut self, complaint: Complaint) {
        let words = complaint.words();
        self.stop(Refused::new(422, words), Outcome::Refused, words);
    }

    /// It is the camera's fault.
    pub(super) fn fail(&mut self, why: &str) {
        self.stop(Refused::new(422, why), Outcome::Failed, why);
    }

    /// What takes too long is given up.
    pub(super) fn give_up_late(&mut self, now: Instant) {
        let breathless = self
            .waiting
            .as_ref()
            .is_some_and(|(_, until)| now >= *until);
        if breathless && self.job.is_none() {
            self.fail("The update engine neither goes on nor ends.");
        }
        let Some(why) = self.uploads.overdue(now) else {
            return;
        };
        match self.uploads.is_receiving() {
            true => self.stop(Refused::new(410, why), Outcome::Failed, why),
            false => self.fail(why),
        }
    }

    /// The upload ends, and the engine with it.
    fn stop(&mut self, refused: Refused, outcome: Outcome, why: &str) {
        if let Some((stream, _)) = self.waiting.take() {
            bundles::answer(stream, refused.line());
        }
        self.uploads.end(refused);
        // It is answered when it has stopped.
        if let Some(transfer) = &self.transfer {
            transfer.stop();
        }
        self.inlet = Inlet::Closed;
        self.engine = None;
        self.bounded = None;
        self.displaced = None;
        self.job = None;
        self.end_attempt(outcome, why);
    }

    /// It is installed; who still waits is told so.
    pub(super) fn finish(&mut self, now: Instant) {
        self.uploads.installed();
        self.displaced = None;
        if let Some((stream, _)) = self.waiting.take() {
            self.confirm(now, stream);
        }
    }
}
