//! What happens where there is no camera.
#![allow(clippy::disallowed_methods)]

use mimamori::io::camera::{Camera, CameraChoice, CameraSettings};
use mimamori::proto::camera::{CameraEvent, VideoFormat};
use std::path::Path;
use std::time::Duration;

fn open(choice: CameraChoice) -> Camera {
    Camera::open(CameraSettings {
        choice,
        format: VideoFormat {
            width: 320,
            height: 240,
            fps: 30,
        },
        bitrate: 500_000,
    })
}

async fn next(camera: &mut Camera) -> CameraEvent {
    let limit = Duration::from_secs(20);
    let event = tokio::time::timeout(limit, camera.next()).await;
    event.expect("the camera is silent")
}

fn is_there(path: &str) -> bool {
    Path::new(path).exists()
}

#[tokio::test]
async fn a_device_that_is_not_there_is_said_once_and_looked_for() {
    let mut camera = open(CameraChoice::Device("/nonexistent/video0".into()));
    let CameraEvent::Lost(reason) = next(&mut camera).await else {
        panic!("not lost");
    };
    assert!(reason.contains("/nonexistent/video0"), "{reason}");
    // Orders to a camera that is not there are kept for later, not refused.
    camera.set_bitrate(1);
    camera.request_keyframe();
    camera.set_watched(true);
    let again = tokio::time::timeout(Duration::from_secs(2), camera.next());
    assert!(again.await.is_err(), "the same is not said again");
}

#[tokio::test]
async fn what_is_no_camera_is_said() {
    let mut camera = open(CameraChoice::Device("/dev/null".into()));
    let CameraEvent::Lost(reason) = next(&mut camera).await else {
        panic!("not lost");
    };
    assert!(reason.contains("/dev/null"), "{reason}");
}

#[tokio::test]
async fn without_a_device_auto_shows_the_test_picture() {
    if is_there("/dev/video0") {
        return;
    }
    let mut camera = open(CameraChoice::Auto);
    camera.set_watched(true);
    let CameraEvent::Started(info) = next(&mut camera).await else {
        panic!("not started");
    };
    assert_eq!(info.kind, mimamori::proto::camera::CameraKind::Test);
    let problem = info.problem.expect("why there is no camera");
    assert!(problem.contains("no camera found"), "{problem}");
    // Beyond the next look for a device, which changes nothing.
    let begin = tokio::time::Instant::now();
    while begin.elapsed() < Duration::from_millis(2_500) {
        assert!(matches!(next(&mut camera).await, CameraEvent::Frame(_)));
    }
}

#[cfg(not(feature = "test-camera"))]
#[tokio::test]
async fn without_an_encoder_there_is_no_test_camera_to_choose() {
    let CameraEvent::Lost(reason) = next(&mut open(CameraChoice::Test)).await else {
        panic!("not lost");
    };
    assert!(reason.contains("built without"), "{reason}");
}
