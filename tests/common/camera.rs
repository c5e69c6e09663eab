//! A camera whose frames carry their number.

use super::MS;
use mimamori::proto::camera::{CameraInfo, CameraKind, VideoFormat};
use mimamori::proto::frame::Frame;
use std::time::{Duration, Instant};

/// Constrained baseline, level 3.1, 1280x720 (made by x264).
pub const SPS: [u8; 24] = [
    0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00,
    0x00, 0x0f, 0x03, 0xc6, 0x0c, 0xa8, 0x00, 0x80,
];
const PPS: [u8; 4] = [0x68, 0xce, 0x0f, 0xc8];

/// An encoder: constant bitrate, keyframes at a period and on request.
pub struct SimCamera {
    start: Instant,
    pub bitrate: u32,
    pub fps: u32,
    /// Frames between keyframes.
    pub period: u32,
    pub keyframe_on_request: bool,
    pub paused: bool,
    pub sps: Vec<u8>,
    produced: u32,
    since_keyframe: u32,
    keyframe_wanted: bool,
}

impl SimCamera {
    pub fn new(start: Instant) -> SimCamera {
        SimCamera {
            start,
            bitrate: 1_500_000,
            fps: 30,
            period: 300,
            keyframe_on_request: true,
            paused: false,
            sps: SPS.to_vec(),
            produced: 0,
            since_keyframe: 0,
            keyframe_wanted: true,
        }
    }

    pub fn info(&self) -> CameraInfo {
        CameraInfo {
            kind: CameraKind::Test,
            name: "simulated".into(),
            format: VideoFormat {
                width: 1280,
                height: 720,
                fps: self.fps,
            },
            keyframe_on_request: self.keyframe_on_request,
            bitrate_adjustable: true,
            problem: None,
        }
    }

    pub fn request_keyframe(&mut self) {
        self.keyframe_wanted |= self.keyframe_on_request;
    }

    pub fn next_frame(&self) -> Option<Instant> {
        Some(self.start + Duration::from_secs(1) * self.produced / self.fps)
    }

    pub fn take_frame(&mut self, now: Instant) -> Option<Frame> {
        let captured = self.next_frame().filter(|due| *due <= now)?;
        self.produced += 1;
        if self.paused {
            return self.take_frame(now);
        }
        let keyframe = self.keyframe_wanted || self.since_keyframe >= self.period;
        self.since_keyframe = if keyframe { 0 } else { self.since_keyframe + 1 };
        self.keyframe_wanted &= !keyframe;
        let share = if keyframe { 4 } else { 1 };
        let bytes = (self.bitrate / self.fps / 8) as usize * share;
        // The encoder took 5 ms.
        let captured = captured - 5 * MS.min(captured - self.start);
        Some(Frame {
            data: self.access_unit(self.produced - 1, keyframe, bytes).into(),
            captured,
            keyframe,
        })
    }

    fn access_unit(&self, number: u32, keyframe: bool, bytes: usize) -> Vec<u8> {
        let mut unit = Vec::with_capacity(bytes + 64);
        if keyframe {
            for set in [self.sps.as_slice(), PPS.as_slice()] {
                unit.extend_from_slice(&[0, 0, 0, 1]);
                unit.extend_from_slice(set);
            }
        }
        unit.extend_from_slice(&[0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }]);
        // The number in four bytes, none of them zero: no start code inside.
        unit.extend((0..4).map(|i| 1 + (number >> (7 * i)) as u8 % 128));
        unit.resize(bytes.max(unit.len()), 0xa5);
        unit
    }
}

/// The number of a frame made above, from its Annex B or length-prefixed bytes.
pub fn number_of(slice: &[u8]) -> u32 {
    (0..4).map(|i| u32::from(slice[1 + i] - 1) << (7 * i)).sum()
}
