//! What the steward remembers of updates: which version is in which slot, the attempt
//! that is under way, and how the last one ended.
//!
//! An older version reads the file of a newer one: what it does not know it passes over.

use super::trial::Before;
use crate::proto::update::board::Slot;
use serde::{Deserialize, Serialize};

/// Longest file taken, in bytes.
pub const LIMIT: usize = 64 << 10;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    #[serde(default)]
    pub slots: Slots,
    #[serde(default)]
    pub attempt: Option<Attempt>,
    #[serde(default)]
    pub last: Option<Last>,
    /// The failed slot that U-Boot names, and that was told of already.
    #[serde(default)]
    pub told: Option<Slot>,
    /// What worked when the steward was last told to end: for the trial of a version that
    /// somebody else has put there.
    #[serde(default)]
    pub seen: Option<Before>,
    /// Names the start of the system at which a trial went well: U-Boot's words from
    /// before that are still there for who begins anew.
    #[serde(default)]
    pub kept_at: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    #[serde(default)]
    a: Option<Known>,
    #[serde(default)]
    b: Option<Known>,
}

/// What is in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub version: String,
    /// It has run, and was kept.
    pub proven: bool,
    /// A digest of its first bytes, to tell whether somebody else has written there since.
    #[serde(default)]
    pub digest: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The slot is written, or about to be.
    Writing,
    /// It is to be tried at the next start.
    Restarting,
    /// It has been started.
    Trial,
}

/// An update, or the way back, until its end is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub stage: Stage,
    /// The slot that is to run.
    pub slot: Slot,
    pub from: Option<String>,
    pub to: Option<String>,
    #[serde(default)]
    pub before: Option<Before>,
    /// How often a steward has begun in the new slot.
    #[serde(default)]
    pub starts: u32,
    /// Why the trial was given up, if it could say so.
    #[serde(default)]
    pub reason: Option<String>,
    /// Names the start of the system at which this was noted.
    #[serde(default)]
    pub boot: String,
    /// Names the kernel's log that was kept from an earlier crash.
    #[serde(default)]
    pub crash: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Updated,
    RolledBack,
    /// The camera's fault: nothing has changed.
    Failed,
    /// The bundle's fault: nothing has changed.
    Refused,
}

/// How the last attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    pub result: Outcome,
    pub version: Option<String>,
    pub from: Option<String>,
    /// In words for the camera's owner; empty for one that went well.
    pub reason: String,
    /// Seconds since 1970, as the clock was then.
    pub at: u64,
}

impl Record {
    pub fn read(bytes: &[u8]) -> Result<Record, String> {
        if bytes.len() > LIMIT {
            return Err("longer than any that was kept".into());
        }
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    pub fn known(&self, slot: Slot) -> Option<&Known> {
        match slot {
            Slot::A => self.slots.a.as_ref(),
            Slot::B => self.slots.b.as_ref(),
        }
    }

    pub fn set_known(&mut self, slot: Slot, known: Option<Known>) {
        match slot {
            Slot::A => self.slots.a = known,
            Slot::B => self.slots.b = known,
        }
    }

    /// The attempt has ended like this, `at` so many seconds after 1970.
    pub fn end(&mut self, result: Outcome, reason: &str, at: u64) {
        let attempt = self.attempt.take();
        let (version, from) = attempt.map_or((None, None), |each| (each.to, each.from));
        self.last = Some(Last {
            result,
            version,
            from,
            reason: reason.into(),
            at,
        });
    }

    /// This version, which runs in this slot, has proved itself at this start of the system.
    pub fn kept(&mut self, slot: Slot, running: Known, boot: &str, at: u64) {
        self.kept_at = boot.into();
        if let Some(attempt) = &mut self.attempt {
            attempt.to = Some(running.version.clone());
        }
        self.end(Outcome::Updated, "", at);
        self.set_known(slot, Some(running));
    }
}
