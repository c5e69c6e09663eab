//! What the decision over who gets in needs of the machine: time to look at passwords, and
//! a file.

pub mod hasher;
pub mod store;

/// What these two report to the event loop. `job`: as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Whether it was that password.
    Verified { job: u64, right: bool },
    /// Argon2id, as a PHC string.
    Hashed { job: u64, phc: String },
    /// Neither: too many are waiting, or there is no memory.
    Failed { job: u64 },
    /// The record is in its place, or why not.
    Saved(Result<(), String>),
}

/// Where they report. Unbounded, but they are given little at once.
pub type Events = tokio::sync::mpsc::UnboundedSender<Event>;
