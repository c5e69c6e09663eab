//! Cameras behind one small interface.
//!
//! [`Camera`] looks for the camera that was chosen, runs it, and looks again when
//! it is lost. Each kind has a file of its own: [`file`] plays, [`live`] encodes
//! pictures in software on a thread.

mod backoff;
#[cfg(feature = "test-camera")]
mod encoder;
mod file;
#[cfg(feature = "test-camera")]
mod font;
mod limits;
#[cfg(feature = "test-camera")]
mod live;
#[cfg(feature = "test-camera")]
mod picture;
mod stamp;
#[cfg(feature = "test-camera")]
mod test_picture;

use crate::proto::camera::{CameraEvent, VideoFormat};
use backoff::Backoff;
use file::FilePlayer;
#[cfg(feature = "test-camera")]
use live::Live;
use std::path::PathBuf;
use tokio::time::Instant;

/// Which camera to use: the `--camera` option.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum CameraChoice {
    /// The first H.264 device, else a webcam, else the test picture.
    #[default]
    Auto,
    /// The test picture.
    Test,
    /// A V4L2 device.
    Device(PathBuf),
    /// An Annex B file.
    File(PathBuf),
}

/// What is asked of a camera; it gives the nearest that it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraSettings {
    pub choice: CameraChoice,
    pub format: VideoFormat,
    /// Bits per second.
    pub bitrate: u32,
}

/// A camera that may appear, vanish and come back while the program runs.
pub struct Camera {
    settings: CameraSettings,
    watched: bool,
    state: State,
    backoff: Backoff,
    /// The last [`CameraEvent::Lost`], while nothing has started since.
    lost: Option<String>,
}

enum State {
    /// Nothing runs; the next try is at this moment.
    Waiting(Instant),
    File(Box<FilePlayer>),
    #[cfg(feature = "test-camera")]
    Live(Live),
}

impl Camera {
    /// Does not fail: a camera that is not there is looked for, with back-off.
    pub fn open(settings: CameraSettings) -> Camera {
        Camera {
            settings,
            watched: false,
            state: State::Waiting(Instant::now()),
            backoff: Backoff::default(),
            lost: None,
        }
    }

    /// The next event. Cancel-safe: dropping the future loses nothing.
    pub async fn next(&mut self) -> CameraEvent {
        loop {
            let event = match &mut self.state {
                State::Waiting(until) => {
                    tokio::time::sleep_until(*until).await;
                    self.start().map(|()| None)
                }
                State::File(player) => player.next().await.map(Some),
                #[cfg(feature = "test-camera")]
                State::Live(live) => live.next().await.map(Some),
            };
            match event {
                Ok(Some(event)) => {
                    self.note(&event);
                    return event;
                }
                Ok(None) => {}
                Err(reason) => {
                    if let Some(event) = self.lose(reason) {
                        return event;
                    }
                }
            }
        }
    }

    /// Asks for another format; the stream restarts in it, said by
    /// [`CameraEvent::Started`].
    pub fn set_format(&mut self, format: VideoFormat) {
        self.settings.format = format;
        match &mut self.state {
            State::Waiting(_) | State::File(_) => {}
            #[cfg(feature = "test-camera")]
            State::Live(live) => live.order(|orders| orders.format = format),
        }
    }

    /// Bits per second, applied while streaming where the camera can.
    pub fn set_bitrate(&mut self, bits_per_second: u32) {
        self.settings.bitrate = bits_per_second;
        match &mut self.state {
            State::Waiting(_) | State::File(_) => {}
            #[cfg(feature = "test-camera")]
            State::Live(live) => live.order(|orders| orders.bitrate = bits_per_second),
        }
    }

    /// Makes the next frame a keyframe, or a near one, where the camera can.
    pub fn request_keyframe(&mut self) {
        match &mut self.state {
            State::Waiting(_) | State::File(_) => {}
            #[cfg(feature = "test-camera")]
            State::Live(live) => live.order(|orders| orders.keyframe = true),
        }
    }

    /// Whether anybody watches. A software encoder rests when nobody does; a
    /// hardware camera goes on, so that its first picture is there at once.
    pub fn set_watched(&mut self, watched: bool) {
        self.watched = watched;
        match &mut self.state {
            State::Waiting(_) | State::File(_) => {}
            #[cfg(feature = "test-camera")]
            State::Live(live) => live.order(|orders| orders.watched = watched),
        }
    }

    fn start(&mut self) -> Result<(), String> {
        self.state = match &self.settings.choice {
            CameraChoice::File(path) => State::File(Box::new(FilePlayer::open(path)?)),
            CameraChoice::Test | CameraChoice::Auto => self.test_camera()?,
            CameraChoice::Device(path) => return Err(format!("{}: to come", path.display())),
        };
        Ok(())
    }

    #[cfg(feature = "test-camera")]
    fn test_camera(&self) -> Result<State, String> {
        let source = Box::new(test_picture::TestSource::new());
        let CameraSettings {
            format, bitrate, ..
        } = self.settings;
        Live::start(source, format, bitrate, self.watched).map(State::Live)
    }

    #[cfg(not(feature = "test-camera"))]
    fn test_camera(&self) -> Result<State, String> {
        Err("this program was built without the test picture".into())
    }

    fn note(&mut self, event: &CameraEvent) {
        match event {
            CameraEvent::Started(_) => self.lost = None,
            CameraEvent::Frame(_) => self.backoff.started(Instant::now().into_std()),
            CameraEvent::Lost(_) => {}
        }
    }

    /// Schedules the next try. The same reason again and again is said once.
    fn lose(&mut self, reason: String) -> Option<CameraEvent> {
        let now = Instant::now();
        self.state = State::Waiting(now + self.backoff.lost(now.into_std()));
        if self.lost.as_ref() == Some(&reason) {
            return None;
        }
        self.lost = Some(reason.clone());
        Some(CameraEvent::Lost(reason))
    }
}
