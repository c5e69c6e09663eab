//! A V4L2 device that delivers finished H.264.

use super::limits::{cap, level_for, snap};
use super::stamp::{Stamps, age};
use crate::proto::assembler::{Assembled, Assembler};
use crate::proto::camera::{CameraEvent, CameraInfo, CameraKind, VideoFormat};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, timeout_at};
use v4l::v4l_sys as sys;

/// STREAMON takes 0.3 s on the Pi, and its first picture up to a second more.
const FIRST_FRAME_LIMIT: Duration = Duration::from_secs(5);
/// There is no event for a sensor that has stalled: only silence says it.
const FRAME_LIMIT: Duration = Duration::from_secs(3);
/// While nobody watches it is said so often that the camera lives.
const SAY_PASSED: Duration = Duration::from_secs(1);
/// Keyframes by themselves, in seconds: where they can be asked for, and where a
/// lost picture has to wait for the next.
const RELAXED_PERIOD: u32 = 2;
const SHORT_PERIOD: u32 = 1;

pub(super) const H264: u32 = fourcc(*b"H264");

/// A FourCC code as V4L2 has it.
pub(super) const fn fourcc(code: [u8; 4]) -> u32 {
    u32::from_le_bytes(code)
}

/// What is used of a device; a fake stands in for it in tests. It owns its
/// descriptor, which stays open and the same until it is dropped.
pub(super) trait Driver: AsFd + AsRawFd + Send {
    /// Sets the nearest to a format, and returns it.
    fn set_format(&mut self, fourcc: u32, width: u32, height: u32) -> io::Result<PixelFormat>;
    /// Sets the nearest to a rate in frames per second, and returns it.
    fn set_rate(&mut self, fps: u32) -> io::Result<u32>;
    /// The values of a control; `None` if the device does not have it.
    fn range(&self, control: u32) -> Option<Range>;
    fn set_control(&mut self, control: u32, value: i32) -> io::Result<()>;
    /// Begins to stream. May block for as long as the driver likes.
    fn start(&mut self) -> io::Result<()>;
    /// Hands the next buffer to `take` and gives it back to the driver. False if
    /// none is there yet.
    fn dequeue(&mut self, take: &mut dyn FnMut(Buffer<'_>)) -> io::Result<bool>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PixelFormat {
    pub fourcc: u32,
    pub width: u32,
    pub height: u32,
    /// Bytes from one line to the next; 0 for compressed pictures.
    pub stride: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub minimum: i64,
    pub maximum: i64,
    pub step: i64,
}

/// A buffer filled by the driver.
pub(super) struct Buffer<'a> {
    pub data: &'a [u8],
    /// Filled to the last byte: perhaps cut off.
    pub full: bool,
    /// The driver flagged an error.
    pub error: bool,
    /// When it was captured, on CLOCK_MONOTONIC.
    pub stamp: Option<Duration>,
}

/// A device that has been told everything and streams.
pub(super) struct Configured<D> {
    device: D,
    /// What was asked, which the driver may have answered with something near.
    asked: VideoFormat,
    info: CameraInfo,
}

/// Sets a device up for the nearest to a format and starts it. Blocks.
///
/// # Errors
/// Of the device, if it cannot deliver H.264 at all; whatever else it refuses is
/// done without.
pub(super) fn configure<D: Driver>(
    mut device: D,
    name: String,
    wanted: VideoFormat,
    bitrate: u32,
) -> io::Result<Configured<D>> {
    let wanted = cap(wanted);
    let given = device.set_format(H264, wanted.width, wanted.height)?;
    if given.fourcc != H264 {
        return Err(io::Error::other("it delivers no H.264"));
    }
    let format = VideoFormat {
        width: given.width,
        height: given.height,
        fps: device.set_rate(wanted.fps).unwrap_or(wanted.fps),
    };
    let info = CameraInfo {
        kind: CameraKind::V4l2,
        name,
        format,
        keyframe_on_request: device
            .range(sys::V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME)
            .is_some(),
        bitrate_adjustable: device.range(sys::V4L2_CID_MPEG_VIDEO_BITRATE).is_some(),
        problem: None,
    };
    set_first_accepted(
        &mut device,
        sys::V4L2_CID_MPEG_VIDEO_H264_PROFILE,
        &[
            sys::v4l2_mpeg_video_h264_profile_V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE,
            sys::v4l2_mpeg_video_h264_profile_V4L2_MPEG_VIDEO_H264_PROFILE_BASELINE,
            sys::v4l2_mpeg_video_h264_profile_V4L2_MPEG_VIDEO_H264_PROFILE_MAIN,
        ],
    );
    set_first_accepted(
        &mut device,
        sys::V4L2_CID_MPEG_VIDEO_H264_LEVEL,
        levels(format),
    );
    set_first_accepted(
        &mut device,
        sys::V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER,
        &[1],
    );
    set_bitrate(&mut device, bitrate);
    set_period(&mut device, &info);
    device.start()?;
    Ok(Configured {
        device,
        asked: wanted,
        info,
    })
}

/// The level that fits, then what older drivers know (the Pi's stops at 4.0).
fn levels(format: VideoFormat) -> &'static [u32] {
    const ALL: [u32; 3] = [
        sys::v4l2_mpeg_video_h264_level_V4L2_MPEG_VIDEO_H264_LEVEL_4_2,
        sys::v4l2_mpeg_video_h264_level_V4L2_MPEG_VIDEO_H264_LEVEL_4_0,
        sys::v4l2_mpeg_video_h264_level_V4L2_MPEG_VIDEO_H264_LEVEL_3_1,
    ];
    match level_for(format).idc {
        0..=31 => &ALL[2..],
        32..=40 => &ALL[1..2],
        _ => &ALL[..2],
    }
}

