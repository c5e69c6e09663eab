//! The front door of the TCP port.
//!
//! Only the gate faces the network: it accepts always, reads each request's head
//! under a limit and a deadline, and then hands the connection to whoever serves
//! it (see [`super::connection`]). A connection that has not said what it wants
//! gives way to a new one when all places are taken.

use super::connection;
use super::inbound::InboundSender;
use super::lingering;
use super::places::{Phase, Places};
use super::update_relay::{OnePlace, UpdateLimits};
use crate::proto::refusal::Refusal;
use socket2::{SockRef, TcpKeepalive};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What the gate needs to know.
#[derive(Clone, Debug)]
pub struct GateSettings {
    /// Where [`super::pages`] listens.
    pub pages_socket: PathBuf,
    /// Where the steward takes the pieces of an update's bundle; where there is no
    /// steward, there is nothing.
    pub bundle_socket: PathBuf,
    /// Names of this camera beyond those that are always taken
    /// (see [`crate::proto::host::check`]); without a port.
    pub host_names: Vec<String>,
    pub limits: Limits,
}

/// How much, how many and how long.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections of every kind. Clamped to half the letter box, because
    /// every WebSocket keeps a place in it for its last message.
    pub connections: usize,
    /// Open connections of one address.
    pub per_peer: usize,
    /// Requests in the HTTP server at once: its own number of idle threads
    /// (tiny_http's `MIN_THREADS`). One more, and it could leave a request lying
    /// behind a thread that is busy.
    pub requests: usize,
    /// From the connection's start to the end of the head.
    pub head: Duration,
    /// From the end of the head to the end of the body.
    pub body: Duration,
    /// In the line for one of `requests`.
    pub line: Duration,
    /// Without one byte moving, while an answer is sent.
    pub idle: Duration,
    /// For the client to read a last answer and close.
    pub linger: Duration,
    /// Of the pieces of an update.
    pub update: UpdateLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            per_peer: 32,
            requests: 4,
            head: Duration::from_secs(5),
            body: Duration::from_secs(10),
            line: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            update: UpdateLimits::default(),
        }
    }
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub settings: GateSettings,
    pub inbound: InboundSender,
    pub requests: Arc<Semaphore>,
    pub next_session: AtomicU64,
    pub piece: OnePlace,
}

/// Accepts connections of all `listeners`, at least one, until it is dropped, which closes them all.
///
/// Spawns its connections with [`tokio::spawn`] (every future is `Send`), so it
/// runs on any runtime with I/O and time enabled; no `LocalSet` is needed.
pub async fn run(listeners: Vec<TcpListener>, settings: GateSettings, inbound: InboundSender) {
    let mut door = Door::new(settings, inbound);
    let mut backoff = FIRST_BACKOFF;
    let mut turn = 0;
    loop {
        turn = (turn + 1) % listeners.len();
        tokio::select! {
            accepted = accept(&listeners, turn) => match accepted {
                Ok((stream, peer)) => {
                    backoff = FIRST_BACKOFF;
                    door.admit(stream, canonical(peer));
                    // Let the newcomer say what it wants before the next one may take its place.
                    tokio::task::yield_now().await;
                }
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(LAST_BACKOFF);
                }
            },
            Some(_) = door.tasks.join_next(), if !door.tasks.is_empty() => {}
        }
    }
}

/// The next connection of any listener; `turn` goes round, so that a flood of one does
/// not keep the others shut.
async fn accept(
    listeners: &[TcpListener],
    turn: usize,
) -> std::io::Result<(TcpStream, SocketAddr)> {
    poll_fn(|context| {
        let (before, first) = listeners.split_at(turn);
        let in_turn = first.iter().chain(before);
        let accepted = in_turn.map(|each| each.poll_accept(context));
        let mut ready = accepted.filter(Poll::is_ready);
        ready.next().unwrap_or(Poll::Pending)
    })
    .await
}

const FIRST_BACKOFF: Duration = Duration::from_millis(10);
const LAST_BACKOFF: Duration = Duration::from_secs(1);

/// How many clients at once are told that there is no room; more are just closed.
const TURNED_AWAY_AT_ONCE: usize = 8;

/// Sent but not acknowledged for this long: the peer is gone, and the kernel says so.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

struct Door {
    shared: Arc<Shared>,
    places: Places,
    turned_away: Arc<Semaphore>,
    /// Dropping it ends every connection.
    tasks: JoinSet<()>,
}

impl Door {
    fn new(mut settings: GateSettings, inbound: InboundSender) -> Self {
        let room = (inbound.max_capacity() / 2).max(1);
        if settings.limits.connections > room {
            log::warn!("the letter box has room for {room} connections only");
            settings.limits.connections = room;
        }
        let limits = &settings.limits;
        Self {
            places: Places::new(limits.connections, limits.per_peer),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY_AT_ONCE)),
            tasks: JoinSet::new(),
            shared: Arc::new(Shared {
                requests: Arc::new(Semaphore::new(limits.requests)),
                next_session: AtomicU64::new(1),
                piece: OnePlace::default(),
                inbound,
                settings,
            }),
        }
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = prepare(&stream) {
            log::debug!("{peer}: cannot set socket options: {error}");
        }
        if !self.places.make_room(peer.ip()) {
            return self.turn_away(stream, peer);
        }
        let phase = Arc::new(Phase::default());
        let serving = connection::serve(stream, peer, self.shared.clone(), phase.clone());
        let task = self.tasks.spawn(serving);
        self.places.take(peer.ip(), phase, task);
    }

    fn turn_away(&mut self, stream: TcpStream, peer: SocketAddr) {
        log::info!("{peer}: turned away, all places are taken");
        let Ok(permit) = self.turned_away.clone().try_acquire_owned() else {
            return;
        };
        let limit = self.shared.settings.limits.linger;
        self.tasks.spawn(async move {
            let words = "All of this camera's connections are in use. Try again in a moment.";
            let refusal = Refusal::new(503, words).with_field("Retry-After", "2");
            lingering::say(stream, &refusal.to_bytes(true), limit).await;
            drop(permit);
        });
    }
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    // Notices a dead peer also where nothing is being sent to it.
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(Duration::from_secs(10))
            .with_interval(Duration::from_secs(5)),
    )
}

/// An IPv4 client of a dual-stack socket is still an IPv4 client.
pub(super) fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}
