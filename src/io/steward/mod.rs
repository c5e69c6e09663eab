//! The steward's descriptors and processes; [`crate::steward`] brings them together.

pub mod access_point;
pub mod asks;
pub mod beats;
pub mod card;
pub mod children;
pub mod clock;
pub mod files;
pub mod host;
pub mod led;
pub mod nl80211;
pub mod notes;
pub mod radio;
pub mod resets;
pub mod watchdog;
pub mod wpa;
