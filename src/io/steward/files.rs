//! Files that a cut of the power leaves as they were, or as they are to be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads at most `limit` bytes, one more if there are more; `None` without the file.
pub fn read(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Puts a file in the place of the one at `path`: it is on the disk before it gets its
/// name. `new`: the name that it has until then, in the same folder.
pub fn replace(path: &Path, new: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let new = path.with_file_name(new);
    match write(&new, bytes, mode).and_then(|()| fs::rename(&new, path)) {
        Ok(()) => sync_folder_of(path),
        Err(error) => {
            let _ = fs::remove_file(&new);
            Err(error)
        }
    }
}

/// For good; it is no error if there is none.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder_of(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Like [`replace`], and the old content is overwritten, not only given free.
pub fn replace_secret(path: &Path, new: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let old = OpenOptions::new().write(true).open(path);
    replace(path, new, bytes, mode)?;
    let Ok(mut old) = old else {
        return Ok(());
    };
    let length = old.metadata()?.len().min(1 << 20) as usize;
    old.write_all(&vec![0; length])?;
    old.sync_all()
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // One that a cut has left may be anybody's.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}
