//! Requests through the gate to the pages and the core, and what is refused.

mod door;

use door::{body, field, open, open_answering, status};
use mimamori::io::assets::ASSETS;
use mimamori::io::gate::Limits;
use mimamori::io::inbound::Inbound;
use mimamori::proto::http::{Answer, Request};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Says what it was asked.
fn echo(request: Request) -> Answer {
    Answer {
        status: 201,
        headers: vec![
            ("Location", format!("{}/1", request.path)),
            ("Content-Type", "application/sdp".to_owned()),
            ("X-Method", request.method.clone()),
            ("X-Query", request.query.clone()),
            (
                "X-Asked-By",
                request.peer.map_or(String::new(), |p| p.ip().to_string()),
            ),
            ("X-Spoofed", "a\r\nSet-Cookie: b".to_owned()),
        ],
        body: request.body,
    }
}

#[tokio::test]
async fn the_page_is_served_with_its_guards() {
    let door = open_answering(Limits::default(), echo).await;
    let answer = door
        .ask("GET /?lang=ja HTTP/1.1\r\nHost: cam.local\r\n\r\n")
        .await;
    assert_eq!(status(&answer), 200);
    assert_eq!(body(&answer).as_bytes(), ASSETS[0].bytes);
    assert_eq!(
        field(&answer, "content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(field(&answer, "x-content-type-options"), Some("nosniff"));
    assert_eq!(field(&answer, "referrer-policy"), Some("no-referrer"));
    assert_eq!(field(&answer, "cache-control"), Some("no-cache"));
    assert_eq!(field(&answer, "connection"), Some("close"));
    let policy = field(&answer, "content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self';"), "{policy}");
}

#[tokio::test]
async fn every_listener_is_answered_while_another_is_flooded() {
    let door = open_answering(Limits::default(), echo).await;
    let mut flood = Vec::new();
    for _ in 0..8 {
        flood.push(door.connect().await);
    }
    let mut stream = TcpStream::connect(door.other_address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: cam.local\r\n\r\n";
    stream.write_all(request).await.unwrap();
    assert_eq!(status(&door::read_all(&mut stream).await), 200);
    let answer = door.ask(request).await;
    assert_eq!(status(&answer), 200);
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again() {
    let door = open_answering(Limits::default(), echo).await;
    let first = door.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let etag = field(&first, "etag").unwrap();
    for tags in [etag.to_owned(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tags}\r\n\r\n");
        let again = door.ask(request).await;
        assert_eq!((status(&again), body(&again)), (304, ""));
        assert_eq!(field(&again, "etag"), Some(etag));
    }
    let changed = door
        .ask("GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"x\"\r\n\r\n")
        .await;
    assert_eq!(status(&changed), 200);
}

#[tokio::test]
async fn head_gives_the_head_alone() {
    let door = open_answering(Limits::default(), echo).await;
    for (path, expected) in [("/", 200), ("/nothing", 404), ("/api/status", 201)] {
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = door.ask(request).await;
        assert_eq!((status(&answer), body(&answer)), (expected, ""), "{path}");
    }
    let foreign = door
        .ask("HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        .await;
    assert_eq!((status(&foreign), body(&foreign)), (421, ""));
}

#[tokio::test]
async fn wrong_paths_and_methods_are_told_so() {
    let door = open_answering(Limits::default(), echo).await;
    let missing = door.ask("GET /apis HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&missing), 404);
    assert!(body(&missing).contains("/apis"));
    for path in ["/", "/stream/video.h264"] {
        let request = format!("DELETE {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = door.ask(request).await;
        assert_eq!(status(&answer), 405, "{path}");
        assert_eq!(field(&answer, "allow"), Some("GET, HEAD"), "{path}");
    }
}

#[tokio::test]
async fn an_offer_reaches_the_core_and_its_answer_comes_back_whole() {
    let door = open_answering(Limits::default(), echo).await;
    for length in [0, 1, 1024, 1025, 64 * 1024] {
        let offer = "v".repeat(length);
        let answer = door
            .ask(format!(
                "POST /whep?fps=30 HTTP/1.1\r\nHost: a\r\nX-Peer: 10.9.9.9:1\r\n\
                 Content-Length: {length}\r\n\r\n{offer}"
            ))
            .await;
        assert_eq!(status(&answer), 201, "{length}");
        assert_eq!(body(&answer), offer, "{length}");
        assert_eq!(field(&answer, "location"), Some("/whep/1"));
        assert_eq!(field(&answer, "content-type"), Some("application/sdp"));
        assert_eq!(field(&answer, "x-query"), Some("fps=30"));
        assert_eq!(field(&answer, "x-asked-by"), Some("127.0.0.1"));
        assert_eq!(field(&answer, "set-cookie"), None);
    }
}

#[tokio::test]
async fn every_method_goes_to_the_core_as_it_is() {
    let door = open_answering(Limits::default(), echo).await;
    for method in ["OPTIONS", "PATCH", "DELETE", "PUT", "GET"] {
        let request = format!("{method} /whep/8f2c HTTP/1.1\r\nHost: a\r\nOrigin: null\r\n\r\n");
        let answer = door.ask(request).await;
        assert_eq!(field(&answer, "x-method"), Some(method));
    }
}

#[tokio::test]
async fn a_body_that_is_waited_for_is_asked_for() {
    let door = open_answering(Limits::default(), echo).await;
    let mut stream = door.connect().await;
    let head =
        "POST /whep HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(
        door::read_head(&mut stream).await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    stream.write_all(b"v=0\n").await.unwrap();
    let answer = door::read_all(&mut stream).await;
    assert_eq!((status(&answer), body(&answer)), (201, "v=0\n"));
}

#[tokio::test]
async fn bodies_without_a_bearable_length_are_refused() {
    let door = open_answering(Limits::default(), echo).await;
    let post = |fields: &str| format!("POST /whep HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\nbody");
    for (fields, expected) in [
        ("Content-Length: 65537", 413),
        ("Content-Length: 18446744073709551615", 413),
        ("Transfer-Encoding: chunked", 411),
        ("Content-Length: 4\r\nExpect: miracles", 417),
        ("Content-Length: 4\r\nTransfer-Encoding: chunked", 400),
        ("Content-Length: 4\r\nContent-Length: 5", 400),
        ("Content-Length: -4", 400),
        ("Transfer-Encoding : chunked", 400),
    ] {
        let answer = door.ask(post(fields)).await;
        assert_eq!(status(&answer), expected, "{fields}");
        assert!(!body(&answer).is_empty(), "{fields}");
    }
}

#[tokio::test]
async fn what_follows_a_request_is_not_served() {
    let (door, mut letters) = open(Limits::default()).await;
    let hidden = "DELETE /whep/victim HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut stream = door.connect().await;
    let request = format!("GET /api/status HTTP/1.1\r\nHost: a\r\n\r\n{hidden}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let Inbound::Http { request, reply } = door::next(&mut letters).await else {
        panic!("not a request");
    };
    assert_eq!(
        (request.path.as_str(), request.body.len()),
        ("/api/status", 0)
    );
    reply.send(echo(request)).unwrap();
    let answer = door::read_all(&mut stream).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1);
    assert!(letters.try_recv().is_err());
}

#[tokio::test]
async fn strangers_names_are_refused_everywhere() {
    let door = open_answering(Limits::default(), echo).await;
    for (path, fields) in [
        ("/", ""),
        ("/whep", ""),
        ("/stream/video.h264", ""),
        (
            "/stream/webrtc",
            "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        ),
    ] {
        let request = |host: &str| format!("GET {path} HTTP/1.1\r\n{host}{fields}\r\n");
        let foreign = door.ask(request("Host: evil.example:8080\r\n")).await;
        assert_eq!(status(&foreign), 421, "{path}");
        assert!(body(&foreign).contains("host_names"), "{path}");
        assert_eq!(status(&door.ask(request("")).await), 400, "{path}");
    }
    let own = door
        .ask("GET / HTTP/1.1\r\nHost: Cam.Example.com:443\r\n\r\n")
        .await;
    assert_eq!(status(&own), 200);
}

#[tokio::test]
async fn a_core_that_gives_no_answer_is_an_error_not_a_hang() {
    let (door, mut letters) = open(Limits::default()).await;
    let request = "GET /api/status HTTP/1.1\r\nHost: a\r\n\r\n";
    let asking = door.ask(request);
    let dropping = async { drop(door::next(&mut letters).await) };
    assert_eq!(status(&tokio::join!(asking, dropping).0), 500);
    let asking = door.ask(request);
    let ignoring = async { door::next(&mut letters).await };
    assert_eq!(status(&tokio::join!(asking, ignoring).0), 504);
}

#[tokio::test]
async fn pages_that_have_ended_are_a_bad_gateway() {
    let (mut door, _letters) = open(Limits::default()).await;
    door.pages = None;
    // The thread ends on its own time.
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    door::eventually(async || status(&door.ask(request).await) == 502).await;
}
