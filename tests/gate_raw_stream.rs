//! The raw H.264 stream through the gate.

mod door;

use door::{Door, field, next, open, status};
use mimamori::io::gate::Limits;
use mimamori::io::inbound::Inbound;
use mimamori::io::raw_stream::RawStreams;
use mimamori::proto::frame::Frame;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const REQUEST: &str = "GET /stream/video.h264 HTTP/1.1\r\nHost: a\r\n\r\n";

#[allow(clippy::disallowed_methods)]
fn frame(bytes: &[u8], keyframe: bool) -> Frame {
    Frame {
        data: bytes.into(),
        captured: Instant::now(),
        keyframe,
    }
}

async fn watch(
    door: &Door,
    letters: &mut mpsc::Receiver<Inbound>,
) -> (TcpStream, mpsc::Sender<Frame>) {
    let mut stream = door.connect().await;
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    let head = door::read_head(&mut stream).await;
    assert_eq!(status(&head), 200);
    assert_eq!(field(&head, "content-type"), Some("video/h264"));
    assert_eq!(field(&head, "access-control-allow-origin"), Some("*"));
    assert_eq!(field(&head, "cache-control"), Some("no-store"));
    assert_eq!(field(&head, "content-length"), None);
    match next(letters).await {
        Inbound::Watch { frames } => (stream, frames),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_first_byte_is_a_keyframes_and_frames_follow_in_order() {
    let (door, mut letters) = open(Limits::default()).await;
    let (mut stream, frames) = watch(&door, &mut letters).await;
    let mut streams = RawStreams::default();
    streams.subscribe(frames);
    for (bytes, keyframe) in [("p1", false), ("KEY", true), ("p2", false), ("p3", false)] {
        streams.push(&frame(bytes.as_bytes(), keyframe));
    }
    drop(streams);
    assert_eq!(door::read_all(&mut stream).await, "KEYp2p3");
}

#[tokio::test]
async fn a_reader_that_stalls_gets_no_frame_without_those_before_it() {
    let (door, mut letters) = open(Limits::default()).await;
    let (stream, frames) = watch(&door, &mut letters).await;
    let mut stream = Some(stream);
    let backlog = frames.downgrade();
    let mut streams = RawStreams::default();
    streams.subscribe(frames);
    let mut reading = None;
    for group in 0..40_u8 {
        for number in 0..10_u8 {
            streams.push(&numbered(group, number));
            tokio::task::yield_now().await;
            // Until here nobody reads; from here on, in the middle of a group, somebody does.
            if (group, number) == (20, 5) {
                assert!(streams.needs_keyframe(), "it never stalled");
                let mut stream = stream.take().unwrap();
                reading = Some(tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    stream.read_to_end(&mut bytes).await.map(|_| bytes)
                }));
                let frames = backlog.upgrade().unwrap();
                door::eventually(async || {
                    tokio::task::yield_now().await;
                    frames.capacity() == frames.max_capacity()
                })
                .await;
            }
        }
    }
    drop(streams);
    let bytes = reading.unwrap().await.unwrap().unwrap();
    assert_eq!(bytes.len() % FRAME, 0);
    let seen: Vec<(u8, u8)> = bytes.chunks(FRAME).map(|f| (f[0], f[1])).collect();
    assert_eq!(seen[0], (0, 0));
    assert!(seen.contains(&(21, 0)), "it went on at the next keyframe");
    for pair in seen.windows(2) {
        let follows = pair[1] == (pair[0].0, pair[0].1 + 1);
        let new_group = pair[1].0 > pair[0].0 && pair[1].1 == 0;
        assert!(follows || new_group, "{pair:?}");
    }
}

/// Large enough to fill every buffer on the way soon.
const FRAME: usize = 50_000;

/// Begins with its group and its number in the group.
fn numbered(group: u8, number: u8) -> Frame {
    let mut bytes = vec![0; FRAME];
    bytes[..2].copy_from_slice(&[group, number]);
    frame(&bytes, number == 0)
}

#[tokio::test]
async fn a_watcher_that_leaves_is_noticed_without_a_frame() {
    let (door, mut letters) = open(Limits::default()).await;
    let (stream, frames) = watch(&door, &mut letters).await;
    let mut streams = RawStreams::default();
    streams.subscribe(frames);
    assert_eq!(streams.count(), 1);
    drop(stream);
    door::eventually(async || {
        tokio::task::yield_now().await;
        streams.is_empty()
    })
    .await;
}

#[tokio::test]
async fn head_and_other_methods_start_no_stream() {
    let (door, mut letters) = open(Limits::default()).await;
    let head = door.ask(REQUEST.replace("GET", "HEAD")).await;
    assert_eq!((status(&head), door::body(&head)), (200, ""));
    let post = door.ask(REQUEST.replace("GET", "POST")).await;
    assert_eq!(
        (status(&post), field(&post, "allow")),
        (405, Some("GET, HEAD"))
    );
    assert!(letters.try_recv().is_err());
}
