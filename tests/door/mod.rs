//! A gate on a port of its own, with a test in the event loop's place.
#![allow(dead_code)]

use mimamori::io::gate::{self, GateSettings, Limits};
use mimamori::io::inbound::Inbound;
use mimamori::io::pages::{self, PagesHandle};
use mimamori::proto::http::{Answer, Request};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Far longer than anything here takes: a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Door {
    pub address: SocketAddr,
    /// The gate listens there, too.
    pub other_address: SocketAddr,
    pub gate: JoinHandle<()>,
    pub pages: Option<PagesHandle>,
    pub directory: PathBuf,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.gate.abort();
        self.pages = None;
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Opens gate and pages; what they hand in comes out of the receiver.
pub async fn open(limits: Limits) -> (Door, mpsc::Receiver<Inbound>) {
    let (inbound, letters) = mpsc::channel(256);
    let directory = new_directory();
    let pages_socket = directory.join("pages");
    let pages =
        pages::start(&pages_socket, &directory.join("steward"), inbound.clone()).expect("pages");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let other = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let other_address = other.local_addr().expect("an address");
    let settings = GateSettings {
        pages_socket,
        bundle_socket: directory.join("bundle"),
        host_names: vec!["cam.example.com".to_owned()],
        limits,
    };
    let gate = tokio::spawn(gate::run(vec![listener, other], settings, inbound));
    let door = Door {
        address,
        other_address,
        gate,
        pages: Some(pages),
        directory,
    };
    (door, letters)
}

/// [`open`] with a loop that answers HTTP by `respond`.
pub async fn open_answering(
    limits: Limits,
    respond: impl Fn(Request) -> Answer + Send + 'static,
) -> Door {
    let (door, mut letters) = open(limits).await;
    tokio::spawn(async move {
        while let Some(letter) = letters.recv().await {
            if let Inbound::Http { request, reply } = letter {
                let _ = reply.send(respond(request));
            }
        }
    });
    door
}

pub fn new_directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("mimamori-test-{}-{number}", std::process::id()))
}

impl Door {
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address)
            .await
            .expect("a connection")
    }

    /// From a loopback address of one's own, as another client would have.
    pub async fn connect_as(&self, client: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        let own = SocketAddr::from(([127, 0, 1, client], 0));
        socket.bind(own).expect("a loopback address");
        socket.connect(self.address).await.expect("a connection")
    }

    /// Sends and reads to the end.
    pub async fn ask(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream
            .write_all(request.as_ref())
            .await
            .expect("a request sent");
        read_all(&mut stream).await
    }
}

/// Everything until the server closes. A reset fails the test.
pub async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    let read = timeout(PATIENCE, reading).await.expect("an end");
    read.expect("an orderly end");
    String::from_utf8(bytes).expect("text")
}

/// Up to and with the head's empty line.
pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("a head");
        bytes.push(byte.expect("a head"));
    }
    String::from_utf8(bytes).expect("text")
}

pub async fn next(letters: &mut mpsc::Receiver<Inbound>) -> Inbound {
    let letter = timeout(PATIENCE, letters.recv()).await;
    letter.expect("a letter in time").expect("a letter")
}

/// Asks again until it is so.
pub async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async { while !is_so().await {} };
    timeout(PATIENCE, asking).await.expect("it never was so");
}

pub fn status(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1).unwrap_or_default();
    code.parse()
        .unwrap_or_else(|_| panic!("no status in {answer:?}"))
}

pub fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

pub fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
