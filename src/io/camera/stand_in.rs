//! What is shown while no camera is found: the test picture, or where that can't be
//! encoded a film of a few seconds that says so.

use super::CameraSettings;
#[cfg(not(feature = "test-camera"))]
use super::film::{Film, FilmPlayer};
#[cfg(feature = "test-camera")]
use super::{live::Live, test_picture::TestSource};
use crate::proto::camera::{CameraEvent, VideoFormat};

/// Made by `scripts/no-camera-film`.
#[cfg(not(feature = "test-camera"))]
const FILM: &[u8] = include_bytes!("no_camera.h264");

pub(super) struct StandIn {
    #[cfg(feature = "test-camera")]
    shown: Live,
    #[cfg(not(feature = "test-camera"))]
    shown: Box<FilmPlayer>,
    reason: String,
}

#[cfg(feature = "test-camera")]
impl StandIn {
    /// `reason`: why there is no camera, for people.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(settings: &CameraSettings, watched: bool, reason: String) -> Result<Self, String> {
        let source = Box::new(TestSource::new());
        let shown = Live::start(source, settings.format, settings.bitrate, watched)?;
        Ok(StandIn { shown, reason })
    }

    pub fn set_format(&mut self, format: VideoFormat) {
        self.shown.order(|orders| orders.format = format);
    }

    /// Bits per second.
    pub fn set_bitrate(&mut self, bits_per_second: u32) {
        self.shown.order(|orders| orders.bitrate = bits_per_second);
    }

    pub fn request_keyframe(&mut self) {
        self.shown.order(|orders| orders.keyframe = true);
    }

    pub fn set_watched(&mut self, watched: bool) {
        self.shown.order(|orders| orders.watched = watched);
    }
}

/// A film is what it is.
#[cfg(not(feature = "test-camera"))]
impl StandIn {
    /// `reason`: why there is no camera, for people.
    ///
    /// # Errors
    /// None; the other form of it has some.
    pub fn start(_: &CameraSettings, watched: bool, reason: String) -> Result<Self, String> {
        let film = Film::BuiltIn {
            name: "test picture",
            contents: FILM,
        };
        let mut shown = Box::new(FilmPlayer::open(film)?);
        shown.set_watched(watched);
        Ok(StandIn { shown, reason })
    }

    pub fn set_format(&mut self, _: VideoFormat) {}

    pub fn set_bitrate(&mut self, _bits_per_second: u32) {}

    pub fn request_keyframe(&mut self) {}

    pub fn set_watched(&mut self, watched: bool) {
        self.shown.set_watched(watched);
    }
}

impl StandIn {
    /// The next event, which says what it stands in for. Cancel-safe.
    pub async fn next(&mut self) -> Result<CameraEvent, String> {
        let mut event = self.shown.next().await?;
        if let CameraEvent::Started(info) = &mut event {
            info.problem = Some(self.reason.clone());
        }
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::camera::CameraChoice;
    use crate::proto::camera::CameraKind;

    #[tokio::test]
    async fn it_plays_and_says_what_for() {
        let format = VideoFormat {
            width: 320,
            height: 240,
            fps: 10,
        };
        let settings = CameraSettings {
            choice: CameraChoice::Auto,
            format,
            bitrate: 500_000,
        };
        let mut stand_in = StandIn::start(&settings, true, "there is none".into()).unwrap();
        let Ok(CameraEvent::Started(info)) = stand_in.next().await else {
            panic!("it does not start");
        };
        assert_eq!(info.kind, CameraKind::Test);
        assert_eq!(info.problem.as_deref(), Some("there is none"));
        assert!(info.format.width >= 320, "{}", info.format);
        for n in 0..5 {
            let Ok(CameraEvent::Frame(frame)) = stand_in.next().await else {
                panic!("no frame {n}");
            };
            assert_eq!(frame.keyframe, n == 0);
        }
    }
}
