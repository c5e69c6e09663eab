//! A raw V4L2 webcam, as a source for the software encoder.

use super::convert;
use super::device::{Device, monotonic_now};
use super::live::{PictureSource, WAIT_LIMIT};
use super::picture::Picture;
use super::stamp::{Stamps, age};
use super::v4l2::{Driver, PixelFormat};
use crate::proto::camera::{CameraKind, VideoFormat};
use std::io;
use std::time::{Duration, Instant};

/// As with an H.264 device: silence is the only sign of a camera that stalled.
const FIRST_LIMIT: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(3);
/// Beyond that size, USB 2 has no room for uncompressed pictures at 30 per second.
const RAW_UP_TO: u32 = 640 * 480;

/// Waiting pictures that are read at once: all buffers of the stream.
const CATCH_UP: usize = 4;

/// A webcam.
pub(super) struct Webcam {
    device: Device,
    name: String,
    formats: Vec<u32>,
    given: PixelFormat,
    picture: Picture,
    stamps: Stamps,
    deadline: Instant,
    streaming: bool,
}

impl Webcam {
    pub fn new(device: Device, name: String, formats: &[u32]) -> Webcam {
        Webcam {
            device,
            name,
            formats: formats.to_vec(),
            given: PixelFormat {
                fourcc: 0,
                width: 0,
                height: 0,
                stride: 0,
            },
            picture: Picture::new(2, 2),
            stamps: Stamps::default(),
            deadline: Instant::now(),
            streaming: false,
        }
    }

    fn error(&self, e: &io::Error) -> String {
        format!("{}: {e}", self.name)
    }
}

impl PictureSource for Webcam {
    fn kind(&self) -> CameraKind {
        CameraKind::Webcam
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn start(&mut self, wanted: VideoFormat) -> Result<VideoFormat, String> {
        self.rest();
        let fourcc = choose(&self.formats, wanted)
            .ok_or_else(|| format!("{}: no format that can be read", self.name))?;
        self.given = self
            .device
            .set_format(fourcc, wanted.width, wanted.height)
            .map_err(|e| self.error(&e))?;
        let fps = self.device.set_rate(wanted.fps).unwrap_or(wanted.fps);
        let PixelFormat { width, height, .. } = self.given;
        if !convert::can_read(&self.given) {
            return Err(format!("{}: no format that can be read", self.name));
        }
        self.picture = Picture::new(width, height);
        self.wake()?;
        Ok(VideoFormat {
            width: width & !1,
            height: height & !1,
            fps: fps.clamp(1, 90),
        })
    }

    fn rest(&mut self) {
        if self.streaming {
            self.device.stop();
            self.streaming = false;
        }
    }

    fn wake(&mut self) -> Result<(), String> {
        if !self.streaming {
            self.device.start().map_err(|e| self.error(&e))?;
            self.streaming = true;
        }
        self.deadline = Instant::now() + FIRST_LIMIT;
        Ok(())
    }

    fn wait(&mut self) -> Result<bool, String> {
        if self.device.wait(WAIT_LIMIT).map_err(|e| self.error(&e))? {
            return Ok(true);
        }
        if Instant::now() > self.deadline {
            return Err(format!("{}: no picture any more", self.name));
        }
        Ok(false)
    }

    fn skip(&mut self) -> Result<(), String> {
        let skipped = self.device.dequeue(&mut |_| {});
        skipped.map(drop).map_err(|e| self.error(&e))
    }

    fn take(&mut self) -> Result<Option<(&Picture, Instant)>, String> {
        let mut taken = None;
        // If several are waiting, the encoder is behind: only the last counts.
        for _ in 0..CATCH_UP {
            let (given, picture, stamps) = (self.given, &mut self.picture, &mut self.stamps);
            let dequeued = self.device.dequeue(&mut |buffer| {
                let now = Instant::now();
                let age = buffer.stamp.and_then(|stamp| age(monotonic_now(), stamp));
                if !buffer.error && convert::read(buffer.data, &given, picture) {
                    taken = Some(stamps.captured(now, age, buffer.data.len()));
                }
            });
            dequeued.map_err(|e| self.error(&e))?;
            if !self.device.wait(Duration::ZERO).unwrap_or(false) {
                break;
            }
        }
        let now = Instant::now();
        match taken {
            Some(captured) => {
                self.deadline = now + LIMIT;
                Ok(Some((&self.picture, captured)))
            }
            None if now > self.deadline => Err(format!("{}: only damaged pictures", self.name)),
            None => Ok(None),
        }
    }
}

/// The cheapest to read that the bus has room for.
fn choose(formats: &[u32], wanted: VideoFormat) -> Option<u32> {
    let [nv12, yuyv, mjpeg] = super::RAW_FORMATS;
    let order = if wanted.width.saturating_mul(wanted.height) <= RAW_UP_TO {
        [nv12, yuyv, mjpeg]
    } else {
        [mjpeg, nv12, yuyv]
    };
    order.into_iter().find(|format| formats.contains(format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pictures_are_asked_for_compressed() {
        let [nv12, yuyv, mjpeg] = super::super::RAW_FORMATS;
        let format = |width, height| VideoFormat {
            width,
            height,
            fps: 30,
        };
        assert_eq!(choose(&[mjpeg, yuyv], format(640, 480)), Some(yuyv));
        assert_eq!(choose(&[mjpeg, yuyv], format(1280, 720)), Some(mjpeg));
        assert_eq!(choose(&[yuyv, nv12], format(1280, 720)), Some(nv12));
        assert_eq!(choose(&[mjpeg], format(320, 240)), Some(mjpeg));
        assert_eq!(choose(&[], format(320, 240)), None);
    }
}
