//! The system's logs, which the start scripts let the program read.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Of a kept log that is read.
const MAX_BYTES: u64 = 128 << 10;
/// `syslog(2)`.
const READ_ALL: libc::c_int = 3;
const SIZE: libc::c_int = 10;

/// Where the last crash's log is kept.
#[derive(Clone, Debug)]
pub struct Logs {
    pub last_crash: PathBuf,
}

impl Logs {
    pub fn kernel(&self) -> io::Result<Vec<u8>> {
        let mut log = vec![0u8; log_size()?];
        let room = libc::c_int::try_from(log.len()).map_err(io::Error::other)?;
        // SAFETY: there is room for as many bytes.
        let length = unsafe { libc::klogctl(READ_ALL, log.as_mut_ptr().cast(), room) };
        let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
        log.truncate(length);
        Ok(log)
    }

    /// Nothing, where none is kept.
    pub fn last_crash(&self) -> io::Result<Option<Vec<u8>>> {
        read(&self.last_crash)
    }
}

fn log_size() -> io::Result<usize> {
    // SAFETY: it only answers with a number.
    let size = unsafe { libc::klogctl(SIZE, std::ptr::null_mut(), 0) };
    usize::try_from(size).map_err(|_| io::Error::last_os_error())
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut log = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut log)?;
    Ok(Some(log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_is_none_and_what_is_kept_is_bounded() {
        let path = std::env::temp_dir().join(format!("crash-{}", std::process::id()));
        let logs = Logs {
            last_crash: path.clone(),
        };
        assert!(logs.last_crash().unwrap().is_none());
        std::fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(logs.last_crash().unwrap().unwrap().len() as u64, MAX_BYTES);
        std::fs::remove_file(path).unwrap();
    }
}
