//! The board's watchdog: opened once, it resets the board unless it is petted.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Seconds. The Zero's can't wait for longer.
const LIMIT: libc::c_int = 15;
/// `_IOWR('W', 6, int)` of linux/watchdog.h.
const WDIOC_SETTIMEOUT: u32 = 0xc004_5706;
/// The word by which the firmware, through U-Boot, says that this is a real board.
const REAL_BOARD: &str = "mimamori.board=zero";
/// What a watchdog in software calls itself. Emulators offer the hardware's, too, but
/// it resets at once.
const SOFTWARE: &str = "Software Watchdog";

#[derive(Debug)]
pub struct Watchdog(File);

impl Watchdog {
    /// The hardware's on a real board, else one in software; nothing if there is none,
    /// as on a PC. It stays armed when this is dropped: who dies must not disarm it.
    pub fn open(root: &Path) -> Option<Watchdog> {
        let name = choose(root)?;
        let device = root.join("dev").join(&name);
        match OpenOptions::new().write(true).open(&device) {
            Ok(file) => {
                log::info!("{} resets the board unless it is petted", device.display());
                set_limit(&file);
                Some(Watchdog(file))
            }
            Err(error) => {
                log::error!(
                    "{}: {error}; nothing resets a board that hangs",
                    device.display()
                );
                None
            }
        }
    }

    pub fn pet(&mut self) {
        if let Err(error) = self.0.write_all(b"\n") {
            log::error!("the watchdog: {error}");
        }
    }
}

fn choose(root: &Path) -> Option<String> {
    let words = std::fs::read_to_string(root.join("proc/cmdline")).ok()?;
    let real = words.split_whitespace().any(|word| word == REAL_BOARD);
    let folder = std::fs::read_dir(root.join("sys/class/watchdog")).ok()?;
    let mut names: Vec<(bool, String)> = folder
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let identity = std::fs::read_to_string(entry.path().join("identity")).ok()?;
            let software = identity.trim() == SOFTWARE;
            Some((software, entry.file_name().into_string().ok()?))
        })
        .filter(|(software, _)| real || *software)
        .collect();
    names.sort();
    names.into_iter().next().map(|(_, name)| name)
}

/// Where it takes no other limit, it keeps its own one.
fn set_limit(file: &File) {
    let mut limit = LIMIT;
    // The type of an ioctl's number differs between C libraries.
    #[allow(clippy::unnecessary_cast)]
    let request = WDIOC_SETTIMEOUT as _;
    // SAFETY: the device reads and writes one int.
    if unsafe { libc::ioctl(file.as_raw_fd(), request, &raw mut limit) } != 0 {
        let error = std::io::Error::last_os_error();
        log::warn!("the watchdog takes no limit of {LIMIT} s: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(name: &str, words: &str, dogs: &[(&str, &str)]) -> std::path::PathBuf {
        let root = std::env::temp_dir().join(format!("dog-{name}-{}", std::process::id()));
        std::fs::create_dir_all(root.join("proc")).unwrap();
        std::fs::write(root.join("proc/cmdline"), words).unwrap();
        for (dog, identity) in dogs {
            let folder = root.join("sys/class/watchdog").join(dog);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("identity"), format!("{identity}\n")).unwrap();
        }
        root
    }

    #[test]
    fn the_hardwares_on_a_real_board_the_softwares_elsewhere_and_none_on_a_pc() {
        let both = [
            ("watchdog1", SOFTWARE),
            ("watchdog0", "Broadcom BCM2835 Watchdog timer"),
        ];
        let soft_first = [
            ("watchdog0", SOFTWARE),
            ("watchdog1", "Broadcom BCM2835 Watchdog timer"),
        ];
        let real = "quiet mimamori.board=zero";
        let emulated = "quiet mimamori.board=emulated";
        for (name, words, dogs, wanted) in [
            ("a", real, &both[..], Some("watchdog0")),
            ("b", real, &soft_first, Some("watchdog1")),
            ("c", emulated, &both, Some("watchdog1")),
            ("d", emulated, &both[1..], None),
            ("e", "", &[("watchdog0", "iTCO_wdt")], None),
            ("f", real, &[], None),
        ] {
            let root = board(name, words, dogs);
            assert_eq!(choose(&root).as_deref(), wanted, "{name}");
            std::fs::remove_dir_all(root).unwrap();
        }
    }
}
