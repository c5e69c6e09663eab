//! Carries one request to the HTTP server on its unix socket, and its answer back.
//!
//! The request is complete when it comes here, and the answer is taken from the
//! server as fast as it gives it (up to [`AHEAD`]), so neither a slow sender nor
//! a slow reader keeps one of the server's few threads. The answer's end ends the
//! splice, whatever the client does with its own side.

use crate::proto::refusal::Refusal;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// How much of an answer is held for a slow client, in bytes. Every page of ours
/// is smaller, so that the one thread that answers never waits for a client.
pub const AHEAD: usize = 256 * 1024;

/// Gives up `place` as soon as the server is done. A [`Refusal`] comes back only
/// while nothing has been sent to the client.
pub async fn splice(
    client: &mut TcpStream,
    socket: &Path,
    request: &[u8],
    place: OwnedSemaphorePermit,
    idle: Duration,
) -> Result<(), Refusal> {
    let server = match timeout(idle, ask(socket, request)).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => return Err(unreachable(&error)),
        Err(_) => return Err(unreachable(&io::ErrorKind::TimedOut.into())),
    };
    let mut relay = Relay::new(server, place);
    match relay.run(client, idle).await {
        Err(error) if !relay.started => Err(unreachable(&error)),
        Err(error) => {
            log::debug!("an answer was cut: {error}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

async fn ask(socket: &Path, request: &[u8]) -> io::Result<UnixStream> {
    let mut server = UnixStream::connect(socket).await?;
    server.write_all(request).await?;
    Ok(server)
}

fn unreachable(error: &io::Error) -> Refusal {
    log::warn!("the pages do not answer: {error}");
    Refusal::new(
        502,
        "The camera's pages do not answer. Try again in a moment.",
    )
}

struct Relay {
    /// `None` once the server has said everything.
    server: Option<(UnixStream, OwnedSemaphorePermit)>,
    /// Read from the server, not yet sent from `sent` on.
    pending: Vec<u8>,
    sent: usize,
    /// The status line is whole and has our `Connection` field behind it.
    started: bool,
}

enum Step {
    Read(usize),
    Wrote(usize),
}

impl Relay {
    fn new(server: UnixStream, place: OwnedSemaphorePermit) -> Self {
        Self {
            server: Some((server, place)),
            pending: Vec::new(),
            sent: 0,
            started: false,
        }
    }

    /// `idle` is how long it may take for one byte to move in either direction.
    async fn run(&mut self, client: &mut TcpStream, idle: Duration) -> io::Result<()> {
        let mut chunk = vec![0; 8192];
        while self.server.is_some() || self.sent < self.pending.len() {
            let step = timeout(idle, self.step(client, &mut chunk)).await;
            match step.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
                Step::Read(0) => self.server = None,
                Step::Read(length) => self.take(&chunk[..length]),
                Step::Wrote(length) => self.forget(length)?,
            }
            if self.server.is_none() && !self.started {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    async fn step(&mut self, client: &mut TcpStream, chunk: &mut [u8]) -> io::Result<Step> {
        let unsent = &self.pending[self.sent..];
        let may_write = self.started && !unsent.is_empty();
        match &mut self.server {
            Some((server, _)) if unsent.len() < AHEAD => tokio::select! {
                read = server.read(chunk) => Ok(Step::Read(read?)),
                wrote = client.write(unsent), if may_write => Ok(Step::Wrote(wrote?)),
            },
            _ => Ok(Step::Wrote(client.write(unsent).await?)),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        if !self.started
            && let Some(line_end) = self.pending.iter().position(|b| *b == b'\n')
        {
            // The server closes after one answer but cannot say so itself. Without
            // this a browser might send its next request into the closing socket.
            let at = line_end + 1;
            let field = b"Connection: close\r\n".iter().copied();
            self.pending.splice(at..at, field);
            self.started = true;
        }
    }

    fn forget(&mut self, length: usize) -> io::Result<()> {
        if length == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.sent += length;
        if self.sent == self.pending.len() {
            self.pending.clear();
            self.sent = 0;
        } else if self.sent >= AHEAD / 4 {
            self.pending.drain(..self.sent);
            self.sent = 0;
        }
        Ok(())
    }
}