fn set_first_accepted(device: &mut impl Driver, control: u32, values: &[u32]) {
    if device.range(control).is_none() {
        return;
    }
    let accepted = values
        .iter()
        .any(|value| device.set_control(control, *value as i32).is_ok());
    if !accepted {
        log::warn!("the camera refuses control {control:#x} = {values:?}");
    }
}

fn set_bitrate(device: &mut impl Driver, bits_per_second: u32) {
    let control = sys::V4L2_CID_MPEG_VIDEO_BITRATE;
    let Some(range) = device.range(control) else {
        return;
    };
    let value = snap(
        bits_per_second.into(),
        range.minimum,
        range.maximum,
        range.step,
    );
    if let Err(e) = device.set_control(control, value as i32) {
        log::warn!("the camera refuses {value} bit/s: {e}");
    }
}

fn set_period(device: &mut impl Driver, info: &CameraInfo) {
    let seconds = if info.keyframe_on_request {
        RELAXED_PERIOD
    } else {
        SHORT_PERIOD
    };
    let control = sys::V4L2_CID_MPEG_VIDEO_H264_I_PERIOD;
    if let Some(range) = device.range(control) {
        let frames = i64::from(info.format.fps * seconds);
        let value = snap(frames, range.minimum, range.maximum, range.step);
        set_first_accepted(device, control, &[value as u32]);
    }
}

/// A device's stream. Made inside a runtime.
pub(super) struct Stream<D: Driver> {
    device: AsyncFd<D>,
    asked: VideoFormat,
    info: CameraInfo,
    flow: Flow,
    announced: bool,
    watched: bool,
}

impl<D: Driver> Stream<D> {
    /// # Errors
    /// If the descriptor cannot be waited on.
    pub fn new(configured: Configured<D>) -> io::Result<Stream<D>> {
        let Configured {
            device,
            asked,
            info,
        } = configured;
        // SAFETY: a driver's descriptor stays open and the same for as long as the
        // driver lives (see `Driver`), and the AsyncFd owns the driver.
        let device = unsafe { AsyncFd::register(device)? };
        Ok(Stream {
            device,
            asked,
            info,
            flow: Flow::new(Instant::now()),
            announced: false,
            watched: true,
        })
    }

    /// The next event; an error ends the stream. Cancel-safe.
    pub async fn next(&mut self) -> Result<CameraEvent, String> {
        if !self.announced {
            self.announced = true;
            return Ok(CameraEvent::Started(self.info.clone()));
        }
        loop {
            // Buffers may come without end and never make a picture.
            if Instant::now() >= self.flow.limit {
                return Err(self.error("no picture any more"));
            }
            let mut ready = match timeout_at(self.flow.limit, self.device.readable_mut()).await {
                Ok(Ok(ready)) => ready,
                Ok(Err(e)) => return Err(format!("{}: {e}", self.info.name)),
                Err(_) => continue,
            };
            let rests = !self.watched && self.info.keyframe_on_request && self.flow.shown;
            let flow = &mut self.flow;
            let mut met = Assembled::Nothing;
            let device = ready.get_inner_mut();
            let dequeued = device.dequeue(&mut |buffer| {
                let now = Instant::now();
                if rests {
                    flow.pass_over(now, &buffer);
                } else {
                    met = flow.meet(now, super::device::monotonic_now(), &buffer);
                }
            });
            match dequeued {
                Ok(true) => {}
                Ok(false) => ready.clear_ready(),
                Err(e) => return Err(self.error(&e.to_string())),
            }
            match met {
                Assembled::Frame(frame) => return Ok(CameraEvent::Frame(frame)),
                Assembled::Damaged => self.request_keyframe(),
                Assembled::Nothing if rests => {
                    if let Some(passed) = self.flow.say_passed(Instant::now()) {
                        return Ok(CameraEvent::Resting(passed));
                    }
                }
                Assembled::Nothing => {}
            }
        }
    }

