//! The card's FAT partition: mounted while its settings are read or written, and only
//! then, so that pulled power finds it closed.

use super::files;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// The settings' file on it.
pub const FILE_NAME: &str = "mimamori.toml";
/// What it is called until it is whole.
const NEW_NAME: &str = "mimamori.new";
/// For a card to mount, or not to: less than the watchdog waits.
const MOUNT: Duration = Duration::from_secs(5);

/// The partition's folder, and whether it has to be mounted there.
#[derive(Clone, Debug)]
pub struct Card {
    pub folder: PathBuf,
    /// The program that mounts; `None` for a folder that is simply there.
    pub mount: Option<PathBuf>,
}

impl Card {
    /// The settings' bytes, up to one more than `limit`; `None` if there are none.
    pub async fn read(&self, limit: usize) -> Result<Option<Vec<u8>>, String> {
        self.mounted(&[], |path| files::read(path, limit)).await
    }

    /// Puts other settings in their place, and overwrites the old ones.
    pub async fn write(&self, bytes: &[u8]) -> Result<(), String> {
        self.mounted(&["-o", "rw,sync"], |path| {
            files::replace_secret(path, NEW_NAME, bytes, 0o600)
        })
        .await
    }

    async fn mounted<T>(
        &self,
        options: &[&str],
        work: impl FnOnce(&Path) -> std::io::Result<T>,
    ) -> Result<T, String> {
        let Some(mount) = &self.mount else {
            return self.work(work);
        };
        let folder = self.folder.as_os_str();
        let options = options.iter().map(OsStr::new);
        run(mount.as_os_str(), options.chain([folder])).await?;
        let done = self.work(work);
        run(OsStr::new("umount"), [folder]).await?;
        done
    }

    fn work<T>(&self, work: impl FnOnce(&Path) -> std::io::Result<T>) -> Result<T, String> {
        let path = self.folder.join(FILE_NAME);
        work(&path).map_err(|error| format!("{FILE_NAME}: {error}"))
    }
}

async fn run<'a>(
    program: &OsStr,
    arguments: impl IntoIterator<Item = &'a OsStr>,
) -> Result<(), String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match timeout(MOUNT, command.output()).await {
        Ok(output) => output.map_err(|error| format!("{}: {error}", program.display()))?,
        Err(_) => return Err(format!("{} takes too long", program.display())),
    };
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let words = words.lines().next().unwrap_or("it can't be mounted");
    Err(words.chars().take(200).collect())
}
