//! Cameras behind one small interface.
//!
//! [`Camera`] looks for the camera that was chosen, runs it, and looks again when
//! it is lost. Each kind has a file of its own: [`v4l2`] takes finished H.264 from
//! a device, [`film`] plays, [`live`] encodes pictures in software on a thread.

mod backoff;
#[cfg(feature = "test-camera")]
mod convert;
mod device;
#[cfg(feature = "test-camera")]
mod encoder;
mod film;
#[cfg(feature = "test-camera")]
mod font;
mod limits;
#[cfg(feature = "test-camera")]
mod live;
#[cfg(feature = "test-camera")]
mod picture;
mod search;
mod stamp;
mod stand_in;
#[cfg(feature = "test-camera")]
mod test_picture;
mod v4l2;
#[cfg(feature = "test-camera")]
mod webcam;

use crate::proto::camera::{CameraEvent, VideoFormat};
use backoff::Backoff;
use device::Device;
use film::{Film, FilmPlayer};
#[cfg(feature = "test-camera")]
use live::Live;
use search::{Found, Search};
use stand_in::StandIn;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;
use v4l2::{Stream, fourcc};

/// Where any camera will do, the longest wait before looking again: it may be
/// plugged in at any moment.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Uncompressed and JPEG formats that the software encoder takes.
const RAW_FORMATS: [u32; 3] = [fourcc(*b"NV12"), fourcc(*b"YUYV"), fourcc(*b"MJPG")];

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
    search: Search,
    /// A device has given pictures. The test picture does not stand in for it when
    /// it is lost: a picture must not pretend that all is well.
    seen: bool,
    backoff: Backoff,
    /// The last [`CameraEvent::Lost`], while nothing has started since.
    lost: Option<String>,
}

enum State {
    /// Nothing runs; a file or the test picture is tried at this moment.
    Waiting(Instant),
    /// Nothing runs; a device is looked for.
    Searching,
    Device(Box<Stream<Device>>),
    File(Box<FilmPlayer>),
    #[cfg(feature = "test-camera")]
    Live(Live),
    /// Shown while a device is looked for.
    StandIn(StandIn),
}

impl Camera {
    /// Does not fail: a camera that is not there is looked for, with back-off.
    pub fn open(settings: CameraSettings) -> Camera {
        let (state, path) = match &settings.choice {
            CameraChoice::Auto => (State::Searching, None),
            CameraChoice::Device(path) => (State::Searching, Some(path.clone())),
            CameraChoice::Test | CameraChoice::File(_) => (State::Waiting(Instant::now()), None),
        };
        Camera {
            settings,
            watched: false,
            state,
            search: Search::new(path),
            seen: false,
            backoff: Backoff::default(),
            lost: None,
        }
    }

    /// The next event. Cancel-safe: dropping the future loses nothing.
    pub async fn next(&mut self) -> CameraEvent {
        loop {
            let step = self.step().await;
            if let Some(event) = self.take_step(step) {
                return event;
            }
        }
    }

    /// Asks for another format; the stream restarts in it, said by
    /// [`CameraEvent::Started`].
    pub fn set_format(&mut self, format: VideoFormat) {
        self.settings.format = format;
        match &mut self.state {
            State::Waiting(_) | State::Searching | State::File(_) => {}
            State::Device(stream) => {
                if !stream.set_format(format) {
                    self.close();
                    self.look(Duration::ZERO);
                }
            }
            #[cfg(feature = "test-camera")]
            State::Live(live) => live.order(|orders| orders.format = format),
            State::StandIn(stand_in) => stand_in.set_format(format),
        }
    }

    /// Bits per second, applied while streaming where the camera can.
    pub fn set_bitrate(&mut self, bits_per_second: u32) {
        self.settings.bitrate = bits_per_second;
        match &mut self.state {
            State::Waiting(_) | State::Searching | State::File(_) => {}
            State::Device(stream) => stream.set_bitrate(bits_per_second),
            #[cfg(feature = "test-camera")]
            State::Live(live) => live.order(|orders| orders.bitrate = bits_per_second),
            State::StandIn(stand_in) => stand_in.set_bitrate(bits_per_second),
        }
    }

    /// Makes the next frame a keyframe, or a near one, where the camera can.
    pub fn request_keyframe(&mut self) {
        match &mut self.state {
            State::Waiting(_) | State::Searching | State::File(_) => {}
            State::Device(stream) => stream.request_keyframe(),
            #[cfg(feature = "test-camera")]
            State::Live(live) => live.order(|orders| orders.keyframe = true),
            State::StandIn(stand_in) => stand_in.request_keyframe(),
        }
    }

    /// Whether anybody watches. Every camera rests when nobody does, as said by
    /// [`CameraEvent::Resting`]; a device goes on by itself meanwhile, so that its first
    /// picture is there at once.
    pub fn set_watched(&mut self, watched: bool) {
        self.watched = watched;
        match &mut self.state {
            State::Waiting(_) | State::Searching => {}
            State::File(player) => player.set_watched(watched),
            State::Device(stream) => stream.set_watched(watched),
            #[cfg(feature = "test-camera")]
            State::Live(live) => live.order(|orders| orders.watched = watched),
            State::StandIn(stand_in) => stand_in.set_watched(watched),
        }
    }

