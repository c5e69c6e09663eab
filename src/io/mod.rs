//! Floor 2: one file per descriptor or thread.
//!
//! May import [`crate::proto`]; never [`crate::core`], and no two files here
//! import each other's machinery. What arrives from outside travels to the
//! event loop as an [`inbound::Inbound`]; `io` decides nothing.

// Clocks are banned below this floor (clippy.toml), not here.
#![allow(clippy::disallowed_methods)]

pub mod access;
pub mod addresses;
pub mod assets;
pub mod camera;
pub mod connection;
pub mod gate;
pub mod heartbeat;
pub mod household;
pub mod identity;
pub mod inbound;
pub mod lingering;
pub mod listener;
pub mod logs;
pub mod memory;
pub mod pages;
pub mod places;
pub mod problems;
pub mod raw_stream;
pub mod splice;
pub mod steward;
pub mod tls;
pub mod udp;
pub mod update_relay;
pub mod websocket;
