//! What a camera says of itself.

use std::fmt;

/// A picture size and rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct VideoFormat {
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// Frames per second, 1 to 90.
    pub fps: u32,
}

impl fmt::Display for VideoFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}@{}", self.width, self.height, self.fps)
    }
}

/// Where the pictures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CameraKind {
    /// A V4L2 device that delivers finished H.264.
    V4l2,
    /// A raw V4L2 webcam, encoded in software.
    Webcam,
    /// The drawn test picture, encoded in software.
    Test,
    /// An Annex B file, played in a loop.
    File,
}

/// A running camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraInfo {
    pub kind: CameraKind,
    /// For people: the card name of a device, the path of a file.
    pub name: String,
    /// What it delivers now, which may differ from what was asked.
    pub format: VideoFormat,
    /// True if a keyframe can be asked for at any moment; false if they come
    /// only at the stream's own period.
    pub keyframe_on_request: bool,
    /// True if the bitrate can be changed while streaming.
    pub bitrate_adjustable: bool,
    /// Why it stands in for the camera that was wanted, for people.
    pub problem: Option<String>,
}

/// What a camera hands to the event loop.
#[derive(Clone, Debug)]
pub enum CameraEvent {
    /// It streams (again), perhaps in another format than before.
    Started(CameraInfo),
    /// The next picture.
    Frame(super::frame::Frame),
    /// Nobody watches, and so many pictures were passed over unread since it was last
    /// said. What was handed out before them is no beginning for anybody any more.
    Resting(u64),
    /// It delivers nothing now; it keeps trying by itself. The text is for people.
    Lost(String),
}
