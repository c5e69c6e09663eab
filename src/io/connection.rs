//! One connection's way through the gate: read the request, look at it, hand it on.

use super::gate::{Limits, Shared, canonical};
use super::places::Phase;
use super::{lingering, raw_stream, splice, update_relay, websocket};
use crate::proto::head::{self, Head, MAX_HEAD};
use crate::proto::host::{self, HostError};
use crate::proto::refusal::Refusal;
use crate::proto::session_id::SessionId;
use crate::proto::set_up;
use crate::proto::update::tus;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest request body, in bytes, but for the pieces of an update, which are not held here.
pub const MAX_BODY: usize = 64 * 1024;

/// For a connection that is gone.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Serves one request and closes the connection.
pub(super) async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    phase: Arc<Phase>,
) {
    let limits = &shared.settings.limits;
    let request = match read_head(&mut stream, limits).await {
        Asked::Request(request) => request,
        Asked::Nothing => return,
        Asked::Nonsense(refusal) => {
            return refuse(stream, peer, refusal, true, limits, &phase).await;
        }
    };
    let Request { head, rest } = *request;
    log::debug!("{peer}: {} {}", head.method, head.path);
    let local = stream.local_addr().map_or(NOWHERE, canonical);
    let outcome = match route(&head, local, &shared.settings.host_names) {
        Ok(Route::Signalling(handshake)) => {
            phase.set_served();
            let session = SessionId(shared.next_session.fetch_add(1, Ordering::Relaxed));
            let visit = websocket::Visit { session, peer };
            websocket::serve(stream, &handshake, rest, visit, shared.inbound.clone()).await;
            return;
        }
        Ok(Route::RawStream) => {
            phase.set_served();
            raw_stream::serve(&mut stream, head.method == "HEAD", &shared.inbound).await;
            Ok(())
        }
        Ok(Route::Piece) => return take_piece(stream, &head, rest, &shared, &phase).await,
        Ok(Route::Pages) => ask_pages(&mut stream, &head, rest, peer, &shared, &phase).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Err(refusal) => {
            let with_body = head.method != "HEAD";
            refuse(stream, peer, refusal, with_body, limits, &phase).await
        }
        Ok(()) => {
            phase.set_leaving();
            lingering::see_off(stream, limits.linger).await
        }
    }
}

struct Request {
    head: Head,
    /// What came behind the head.
    rest: Vec<u8>,
}

enum Asked {
    Request(Box<Request>),
    /// Closed, or silent to the end. Browsers open such spare connections, and a
    /// 408 on one could be taken for the answer to the request that comes next.
    Nothing,
    Nonsense(Refusal),
}

async fn read_head(stream: &mut TcpStream, limits: &Limits) -> Asked {
    let mut bytes = Vec::with_capacity(1024);
    match timeout(limits.head, fill_head(stream, &mut bytes)).await {
        Ok(Ok(Ok(head))) => {
            let rest = bytes.split_off(head.length);
            Asked::Request(Box::new(Request { head, rest }))
        }
        Ok(Ok(Err(refusal))) => Asked::Nonsense(refusal),
        Ok(Err(_)) => Asked::Nothing,
        Err(_) if bytes.is_empty() => Asked::Nothing,
        Err(_) => Asked::Nonsense(Refusal::new(408, "The request's head took too long.")),
    }
}

