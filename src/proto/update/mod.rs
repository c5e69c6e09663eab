//! Updates: what goes between the camera's server and the steward besides
//! [`super::steward`], and what is read of bundles, the engine and the board.

pub mod board;
pub mod bundle;
pub mod complaint;
pub mod crash;
pub mod piece;
pub mod tus;
