//! Updates over HTTP: what the gate and the pages make of them, with a stand-in for the
//! steward on the two sockets.
#![allow(clippy::disallowed_methods)]

mod door;

use door::{Door, body, eventually, field, open, read_all, read_head, status};
use mimamori::io::gate::Limits;
use mimamori::io::steward::asks::Asks;
use mimamori::proto::steward::{self, Ask, Refused};
use mimamori::proto::update::piece::Piece;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;

const ID: &str = "00c0ffee00c0ffee";

/// How the stand-in takes the next pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Good,
    /// Takes that many bytes, then refuses the bundle without waiting for more.
    Refuses {
        after: usize,
    },
    /// Takes that many bytes, then is gone without a word.
    Dies {
        after: usize,
    },
    /// Takes that many bytes, and then neither more nor says anything.
    Hangs {
        after: usize,
    },
    /// Takes everything, and answers nonsense.
    Babbles,
}

#[derive(Debug)]
struct Upload {
    manner: Manner,
    open: bool,
    size: u64,
    got: Vec<u8>,
    asked: Vec<Ask>,
    refuses: Option<Refused>,
}

/// A steward of which the camera's server sees the sockets only.
struct StandIn {
    upload: Arc<Mutex<Upload>>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl StandIn {
    fn at(door: &Door) -> StandIn {
        let upload = Arc::new(Mutex::new(Upload {
            manner: Manner::Good,
            open: false,
            size: 0,
            got: Vec::new(),
            asked: Vec::new(),
            refuses: None,
        }));
        let mut asks = Asks::listen(&door.directory.join("steward"), None).expect("a socket");
        let pieces = UnixListener::bind(door.directory.join("bundle")).expect("a socket");
        let (of_asks, of_pieces) = (upload.clone(), upload.clone());
        let answering = tokio::spawn(async move {
            loop {
                let letter = asks.next().await;
                let line = of_asks.lock().unwrap().answer(letter.ask);
                let _ = letter.reply.send(line);
            }
        });
        let taking = tokio::spawn(async move {
            loop {
                let (stream, _) = pieces.accept().await.expect("a piece");
                // One after the other, as the steward does it.
                let _ = take(stream, &of_pieces).await;
            }
        });
        StandIn {
            upload,
            tasks: [answering, taking],
        }
    }

    fn now(&self) -> MutexGuard<'_, Upload> {
        self.upload.lock().unwrap()
    }

    /// Waits until what has come is so.
    async fn gets(&self, is_so: impl Fn(&[u8]) -> bool) {
        eventually(async || {
            tokio::time::sleep(Duration::from_millis(2)).await;
            is_so(&self.now().got)
        })
        .await;
    }

    /// With an upload of that size begun.
    fn expecting(door: &Door, size: u64) -> StandIn {
        let steward = StandIn::at(door);
        steward.now().open = true;
        steward.now().size = size;
        steward
    }
}

impl Upload {
    fn answer(&mut self, ask: Ask) -> String {
        self.asked.push(ask.clone());
        if let (Some(refused), true) = (&self.refuses, ask != Ask::Update) {
            return refused.line();
        }
        match ask {
            Ask::Update => steward::done(json!({
                "version": "1.2.3", "slot": "a", "state": "receiving", "max_size": 50_000_000,
                "id": self.open.then_some(ID), "received": self.got.len(), "size": self.size,
            })),
            Ask::Announce { size } => {
                (self.open, self.size) = (true, size);
                steward::done(json!({ "id": ID }))
            }
            Ask::Abandon { .. } => {
                self.open = false;
                steward::done(json!({}))
            }
            Ask::RollBack => steward::done(json!({})),
            _ => steward::refused("no"),
        }
    }
}