    /// While nobody watches, pictures are passed over, which costs next to nothing; the
    /// first who comes gets a keyframe made. Where none can be asked for, they are read
    /// all the same.
    pub fn set_watched(&mut self, watched: bool) {
        if watched && !self.watched && self.flow.wake() {
            self.request_keyframe();
        }
        self.watched = watched;
    }

    pub fn set_bitrate(&mut self, bits_per_second: u32) {
        set_bitrate(self.device.get_mut(), bits_per_second);
    }

    pub fn request_keyframe(&mut self) {
        if self.info.keyframe_on_request {
            let device = self.device.get_mut();
            // A button: pressed by whatever value.
            if let Err(e) = device.set_control(sys::V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1) {
                log::warn!("the camera refuses a keyframe: {e}");
            }
        }
    }

    /// Changes only the rate, which goes while streaming on the Pi. False if the
    /// size differs or the driver refuses: then the device must be set up anew.
    pub fn set_format(&mut self, wanted: VideoFormat) -> bool {
        let wanted = cap(wanted);
        let current = self.asked;
        if (wanted.width, wanted.height) != (current.width, current.height) {
            return false;
        }
        if wanted.fps == current.fps {
            return true;
        }
        // A level is set only before the start.
        if level_for(wanted).idc > level_for(current).idc {
            return false;
        }
        match self.device.get_mut().set_rate(wanted.fps) {
            Ok(fps) => {
                self.asked = wanted;
                self.info.format.fps = fps;
                set_period(self.device.get_mut(), &self.info);
                self.announced = false;
                true
            }
            Err(_) => false,
        }
    }

    fn error(&self, what: &str) -> String {
        format!("{}: {what}", self.info.name)
    }

    /// The device, for closing it where that may take its time.
    pub fn into_device(self) -> D {
        self.device.into_inner()
    }
}

/// What becomes of the buffers, apart from where they come from.
struct Flow {
    assembler: Assembler,
    stamps: Stamps,
    /// Without a frame until then, the camera is lost.
    limit: Instant,
    /// There has been a frame: the stream's parameter sets are known.
    shown: bool,
    /// Buffers passed over since it was said last, and when that was.
    passed: u64,
    said: Option<Instant>,
}

impl Flow {
    fn new(now: Instant) -> Flow {
        Flow {
            assembler: Assembler::default(),
            stamps: Stamps::default(),
            limit: now + FIRST_FRAME_LIMIT,
            shown: false,
            passed: 0,
            said: None,
        }
    }

    /// Nobody watches: a sign of life is enough.
    fn pass_over(&mut self, now: Instant, buffer: &Buffer<'_>) {
        self.assembler.skip();
        if !buffer.data.is_empty() {
            self.passed += 1;
            self.limit = now + FRAME_LIMIT;
        }
    }

    /// How many, at once and then once a second.
    fn say_passed(&mut self, now: Instant) -> Option<u64> {
        if self.passed == 0 || self.said.is_some_and(|said| now < said + SAY_PASSED) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.passed))
    }

    /// True if buffers were passed over.
    fn wake(&mut self) -> bool {
        self.said.take().is_some()
    }

    fn meet(&mut self, now: Instant, monotonic_now: Duration, buffer: &Buffer<'_>) -> Assembled {
        let damaged = buffer.error || (buffer.full && !buffer.data.is_empty());
        let met = self.assembler.push(buffer.data, now.into_std(), damaged);
        let Assembled::Frame(mut frame) = met else {
            return met;
        };
        self.limit = now + FRAME_LIMIT;
        self.shown = true;
        let age = buffer.stamp.and_then(|stamp| age(monotonic_now, stamp));
        frame.captured = self.stamps.captured(now.into_std(), age, buffer.data.len());
        Assembled::Frame(frame)
    }
}

#[cfg(test)]
#[path = "v4l2_tests.rs"]
mod tests;
