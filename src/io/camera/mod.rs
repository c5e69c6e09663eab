//! Cameras behind one small interface.

use crate::proto::camera::{CameraEvent, VideoFormat};
use std::path::PathBuf;

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
pub struct Camera {}

impl Camera {
    /// Does not fail: a camera that is not there is looked for, with back-off.
    pub fn open(_settings: CameraSettings) -> Camera {
        todo!()
    }

    /// The next event. Cancel-safe: dropping the future loses nothing.
    pub async fn next(&mut self) -> CameraEvent {
        todo!()
    }

    /// Asks for another format; the stream restarts in it, said by
    /// [`CameraEvent::Started`].
    pub fn set_format(&mut self, _format: VideoFormat) {
        todo!()
    }

    /// Bits per second, applied while streaming where the camera can.
    pub fn set_bitrate(&mut self, _bits_per_second: u32) {
        todo!()
    }

    /// Makes the next frame a keyframe, or a near one, where the camera can.
    pub fn request_keyframe(&mut self) {
        todo!()
    }

    /// Whether anybody watches. A software encoder rests when nobody does; a
    /// hardware camera goes on, so that its first picture is there at once.
    pub fn set_watched(&mut self, _watched: bool) {
        todo!()
    }
}
