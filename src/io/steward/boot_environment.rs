//! U-Boot's environment, by the programs that know where its two copies lie.

use super::children;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// For one of them to end: they read or write 16 KiB.
const LIMIT: Duration = Duration::from_secs(20);
/// Longest value that is read, in bytes.
const LONGEST: usize = 64;

#[derive(Clone, Debug)]
pub struct BootEnvironment {
    /// `fw_printenv`
    pub print: PathBuf,
    /// `fw_setenv`
    pub set: PathBuf,
}

impl BootEnvironment {
    /// The value of this word; empty if there is none.
    pub async fn word(&self, name: &str) -> io::Result<String> {
        let arguments = ["-n".to_owned(), name.to_owned()];
        let mut command = children::command(&self.print.display().to_string(), &arguments);
        command.stderr(Stdio::null());
        let output = timeout(LIMIT, command.output()).await??;
        let value = output.stdout.trim_ascii();
        match std::str::from_utf8(value) {
            Ok(value) if value.len() <= LONGEST => Ok(value.into()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Changes words in one step: all of them or none are changed if the power goes.
    pub async fn tell(&self, script: &str) -> io::Result<()> {
        let program = self.set.display().to_string();
        let arguments = ["-s".to_owned(), "-".to_owned()];
        let mut command = children::command(&program, &arguments);
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let told = async {
            stdin.write_all(script.as_bytes()).await?;
            drop(stdin);
            child.wait().await
        };
        let status = timeout(LIMIT, told).await??;
        match status.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("{program}: {status}"))),
        }
    }
}
