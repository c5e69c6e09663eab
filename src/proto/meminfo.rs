//! The kernel's word on memory: `/proc/meminfo` (proc(5)).

/// Bytes of the file that are read; what is wanted stands in its third line.
pub const MAX_BYTES: usize = 4096;

/// Bytes that programs could still take without swapping, as the kernel estimates it.
pub fn available(file: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(&file[..file.len().min(MAX_BYTES)]).ok()?;
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_and_read_strictly() {
        let file =
            "MemTotal:         438804 kB\nMemFree: 1 kB\nMemAvailable:     394996 kB\nX: 1 kB\n";
        assert_eq!(available(file.as_bytes()), Some(394_996 * 1024));
        for bad in [
            "",
            "MemFree: 1 kB\n",
            "MemAvailable: 5\n",
            "MemAvailable: -5 kB\n",
            "MemAvailable: 18446744073709551615 kB\n",
            &format!("{}MemAvailable: 5 kB\n", "x: 1 kB\n".repeat(MAX_BYTES / 8)),
        ] {
            assert_eq!(available(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(available(b"MemAvailable: 5 kB\n\xff"), None);
    }
}
