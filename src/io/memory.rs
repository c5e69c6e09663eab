//! How much memory is left.

use crate::proto::meminfo::{self, MAX_BYTES};
use std::fs::File;
use std::io::Read;

/// In bytes; nothing where the kernel does not tell.
pub fn available() -> Option<u64> {
    let mut text = Vec::new();
    let file = File::open("/proc/meminfo").ok()?;
    file.take(MAX_BYTES as u64).read_to_end(&mut text).ok()?;
    meminfo::available(&text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_machine_has_some() {
        assert!(super::available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
