//! Floor 1: sans-IO state machines.
//!
//! May import [`crate::proto`] and str0m. Never a socket, a file, a clock or
//! tokio: `now` is a parameter, results leave through one `poll_output`.
//!
//! [`hub::Hub`] is the face. Behind it [`stage`] holds the viewers of the one
//! encoder; [`signalling`] and [`whep`] are the two ways in. [`network`],
//! [`clock`] and [`update`] are the steward's, and have nothing to do with the others.

pub mod access;
pub mod backlog;
pub mod bitrate;
pub mod clock;
pub mod crypto;
pub mod gop;
pub mod guard;
pub mod hub;
pub mod keyframes;
pub mod lamp;
mod link;
pub mod logs;
pub mod media;
pub mod network;
pub mod output;
pub mod packets;
pub mod rtc;
pub mod settings_version;
pub mod signalling;
pub mod stage;
pub mod status;
pub mod update;
pub mod viewer;
pub mod whep;
