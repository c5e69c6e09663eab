//! A clock that a program can read back from the picture.

/// Blocks in one row of the strip.
pub const BLOCKS: usize = 32;
