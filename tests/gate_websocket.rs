//! Signalling WebSockets through the gate.
#![allow(clippy::disallowed_methods)]

mod door;

use door::{Door, body, field, next, open, status};
use futures_util::{SinkExt, StreamExt};
use mimamori::io::gate::Limits;
use mimamori::io::inbound::Inbound;
use mimamori::io::websocket::MAX_MESSAGE;
use mimamori::proto::session_id::SessionId;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;
use tungstenite::protocol::Role;
use tungstenite::protocol::frame::coding::CloseCode;

type Letters = mpsc::Receiver<Inbound>;
type Client = WebSocketStream<TcpStream>;

/// As Firefox sends it.
fn firefox(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Mozilla/5.0 Firefox/128.0\r\n\
         Accept: */*\r\nSec-WebSocket-Version: 13\r\nOrigin: null\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Connection: keep-alive, Upgrade\r\nPragma: no-cache\r\nUpgrade: websocket\r\n\r\n"
    )
}

async fn upgrade(door: &Door, request: &str) -> Client {
    let mut stream = door.connect().await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = door::read_head(&mut stream).await;
    assert_eq!(status(&answer), 101, "{answer}");
    // RFC 6455, 1.3 computes this from the key above.
    let accept = field(&answer, "sec-websocket-accept");
    assert_eq!(accept, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(field(&answer, "sec-websocket-extensions"), None);
    WebSocketStream::from_raw_socket(stream, Role::Client, None).await
}

struct Session {
    client: Client,
    id: SessionId,
    outbox: mpsc::Sender<String>,
}

async fn call(door: &Door, letters: &mut Letters) -> Session {
    let client = upgrade(door, &firefox("/stream/webrtc")).await;
    let (id, outbox) = opened(letters).await;
    Session { client, id, outbox }
}

async fn opened(letters: &mut Letters) -> (SessionId, mpsc::Sender<String>) {
    match next(letters).await {
        Inbound::Opened {
            session,
            peer,
            outbox,
        } => {
            assert!(peer.ip().is_loopback());
            (session, outbox)
        }
        other => panic!("{other:?}"),
    }
}

async fn expect_text(letters: &mut Letters, id: SessionId, expected: &str) {
    match next(letters).await {
        Inbound::Text { session, text } => assert_eq!((session, text.as_str()), (id, expected)),
        other => panic!("{other:?}"),
    }
}

/// Closed comes, and nothing after it.
async fn expect_closed_once(letters: &mut Letters, id: SessionId) {
    match next(letters).await {
        Inbound::Closed { session } => assert_eq!(session, id),
        other => panic!("{other:?}"),
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(letters.try_recv().is_err());
}

/// The next message that is no ping.
async fn hear(client: &mut Client) -> Option<Message> {
    let hearing = async {
        loop {
            match client.next().await {
                Some(Ok(Message::Ping(_))) => {}
                Some(Ok(message)) => return Some(message),
                _ => return None,
            }
        }
    };
    timeout(door::PATIENCE, hearing).await.expect("a message")
}

async fn expect_close(client: &mut Client, expected: CloseCode) {
    match hear(client).await {
        Some(Message::Close(Some(frame))) => assert_eq!(frame.code, expected),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_is_held_on_every_path_that_clients_use() {
    let (door, mut letters) = open(Limits::default()).await;
    for path in [
        "/stream/webrtc",
        "/webrtc",
        "/",
        "/stream/webrtc?x=1",
        "/stream/webrtc/",
    ] {
        let mut client = upgrade(&door, &firefox(path)).await;
        let (id, outbox) = opened(&mut letters).await;
        client.send(Message::text("call")).await.unwrap();
        expect_text(&mut letters, id, "call").await;
        outbox.send("offer".to_owned()).await.unwrap();
        assert_eq!(
            hear(&mut client).await,
            Some(Message::text("offer")),
            "{path}"
        );
        client.close(None).await.unwrap();
        expect_closed_once(&mut letters, id).await;
    }
}

#[tokio::test]
async fn text_behind_the_head_in_one_packet_is_heard() {
    let (door, mut letters) = open(Limits::default()).await;
    let mut stream = door.connect().await;
    let mut bytes = firefox("/").into_bytes();
    // "hi", masked with zeroes.
    bytes.extend([0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    stream.write_all(&bytes).await.unwrap();
    let (id, _outbox) = opened(&mut letters).await;
    expect_text(&mut letters, id, "hi").await;
}

#[tokio::test]
async fn a_subprotocol_that_is_asked_for_is_granted() {
    let (door, mut letters) = open(Limits::default()).await;
    let mut stream = door.connect().await;
    let with_protocol = "\r\nSec-WebSocket-Protocol: webrtc, other\r\n\r\n";
    let request = firefox("/").trim_end().to_owned() + with_protocol;
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = door::read_head(&mut stream).await;
    assert_eq!(field(&answer, "sec-websocket-protocol"), Some("webrtc"));
    opened(&mut letters).await;
}

#[tokio::test]
async fn upgrades_that_cannot_be_are_told_so() {
    let (door, mut letters) = open(Limits::default()).await;
    let elsewhere = door.ask(firefox("/stream/video.h264")).await;
    assert_eq!(status(&elsewhere), 404);
    assert!(body(&elsewhere).contains("/stream/webrtc"));
    let old = door
        .ask(firefox("/").replace("Version: 13", "Version: 8"))
        .await;
    assert_eq!(status(&old), 426);
    assert_eq!(field(&old, "sec-websocket-version"), Some("13"));
    let no_key = door
        .ask(firefox("/").replace("Sec-WebSocket-Key", "X-Key"))
        .await;
    assert_eq!(status(&no_key), 400);
    let bad_key = door.ask(firefox("/").replace("dGhl", "____")).await;
    assert_eq!(status(&bad_key), 400);
    assert!(letters.try_recv().is_err());
}

#[tokio::test]
async fn an_oversized_message_closes_that_socket_only() {
    let (door, mut letters) = open(Limits::default()).await;
    let mut rude = call(&door, &mut letters).await;
    let mut good = call(&door, &mut letters).await;
    rude.client
        .send(Message::text("x".repeat(MAX_MESSAGE)))
        .await
        .unwrap();
    expect_text(&mut letters, rude.id, &"x".repeat(MAX_MESSAGE)).await;
    rude.client
        .send(Message::text("x".repeat(MAX_MESSAGE + 1)))
        .await
        .unwrap();
    expect_close(&mut rude.client, CloseCode::Size).await;
    expect_closed_once(&mut letters, rude.id).await;
    good.client.send(Message::text("still here")).await.unwrap();
    expect_text(&mut letters, good.id, "still here").await;
}

#[tokio::test]
async fn a_broken_rule_is_named_in_the_close() {
    let (door, mut letters) = open(Limits::default()).await;
    // Unmasked; then text that is not UTF-8 (0xff behind a zero mask).
    for (frame, code) in [
        (&[0x81_u8, 2, b'h', b'i'][..], CloseCode::Protocol),
        (&[0x81, 0x81, 0, 0, 0, 0, 0xff], CloseCode::Invalid),
    ] {
        let mut session = call(&door, &mut letters).await;
        session.client.get_mut().write_all(frame).await.unwrap();
        expect_close(&mut session.client, code).await;
        expect_closed_once(&mut letters, session.id).await;
    }
}

#[tokio::test]
async fn binary_messages_are_passed_over() {
    let (door, mut letters) = open(Limits::default()).await;
    let mut session = call(&door, &mut letters).await;
    session
        .client
        .send(Message::binary(vec![1, 2, 3]))
        .await
        .unwrap();
    session.client.send(Message::text("text")).await.unwrap();
    expect_text(&mut letters, session.id, "text").await;
}

#[tokio::test]
async fn dropping_the_outbox_sends_what_is_in_it_and_closes() {
    let (door, mut letters) = open(Limits::default()).await;
    let mut session = call(&door, &mut letters).await;
    session
        .outbox
        .send("the camera is full".to_owned())
        .await
        .unwrap();
    drop(session.outbox);
    let last = hear(&mut session.client).await;
    assert_eq!(last, Some(Message::text("the camera is full")));
    expect_close(&mut session.client, CloseCode::Normal).await;
    assert_eq!(hear(&mut session.client).await, None);
    expect_closed_once(&mut letters, session.id).await;
}

#[tokio::test]
async fn a_client_that_vanishes_is_closed_once() {
    let (door, mut letters) = open(Limits::default()).await;
    let session = call(&door, &mut letters).await;
    drop(session.client);
    expect_closed_once(&mut letters, session.id).await;

    let reset = call(&door, &mut letters).await;
    let stream = reset.client.into_inner();
    socket2::SockRef::from(&stream)
        .set_linger(Some(std::time::Duration::ZERO))
        .unwrap();
    drop(stream);
    expect_closed_once(&mut letters, reset.id).await;
}

#[tokio::test]
async fn ending_the_gate_closes_every_session_once() {
    let (door, mut letters) = open(Limits::default()).await;
    let mut ids = Vec::new();
    let mut sessions = Vec::new();
    for _ in 0..5 {
        let session = call(&door, &mut letters).await;
        ids.push(session.id);
        sessions.push(session);
    }
    door.gate.abort();
    let mut closed = Vec::new();
    while closed.len() < ids.len() {
        match next(&mut letters).await {
            Inbound::Closed { session } => closed.push(session),
            other => panic!("{other:?}"),
        }
    }
    closed.sort();
    assert_eq!(closed, ids);
    assert!(letters.try_recv().is_err());
}

#[tokio::test]
async fn closed_arrives_even_when_the_letter_box_is_full() {
    let (door, mut letters) = open(Limits::default()).await;
    let mut session = call(&door, &mut letters).await;
    // Many more than fit, and nobody takes them out.
    let flood = async {
        for _ in 0..1000 {
            session.client.feed(Message::text("x")).await.unwrap();
        }
        session.client.flush().await.unwrap();
    };
    timeout(door::PATIENCE, flood).await.unwrap();
    door::eventually(async || {
        tokio::task::yield_now().await;
        letters.len() >= 120
    })
    .await;
    door.gate.abort();
    let mut texts = 0;
    loop {
        match next(&mut letters).await {
            Inbound::Text { .. } => texts += 1,
            Inbound::Closed { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(texts < 256, "bounded: {texts}");
    assert!(letters.try_recv().is_err());
}

#[tokio::test]
async fn pings_come_and_silence_is_the_end() {
    let (door, mut letters) = open(Limits::default()).await;
    let mut session = call(&door, &mut letters).await;
    tokio::time::pause();
    let ping = session.client.next().await.unwrap().unwrap();
    assert!(matches!(ping, Message::Ping(_)), "{ping:?}");
    // From here on the client neither reads nor answers.
    let start = tokio::time::Instant::now();
    match letters.recv().await {
        Some(Inbound::Closed { session: id }) => assert_eq!(id, session.id),
        other => panic!("{other:?}"),
    }
    // On the simulated clock.
    assert!(start.elapsed() <= std::time::Duration::from_secs(35));
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let (door, mut letters) = open(Limits::default()).await;
    let mut session = call(&door, &mut letters).await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    while start.elapsed() < std::time::Duration::from_secs(300) {
        let ping = session.client.next().await.unwrap().unwrap();
        assert!(matches!(ping, Message::Ping(_)), "{ping:?}");
    }
    tokio::time::resume();
    session
        .client
        .send(Message::text("still here"))
        .await
        .unwrap();
    expect_text(&mut letters, session.id, "still here").await;
}
