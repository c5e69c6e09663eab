//! Carries one piece of an update's bundle from a client's connection to the steward.
//!
//! Nothing is kept here but one chunk: the steward takes the bytes at the pace at which
//! they are written to the card, and TCP makes the client wait. What was read and not
//! passed on when something breaks is lost; the client asks where to go on.

use super::places::Phase;
use crate::proto::head::Head;
use crate::proto::http::Answer;
use crate::proto::steward::{self, MAX_LINE};
use crate::proto::update::piece::Piece;
use crate::proto::update::tus::{self, Asked, Wish};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Bytes in one go, so that the video never waits long for its turn.
const CHUNK: usize = 16 * 1024;

/// How long each side may be silent.
#[derive(Clone, Debug)]
pub struct UpdateLimits {
    /// Of the client, without one byte.
    pub client: Duration,
    /// The same while another client waits: the connection of a client that has walked
    /// out of the network's reach must not keep it from going on over a new one.
    pub client_awaited: Duration,
    /// Of the steward, without taking a byte or answering.
    pub steward: Duration,
    /// In the line for the one place.
    pub line: Duration,
}

impl Default for UpdateLimits {
    fn default() -> Self {
        Self {
            client: Duration::from_secs(30),
            client_awaited: Duration::from_secs(3),
            steward: Duration::from_secs(20),
            line: Duration::from_secs(5),
        }
    }
}

/// The one place for a piece on its way.
#[derive(Debug)]
pub struct OnePlace {
    place: Semaphore,
    waiting: AtomicUsize,
}

impl Default for OnePlace {
    fn default() -> Self {
        Self {
            place: Semaphore::new(1),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl OnePlace {
    async fn take(&self, limit: Duration) -> Option<SemaphorePermit<'_>> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        timeout(limit, self.place.acquire()).await.ok()?.ok()
    }

    fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

/// Counts one less even where the waiting one's connection is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request with PATCH, as the gate has read it.
#[derive(Debug)]
pub struct Patch<'a> {
    pub head: &'a Head,
    /// What came behind the head.
    pub rest: Vec<u8>,
}

/// What the relay needs besides.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// Where the steward takes pieces.
    pub socket: &'a Path,
    pub place: &'a OnePlace,
    pub limits: &'a UpdateLimits,
    /// Of the client's connection.
    pub phase: &'a Phase,
}

/// Takes one piece to the steward. The answer is for the client; `None` if it has gone.
pub async fn relay(client: &mut TcpStream, patch: Patch<'_>, way: Way<'_>) -> Option<Answer> {
    match take(client, patch, way).await {
        Ok(answer) => Some(answer),
        Err(Broken::Refused(answer)) => Some(*answer),
        Err(Broken::Gone(error)) => {
            log::debug!("a piece of an update was cut: {error}");
            None
        }
    }
}

/// Why a piece did not get through.
enum Broken {
    Refused(Box<Answer>),
    /// There is nobody to tell.
    Gone(io::Error),
}

fn refused(status: u16, why: &str) -> Broken {
    Broken::Refused(Box::new(tus::refused(status, why)))
}

async fn take(client: &mut TcpStream, patch: Patch<'_>, way: Way<'_>) -> Result<Answer, Broken> {
    let piece = read_head(patch.head)?;
    let Some(_place) = way.place.take(way.limits.line).await else {
        return Err(refused(
            409,
            "Another piece of the bundle is on its way already.",
        ));
    };
    way.phase.set_served();
    let mut steward = timeout(way.limits.steward, announce(way.socket, &piece))
        .await
        .unwrap_or(Err(io::ErrorKind::TimedOut.into()))
        .map_err(|error| away(&error))?;
    let (answers, pieces) = steward.split();
    let mut courier = Courier {
        client,
        pieces,
        way,
        left: piece.length,
        chunk: vec![0; CHUNK],
    };
    let mut answer = Line {
        answers,
        bytes: Vec::new(),
    };
    courier.run(patch, &mut answer).await
}

fn read_head(head: &Head) -> Result<Piece, Broken> {
    if head.chunked {
        return Err(refused(411, "Send the piece with a Content-Length."));
    }
    let asked = Asked {
        method: &head.method,
        path: &head.path,
        headers: &head.headers,
        length: head.content_length,
    };
    let expected = head.header("expect").unwrap_or("100-continue");
    match tus::read(&asked) {
        Err(answer) => Err(Broken::Refused(Box::new(answer))),
        Ok(_) if !expected.eq_ignore_ascii_case("100-continue") => {
            Err(refused(417, "Only 100-continue can be expected."))
        }
        Ok(Wish::Piece(piece)) => Ok(piece),
        Ok(_) => Err(refused(400, "That is no piece of a bundle.")),
    }
}

async fn announce(socket: &Path, piece: &Piece) -> io::Result<UnixStream> {
    let mut steward = UnixStream::connect(socket).await?;
    steward.write_all(piece.line().as_bytes()).await?;
    Ok(steward)
}

fn away(error: &io::Error) -> Broken {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => refused(503, tus::NO_STEWARD),
        _ => {
            log::warn!("the steward takes no piece of an update: {error}");
            refused(
                503,
                "The camera's steward does not answer. Try again in a moment.",
            )
        }
    }
}

