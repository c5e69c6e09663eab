//! Clients that are slow, silent, greedy or rude, and what the others notice of it.

mod door;

use door::{Door, field, open, open_answering, read_all, status};
use mimamori::io::gate::Limits;
use mimamori::proto::http::{Answer, Request};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const PAGE: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn short() -> Limits {
    Limits {
        head: Duration::from_millis(300),
        body: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// No deadline helps here: who is served is served in spite of the others.
fn patient() -> Limits {
    let forever = Duration::from_secs(3600);
    Limits {
        head: forever,
        body: forever,
        line: forever,
        idle: forever,
        linger: forever,
        ..Limits::default()
    }
}

fn big(_: Request) -> Answer {
    Answer {
        status: 200,
        headers: Vec::new(),
        body: vec![b'x'; 200_000],
    }
}

async fn silent(door: &Door, count: u8) -> Vec<TcpStream> {
    let mut silent = Vec::new();
    for client in 0..count {
        silent.push(door.connect_as(client).await);
    }
    silent
}

/// Asks for the page and prints how long that took: a figure to look at, no condition.
#[allow(clippy::disallowed_methods)]
async fn ask_with_figure(door: &Door, what: &str) -> u16 {
    let start = Instant::now();
    let answer = door.ask(PAGE).await;
    println!(
        "{what}: answered after {:.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    status(&answer)
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_head_that_stops_is_cut_at_the_deadline() {
    let (door, _letters) = open(short()).await;
    let answer = door.ask("GET / HTTP/1.1\r\nHost:").await;
    assert_eq!(status(&answer), 408);
    assert_eq!(field(&answer, "connection"), Some("close"));
}

#[tokio::test]
async fn a_trickled_head_is_cut_although_bytes_keep_coming() {
    let (door, _letters) = open(short()).await;
    let (mut reader, mut writer) = door.connect().await.into_split();
    let trickle = tokio::spawn(async move {
        writer.write_all(b"GET / HTTP/1.1\r\nA: ").await?;
        loop {
            writer.write_all(b"a").await?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        #[allow(unreachable_code)]
        std::io::Result::Ok(())
    });
    let mut answer = String::new();
    let reading = tokio::io::AsyncReadExt::read_to_string(&mut reader, &mut answer);
    tokio::time::timeout(door::PATIENCE, reading)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status(&answer), 408);
    trickle.abort();
}

#[tokio::test]
async fn silence_is_answered_with_silence() {
    let (door, _letters) = open(short()).await;
    assert_eq!(read_all(&mut door.connect().await).await, "");
}

#[tokio::test]
async fn a_body_that_stops_is_cut_at_the_deadline() {
    let (door, _letters) = open(short()).await;
    let answer = door
        .ask("POST /whep HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nv")
        .await;
    assert_eq!(status(&answer), 408);
}

#[tokio::test]
async fn an_oversized_head_gets_its_431_and_no_reset() {
    let (door, _letters) = open(Limits::default()).await;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n",
        "x".repeat(200_000)
    );
    assert_eq!(status(&door.ask(request).await), 431);
    let many = "a: b\r\n".repeat(65);
    let answer = door
        .ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"))
        .await;
    assert_eq!(status(&answer), 431);
}

#[tokio::test]
async fn a_client_that_writes_on_after_its_refusal_still_gets_to_read_it() {
    let (door, _letters) = open(patient()).await;
    let mut stream = door.connect().await;
    let head = "POST /whep HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.readable().await.unwrap();
    // A reset by now would fail one of these.
    for _ in 0..100 {
        stream.write_all(&[b'v'; 10_000]).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.shutdown().await.unwrap();
    assert_eq!(status(&read_all(&mut stream).await), 413);
}

#[tokio::test]
async fn nonsense_is_told_so() {
    let (door, _letters) = open(Limits::default()).await;
    // A browser that was given https:// begins like this.
    assert_eq!(
        status(
            &door
                .ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                .await
        ),
        400
    );
    let http2 = door.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(status(&http2), 505);
}

#[tokio::test]
async fn silent_connections_do_not_hold_up_a_real_one() {
    let (door, _letters) = open(patient()).await;
    let few = silent(&door, 5).await;
    assert_eq!(
        ask_with_figure(&door, "behind 5 silent connections").await,
        200
    );
    let many = silent(&door, 100).await;
    assert_eq!(
        ask_with_figure(&door, "behind 105 silent connections").await,
        200
    );
    println!("{} threads in this test program", threads());
    drop((few, many));
}

#[tokio::test]
async fn one_address_cannot_take_all_places() {
    let limits = Limits {
        connections: 8,
        per_peer: 2,
        ..Limits::default()
    };
    let (door, _letters) = open(limits).await;
    let mut own = door.connect_as(1).await;
    own.write_all(b"GET / HT").await.unwrap();
    let greedy: Vec<_> = {
        let mut all = Vec::new();
        for _ in 0..20 {
            all.push(door.connect_as(2).await);
        }
        all
    };
    // The other address's request is still there, unfinished as it is.
    own.write_all(b"TP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_all(&mut own).await), 200);
    drop(greedy);
}

#[tokio::test]
async fn who_finds_no_place_is_told_so() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let (door, mut letters) = open(limits).await;
    let mut watching = Vec::new();
    for _ in 0..2 {
        let mut stream = door.connect().await;
        let request = "GET /stream/video.h264 HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        watching.push((stream, door::next(&mut letters).await));
    }
    let answer = door.ask(PAGE).await;
    assert_eq!(status(&answer), 503);
    assert!(field(&answer, "retry-after").is_some());
    // One leaves, and its place is free once that was noticed.
    watching.pop();
    door::eventually(async || status(&door.ask(PAGE).await) == 200).await;
}

#[tokio::test]
async fn half_sent_bodies_keep_no_thread_of_the_pages() {
    let door = open_answering(patient(), big).await;
    let mut slow = Vec::new();
    for client in 0..8 {
        let mut stream = door.connect_as(client).await;
        let half = "POST /whep HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\nhalf";
        stream.write_all(half.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(ask_with_figure(&door, "behind 8 half bodies").await, 200);
}

#[tokio::test]
async fn answers_that_are_not_read_keep_no_place_in_the_line() {
    let limits = Limits {
        requests: 1,
        ..patient()
    };
    let door = open_answering(limits, big).await;
    let mut lazy = Vec::new();
    for client in 0..6 {
        let mut stream = door.connect_as(client).await;
        let request = "GET /api/big HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        lazy.push(stream);
    }
    assert_eq!(
        ask_with_figure(&door, "behind 6 answers nobody reads").await,
        200
    );
    // And they are whole when they are read at last.
    for stream in &mut lazy {
        assert_eq!(door::body(&read_all(stream).await).len(), 200_000);
    }
}

#[tokio::test]
async fn clients_that_keep_their_side_open_keep_no_place_in_the_line() {
    let limits = Limits {
        requests: 1,
        ..patient()
    };
    let (door, _letters) = open(limits).await;
    let mut kept = Vec::new();
    for _ in 0..6 {
        let mut stream = door.connect().await;
        stream.write_all(PAGE.as_bytes()).await.unwrap();
        assert_eq!(status(&read_all(&mut stream).await), 200);
        kept.push(stream);
    }
    assert_eq!(
        ask_with_figure(&door, "behind 6 half-open clients").await,
        200
    );
}

#[tokio::test]
async fn a_storm_of_requests_is_served_to_the_last() {
    let (door, _letters) = open(Limits::default()).await;
    let before = threads();
    let door = std::sync::Arc::new(door);
    let all: Vec<_> = (0..24)
        .map(|_| {
            let door = door.clone();
            tokio::spawn(async move { status(&door.ask(PAGE).await) })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), 200);
    }
    println!(
        "threads before and after 24 requests at once: {before}, {}",
        threads()
    );
}
