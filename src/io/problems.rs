//! What the system has to say of itself: notes of its start, and whether anything can
//! still be kept.

use crate::proto::problems::{MAX_BYTES, parse};
use std::ffi::CString;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// With less than this left, a settings file is not sure to fit.
const LITTLE_SPACE: u64 = 64 << 10;
const FULL: &str = "The card's memory for settings is full: changes to the settings can't be kept.";

/// Where that is found.
#[derive(Clone, Debug)]
pub struct Problems {
    /// See [`crate::proto::problems`]; need not be there.
    pub notes: PathBuf,
    /// Where the camera keeps what it has to remember.
    pub memory: PathBuf,
}

impl Problems {
    pub fn read(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Ok(file) = std::fs::File::open(&self.notes) {
            // What was read before an error counts.
            let _ = file.take(MAX_BYTES as u64).read_to_end(&mut notes);
        }
        let mut problems = parse(&notes);
        if free_space(&self.memory).is_some_and(|bytes| bytes < LITTLE_SPACE) {
            problems.push(FULL.into());
        }
        problems
    }
}

/// Bytes that may still be written; nothing where that can't be known.
fn free_space(folder: &Path) -> Option<u64> {
    let folder = CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut facts = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: a text with its end, and room for what is written.
    let code = unsafe { libc::statvfs(folder.as_ptr(), facts.as_mut_ptr()) };
    if code != 0 {
        return None;
    }
    // SAFETY: it has been written, and zeros were there before.
    let facts = unsafe { facts.assume_init() };
    // The types' widths are the C library's business.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    Some((facts.f_bavail as u64).saturating_mul(facts.f_frsize as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_notes_and_with_space_there_is_none() {
        let problems = Problems {
            notes: "/nonexistent/notes".into(),
            memory: std::env::temp_dir(),
        };
        assert!(problems.read().is_empty());
        assert!(free_space(Path::new("/nonexistent")).is_none());
    }

    #[test]
    fn a_file_system_without_space_is_told() {
        let problems = Problems {
            notes: "/nonexistent/notes".into(),
            // It has none, ever.
            memory: "/proc".into(),
        };
        assert_eq!(problems.read(), [FULL]);
    }
}
