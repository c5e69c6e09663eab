//! One signalling WebSocket (RFC 6455).
//!
//! UV4L's protocol has no keep-alive, so the camera pings: the kernel notices a
//! peer that no longer acknowledges (the gate sets TCP_USER_TIMEOUT), and
//! [`SILENT_TICKS`] notices a program that is connected but dead.

use super::inbound::{Inbound, InboundSender};
use super::lingering;
use crate::proto::head::Head;
use crate::proto::refusal::Refusal;
use crate::proto::session_id::SessionId;
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tungstenite::error::ProtocolError;
use tungstenite::http;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, Message};

/// Longest message and frame taken, in bytes. A session description is a few kB.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Messages waiting to be written; the loop drops a session whose outbox is full.
pub const OUTBOX: usize = 32;

/// Between two pings.
const TICK: Duration = Duration::from_secs(2);
/// Ticks without a byte from the client, pongs included, before it counts as
/// dead: 30 s. Generous, because some clients read their socket only now and
/// then, and a network that is gone shows sooner in other ways.
const SILENT_TICKS: u32 = 15;
/// Messages taken per tick; more wait in the kernel. A call takes a few dozen.
const MESSAGES_PER_TICK: u32 = 128;
/// For one message to go out.
const WRITE: Duration = Duration::from_secs(5);
/// For the closing handshake.
const FAREWELL: Duration = Duration::from_secs(2);

/// Which session, and with whom.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    pub session: SessionId,
    pub peer: SocketAddr,
}

/// The answer to an upgrade request, or why there is none.
pub fn handshake(head: &Head) -> Result<Vec<u8>, Refusal> {
    if head.content_length.is_some_and(|n| n > 0) {
        return Err(Refusal::new(400, "An upgrade request has no body."));
    }
    // Rebuilt from what the gate has understood, so that nothing is read twice.
    let mut request = http::Request::builder()
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket");
    for name in ["sec-websocket-version", "sec-websocket-key"] {
        if let Some(value) = head.header(name) {
            request = request.header(name, value);
        }
    }
    let request = request.body(()).map_err(|_| not_a_handshake())?;
    let mut response =
        tungstenite::handshake::server::create_response(&request).map_err(|error| match error {
            Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => {
                let refusal = Refusal::new(426, "This camera speaks WebSocket version 13.");
                refusal.with_field("Sec-WebSocket-Version", "13")
            }
            _ => not_a_handshake(),
        })?;
    if let Some(protocol) = first_protocol(head) {
        response
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", protocol);
    }
    let mut bytes = Vec::with_capacity(256);
    tungstenite::handshake::server::write_response(&mut bytes, &response)
        .map_err(|_| not_a_handshake())?;
    Ok(bytes)
}