/// Reads until the head is whole. An `io::Error` when the client has gone.
async fn fill_head(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
) -> io::Result<Result<Head, Refusal>> {
    loop {
        let before = bytes.len();
        let room = (MAX_HEAD - before) as u64;
        if (&mut *stream).take(room).read_buf(bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let full = bytes.len() >= MAX_HEAD;
        if before == 0 || full || head::may_be_complete(bytes, before) {
            match head::parse(bytes) {
                Ok(Some(head)) => return Ok(Ok(head)),
                Ok(None) => {}
                Err(error) => return Ok(Err(error.into())),
            }
        }
    }
}

enum Route {
    /// With the bytes of the handshake's answer.
    Signalling(Vec<u8>),
    RawStream,
    /// Of an update's bundle.
    Piece,
    Pages,
}

fn route(head: &Head, local: SocketAddr, host_names: &[String]) -> Result<Route, Refusal> {
    match host::check(head, host_names) {
        Err(HostError::Foreign(_)) if set_up::is_access_point(local.ip()) => {
            return Err(show_set_up());
        }
        checked => checked?,
    }
    if head.method == "PATCH" && tus::serves(&head.path) {
        return Ok(Route::Piece);
    }
    if head.chunked {
        return Err(Refusal::new(411, "Send the body with a Content-Length."));
    }
    if head.content_length.is_some_and(|n| n > MAX_BODY as u64) {
        let words = format!("The body is longer than {MAX_BODY} bytes.");
        return Err(Refusal::new(413, words));
    }
    if head.is_websocket_upgrade() {
        return route_upgrade(head);
    }
    match (head.path.as_str(), head.method.as_str()) {
        ("/stream/video.h264", "GET" | "HEAD") => Ok(Route::RawStream),
        ("/stream/video.h264", _) => {
            let refusal = Refusal::new(405, "The raw stream can only be fetched with GET.");
            Err(refusal.with_field("Allow", "GET, HEAD"))
        }
        _ => Ok(Route::Pages),
    }
}

/// For whoever is in the set-up network every name leads here. Telephones and computers
/// ask a known address of their maker's, and show the page that this leads to.
fn show_set_up() -> Refusal {
    let refusal = Refusal::new(302, "This camera wants to be set up.");
    refusal.with_field("Location", set_up::PAGE)
}

fn route_upgrade(head: &Head) -> Result<Route, Refusal> {
    let path = head.path.as_str();
    if !matches!(
        path.trim_end_matches('/'),
        "" | "/webrtc" | "/stream/webrtc"
    ) {
        let words = "There is no WebSocket here. Signalling is at /stream/webrtc.";
        return Err(Refusal::new(404, words));
    }
    Ok(Route::Signalling(websocket::handshake(head)?))
}

async fn take_piece(
    mut stream: TcpStream,
    head: &Head,
    rest: Vec<u8>,
    shared: &Shared,
    phase: &Phase,
) {
    let settings = &shared.settings;
    let patch = update_relay::Patch { head, rest };
    let way = update_relay::Way {
        socket: &settings.bundle_socket,
        place: &shared.piece,
        limits: &settings.limits.update,
        phase,
    };
    let answer = update_relay::relay(&mut stream, patch, way).await;
    phase.set_leaving();
    if let Some(answer) = answer {
        lingering::say(stream, &answer.to_bytes(true), settings.limits.linger).await;
    }
}

/// Hands the whole request to the HTTP server and its answer back.
async fn ask_pages(
    stream: &mut TcpStream,
    head: &Head,
    mut body: Vec<u8>,
    peer: SocketAddr,
    shared: &Shared,
    phase: &Phase,
) -> Result<(), Refusal> {
    let limits = &shared.settings.limits;
    match timeout(limits.body, read_body(stream, head, &mut body)).await {
        Ok(result) => result?,
        Err(_) => return Err(Refusal::new(408, "The request's body took too long.")),
    }
    phase.set_served();
    let Ok(Ok(place)) = timeout(limits.line, shared.requests.clone().acquire_owned()).await else {
        let refusal = Refusal::new(503, "The camera is busy. Try again in a moment.");
        return Err(refusal.with_field("Retry-After", "2"));
    };
    let local = stream.local_addr().map_or(NOWHERE, canonical);
    let mut request = head.rewrite(peer, local);
    request.append(&mut body);
    splice::splice(
        stream,
        &shared.settings.pages_socket,
        &request,
        place,
        limits.idle,
    )
    .await
}

/// Completes the body here, so that a slow client keeps no thread waiting for it.
async fn read_body(stream: &mut TcpStream, head: &Head, body: &mut Vec<u8>) -> Result<(), Refusal> {
    let gone = |_: io::Error| Refusal::new(400, "The connection ended inside the body.");
    // route() has limited it.
    let length = head.content_length.unwrap_or(0) as usize;
    if let Some(expected) = head.header("expect") {
        if !expected.eq_ignore_ascii_case("100-continue") {
            return Err(Refusal::new(417, "Only 100-continue can be expected."));
        }
        if body.len() < length {
            let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
            stream.write_all(go_on).await.map_err(gone)?;
        }
    }
    // More than the body would be a second request, which this connection does not serve.
    let have = body.len().min(length);
    body.resize(length, 0);
    stream.read_exact(&mut body[have..]).await.map_err(gone)?;
    Ok(())
}

async fn refuse(
    stream: TcpStream,
    peer: SocketAddr,
    refusal: Refusal,
    with_body: bool,
    limits: &Limits,
    phase: &Phase,
) {
    log::debug!("{peer}: {} {}", refusal.status, refusal.words);
    phase.set_leaving();
    lingering::say(stream, &refusal.to_bytes(with_body), limits.linger).await;
}
