//! The steward's updates: what is being received, how a new version proves itself, what
//! is remembered of it, and what a start finds of what was before.

pub mod aftermath;
pub mod record;
pub mod session;
pub mod trial;