/// Takes a piece as the steward does: what came counts, however it ended.
async fn take(stream: UnixStream, upload: &Mutex<Upload>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await?;
    let piece = Piece::parse(&line).expect("a piece");
    let (manner, have, open) = {
        let upload = upload.lock().unwrap();
        (upload.manner, upload.got.len() as u64, upload.open)
    };
    if !open || piece.id.as_str() != ID {
        return say(stream, &Refused::new(410, "This upload has ended.").line()).await;
    }
    if piece.offset != have {
        let refused = Refused {
            offset: Some(have),
            ..Refused::new(409, "The piece does not belong there.")
        };
        return say(stream, &refused.line()).await;
    }
    let most = match manner {
        Manner::Refuses { after } | Manner::Dies { after } | Manner::Hangs { after } => after,
        Manner::Good | Manner::Babbles => usize::MAX,
    };
    let mut left = (piece.length as usize).min(most);
    let mut chunk = [0; 1000];
    while left > 0 {
        let room = left.min(chunk.len());
        let read = stream.read(&mut chunk[..room]).await?;
        if read == 0 {
            return Ok(());
        }
        left -= read;
        upload.lock().unwrap().got.extend_from_slice(&chunk[..read]);
    }
    let offset = upload.lock().unwrap().got.len();
    match manner {
        Manner::Good => say(stream, &steward::done(json!({ "offset": offset }))).await,
        Manner::Refuses { .. } => {
            say(stream, &Refused::new(422, "The signature is wrong.").line()).await
        }
        Manner::Dies { .. } => Ok(()),
        Manner::Hangs { .. } => std::future::pending().await,
        Manner::Babbles => say(stream, "{\"ok\":{}}\n").await,
    }
}

async fn say(mut stream: BufReader<UnixStream>, line: &str) -> std::io::Result<()> {
    stream.get_mut().write_all(line.as_bytes()).await
}

/// A bundle in which every place can be told from the others.
fn bundle(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}

const TUS: &str = "Host: cam.local\r\nTus-Resumable: 1.0.0\r\n";

fn ask(method: &str, path: &str, fields: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\n{TUS}{fields}\r\n")
}

fn patch(offset: usize, length: usize, fields: &str) -> String {
    let fields = format!(
        "Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n\
         Content-Length: {length}\r\n{fields}"
    );
    ask("PATCH", &format!("/api/update/{ID}"), &fields)
}

async fn send(door: &Door, offset: usize, bytes: &[u8]) -> String {
    let mut request = patch(offset, bytes.len(), "").into_bytes();
    request.extend_from_slice(bytes);
    door.ask(request).await
}

fn error(answer: &str) -> String {
    let facts: Value = serde_json::from_str(body(answer)).expect("JSON");
    facts["error"].as_str().expect("words").to_owned()
}

/// Limits short enough to be waited for.
fn short() -> Limits {
    let mut limits = Limits::default();
    limits.update.client = Duration::from_millis(600);
    limits.update.client_awaited = Duration::from_millis(150);
    limits.update.steward = Duration::from_millis(600);
    limits.update.line = Duration::from_millis(400);
    limits
}

#[tokio::test]
async fn a_bundle_arrives_in_pieces() {
    let (door, _letters) = open(Limits::default()).await;
    let steward = StandIn::at(&door);
    let whole = bundle(300_001);
    let fields = format!("Upload-Length: {}\r\nContent-Length: 0\r\n", whole.len());
    let created = door.ask(ask("POST", "/api/update", &fields)).await;
    assert_eq!(status(&created), 201);
    let place = format!("/api/update/{ID}");
    assert_eq!(field(&created, "location"), Some(place.as_str()));
    assert_eq!(field(&created, "tus-resumable"), Some("1.0.0"));

    let mut offset = 0;
    for piece in whole.chunks(100_000) {
        let answer = send(&door, offset, piece).await;
        assert_eq!(status(&answer), 204, "{answer}");
        offset += piece.len();
        assert_eq!(field(&answer, "upload-offset"), Some(&*offset.to_string()));
        assert_eq!(field(&answer, "tus-resumable"), Some("1.0.0"));
        let head = door.ask(ask("HEAD", &place, "")).await;
        assert_eq!(status(&head), 200);
        assert_eq!(field(&head, "upload-offset"), Some(&*offset.to_string()));
        assert_eq!(field(&head, "upload-length"), Some("300001"));
        assert_eq!(field(&head, "cache-control"), Some("no-store"));
    }
    assert_eq!(steward.now().got, whole);
    assert_eq!(steward.now().asked[0], Ask::Announce { size: 300_001 });
}

