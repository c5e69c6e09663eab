//! The socket through which bundles come, in pieces: a line says which bytes follow, and a
//! line answers. See [`crate::proto::update::piece`].

use crate::proto::steward;
use crate::proto::update::bundle::{self, Contents, MAX_HEAD};
use crate::proto::update::complaint::Complaint;
use crate::proto::update::piece::{MAX_LINE, Piece};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::ChildStdin;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// For the first line to come, and for the answer to be taken.
const LINE: Duration = Duration::from_secs(2);
/// For the next bytes of a piece: the camera's server gives its client less.
const SILENCE: Duration = Duration::from_secs(45);
/// For the engine to take the next bytes. It may have to wait for the card, which now and
/// then takes seconds to tidy up.
const STUCK: Duration = Duration::from_secs(60);
/// What is on its way when we refuse the rest.
const REST: Duration = Duration::from_secs(2);
/// After a connection that could not be accepted.
const BACKOFF: Duration = Duration::from_millis(200);
/// Read at once: as much as the pipe to the engine holds.
const CHUNK: usize = 64 << 10;

/// A piece that is announced; its bytes are in the stream.
#[derive(Debug)]
pub struct Delivery {
    pub piece: Piece,
    pub stream: UnixStream,
}

/// The socket, which is removed when this is dropped.
#[derive(Debug)]
pub struct Bundles {
    path: PathBuf,
    deliveries: mpsc::Receiver<Delivery>,
    accepting: JoinHandle<()>,
}

