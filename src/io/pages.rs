//! The pages: one thread that answers HTTP requests behind the gate.
//!
//! Static files are answered here, `/api` and `/whep` by the core. tiny_http
//! listens on a unix socket only; [`super::gate`] says why. The request is
//! complete and the client's pace is the gate's affair by the time it comes
//! here, so one thread is enough.

use super::assets::{ASSETS, Asset};
use super::household::Household;
use super::inbound::{Inbound, InboundSender};
use crate::proto::head::{LOCAL_FIELD, PEER_FIELD};
use crate::proto::http::{Answer, Request};
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tiny_http::{Header, Method, Server, StatusCode};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The running thread. Dropping it stops the thread.
#[derive(Debug)]
pub struct PagesHandle {
    server: ServerHandle,
    failure: oneshot::Receiver<String>,
}

/// Listens on a unix socket at `path` and answers until the handle is dropped.
/// `steward`: the socket of the one who is asked what is for root to do.
///
/// A socket left over there is replaced. The directory is made with mode 0700 if
/// it does not exist; one that is open to others is an error, because requests
/// that come this way were not checked by the gate.
pub fn start(path: &Path, steward: &Path, inbound: InboundSender) -> io::Result<PagesHandle> {
    prepare_directory(path)?;
    let server = Server::http_unix(path)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    let server = Arc::new(server);
    let (report, failure) = oneshot::channel();
    let mut pages = Pages::new(inbound, Household::new(steward))?;
    let of_thread = server.clone();
    std::thread::Builder::new()
        .name("pages".to_owned())
        .spawn(move || {
            let error = pages.run(&of_thread);
            // Nobody listens any more if the handle was dropped.
            let _ = report.send(error.to_string());
        })?;
    Ok(PagesHandle {
        server: ServerHandle(server),
        failure,
    })
}

impl PagesHandle {
    /// Waits until the pages can no longer be served, and says why. There is no
    /// way back from that but to start the program again.
    pub async fn failed(&mut self) -> String {
        match (&mut self.failure).await {
            Ok(error) => error,
            Err(_) => "the pages' thread has ended".to_owned(),
        }
    }
}

impl Drop for PagesHandle {
    fn drop(&mut self) {
        self.server.0.unblock();
    }
}

struct ServerHandle(Arc<Server>);

impl std::fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

/// For the letter box to have room, and then for the core to answer.
const HAND_IN: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(3);
/// The gate's own limit on bodies.
const MAX_BODY: u64 = super::connection::MAX_BODY as u64;

/// Scripts and styles come from the camera only, and none stand in the HTML.
/// `blob:` and `data:` are for snapshots; `ws:` is for browsers that do not count
/// WebSockets as 'self'. Nothing is said about frames: people put the camera
/// into their home's dashboard.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; \
    img-src 'self' blob: data:; media-src 'self' blob: data: mediastream:; \
    connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'none'";

fn prepare_directory(socket: &Path) -> io::Result<()> {
    if let Some(directory) = socket.parent().filter(|d| !d.as_os_str().is_empty()) {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let mode = std::fs::metadata(directory)?.permissions().mode();
        if mode & 0o077 != 0 {
            let words = format!("{} must be ours alone (mode 0700)", directory.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, words));
        }
    }
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

struct Pages {
    inbound: InboundSender,
    household: Household,
    /// Of each asset, in their order.
    etags: Vec<String>,
    /// Lets this thread wait with a limit. It has timers only, and no thread of its own.
    runtime: tokio::runtime::Runtime,
}

/// What is answered, before it is put in tiny_http's words.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

enum Body {
    Static(&'static [u8]),
    Owned(Vec<u8>),
}

impl Pages {
    fn new(inbound: InboundSender, household: Household) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        Ok(Self {
            inbound,
            household,
            etags: ASSETS.iter().map(|asset| etag(asset.bytes)).collect(),
            runtime,
        })
    }

    /// Returns only when the server has failed or was stopped.
    fn run(&mut self, server: &Server) -> io::Error {
        let mut answered = false;
        loop {
            match server.recv() {
                Ok(mut request) => {
                    let reply = self.answer(&mut request);
                    match request.respond(render(reply)) {
                        // The end of the start, for who reads how long it took.
                        Ok(()) if !answered => log::info!("the first request is answered"),
                        Ok(()) => {}
                        Err(error) => log::debug!("an answer was not sent: {error}"),
                    }
                    answered = true;
                }
                Err(error) => return error,
            }
        }
    }

    fn answer(&mut self, request: &mut tiny_http::Request) -> Reply {
        let (path, query) = split(request.url());
        if is_under(path, "/api") || is_under(path, "/whep") {
            return match read(request, path.to_owned(), query.to_owned()) {
                Ok(request) if Household::serves(&request.path) => {
                    self.household.answer(&request).into()
                }
                Ok(request) => self.ask_core(request),
                Err(error) => words(400, format!("The body could not be read: {error}.")),
            };
        }
        match ASSETS.iter().position(|asset| asset.path == path) {
            Some(index) => file(&ASSETS[index], &self.etags[index], request),
            None => words(
                404,
                format!("There is no {path:?} here. The picture is at /."),
            ),
        }
    }

