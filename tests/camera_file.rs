//! An Annex B file is played in real time, in a loop, with continuous time.
#![allow(clippy::disallowed_methods)]
#![cfg(feature = "test-camera")]

use mimamori::io::camera::{Camera, CameraChoice, CameraSettings};
use mimamori::proto::annexb;
use mimamori::proto::camera::{CameraEvent, CameraInfo, CameraKind, VideoFormat};
use openh264::encoder::{Encoder, EncoderConfig, IntraFramePeriod};
use openh264::formats::YUVBuffer;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

const FRAMES: usize = 10;
const PERIOD: Duration = Duration::from_nanos(33_333_333);

/// A file that is removed with its owner.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: &[u8]) -> TempFile {
        let name = format!("mimamori-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        TempFile(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// `FRAMES` pictures, an IDR every five.
fn annex_b(width: usize, height: usize) -> Vec<u8> {
    let config = EncoderConfig::new()
        .skip_frames(false)
        .intra_frame_period(IntraFramePeriod::from_num_frames(5));
    let api = openh264::OpenH264API::from_source();
    let mut encoder = Encoder::with_api_config(api, config).unwrap();
    let mut stream = Vec::new();
    for n in 0..FRAMES {
        let luma = std::iter::repeat_n(40 + 15 * n as u8, width * height);
        let chroma = std::iter::repeat_n(128, width * height / 2);
        let picture = YUVBuffer::from_vec(luma.chain(chroma).collect(), width, height);
        encoder.encode(&picture).unwrap().write_vec(&mut stream);
    }
    stream
}

/// The same stream with parameter sets only at its beginning, as many encoders
/// write it.
fn without_repeated_sets(stream: &[u8]) -> Vec<u8> {
    let mut seen = 0;
    let keep = |nal: &&[u8]| {
        let is_set = [annexb::NAL_SPS, annexb::NAL_PPS].contains(&annexb::nal_type(nal));
        seen += usize::from(is_set);
        !is_set || seen <= 2
    };
    annexb::nal_units(stream)
        .filter(keep)
        .flat_map(|nal| [&[0, 0, 0, 1], nal].concat())
        .collect()
}

fn open(path: &Path) -> Camera {
    let mut camera = open_unwatched(path);
    camera.set_watched(true);
    camera
}

fn open_unwatched(path: &Path) -> Camera {
    Camera::open(CameraSettings {
        choice: CameraChoice::File(path.to_owned()),
        format: VideoFormat {
            width: 1280,
            height: 720,
            fps: 30,
        },
        bitrate: 1_000_000,
    })
}

/// The next event; a minute (of paused time) without one fails the test.
async fn next(camera: &mut Camera) -> CameraEvent {
    let limit = Duration::from_secs(60);
    let event = tokio::time::timeout(limit, camera.next()).await;
    event.expect("the camera is silent")
}

async fn started(camera: &mut Camera) -> CameraInfo {
    match next(camera).await {
        CameraEvent::Started(info) => info,
        other => panic!("not started but {other:?}"),
    }
}

async fn lost(camera: &mut Camera) -> String {
    match next(camera).await {
        CameraEvent::Lost(reason) => reason,
        other => panic!("not lost but {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn plays_in_real_time_and_loops_without_a_seam() {
    let stream = annex_b(64, 48);
    let file = TempFile::new("loop.h264", &stream);
    let mut camera = open(&file.0);
    let info = started(&mut camera).await;
    assert_eq!(info.kind, CameraKind::File);
    assert_eq!((info.format.width, info.format.height), (64, 48));
    assert_eq!(info.format.fps, 30);
    assert!(!info.keyframe_on_request && !info.bitrate_adjustable);
    let mut captured = Vec::new();
    for n in 0..3 * FRAMES {
        let CameraEvent::Frame(frame) = next(&mut camera).await else {
            panic!("no frame {n}");
        };
        assert!(frame.captured <= Instant::now().into_std(), "not too early");
        assert_eq!(frame.keyframe, n % 5 == 0, "frame {n}");
        captured.push(frame.captured);
    }
    for (n, taken) in captured.iter().enumerate() {
        let due = captured[0] + PERIOD * n as u32;
        assert!(taken.max(&due).duration_since(*taken.min(&due)) < Duration::from_micros(10));
    }
}

#[tokio::test(start_paused = true)]
async fn every_keyframe_gets_the_parameter_sets() {
    let stream = without_repeated_sets(&annex_b(64, 48));
    let file = TempFile::new("sets.h264", &stream);
    let mut camera = open(&file.0);
    started(&mut camera).await;
    let mut keyframes = 0;
    for _ in 0..2 * FRAMES {
        let CameraEvent::Frame(frame) = next(&mut camera).await else {
            panic!("no frame");
        };
        if frame.keyframe {
            keyframes += 1;
            let facts = annexb::facts(&frame.data);
            assert!(facts.sps.is_some() && facts.pps.is_some());
        }
    }
    assert_eq!(keyframes, 4);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_loses_no_frame() {
    let file = TempFile::new("cancel.h264", &annex_b(64, 48));
    let mut camera = open(&file.0);
    started(&mut camera).await;
    let mut frames = 0;
    let begin = Instant::now();
    while frames < FRAMES {
        // Far shorter than a frame: most waits are dropped.
        let wait = tokio::time::timeout(Duration::from_millis(5), camera.next());
        if let Ok(CameraEvent::Frame(frame)) = wait.await {
            assert_eq!(frame.keyframe, frames % 5 == 0);
            frames += 1;
        }
    }
    assert!(begin.elapsed() < PERIOD * (FRAMES as u32 + 1));
}

#[tokio::test(start_paused = true)]
async fn another_size_in_the_middle_is_announced() {
    let stream = [annex_b(64, 48), annex_b(96, 80)].concat();
    let file = TempFile::new("sizes.h264", &stream);
    let mut camera = open(&file.0);
    assert_eq!(started(&mut camera).await.format.width, 64);
    for _ in 0..FRAMES {
        assert!(matches!(next(&mut camera).await, CameraEvent::Frame(_)));
    }
    assert_eq!(started(&mut camera).await.format.width, 96);
    for _ in 0..FRAMES {
        assert!(matches!(next(&mut camera).await, CameraEvent::Frame(_)));
    }
    assert_eq!(started(&mut camera).await.format.width, 64);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_played_is_said_and_tried_again_slowly() {
    let empty = TempFile::new("empty.h264", b"");
    let garbage = TempFile::new("garbage.h264", &[0xa5; 100_000]);
    let zeros = TempFile::new("zeros.h264", &[0; 100_000]);
    let headers = TempFile::new("headers.h264", &annex_b(64, 48)[..8]);
    let cases = [
        (Path::new("/nonexistent/film.h264"), "No such file"),
        (Path::new("/"), "not an ordinary file"),
        (&empty.0, "empty"),
        (&garbage.0, "no H.264 picture"),
        (&zeros.0, "no H.264 picture"),
        (&headers.0, "no H.264 picture"),
    ];
    for (path, expected) in cases {
        let mut camera = open(path);
        let reason = lost(&mut camera).await;
        assert!(reason.contains(expected), "{reason}");
        assert!(reason.contains(&path.display().to_string()), "{reason}");
        // The same reason is not said again, though it is tried again.
        let again = tokio::time::timeout(Duration::from_secs(60), camera.next());
        assert!(again.await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_appears_later_is_played() {
    let file = TempFile::new("later.h264", b"");
    std::fs::remove_file(&file.0).unwrap();
    let mut camera = open(&file.0);
    lost(&mut camera).await;
    std::fs::write(&file.0, annex_b(64, 48)).unwrap();
    let begin = Instant::now();
    started(&mut camera).await;
    assert!(begin.elapsed() >= Duration::from_millis(500));
    assert!(matches!(next(&mut camera).await, CameraEvent::Frame(_)));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_vanishes_is_lost_at_its_end() {
    let file = TempFile::new("vanish.h264", &annex_b(64, 48));
    let mut camera = open(&file.0);
    started(&mut camera).await;
    drop(file);
    let mut frames = 0;
    let reason = loop {
        match next(&mut camera).await {
            CameraEvent::Frame(_) => frames += 1,
            CameraEvent::Lost(reason) => break reason,
            other => panic!("{other:?}"),
        }
    };
    assert!((FRAMES - 1..=FRAMES).contains(&frames), "{frames}");
    assert!(reason.contains("No such file"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn it_stands_still_while_nobody_watches_and_then_begins_with_a_keyframe() {
    let file = TempFile::new("rest.h264", &annex_b(64, 48));
    let mut camera = open_unwatched(&file.0);
    started(&mut camera).await;
    assert!(matches!(next(&mut camera).await, CameraEvent::Frame(_)));
    assert!(matches!(next(&mut camera).await, CameraEvent::Resting(_)));
    let silence = tokio::time::timeout(Duration::from_secs(600), camera.next());
    assert!(silence.await.is_err());
    camera.set_watched(true);
    for n in 0..7 {
        let CameraEvent::Frame(frame) = next(&mut camera).await else {
            panic!("no frame {n}");
        };
        assert_eq!(frame.keyframe, n % 5 == 0);
        assert!(frame.captured.elapsed() < Duration::from_secs(1));
    }
}