impl Bundles {
    /// Listens at `path`, for root and for the members of the group `group`.
    pub fn listen(path: &Path, group: Option<u32>) -> io::Result<Bundles> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o660))?;
        if group.is_some() {
            chown(path, None, group)?;
        }
        let (sender, deliveries) = mpsc::channel(1);
        Ok(Bundles {
            path: path.into(),
            deliveries,
            accepting: tokio::spawn(accept(listener, sender)),
        })
    }

    /// The next one. Cancel-safe.
    pub async fn next(&mut self) -> Delivery {
        match self.deliveries.recv().await {
            Some(delivery) => delivery,
            // The accepting task never ends, so this does not come.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Bundles {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// One after the other; more wait in the kernel's line.
async fn accept(listener: UnixListener, deliveries: mpsc::Sender<Delivery>) {
    loop {
        match listener.accept().await {
            Ok((mut stream, _)) => match timeout(LINE, read_line(&mut stream)).await {
                Ok(Ok(line)) => match Piece::parse(&line) {
                    Ok(piece) => {
                        let _ = deliveries.send(Delivery { piece, stream }).await;
                    }
                    Err(why) => answer(stream, steward::refused_with(400, &why)),
                },
                _ => log::debug!("a piece of a bundle was not announced"),
            },
            Err(error) => {
                log::warn!("the bundles' socket: {error}");
                tokio::time::sleep(BACKOFF).await;
            }
        }
    }
}

/// Byte by byte: what is behind the line is not ours to read.
async fn read_line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    while line.len() < MAX_LINE {
        match stream.read_u8().await? {
            b'\n' => return Ok(line),
            byte => line.push(byte),
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// Says how the piece ended. What is still on its way is read for a moment: a connection
/// that is closed before that is reset, and the answer may be lost with it.
pub fn answer(mut stream: UnixStream, line: String) {
    tokio::spawn(async move {
        let rest = async {
            stream.write_all(line.as_bytes()).await?;
            stream.shutdown().await?;
            let mut rest = vec![0; CHUNK];
            while stream.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = timeout(LINE + REST, rest).await;
    });
}

/// A piece on its way.
#[derive(Debug)]
pub struct Transfer {
    taken: Arc<AtomicU64>,
    counted: u64,
    stop: Arc<Notify>,
    task: JoinHandle<Arrived>,
}

/// What a piece's task shares with us.
#[derive(Clone, Debug, Default)]
struct Shared {
    taken: Arc<AtomicU64>,
    stop: Arc<Notify>,
}

/// What has become of a piece.
#[derive(Debug)]
pub struct Arrived {
    /// For the answer.
    pub stream: UnixStream,
    pub how: How,
}

#[derive(Debug)]
pub enum How {
    /// Its bytes, or those that came before the connection broke, are with the engine.
    Poured(ChildStdin),
    /// Its bytes are in the head, which needs more.
    Collected(Vec<u8>),
    /// The head is complete; so many bytes of the piece are still to come.
    Headed(Vec<u8>, Contents, u64),
    /// The head shows that it is no good.
    Bad(Complaint),
    /// The engine takes no more.
    Engine(io::Error),
}

impl Transfer {
    /// Adds `left` bytes to the head of a bundle of `size` bytes, for a slot of `room`.
    pub fn collect(stream: UnixStream, head: Vec<u8>, left: u64, size: u64, room: u64) -> Transfer {
        Transfer::start(|shared| collect(stream, head, left, size, room, shared))
    }

    /// Gives the engine the head, and `left` bytes behind it.
    pub fn pour(stream: UnixStream, stdin: ChildStdin, head: Vec<u8>, left: u64) -> Transfer {
        Transfer::start(|shared| pour(stream, stdin, head, left, shared))
    }

    fn start<F>(work: impl FnOnce(Shared) -> F) -> Transfer
    where
        F: Future<Output = Arrived> + Send + 'static,
    {
        let shared = Shared::default();
        let Shared { taken, stop } = shared.clone();
        Transfer {
            taken,
            counted: 0,
            stop,
            task: tokio::spawn(work(shared)),
        }
    }

    /// No more of the piece is wanted: it ends as if no more had come.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// Bytes taken since this was asked last.
    pub fn news(&mut self) -> u64 {
        let taken = self.taken.load(Ordering::Relaxed);
        let news = taken - self.counted;
        self.counted = taken;
        news
    }

    /// Until it has ended; nothing if it could not. Can be dropped and called again until
    /// it has returned.
    pub async fn arrived(&mut self) -> Option<Arrived> {
        (&mut self.task).await.ok()
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn collect(
    mut stream: UnixStream,
    mut head: Vec<u8>,
    mut left: u64,
    size: u64,
    room: u64,
    shared: Shared,
) -> Arrived {
    let mut chunk = vec![0; 4096];
    loop {
        let how = match bundle::look(&head, size, room) {
            Err(complaint) => How::Bad(complaint),
            Ok(Some(contents)) => How::Headed(head, contents, left),
            Ok(None) => {
                let most = chunk.len().min(MAX_HEAD - head.len()).min(left as usize);
                let count = next_bytes(&mut stream, &mut chunk[..most], &shared.stop).await;
                head.extend(&chunk[..count]);
                left -= count as u64;
                shared.taken.fetch_add(count as u64, Ordering::Relaxed);
                if count > 0 {
                    continue;
                }
                How::Collected(head)
            }
        };
        return Arrived { stream, how };
    }
}

async fn pour(
    mut stream: UnixStream,
    mut stdin: ChildStdin,
    head: Vec<u8>,
    mut left: u64,
    shared: Shared,
) -> Arrived {
    let mut poured = give(&mut stdin, &head).await;
    drop(head);
    let mut chunk = vec![0; CHUNK];
    while poured.is_ok() {
        let most = chunk.len().min(left as usize);
        let count = next_bytes(&mut stream, &mut chunk[..most], &shared.stop).await;
        if count == 0 {
            break;
        }
        poured = give(&mut stdin, &chunk[..count]).await;
        if poured.is_ok() {
            left -= count as u64;
            shared.taken.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
    let how = match poured {
        Ok(()) => How::Poured(stdin),
        Err(error) => How::Engine(error),
    };
    Arrived { stream, how }
}

/// How many came; none, if none are wanted or no more come.
async fn next_bytes(stream: &mut UnixStream, into: &mut [u8], stop: &Notify) -> usize {
    if into.is_empty() {
        return 0;
    }
    tokio::select! {
        read = timeout(SILENCE, stream.read(into)) => match read {
            Ok(Ok(count)) => count,
            Ok(Err(_)) | Err(_) => 0,
        },
        () = stop.notified() => 0,
    }
}

async fn give(stdin: &mut ChildStdin, bytes: &[u8]) -> io::Result<()> {
    timeout(STUCK, stdin.write_all(bytes)).await?
}