/// Brings what the client sends to the steward.
struct Courier<'a, 'b> {
    client: &'a mut TcpStream,
    pieces: WriteHalf<'b>,
    way: Way<'a>,
    /// Of the piece, not yet read from the client.
    left: u64,
    chunk: Vec<u8>,
}

impl Courier<'_, '_> {
    async fn run(&mut self, patch: Patch<'_>, answer: &mut Line<'_>) -> Result<Answer, Broken> {
        // More than the body would be a second request, which this connection does not serve.
        let have = patch
            .rest
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let mut early = self.pass_on(&patch.rest[..have], answer).await?;
        self.left -= have as u64;
        if patch.head.header("expect").is_some() && have == 0 && patch.head.minor_version > 0 {
            let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
            self.client.write_all(go_on).await.map_err(Broken::Gone)?;
        }
        while self.left > 0 && !early {
            early = self.step(answer).await?;
        }
        answer.read_to_end(self.way.limits.steward).await
    }

    /// One chunk. True if the steward has answered without waiting for the rest.
    async fn step(&mut self, answer: &mut Line<'_>) -> Result<bool, Broken> {
        let most = CHUNK.min(usize::try_from(self.left).unwrap_or(CHUNK));
        let mut chunk = std::mem::take(&mut self.chunk);
        let read = tokio::select! {
            biased;
            ended = answer.read() => {
                ended?;
                return Ok(true);
            }
            read = self.hear(&mut chunk[..most]) => read?,
        };
        self.left -= read as u64;
        let early = self.pass_on(&chunk[..read], answer).await;
        self.chunk = chunk;
        early
    }

    /// Reads from the client: at least a byte.
    async fn hear(&mut self, chunk: &mut [u8]) -> Result<usize, Broken> {
        let limits = self.way.limits;
        let mut silent = Duration::ZERO;
        loop {
            let wait = limits.client_awaited.min(limits.client - silent);
            match timeout(wait, self.client.read(chunk)).await {
                Ok(Ok(0)) => return Err(Broken::Gone(io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => return read.map_err(Broken::Gone),
                Err(_) => silent += wait,
            }
            if silent >= limits.client || self.way.place.is_awaited() {
                return Err(refused(408, "The piece of the bundle stopped coming."));
            }
        }
    }

    /// True if the steward has answered instead of taking all of it.
    async fn pass_on(&mut self, mut bytes: &[u8], answer: &mut Line<'_>) -> Result<bool, Broken> {
        while !bytes.is_empty() {
            let written = tokio::select! {
                biased;
                ended = answer.read() => {
                    ended?;
                    return Ok(true);
                }
                written = timeout(self.way.limits.steward, self.pieces.write(bytes)) => written,
            };
            match written {
                Ok(Ok(written)) if written > 0 => bytes = &bytes[written..],
                // It has closed: what it said before that is still there to be read.
                Ok(_) => return Ok(true),
                Err(_) => return Err(too_slow()),
            }
        }
        Ok(false)
    }
}

fn too_slow() -> Broken {
    refused(504, "The camera is busy writing. Try again in a moment.")
}

/// The steward's line, as far as it has come.
struct Line<'a> {
    answers: ReadHalf<'a>,
    bytes: Vec<u8>,
}

impl Line<'_> {
    /// Returns when something was read, or nothing more comes. May be dropped halfway.
    async fn read(&mut self) -> Result<(), Broken> {
        let room = (MAX_LINE - self.bytes.len()) as u64;
        let mut limited = (&mut self.answers).take(room);
        let read = limited.read_buf(&mut self.bytes).await;
        read.map(drop).map_err(|error| away(&error))
    }

    async fn read_to_end(&mut self, limit: Duration) -> Result<Answer, Broken> {
        while !self.bytes.ends_with(b"\n") {
            let before = self.bytes.len();
            timeout(limit, self.read())
                .await
                .map_err(|_| too_slow())??;
            if self.bytes.len() == before {
                break;
            }
        }
        Ok(self.say())
    }

    fn say(&self) -> Answer {
        if self.bytes.is_empty() {
            let words = "The camera's steward broke off. Ask where to go on.";
            return tus::refused(503, words);
        }
        match steward::answer(&self.bytes) {
            Ok(facts) => match facts["offset"].as_u64() {
                Some(offset) => tus::at_offset(offset, None),
                None => tus::refused(503, "The steward's answer makes no sense."),
            },
            Err(refused) => tus::refused_by(&refused),
        }
    }
}
