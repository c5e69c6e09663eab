//! The test camera obeys size, rate, bitrate and keyframe requests, and its clock
//! can be read back from the decoded picture.
#![allow(clippy::disallowed_methods)]
#![cfg(feature = "test-camera")]

use mimamori::io::camera::{Camera, CameraChoice, CameraSettings};
use mimamori::proto::annexb;
use mimamori::proto::camera::{CameraEvent, CameraInfo, CameraKind, VideoFormat};
use mimamori::proto::frame::Frame;
use mimamori::proto::picture_clock;
use openh264::decoder::Decoder;
use openh264::formats::YUVSource;
use std::time::{Duration, SystemTime};

const SMALL: VideoFormat = VideoFormat {
    width: 320,
    height: 240,
    fps: 30,
};
const LIMIT: Duration = Duration::from_secs(20);

fn open(format: VideoFormat, bitrate: u32) -> Camera {
    Camera::open(CameraSettings {
        choice: CameraChoice::Test,
        format,
        bitrate,
    })
}

async fn next(camera: &mut Camera) -> CameraEvent {
    tokio::time::timeout(LIMIT, camera.next())
        .await
        .expect("the camera is silent")
}

async fn started(camera: &mut Camera) -> CameraInfo {
    loop {
        match next(camera).await {
            CameraEvent::Started(info) => return info,
            CameraEvent::Frame(_) | CameraEvent::Resting(_) => {}
            CameraEvent::Lost(reason) => panic!("lost: {reason}"),
        }
    }
}

async fn frame(camera: &mut Camera) -> Frame {
    match next(camera).await {
        CameraEvent::Frame(frame) => frame,
        other => panic!("no frame but {other:?}"),
    }
}

async fn watch(format: VideoFormat, bitrate: u32) -> Camera {
    let mut camera = open(format, bitrate);
    camera.set_watched(true);
    assert_eq!(started(&mut camera).await.format, format);
    camera
}

/// The moment that a decoded picture says.
fn read_clock(picture: &impl YUVSource) -> Option<u64> {
    let (width, height) = picture.dimensions();
    let stride = picture.strides().0;
    let blocks: Vec<bool> = (0..picture_clock::BLOCKS)
        .map(|block| {
            let (l, t, r, b) = picture_clock::block_area(block, width, height);
            picture.y()[(t + b) / 2 * stride + (l + r) / 2] > 128
        })
        .collect();
    picture_clock::decode(&blocks)
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_millis() as u64
}

#[tokio::test]
async fn says_what_it_is_before_anybody_watches() {
    let mut camera = open(SMALL, 500_000);
    let info = started(&mut camera).await;
    assert_eq!(info.kind, CameraKind::Test);
    assert_eq!(info.format, SMALL);
    assert!(info.keyframe_on_request && info.bitrate_adjustable);
}

#[tokio::test]
async fn the_clock_reads_back_at_any_size_and_bitrate() {
    let formats = [
        (SMALL, 50_000),
        (SMALL, 1_000_000),
        (
            VideoFormat {
                width: 1280,
                height: 720,
                fps: 15,
            },
            200_000,
        ),
    ];
    for (format, bitrate) in formats {
        let begin = unix_ms();
        let mut camera = watch(format, bitrate).await;
        let mut decoder = Decoder::new().unwrap();
        let mut last = 0;
        for n in 0..20 {
            let frame = frame(&mut camera).await;
            assert_eq!(frame.keyframe, n == 0);
            let picture = decoder.decode(&frame.data).unwrap();
            let picture = picture.expect("every access unit is one picture");
            assert_eq!(
                picture.dimensions(),
                (format.width as usize, format.height as usize)
            );
            let ms = read_clock(&picture).expect("a readable clock");
            assert!((begin..=unix_ms()).contains(&ms));
            assert!(ms > last, "the clock runs");
            last = ms;
        }
    }
}

#[tokio::test]
async fn the_moment_of_capture_is_the_one_in_the_picture() {
    let mut camera = watch(SMALL, 500_000).await;
    let mut decoder = Decoder::new().unwrap();
    let mut offsets = Vec::new();
    let origin = std::time::Instant::now();
    let origin_ms = unix_ms();
    for _ in 0..5 {
        let frame = frame(&mut camera).await;
        let picture = decoder.decode(&frame.data).unwrap().unwrap();
        let captured = frame.captured.saturating_duration_since(origin).as_millis() as u64;
        offsets.push(read_clock(&picture).unwrap().abs_diff(origin_ms + captured));
    }
    // The first may have been taken before `origin`.
    assert!(offsets[1..].iter().all(|ms| *ms <= 5), "{offsets:?}");
}

