//! The steward's unix socket: one line asks, one line answers, and the connection ends.

use crate::proto::steward::{self, Ask, MAX_LINE};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Connections at once; more wait in the kernel's line.
const AT_ONCE: usize = 8;
/// For the line to come, and for the answer to be taken.
const LINE: Duration = Duration::from_secs(2);
/// For the steward to answer; it never waits for a network before it does.
const ANSWER: Duration = Duration::from_secs(5);
/// After a connection that could not be accepted.
const BACKOFF: Duration = Duration::from_millis(200);

/// A request, and where its answer's line goes.
#[derive(Debug)]
pub struct Letter {
    pub ask: Ask,
    pub reply: oneshot::Sender<String>,
}

/// The socket, which is removed when this is dropped.
#[derive(Debug)]
pub struct Asks {
    path: PathBuf,
    letters: mpsc::Receiver<Letter>,
    accepting: JoinHandle<()>,
}

impl Asks {
    /// Listens at `path`, for root and for the members of the group `group`.
    pub fn listen(path: &Path, group: Option<u32>) -> io::Result<Asks> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o660))?;
        if group.is_some() {
            chown(path, None, group)?;
        }
        let (sender, letters) = mpsc::channel(AT_ONCE);
        Ok(Asks {
            path: path.into(),
            letters,
            accepting: tokio::spawn(accept(listener, sender)),
        })
    }

    pub async fn next(&mut self) -> Letter {
        match self.letters.recv().await {
            Some(letter) => letter,
            // The accepting task never ends, so this does not come.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Asks {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, letters: mpsc::Sender<Letter>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let letters = letters.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, letters).await {
                        log::debug!("a request to the steward was not answered: {error}");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                log::warn!("the steward's socket: {error}");
                tokio::time::sleep(BACKOFF).await;
            }
        }
    }
}

async fn serve(mut stream: UnixStream, letters: mpsc::Sender<Letter>) -> io::Result<()> {
    let line = timeout(LINE, read_line(&mut stream)).await??;
    let answer = match steward::parse(&line) {
        Ok(ask) => hand_in(ask, &letters).await,
        Err(why) => steward::refused(&why),
    };
    timeout(LINE, stream.write_all(answer.as_bytes())).await??;
    Ok(())
}

async fn read_line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let limited = (&mut *stream).take(MAX_LINE as u64);
    BufReader::new(limited).read_until(b'\n', &mut line).await?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(line)
}

async fn hand_in(ask: Ask, letters: &mpsc::Sender<Letter>) -> String {
    let (reply, answer) = oneshot::channel();
    let asked = async {
        letters.send(Letter { ask, reply }).await.ok()?;
        answer.await.ok()
    };
    match timeout(ANSWER, asked).await {
        Ok(Some(line)) => line,
        Ok(None) => steward::refused("the steward has no answer to this"),
        Err(_) => steward::refused("the steward did not answer in time"),
    }
}
