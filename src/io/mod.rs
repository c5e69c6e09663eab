//! Floor 2: one file per descriptor or thread.
//!
//! May import [`crate::proto`]; never [`crate::core`], and no two files here
//! import each other's machinery. What arrives from outside travels to the
//! event loop as an [`inbound::Inbound`]; `io` decides nothing.

pub mod addresses;
pub mod camera;
pub mod gate;
pub mod identity;
pub mod inbound;
pub mod pages;
pub mod raw_stream;
pub mod udp;
pub mod websocket;