#[tokio::test]
async fn a_keyframe_comes_soon_after_it_is_asked_for() {
    let mut camera = watch(SMALL, 500_000).await;
    frame(&mut camera).await;
    camera.request_keyframe();
    // At most the frames that were encoded before the request come first.
    let mut before = 0;
    while !frame(&mut camera).await.keyframe {
        before += 1;
    }
    assert!(before <= 6, "{before} frames before the keyframe");
    assert!(!frame(&mut camera).await.keyframe);
}

#[tokio::test]
async fn every_keyframe_carries_its_parameter_sets() {
    let mut camera = watch(SMALL, 500_000).await;
    for _ in 0..3 {
        camera.request_keyframe();
        let key = loop {
            let frame = frame(&mut camera).await;
            if frame.keyframe {
                break frame;
            }
        };
        let facts = annexb::facts(&key.data);
        assert!(facts.sps.is_some() && facts.pps.is_some() && facts.idr);
    }
}

#[tokio::test]
async fn another_format_is_announced_and_begins_with_a_keyframe() {
    let mut camera = watch(SMALL, 500_000).await;
    frame(&mut camera).await;
    let other = VideoFormat {
        width: 640,
        height: 360,
        fps: 15,
    };
    camera.set_format(other);
    assert_eq!(started(&mut camera).await.format, other);
    let first = frame(&mut camera).await;
    assert!(first.keyframe);
    let mut decoder = Decoder::new().unwrap();
    let picture = decoder.decode(&first.data).unwrap().unwrap();
    assert_eq!(picture.dimensions(), (640, 360));
    let second = frame(&mut camera).await;
    let apart = second.captured - first.captured;
    assert!(apart >= Duration::from_millis(40), "{apart:?} at 15 fps");
}

#[tokio::test]
async fn an_impossible_format_becomes_the_nearest() {
    let mut camera = open(
        VideoFormat {
            width: 3840,
            height: 2160,
            fps: 120,
        },
        500_000,
    );
    assert_eq!(
        started(&mut camera).await.format,
        VideoFormat {
            width: 1920,
            height: 1080,
            fps: 30
        }
    );
}

#[tokio::test]
async fn the_bitrate_follows_while_streaming() {
    let mut camera = watch(SMALL, 300_000).await;
    let mut sizes = Vec::new();
    for bitrate in [100_000, 1_500_000] {
        camera.set_bitrate(bitrate);
        for _ in 0..8 {
            frame(&mut camera).await;
        }
        let mut size = 0;
        for _ in 0..15 {
            size += frame(&mut camera).await.data.len();
        }
        sizes.push(size);
    }
    assert!(sizes[1] > 3 * sizes[0], "{sizes:?}");
}

#[tokio::test]
async fn it_rests_unwatched_and_wakes_with_a_keyframe() {
    let mut camera = watch(SMALL, 500_000).await;
    frame(&mut camera).await;
    camera.set_watched(false);
    // What was encoded before it heard may still come.
    let quiet = Duration::from_millis(300);
    let mut late = 0;
    while tokio::time::timeout(quiet, camera.next()).await.is_ok() {
        late += 1;
        assert!(late < 10, "it goes on");
    }
    camera.set_watched(true);
    assert!(frame(&mut camera).await.keyframe);
}

#[tokio::test]
async fn a_slow_loop_gets_a_stream_that_still_decodes() {
    let mut camera = watch(SMALL, 500_000).await;
    let mut decoder = Decoder::new().unwrap();
    let mut clocks = Vec::new();
    for n in 0..12 {
        if n == 2 {
            // Long enough to fill the queue several times over.
            std::thread::sleep(Duration::from_millis(600));
        }
        let frame = frame(&mut camera).await;
        let picture = decoder.decode(&frame.data).unwrap().unwrap();
        clocks.push(read_clock(&picture).expect("no frame is missing between"));
    }
    assert!(clocks.windows(2).all(|w| w[0] < w[1]), "{clocks:?}");
    let longest = clocks.windows(2).map(|w| w[1] - w[0]).max().unwrap();
    assert!(longest >= 200, "pictures were dropped: {clocks:?}");
}
