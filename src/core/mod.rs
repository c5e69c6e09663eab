//! Floor 1: sans-IO state machines.
//!
//! May import [`crate::proto`] and str0m. Never a socket, a file, a clock or
//! tokio: `now` is a parameter, results leave through one `poll_output`.

pub mod crypto;