    /// Waits for whatever comes next. Changes nothing that a dropped future would
    /// leave half changed.
    async fn step(&mut self) -> Step {
        let CameraSettings {
            format, bitrate, ..
        } = self.settings;
        match &mut self.state {
            State::Waiting(until) => {
                tokio::time::sleep_until(*until).await;
                Step::Start
            }
            State::Searching => Step::Search(self.search.next(format, bitrate).await),
            State::Device(stream) => Step::Stream(stream.next().await),
            State::File(player) => Step::Stream(player.next().await),
            #[cfg(feature = "test-camera")]
            State::Live(live) => Step::Stream(live.next().await),
            State::StandIn(stand_in) => tokio::select! {
                event = stand_in.next() => Step::Stream(event),
                found = self.search.next(format, bitrate) => Step::Search(found),
            },
        }
    }

    fn take_step(&mut self, step: Step) -> Option<CameraEvent> {
        let outcome = match step {
            Step::Start => self.start(),
            Step::Search(Ok(found)) => self.adopt(found),
            Step::Search(Err(reason)) => self.not_found(reason),
            Step::Stream(Ok(event)) => {
                self.note(&event);
                return Some(event);
            }
            Step::Stream(Err(reason)) => Err(reason),
        };
        outcome.err().and_then(|reason| self.lose(reason))
    }

    fn start(&mut self) -> Result<(), String> {
        self.state = match &self.settings.choice {
            CameraChoice::File(path) => {
                let film = Film::File(path.clone());
                let mut player = Box::new(FilmPlayer::open(film)?);
                player.set_watched(self.watched);
                State::File(player)
            }
            CameraChoice::Test => self.test_camera()?,
            CameraChoice::Auto | CameraChoice::Device(_) => State::Searching,
        };
        Ok(())
    }

    #[cfg(feature = "test-camera")]
    fn test_camera(&self) -> Result<State, String> {
        self.live(Box::new(test_picture::TestSource::new()))
            .map(State::Live)
    }

    #[cfg(not(feature = "test-camera"))]
    fn test_camera(&self) -> Result<State, String> {
        Err("this program was built without the test picture".into())
    }

    #[cfg(feature = "test-camera")]
    fn live(&self, source: Box<dyn live::PictureSource>) -> Result<Live, String> {
        let CameraSettings {
            format, bitrate, ..
        } = self.settings;
        Live::start(source, format, bitrate, self.watched)
    }

    /// Goes over to a device that was found.
    fn adopt(&mut self, found: Found) -> Result<(), String> {
        match found {
            Found::H264(configured) => {
                let mut stream = Stream::new(configured).map_err(|e| e.to_string())?;
                stream.set_watched(self.watched);
                self.state = State::Device(Box::new(stream));
                // What was asked while it was being opened.
                self.set_bitrate(self.settings.bitrate);
                self.set_format(self.settings.format);
            }
            #[cfg(feature = "test-camera")]
            Found::Raw(source) => self.state = State::Live(self.live(source)?),
        }
        Ok(())
    }

    /// No device now. Where any camera will do, a test picture stands in.
    fn not_found(&mut self, reason: String) -> Result<(), String> {
        if self.settings.choice != CameraChoice::Auto || self.seen {
            return Err(reason);
        }
        if !matches!(self.state, State::StandIn(_)) {
            log::info!("{reason}; showing a test picture meanwhile");
            let stand_in = StandIn::start(&self.settings, self.watched, reason)?;
            self.state = State::StandIn(stand_in);
        }
        self.search.begin(Instant::now() + LOOK_AGAIN);
        Ok(())
    }

    fn note(&mut self, event: &CameraEvent) {
        match event {
            CameraEvent::Started(_) => self.lost = None,
            CameraEvent::Frame(_) => {
                self.backoff.started(Instant::now().into_std());
                self.seen |= self.is_device();
            }
            CameraEvent::Resting(_) | CameraEvent::Lost(_) => {}
        }
    }

    fn is_device(&self) -> bool {
        match self.state {
            State::Device(_) => true,
            #[cfg(feature = "test-camera")]
            State::Live(_) => self.settings.choice != CameraChoice::Test,
            _ => false,
        }
    }

    /// Schedules the next try. The same reason again and again is said once.
    fn lose(&mut self, reason: String) -> Option<CameraEvent> {
        self.close();
        let wait = self.backoff.lost(Instant::now().into_std());
        match self.settings.choice {
            CameraChoice::Auto => self.look(wait.min(LOOK_AGAIN)),
            CameraChoice::Device(_) => self.look(wait),
            CameraChoice::Test | CameraChoice::File(_) => {
                self.state = State::Waiting(Instant::now() + wait);
            }
        }
        if self.lost.as_ref() == Some(&reason) {
            return None;
        }
        self.lost = Some(reason.clone());
        Some(CameraEvent::Lost(reason))
    }

    /// Ends what runs; a device is closed on the side, because it takes its time.
    fn close(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Searching);
        if let State::Device(stream) = state {
            self.search.close(stream.into_device());
        }
    }

    fn look(&mut self, wait: Duration) {
        self.state = State::Searching;
        self.search.begin(Instant::now() + wait);
    }
}

/// What [`Camera::step`] came to.
enum Step {
    Start,
    Search(Result<Found, String>),
    Stream(Result<CameraEvent, String>),
}
