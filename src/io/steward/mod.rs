//! The steward's descriptors and processes; [`crate::steward`] brings them together.

pub mod access_point;
pub mod asks;
pub mod beats;
pub mod boot_environment;
pub mod bundles;
pub mod card;
pub mod children;
pub mod clock;
pub mod dirty_pages;
pub mod engine;
pub mod files;
pub mod host;
pub mod led;
pub mod lock;
pub mod nl80211;
pub mod notes;
pub mod presence;
pub mod radio;
pub mod resets;
pub mod watchdog;
pub mod wpa;