#[tokio::test]
async fn a_broken_connection_costs_only_what_was_under_way() {
    let (door, _letters) = open(Limits::default()).await;
    let whole = bundle(400_000);
    let steward = StandIn::expecting(&door, 400_000);
    let mut stream = door.connect().await;
    stream
        .write_all(patch(0, whole.len(), "").as_bytes())
        .await
        .unwrap();
    stream.write_all(&whole[..250_000]).await.unwrap();
    drop(stream);
    // Whatever the client has sent so far comes through, if nothing breaks on our side.
    steward.gets(|got| got.len() == 250_000).await;
    let place = format!("/api/update/{ID}");
    let head = door.ask(ask("HEAD", &place, "")).await;
    assert_eq!(field(&head, "upload-offset"), Some("250000"));
    let answer = send(&door, 250_000, &whole[250_000..]).await;
    assert_eq!(field(&answer, "upload-offset"), Some("400000"));
    assert_eq!(steward.now().got, whole);
}

#[tokio::test]
async fn a_wrong_offset_is_told_the_right_one() {
    let (door, _letters) = open(Limits::default()).await;
    let steward = StandIn::expecting(&door, 400_000);
    assert_eq!(status(&send(&door, 0, &bundle(1000)).await), 204);
    for offset in [0, 999, 1001] {
        let answer = send(&door, offset, &bundle(200_000)).await;
        assert_eq!(status(&answer), 409, "{answer}");
        assert_eq!(field(&answer, "upload-offset"), Some("1000"));
        assert!(!error(&answer).is_empty());
    }
    assert_eq!(steward.now().got.len(), 1000);
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_asked_or_refused_before() {
    let (door, _letters) = open(Limits::default()).await;
    let steward = StandIn::expecting(&door, 10);
    let mut stream = door.connect().await;
    let head = patch(0, 10, "Expect: 100-continue\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(
        read_head(&mut stream).await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    stream.write_all(&bundle(10)).await.unwrap();
    assert_eq!(status(&read_all(&mut stream).await), 204);
    assert_eq!(steward.now().got.len(), 10);

    let kind = "Content-Type: text/plain\r\nContent-Length: 10\r\nExpect: 100-continue\r\n";
    let refused = door
        .ask(ask("PATCH", &format!("/api/update/{ID}"), kind))
        .await;
    assert_eq!(status(&refused), 415);
    let odd = door.ask(patch(10, 10, "Expect: the unexpected\r\n")).await;
    assert_eq!(status(&odd), 417);
}

#[tokio::test]
async fn without_a_steward_the_answer_says_so() {
    let (door, _letters) = open(Limits::default()).await;
    let facts = door.ask(ask("GET", "/api/update", "")).await;
    assert_eq!(status(&facts), 200);
    let facts: Value = serde_json::from_str(body(&facts)).unwrap();
    assert_eq!(
        (&facts["slot"], &facts["state"]),
        (&Value::Null, &json!("idle"))
    );
    assert_eq!(facts["version"], env!("CARGO_PKG_VERSION"));
    let post = ask("POST", "/api/update", "Upload-Length: 9\r\n");
    for answer in [
        door.ask(post).await,
        door.ask(ask("POST", "/api/update/roll-back", "")).await,
        send(&door, 0, b"bundle").await,
    ] {
        assert_eq!(status(&answer), 503, "{answer}");
        assert!(error(&answer).contains("camera's own system"), "{answer}");
    }
}

#[tokio::test]
async fn what_the_steward_refuses_is_passed_on_with_its_status() {
    let (door, _letters) = open(Limits::default()).await;
    let steward = StandIn::at(&door);
    for (code, words) in [
        (409, "It is being updated."),
        (413, "Too large."),
        (503, "No slot."),
    ] {
        steward.now().refuses = Some(Refused::new(code, words));
        let answer = door
            .ask(ask("POST", "/api/update", "Upload-Length: 9\r\n"))
            .await;
        assert_eq!((status(&answer), &*error(&answer)), (code, words));
        let answer = door.ask(ask("POST", "/api/update/roll-back", "")).await;
        assert_eq!((status(&answer), &*error(&answer)), (code, words));
    }
}

#[tokio::test]
async fn an_upload_that_has_ended_is_gone() {
    let (door, _letters) = open(Limits::default()).await;
    let steward = StandIn::expecting(&door, 100);
    let other = ask("HEAD", "/api/update/another", "");
    assert_eq!(status(&door.ask(other).await), 410);
    let place = format!("/api/update/{ID}");
    assert_eq!(status(&door.ask(ask("DELETE", &place, "")).await), 204);
    assert!(!steward.now().open);
    assert_eq!(status(&door.ask(ask("HEAD", &place, "")).await), 410);
    let answer = send(&door, 0, b"late").await;
    assert_eq!(
        (status(&answer), &*error(&answer)),
        (410, "This upload has ended.")
    );
}

#[tokio::test]
async fn roll_back_options_and_the_facts() {
    let (door, _letters) = open(Limits::default()).await;
    let steward = StandIn::at(&door);
    let answer = door.ask(ask("POST", "/api/update/roll-back", "")).await;
    assert_eq!(status(&answer), 202);
    assert_eq!(steward.now().asked, [Ask::RollBack]);
    let answer = door.ask(ask("OPTIONS", "/api/update", "")).await;
    assert_eq!(status(&answer), 204);
    assert_eq!(field(&answer, "tus-version"), Some("1.0.0"));
    assert_eq!(
        field(&answer, "tus-extension"),
        Some("creation,termination")
    );
    assert_eq!(field(&answer, "tus-max-size"), Some("50000000"));
    let answer = door.ask(ask("GET", "/api/update", "")).await;
    let facts: Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(
        (&facts["version"], &facts["slot"]),
        (&json!("1.2.3"), &json!("a"))
    );
}

#[tokio::test]
async fn other_sites_pages_change_nothing() {
    let (door, _letters) = open(Limits::default()).await;
    let steward = StandIn::expecting(&door, 100);
    let evil = "Origin: http://evil.example\r\n";
    let place = format!("/api/update/{ID}");
    let length = format!("{evil}Upload-Length: 9\r\n");
    for request in [
        ask("POST", "/api/update", &length),
        ask("POST", "/api/update/roll-back", evil),
        ask("DELETE", &place, evil),
        ask("GET", "/api/update", evil),
        patch(0, 4, evil) + "evil",
    ] {
        let answer = door.ask(&request).await;
        assert_eq!(status(&answer), 403, "{request}");
        assert_eq!(field(&answer, "access-control-allow-origin"), None);
    }
    assert!(steward.now().asked.is_empty() && steward.now().got.is_empty());
    let own = patch(0, 4, "Origin: http://cam.local\r\n") + "good";
    assert_eq!(status(&door.ask(own).await), 204);
    // A name that anybody could point here is not this camera's.
    let rebound = patch(0, 4, "").replace("cam.local", "evil.example") + "evil";
    assert_eq!(status(&door.ask(rebound).await), 421);
}

#[tokio::test]
async fn a_request_that_could_be_read_in_two_ways_moves_no_byte() {
    let (door, _letters) = open(Limits::default()).await;
    let steward = StandIn::expecting(&door, 100);
    let plain = patch(0, 4, "");
    for (request, expected) in [
        (
            plain.replace("Upload-Offset: 0", "Upload-Offset: 0\r\nUpload-Offset: 4"),
            400,
        ),
        (
            plain.replace("Upload-Offset: 0", "Upload-Offset: 0, 4"),
            400,
        ),
        (
            plain.replace(
                "Content-Length: 4",
                "Content-Length: 4\r\nContent-Length: 5",
            ),
            400,
        ),
        (
            plain.replace(
                "Content-Length: 4",
                "Content-Length: 4\r\nTransfer-Encoding: chunked",
            ),
            400,
        ),
        (
            plain.replace("Content-Length: 4", "Transfer-Encoding: chunked"),
            411,
        ),
        (plain.replace("Content-Length: 4\r\n", ""), 411),
        (
            plain.replace("Content-Length: 4", "Content-Length: +4"),
            400,
        ),
        (
            plain.replace("Content-Length: 4", "Content-Length : 4"),
            400,
        ),
        (
            plain.replace("Content-Length: 4", "Content-Length: 8388609"),
            413,
        ),
        (plain.replace("1.0.0", "0.2.2"), 412),
        (plain.replace("PATCH", "POST") + "1234", 405),
        (plain.replace("PATCH", "PUT") + "1234", 405),
        (plain.replace(ID, "../update"), 404),
        (plain.replace(ID, &"x".repeat(65)), 404),
        (
            plain.replace("Host:", "X-HTTP-Method-Override: GET\r\nHost:"),
            400,
        ),
    ] {
        assert_eq!(status(&door.ask(&request).await), expected, "{request}");
    }
    // What comes behind the body is nobody's.
    let two = plain.clone() + "1234" + &patch(4, 4, "") + "5678";
    assert_eq!(status(&door.ask(two).await), 204);
    assert_eq!(steward.now().got, b"1234");
    assert!(steward.now().asked.is_empty());
}

#[tokio::test]
async fn a_client_that_falls_silent_gives_its_place_back() {
    let (door, _letters) = open(short()).await;
    let steward = StandIn::expecting(&door, 100);
    let mut stream = door.connect().await;
    stream.write_all(patch(0, 10, "").as_bytes()).await.unwrap();
    stream.write_all(b"123").await.unwrap();
    let begin = Instant::now();
    let answer = read_all(&mut stream).await;
    assert_eq!(status(&answer), 408);
    assert!(
        begin.elapsed() > Duration::from_millis(400),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(steward.now().got, b"123");
    assert_eq!(status(&send(&door, 3, b"4567").await), 204);
}

#[tokio::test]
async fn a_slow_client_that_goes_on_is_waited_for() {
    let (door, _letters) = open(short()).await;
    let steward = StandIn::expecting(&door, 100);
    let mut stream = door.connect().await;
    stream.write_all(patch(0, 6, "").as_bytes()).await.unwrap();
    let begin = Instant::now();
    for byte in b"123456" {
        tokio::time::sleep(Duration::from_millis(120)).await;
        stream.write_all(&[*byte]).await.unwrap();
    }
    assert_eq!(status(&read_all(&mut stream).await), 204);
    assert!(begin.elapsed() > short().update.client);
    assert_eq!(steward.now().got, b"123456");
}

#[tokio::test]
async fn two_at_once_do_not_mix() {
    let mut limits = short();
    limits.update.client_awaited = Duration::from_secs(20);
    let (door, _letters) = open(limits).await;
    let steward = StandIn::expecting(&door, 1000);
    let mut first = door.connect().await;
    first
        .write_all(patch(0, 1000, "").as_bytes())
        .await
        .unwrap();
    let busy = tokio::spawn(async move {
        // For longer than the other waits.
        for piece in bundle(1000).chunks(100) {
            first.write_all(piece).await.unwrap();
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        read_all(&mut first).await
    });
    steward.gets(|got| !got.is_empty()).await;
    let second = send(&door, 0, &[7; 900]).await;
    assert_eq!(status(&second), 409, "{second}");
    assert_eq!(status(&busy.await.unwrap()), 204);
    assert_eq!(steward.now().got, bundle(1000));
}

#[tokio::test]
async fn a_client_that_comes_back_need_not_wait_for_its_dead_connection() {
    let mut limits = short();
    limits.update.client = Duration::from_secs(60);
    let (door, _letters) = open(limits).await;
    let steward = StandIn::expecting(&door, 1000);
    let mut dead = door.connect().await;
    dead.write_all(patch(0, 1000, "").as_bytes()).await.unwrap();
    dead.write_all(&bundle(1000)[..500]).await.unwrap();
    steward.gets(|got| got.len() == 500).await;
    let answer = send(&door, 500, &bundle(1000)[500..]).await;
    assert_eq!(status(&answer), 204, "{answer}");
    assert_eq!(steward.now().got, bundle(1000));
    assert_eq!(status(&read_all(&mut dead).await), 408);
}

#[tokio::test]
async fn a_body_that_ends_early_counts_as_far_as_it_came() {
    let (door, _letters) = open(Limits::default()).await;
    let steward = StandIn::expecting(&door, 100);
    let mut stream = door.connect().await;
    stream
        .write_all((patch(0, 10, "") + "1234").as_bytes())
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(read_all(&mut stream).await, "");
    steward.gets(|got| got == b"1234").await;
    assert_eq!(status(&send(&door, 4, b"56").await), 204);
}

#[tokio::test]
async fn a_refused_bundle_is_refused_before_it_is_all_sent() {
    let (door, _letters) = open(Limits::default()).await;
    let steward = StandIn::expecting(&door, 4 << 20);
    steward.now().manner = Manner::Refuses { after: 50_000 };
    let mut stream = door.connect().await;
    let (mut reader, mut writer) = stream.split();
    let request = patch(0, 4 << 20, "");
    // Sends all of it, as browsers do, whatever is said meanwhile.
    let sending = async {
        let _ = writer.write_all(request.as_bytes()).await;
        let _ = writer.write_all(&bundle(4 << 20)).await;
    };
    let mut answer = Vec::new();
    let (_, read) = tokio::join!(sending, reader.read_to_end(&mut answer));
    read.expect("an orderly end");
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!(
        (status(&answer), &*error(&answer)),
        (422, "The signature is wrong.")
    );
}

#[tokio::test]
async fn a_steward_that_dies_or_hangs_or_babbles_is_told_of() {
    let (door, _letters) = open(short()).await;
    let steward = StandIn::expecting(&door, 4 << 20);
    for (manner, expected) in [
        (Manner::Dies { after: 2000 }, 503),
        (Manner::Dies { after: 0 }, 503),
        (Manner::Babbles, 503),
    ] {
        steward.now().manner = manner;
        let have = steward.now().got.len();
        let answer = send(&door, have, &bundle(300_000)).await;
        assert_eq!(status(&answer), expected, "{manner:?}: {answer}");
        assert!(!error(&answer).is_empty());
    }
    steward.now().manner = Manner::Hangs { after: 2000 };
    let have = steward.now().got.len();
    let begin = Instant::now();
    let answer = send(&door, have, &bundle(1 << 20)).await;
    assert_eq!(status(&answer), 504, "{answer}");
    assert!(begin.elapsed() > Duration::from_millis(500));
}

#[tokio::test]
async fn pages_are_served_while_a_piece_is_on_its_way() {
    let (door, _letters) = open(Limits::default()).await;
    let _steward = StandIn::expecting(&door, 1000);
    let mut slow: Vec<TcpStream> = Vec::new();
    for _ in 0..6 {
        let mut stream = door.connect().await;
        stream
            .write_all((patch(0, 1000, "") + "1").as_bytes())
            .await
            .unwrap();
        slow.push(stream);
    }
    let begin = Instant::now();
    for _ in 0..5 {
        assert_eq!(status(&door.ask(ask("GET", "/", "")).await), 200);
        assert_eq!(status(&door.ask(ask("GET", "/api/update", "")).await), 200);
    }
    assert!(
        begin.elapsed() < Duration::from_secs(4),
        "{:?}",
        begin.elapsed()
    );
}
