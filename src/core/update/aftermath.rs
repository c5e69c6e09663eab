//! What a start of the steward finds of what was before: a trial to hold, a restart to
//! do, or an attempt whose end is to be told.

use super::record::{Attempt, Known, Outcome, Record, Stage};
use super::trial::{Before, Camera};
use crate::proto::update::board::{Slot, Start, script};
use crate::proto::update::crash;

/// A steward that has begun so often in one trial keeps ending itself. Without that, U-Boot
/// starts a version twice.
const STARTS: u32 = 5;

/// Of a version that did not even start its steward.
const NO_WORD: &str =
    "it did not come so far as to say why: its system panicked, hung, or lost its power";

/// What is known at the start.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    pub start: Start,
    /// The version that runs.
    pub version: &'a str,
    /// A digest of the first bytes of the slot that runs.
    pub digest: &'a str,
    /// Names this start of the system.
    pub boot: &'a str,
    /// The kernel's log from the last crash, if one was kept.
    pub crash: Option<&'a str>,
    /// Seconds since 1970.
    pub at: u64,
}

/// What is to be done; the record has been changed and is to be kept first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Nothing,
    /// Hold the trial of what runs.
    Trial(Before),
    /// The trial of what runs has failed already.
    GiveUp(String),
    /// Restart, as was begun.
    Restart,
    /// Tell U-Boot this.
    Tell(String),
}

/// Where nothing is known of what was before: a program and a page there have to be.
const LEAST: Before = Before {
    camera: Camera::None,
    network: false,
    page: Some(80),
};

impl Found<'_> {
    fn running(&self, proven: bool) -> Known {
        Known {
            version: self.version.into(),
            proven,
            digest: self.digest.into(),
        }
    }
}

pub fn judge(record: &mut Record, found: &Found) -> Next {
    let Some(running) = found.start.slot else {
        return Next::Nothing;
    };
    if found.start.on_trial() && record.kept_at != found.boot {
        return begin_trial(record, running, found);
    }
    record.set_known(running, Some(found.running(true)));
    let next = match record.attempt.clone() {
        Some(attempt) if attempt.slot == running => {
            record.kept(running, found.running(true), found.boot, found.at);
            Next::Nothing
        }
        Some(attempt) => end_attempt(record, &attempt, found),
        None => end_unknown(record, running, found),
    };
    record.told = found.start.failed;
    next
}

fn begin_trial(record: &mut Record, running: Slot, found: &Found) -> Next {
    let known = record.attempt.take().filter(|each| each.slot == running);
    let mut attempt = known.unwrap_or_else(|| Attempt {
        stage: Stage::Trial,
        slot: running,
        from: record
            .known(running.other())
            .map(|each| each.version.clone()),
        to: None,
        before: None,
        starts: 0,
        reason: None,
        boot: String::new(),
        crash: crash::stamp(found.crash.unwrap_or_default()).into(),
    });
    let given_up = attempt.reason.take().filter(|_| attempt.boot == found.boot);
    attempt.stage = Stage::Trial;
    attempt.to = Some(found.version.into());
    attempt.boot = found.boot.into();
    attempt.starts += 1;
    // Put there by somebody else, it has not run yet.
    record.set_known(running, Some(found.running(false)));
    let next = match given_up {
        Some(reason) => Next::GiveUp(reason),
        None if attempt.starts > STARTS => Next::GiveUp("its steward ended again and again".into()),
        None => Next::Trial(attempt.before.or(record.seen).unwrap_or(LEAST)),
    };
    record.attempt = Some(attempt);
    next
}

/// An attempt of the other slot, which does not run.
fn end_attempt(record: &mut Record, attempt: &Attempt, found: &Found) -> Next {
    let same_start = attempt.boot == found.boot && attempt.stage != Stage::Trial;
    let slot = attempt.slot;
    if same_start && attempt.stage == Stage::Restarting {
        return Next::Restart;
    }
    if same_start {
        record.end(
            Outcome::Failed,
            "The camera's steward began anew while the bundle was being written.",
            found.at,
        );
        // The engine may have come as far as that.
        return Next::Tell(script::try_nothing());
    }
    if found.start.trying == Some(slot) {
        record.end(
            Outcome::RolledBack,
            "its system could not be loaded",
            found.at,
        );
        return Next::Tell(script::give_up(slot));
    }
    let tried = attempt.stage == Stage::Trial || found.start.failed == Some(slot);
    match (&attempt.reason, tried) {
        (Some(reason), _) => record.end(Outcome::RolledBack, reason, found.at),
        (None, true) => {
            let reason = unexplained(attempt, found);
            record.end(Outcome::RolledBack, &reason, found.at);
        }
        (None, false) => record.end(
            Outcome::Failed,
            "The power went, or the camera restarted, before the update was complete.",
            found.at,
        ),
    }
    Next::Nothing
}

/// The trial ended without anybody who could say why.
fn unexplained(attempt: &Attempt, found: &Found) -> String {
    let crash = found
        .crash
        .filter(|file| crash::stamp(file) != attempt.crash);
    match (crash, attempt.starts) {
        (Some(file), _) => crash::words(file),
        (None, 0) => NO_WORD.into(),
        (None, _) => {
            "it was restarted before it had proved itself, twice: it hung, or its power went".into()
        }
    }
}

/// U-Boot names a slot that has failed, of which the record knows nothing.
fn end_unknown(record: &mut Record, running: Slot, found: &Found) -> Next {
    let other = running.other();
    let unloadable = found.start.trying == Some(other);
    let news = found.start.failed == Some(other) && record.told != Some(other);
    if !unloadable && !news {
        return Next::Nothing;
    }
    record.end(
        Outcome::RolledBack,
        match unloadable {
            true => "its system could not be loaded",
            false => NO_WORD,
        },
        found.at,
    );
    if let Some(last) = &mut record.last {
        last.from = Some(found.version.into());
    }
    match unloadable {
        true => Next::Tell(script::give_up(other)),
        false => Next::Nothing,
    }
}
