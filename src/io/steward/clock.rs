//! The system's clock, and the files that know something of the time.
//!
//! The start script `clock` reads and writes the same ones.

use super::files;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A number of seconds and its newline; more is no time.
const LONGEST: usize = 16;

#[derive(Clone, Debug)]
pub struct Clock {
    built: PathBuf,
    kept: PathBuf,
    right: PathBuf,
}

impl Clock {
    pub fn new(root: &Path, data: &Path, run: &Path) -> Clock {
        Clock {
            built: root.join("etc/build-date"),
            kept: data.join("clock"),
            right: run.join("clock-is-right"),
        }
    }

    /// Since 1970; the clock of a board that has just begun may say less.
    #[allow(clippy::disallowed_methods)]
    pub fn now(&self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    /// When the system was built.
    pub fn built(&self) -> Duration {
        let text = files::read(&self.built, LONGEST)
            .ok()
            .flatten()
            .unwrap_or_default();
        let seconds = std::str::from_utf8(&text)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        Duration::from_secs(seconds.unwrap_or(0))
    }

    /// The network has set it.
    pub fn is_synchronised(&self) -> bool {
        self.right.exists()
    }

    /// Only root may.
    pub fn set(&self, time: Duration) -> io::Result<()> {
        let seconds = libc::time_t::try_from(time.as_secs()).map_err(io::Error::other)?;
        // SAFETY: all zero is a valid value of this plain structure.
        let mut spec: libc::timespec = unsafe { std::mem::zeroed() };
        spec.tv_sec = seconds;
        spec.tv_nsec = time.subsec_nanos() as _;
        // SAFETY: the structure outlives the call.
        match unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &spec) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// For the next start.
    pub fn keep(&self) -> io::Result<()> {
        let text = format!("{}\n", self.now().as_secs());
        files::replace(&self.kept, "clock.new", text.as_bytes(), 0o644)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_the_start_script_reads() {
        let folder = std::env::temp_dir().join(format!("mimamori-clock-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("etc")).unwrap();
        let clock = Clock::new(&folder, &folder, &folder);
        assert_eq!(clock.built(), Duration::ZERO);
        assert!(!clock.is_synchronised());
        clock.keep().unwrap();
        let text = std::fs::read_to_string(folder.join("clock")).unwrap();
        let kept: u64 = text.trim().parse().unwrap();
        assert!(clock.now().as_secs() - kept < 5);
        for (text, seconds) in [("1800000000\n", 1_800_000_000), ("soon", 0), ("-1", 0)] {
            std::fs::write(folder.join("etc/build-date"), text).unwrap();
            assert_eq!(clock.built(), Duration::from_secs(seconds), "{text:?}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
