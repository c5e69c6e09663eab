//! The steward's descriptors and processes; [`crate::steward`] brings them together.

pub mod asks;