    fn ask_core(&self, request: Request) -> Reply {
        let (reply, answer) = oneshot::channel();
        let handed_in = self.inbound.send(Inbound::Http { request, reply });
        self.runtime.block_on(async {
            match timeout(HAND_IN, handed_in).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return words(503, "The camera is shutting down.".to_owned()),
                Err(_) => return words(503, "The camera is busy.".to_owned()),
            }
            match timeout(ANSWER, answer).await {
                Ok(Ok(answer)) => Reply::from(answer),
                Ok(Err(_)) => words(500, "The camera has no answer to this.".to_owned()),
                Err(_) => words(504, "The camera did not answer in time.".to_owned()),
            }
        })
    }
}

fn split(url: &str) -> (&str, &str) {
    url.split_once('?').unwrap_or((url, ""))
}

fn is_under(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The request as the core sees it. HEAD is GET there: the answer's body is
/// left out on its way back.
fn read(request: &mut tiny_http::Request, path: String, query: String) -> io::Result<Request> {
    let method = match request.method() {
        Method::Head => "GET".to_owned(),
        other => other.to_string(),
    };
    let mut headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|h| {
            (
                h.field.as_str().as_str().to_ascii_lowercase(),
                h.value.to_string(),
            )
        })
        .collect();
    // The gate has dropped any that a client sent.
    let address = |field| {
        let found = headers.iter().find(|(name, _)| name == field);
        found.and_then(|(_, value)| value.parse().ok())
    };
    let (peer, local) = (address(PEER_FIELD), address(LOCAL_FIELD));
    headers.retain(|(name, _)| ![PEER_FIELD, LOCAL_FIELD, "connection"].contains(&name.as_str()));
    let mut body = Vec::new();
    request.as_reader().take(MAX_BODY).read_to_end(&mut body)?;
    Ok(Request {
        method,
        path,
        query,
        headers,
        body,
        peer,
        local,
    })
}

fn file(asset: &'static Asset, etag: &str, request: &tiny_http::Request) -> Reply {
    if !matches!(request.method(), Method::Get | Method::Head) {
        let mut reply = words(405, "This can only be fetched with GET.".to_owned());
        reply.headers.push(("Allow", "GET, HEAD".to_owned()));
        return reply;
    }
    let known = request
        .headers()
        .iter()
        .any(|h| h.field.equiv("If-None-Match") && names(h.value.as_str(), etag));
    Reply {
        status: if known { 304 } else { 200 },
        headers: vec![
            ("Content-Type", asset.content_type.to_owned()),
            ("ETag", etag.to_owned()),
            ("Cache-Control", "no-cache".to_owned()),
            (
                "Content-Security-Policy",
                CONTENT_SECURITY_POLICY.to_owned(),
            ),
        ],
        body: Body::Static(asset.bytes),
    }
}

/// True if an If-None-Match names that tag (RFC 9110, 13.1.2: weak comparison).
fn names(list: &str, etag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn etag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
    format!("\"{hex}\"")
}

fn words(status: u16, text: String) -> Reply {
    Reply {
        status,
        headers: vec![
            ("Content-Type", "text/plain; charset=utf-8".to_owned()),
            ("Cache-Control", "no-store".to_owned()),
            ("Access-Control-Allow-Origin", "*".to_owned()),
        ],
        body: Body::Owned((text + "\n").into_bytes()),
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self {
            status: answer.status,
            headers: answer.headers,
            body: Body::Owned(answer.body),
        }
    }
}

fn render(reply: Reply) -> tiny_http::Response<Box<dyn Read>> {
    let (length, body): (usize, Box<dyn Read>) = match reply.body {
        Body::Static(bytes) => (bytes.len(), Box::new(bytes)),
        Body::Owned(bytes) => (bytes.len(), Box::new(io::Cursor::new(bytes))),
    };
    let fixed = [
        ("Server", "mimamori".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
        ("Referrer-Policy", "no-referrer".to_owned()),
    ];
    let headers = fixed
        .into_iter()
        .chain(reply.headers)
        .filter_map(header)
        .collect();
    tiny_http::Response::new(StatusCode(reply.status), headers, body, Some(length), None)
        // Always with a length: chunks are for answers whose end is not known.
        .with_chunked_threshold(usize::MAX)
}

/// `None`, with a word in the log, for a field that would break the answer's head.
fn header((name, value): (&'static str, String)) -> Option<Header> {
    let broken = value.bytes().any(|b| b.is_ascii_control());
    let header = Header::from_bytes(name, value.as_bytes()).ok();
    let header = header.filter(|_| !broken && !name.eq_ignore_ascii_case("content-length"));
    if header.is_none() {
        log::warn!("left out of an answer: {name}: {value:?}");
    }
    header
}
