//! mimamori: a Raspberry Pi Zero W and its camera module as a WebRTC camera.
//!
//! Three folders are three floors; a floor uses only what lies below it:
//!
//! - [`io`] (floor 2): one file per descriptor or thread. It never decides.
//! - [`core`] (floor 1): sans-IO state machines. It never touches a socket,
//!   a file or a clock: `now` is a parameter.
//! - [`proto`] (floor 0): bytes to values and back. No clock, no descriptor,
//!   no tokio.
//!
//! [`event_loop`] introduces `io` and `core` to each other; `main.rs` reads
//! the configuration, opens the descriptors and runs the loop. [`steward`] is a
//! second such loop, for the one process of the camera's system that is root.

// Tests may start from the real time.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod config;
pub mod core;
// Where `now` comes from.
#[allow(clippy::disallowed_methods)]
pub mod event_loop;
pub mod io;
pub mod options;
pub mod proto;
#[allow(clippy::disallowed_methods)]
pub mod steward;
