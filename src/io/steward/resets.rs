//! Ends the server, resets the board, and remembers how often and why it did.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of the file that is read; it is one short line.
const MAX_BYTES: u64 = 512;
/// Where nothing is known, for it can't be read: carefully.
const UNKNOWN: u32 = 2;

/// A file of one line: the number of resets without a good run between them, and why
/// the last one was.
#[derive(Clone, Debug)]
pub struct Resets(pub PathBuf);

impl Resets {
    pub fn count(&self) -> u32 {
        match self.read() {
            Ok(text) => text
                .split_whitespace()
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or(UNKNOWN),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(_) => UNKNOWN,
        }
    }

    /// Why the board was reset last; nothing if it was not.
    pub fn last_reason(&self) -> Option<String> {
        let text = self.read().ok()?;
        let (_, reason) = text.trim().split_once(' ')?;
        Some(reason.into())
    }

    fn read(&self) -> io::Result<String> {
        let mut text = String::new();
        File::open(&self.0)?
            .take(MAX_BYTES)
            .read_to_string(&mut text)?;
        Ok(text)
    }

    /// On the card when this returns: whole, or as it was.
    pub fn remember(&self, count: u32, reason: &str) -> io::Result<()> {
        let new = self.0.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&new)?;
        writeln!(file, "{count} {reason}")?;
        file.sync_all()?;
        std::fs::rename(&new, &self.0)?;
        let folder = self.0.parent().unwrap_or(Path::new("/"));
        File::open(folder)?.sync_all()
    }

    pub fn forget(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Ends the process whose number is in `pid_file`, if it is still the server: another
/// process may have got the number.
pub fn end_server(pid_file: &Path) -> io::Result<()> {
    let mut text = String::new();
    File::open(pid_file)?.take(32).read_to_string(&mut text)?;
    let pid: i32 = text.trim().parse().map_err(io::Error::other)?;
    let process = PathBuf::from(format!("/proc/{pid}"));
    let ours = std::fs::read_link("/proc/self/exe")?;
    let theirs = std::fs::read_link(process.join("exe"))?;
    if pid <= 1 || theirs != ours || process.metadata()?.uid() == 0 {
        return Err(io::Error::other(format!("process {pid} is not the server")));
    }
    // SAFETY: no memory is involved.
    match unsafe { libc::kill(pid, libc::SIGKILL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// In order, by init. If that takes too long, the watchdog does it.
pub fn reset_board() -> io::Result<()> {
    restart(Path::new("/sbin/reboot"))
}

/// The same, by another program.
pub fn restart(program: &Path) -> io::Result<()> {
    Command::new(program).spawn().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_are_remembered_and_forgotten() {
        let path = std::env::temp_dir().join(format!("resets-{}", std::process::id()));
        let resets = Resets(path.clone());
        assert_eq!(resets.count(), 0);
        resets.remember(3, "the camera stalls").unwrap();
        assert_eq!(resets.count(), 3);
        assert_eq!(resets.last_reason().as_deref(), Some("the camera stalls"));
        for nonsense in [&b"x y"[..], b"", b"\xff", b"-1 z", &[b'9'; 2000]] {
            std::fs::write(&path, nonsense).unwrap();
            assert_eq!(resets.count(), UNKNOWN);
        }
        resets.forget().unwrap();
        resets.forget().unwrap();
        assert_eq!(resets.count(), 0);
        assert!(Resets("/nonexistent/x".into()).remember(1, "").is_err());
    }

    #[test]
    fn only_the_server_is_ended() {
        let path = std::env::temp_dir().join(format!("pid-{}", std::process::id()));
        for pid in ["1", "0", "-1", "x", "", "999999999"] {
            std::fs::write(&path, pid).unwrap();
            assert!(end_server(&path).is_err(), "{pid}");
        }
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        std::fs::write(&path, other.id().to_string()).unwrap();
        assert!(end_server(&path).is_err());
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
        std::fs::remove_file(path).unwrap();
    }
}