/// Holds the conversation until one side ends it.
///
/// `answer` is what [`handshake`] gave, `rest` what the client sent behind its head.
pub async fn serve(
    mut stream: TcpStream,
    answer: &[u8],
    rest: Vec<u8>,
    visit: Visit,
    inbound: InboundSender,
) {
    match timeout(WRITE, stream.write_all(answer)).await {
        Ok(Ok(())) => {}
        _ => return,
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let mut socket =
        WebSocketStream::from_partially_read(stream, rest, Role::Server, Some(config)).await;
    let Some((notice, outbox)) = announce(visit, &inbound).await else {
        return farewell(socket, Some((CloseCode::Away, "shutting down"))).await;
    };
    let ending = converse(&mut socket, visit, &inbound, outbox).await;
    log::debug!("{}: {}: {ending:?}", visit.peer, visit.session);
    // The loop hears of it now, not after the handshake that closes the socket.
    drop(notice);
    match ending {
        Ending::Left => farewell(socket, None).await,
        Ending::Dismissed => farewell(socket, Some((CloseCode::Normal, ""))).await,
        Ending::Offence(code, words) => farewell(socket, Some((code, words))).await,
        Ending::Lost => {}
    }
}

fn not_a_handshake() -> Refusal {
    Refusal::new(
        400,
        "The WebSocket handshake is not sound (RFC 6455, 4.2.1).",
    )
}

/// The first subprotocol asked for, since a browser that asks for one drops the
/// connection unless it gets one. What is spoken does not depend on it.
fn first_protocol(head: &Head) -> Option<http::HeaderValue> {
    let first = head
        .header("sec-websocket-protocol")?
        .split(',')
        .next()?
        .trim();
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if first.is_empty() || !first.bytes().all(is_token) {
        return None;
    }
    http::HeaderValue::from_str(first).ok()
}

/// Sends the session's [`Inbound::Closed`] when it is dropped, however that
/// happens. Its place in the letter box was reserved before the session opened.
struct Notice(Option<(OwnedPermit<Inbound>, SessionId)>);

impl Drop for Notice {
    fn drop(&mut self) {
        if let Some((place, session)) = self.0.take() {
            place.send(Inbound::Closed { session });
        }
    }
}

async fn announce(
    visit: Visit,
    inbound: &InboundSender,
) -> Option<(Notice, mpsc::Receiver<String>)> {
    let last_word = inbound.clone().reserve_owned().await.ok()?;
    let opening = inbound.reserve().await.ok()?;
    let (outbox, messages) = mpsc::channel(OUTBOX);
    opening.send(Inbound::Opened {
        session: visit.session,
        peer: visit.peer,
        outbox,
    });
    Some((Notice(Some((last_word, visit.session))), messages))
}

#[derive(Debug)]
enum Ending {
    /// The client has said goodbye.
    Left,
    /// The loop has dropped the outbox.
    Dismissed,
    /// The client broke a rule.
    Offence(CloseCode, &'static str),
    /// Nobody is there any more.
    Lost,
}

async fn converse(
    socket: &mut WebSocketStream<TcpStream>,
    visit: Visit,
    inbound: &InboundSender,
    mut outbox: mpsc::Receiver<String>,
) -> Ending {
    let mut ticks = interval_at(Instant::now() + TICK, TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent_ticks = 0;
    let mut allowance = MESSAGES_PER_TICK;
    loop {
        let outgoing = tokio::select! {
            received = socket.next(), if allowance > 0 => {
                silent_ticks = 0;
                allowance -= 1;
                match received {
                    Some(Ok(message)) => match hear(message, visit, inbound).await {
                        None => continue,
                        Some(ending) => return ending,
                    },
                    Some(Err(error)) => return judge(&error),
                    None => return Ending::Left,
                }
            }
            text = outbox.recv() => match text {
                Some(text) => Message::text(text),
                None => return Ending::Dismissed,
            },
            _ = ticks.tick() => {
                allowance = MESSAGES_PER_TICK;
                silent_ticks += 1;
                if silent_ticks > SILENT_TICKS {
                    return Ending::Offence(CloseCode::Policy, "no answer to pings");
                }
                Message::Ping(Default::default())
            }
        };
        match timeout(WRITE, socket.send(outgoing)).await {
            Ok(Ok(())) => {}
            _ => return Ending::Lost,
        }
    }
}

/// Passes text on; an ending if the conversation is over.
async fn hear(message: Message, visit: Visit, inbound: &InboundSender) -> Option<Ending> {
    match message {
        Message::Text(text) => {
            let text = text.as_str().to_owned();
            let session = visit.session;
            let sent = inbound.send(Inbound::Text { session, text }).await;
            sent.is_err().then_some(Ending::Dismissed)
        }
        Message::Close(_) => Some(Ending::Left),
        // Nothing of UV4L's is binary; pings are answered below us.
        _ => None,
    }
}

fn judge(error: &Error) -> Ending {
    match error {
        Error::Capacity(_) => Ending::Offence(CloseCode::Size, "message too long"),
        Error::Utf8(_) => Ending::Offence(CloseCode::Invalid, "text is not UTF-8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Ending::Lost,
        Error::Protocol(_) => Ending::Offence(CloseCode::Protocol, "not WebSocket"),
        _ => Ending::Lost,
    }
}

/// Closes in order, within [`FAREWELL`] and the lingering close's own limit.
async fn farewell(mut socket: WebSocketStream<TcpStream>, why: Option<(CloseCode, &str)>) {
    let frame = why.map(|(code, words)| CloseFrame {
        code,
        reason: words.into(),
    });
    let exchange = async {
        if frame.is_some() {
            socket.close(frame).await?;
        } else {
            socket.flush().await?;
        }
        while socket.next().await.is_some_and(|r| r.is_ok()) {}
        Ok::<(), Error>(())
    };
    let _ = timeout(FAREWELL, exchange).await;
    lingering::see_off(socket.into_inner(), FAREWELL).await;
}
