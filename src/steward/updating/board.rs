//! What the board says of itself, and where the record of updates is kept.

use super::super::Paths;
use crate::core::update::record::{self, Record};
use crate::io::steward::files;
use crate::proto::update::board::{self, Slot, Start};
use crate::proto::update::crash;
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest file of the system's that is read here, in bytes.
const LIMIT: usize = 8 << 10;
/// Of a slot, by which it is told whether it was written to: the file system's own
/// header, with sizes and date, and the beginning of what is in it.
const FIRST_BYTES: usize = 64 << 10;

/// How this system was started, and what it is.
#[derive(Clone, Debug)]
pub struct Board {
    pub start: Start,
    pub version: String,
    /// Names this start of the kernel.
    pub boot: String,
    /// Of the slot that runs.
    pub digest: String,
}

impl Board {
    pub fn read(paths: &Paths) -> Board {
        let read = |name: &str| text(&paths.root.join(name));
        let release = read("etc/os-release");
        let own = env!("CARGO_PKG_VERSION");
        let start = Start::read(&read("proc/cmdline"));
        let first = start.slot.map(|slot| first_bytes(paths, slot));
        Board {
            start,
            digest: digest(&first.unwrap_or_default()),
            version: board::version(&release).unwrap_or(own).into(),
            boot: read("proc/sys/kernel/random/boot_id").trim().into(),
        }
    }
}

/// Without the file, nothing that is older than nothing.
pub fn floor(paths: &Paths) -> String {
    let floor = text(&paths.root.join("etc/mimamori/update-floor"));
    board::plausible_version(floor.trim())
        .unwrap_or("0.0.0")
        .into()
}

/// As SWUpdate wants it: name and revision with a colon.
pub fn hardware(paths: &Paths) -> String {
    let words = text(&paths.root.join("etc/hwrevision"));
    let words: Vec<&str> = words.split_whitespace().take(2).collect();
    words.join(":")
}

/// Bytes of a slot; nothing if there is none.
pub fn room(paths: &Paths, slot: Slot) -> Option<u64> {
    let folder = paths.root.join("sys/class/block").join(slot.partition());
    let sectors: u64 = text(&folder.join("size")).trim().parse().ok()?;
    sectors.checked_mul(512)
}

/// The beginning of what is in a slot; empty if it can't be read.
pub fn first_bytes(paths: &Paths, slot: Slot) -> Vec<u8> {
    let device = paths.root.join("dev").join(slot.partition());
    let mut bytes = files::read(&device, FIRST_BYTES)
        .ok()
        .flatten()
        .unwrap_or_default();
    bytes.truncate(FIRST_BYTES);
    bytes
}

/// By which two slots' first bytes are told apart; empty without any.
pub fn digest(first: &[u8]) -> String {
    if first.is_empty() {
        return String::new();
    }
    let digest = Sha256::digest(first);
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub fn last_crash(paths: &Paths) -> Option<String> {
    let bytes = files::read(&paths.data.join("last-crash.txt"), crash::LIMIT);
    let bytes = bytes.ok().flatten()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A file that is damaged is as good as none.
pub fn load(paths: &Paths) -> Record {
    let path = paths.data.join("update.json");
    let read = files::read(&path, record::LIMIT).map_err(|error| error.to_string());
    let read = read.and_then(|bytes| bytes.map_or(Ok(Record::default()), |it| Record::read(&it)));
    read.unwrap_or_else(|error| {
        log::error!("{}: {error}; it is passed over", path.display());
        Record::default()
    })
}

pub fn save(paths: &Paths, record: &Record) -> io::Result<()> {
    let path = paths.data.join("update.json");
    files::replace(&path, "update.new", &record.bytes(), 0o600)
}

/// Since 1970.
#[allow(clippy::disallowed_methods)]
pub fn seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn text(path: &Path) -> String {
    let bytes = files::read(path, LIMIT).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
