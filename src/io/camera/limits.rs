//! What may be asked of an encoder: sizes, rates and levels.

use crate::proto::camera::VideoFormat;

/// Smallest side in pixels: below it, encoders refuse and nothing can be seen.
const MIN_SIDE: u32 = 64;
/// Largest picture that the Pi's H.264 encoder manages.
const MAX_WIDTH: u32 = 1920;
const MAX_HEIGHT: u32 = 1080;
/// The rate falls with the size: the Pi's encoder manages 1080p30 and 720p60, and
/// its sensors 640x480 at 90.
const RATES: [(u32, u32); 3] = [(640 * 480, 90), (1280 * 720, 60), (u32::MAX, 30)];

/// The nearest format that is worth asking for: even sides, at most 1920x1080@30,
/// 1280x720@60 or 640x480@90, proportions kept.
pub fn cap(wanted: VideoFormat) -> VideoFormat {
    let (mut width, mut height) = (
        u64::from(wanted.width.max(MIN_SIDE)),
        u64::from(wanted.height.max(MIN_SIDE)),
    );
    if width > u64::from(MAX_WIDTH) {
        height = height * u64::from(MAX_WIDTH) / width;
        width = u64::from(MAX_WIDTH);
    }
    if height > u64::from(MAX_HEIGHT) {
        width = width * u64::from(MAX_HEIGHT) / height;
        height = u64::from(MAX_HEIGHT);
    }
    let even = |side: u64| (side as u32).max(MIN_SIDE) & !1;
    let (width, height) = (even(width), even(height));
    VideoFormat {
        width,
        height,
        fps: wanted.fps.clamp(1, max_fps(width * height)),
    }
}

fn max_fps(pixels: u32) -> u32 {
    RATES
        .iter()
        .find(|(limit, _)| pixels <= *limit)
        .map_or(30, |(_, fps)| *fps)
}

/// A level of H.264 with the limits that matter (H.264, table A-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Ten times the level: 31 is level 3.1.
    pub idc: u8,
    /// Macroblocks per second.
    pub max_rate: u32,
    /// Macroblocks per frame.
    pub max_size: u32,
    /// Bits per second of baseline and main profile.
    pub max_bitrate: u32,
}

/// From the lowest level that every browser takes to the highest that a Pi makes.
const LEVELS: [Level; 3] = [
    level(31, 108_000, 3_600, 14_000_000),
    level(40, 245_760, 8_192, 20_000_000),
    level(42, 522_240, 8_704, 50_000_000),
];

/// The lowest level that fits a format; 4.2 for what fits none.
pub fn level_for(format: VideoFormat) -> Level {
    let size = format
        .width
        .div_ceil(16)
        .saturating_mul(format.height.div_ceil(16));
    let rate = size.saturating_mul(format.fps);
    let fits = |level: &&Level| size <= level.max_size && rate <= level.max_rate;
    *LEVELS
        .iter()
        .find(fits)
        .unwrap_or(&LEVELS[LEVELS.len() - 1])
}

/// A control's value brought into its range and onto its step.
pub fn snap(value: i64, minimum: i64, maximum: i64, step: i64) -> i64 {
    let value = value.min(maximum).max(minimum);
    let step = step.max(1);
    minimum + (value - minimum) / step * step
}

const fn level(idc: u8, max_rate: u32, max_size: u32, max_bitrate: u32) -> Level {
    Level {
        idc,
        max_rate,
        max_size,
        max_bitrate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(width: u32, height: u32, fps: u32) -> VideoFormat {
        VideoFormat { width, height, fps }
    }

    #[test]
    fn possible_formats_pass_unchanged() {
        for f in [
            format(640, 480, 30),
            format(640, 480, 90),
            format(1280, 720, 60),
            format(1920, 1080, 30),
        ] {
            assert_eq!(cap(f), f);
        }
    }

    #[test]
    fn too_large_formats_shrink_and_keep_their_shape() {
        assert_eq!(cap(format(3840, 2160, 30)), format(1920, 1080, 30));
        assert_eq!(cap(format(2592, 1944, 15)), format(1440, 1080, 15));
        assert_eq!(cap(format(u32::MAX, u32::MAX, 90)), format(1080, 1080, 30));
        assert_eq!(cap(format(u32::MAX, 64, 30)), format(1920, 64, 30));
    }

    #[test]
    fn the_rate_is_capped_by_the_size() {
        assert_eq!(cap(format(1920, 1080, 60)).fps, 30);
        assert_eq!(cap(format(1280, 720, 90)).fps, 60);
        assert_eq!(cap(format(640, 480, 1000)).fps, 90);
    }

    #[test]
    fn nonsense_becomes_the_smallest_sensible() {
        assert_eq!(cap(format(0, 0, 0)), format(64, 64, 1));
        assert_eq!(cap(format(641, 361, 25)), format(640, 360, 25));
    }

    #[test]
    fn levels_follow_table_a_1() {
        let idc = |w, h, fps| level_for(format(w, h, fps)).idc;
        assert_eq!(idc(320, 240, 15), 31);
        assert_eq!(idc(1280, 720, 30), 31);
        assert_eq!(idc(1280, 720, 31), 40);
        assert_eq!(idc(1280, 720, 60), 40);
        assert_eq!(idc(1920, 1080, 30), 40);
        assert_eq!(idc(1920, 1080, 60), 42);
        assert_eq!(idc(u32::MAX, u32::MAX, 90), 42);
    }

    #[test]
    fn values_snap_into_range_and_onto_steps() {
        let bitrate = |v| snap(v, 25_000, 25_000_000, 25_000);
        assert_eq!(bitrate(1_000_000), 1_000_000);
        assert_eq!(bitrate(1_010_000), 1_000_000);
        assert_eq!(bitrate(1), 25_000);
        assert_eq!(bitrate(i64::from(u32::MAX)), 25_000_000);
        assert_eq!(snap(7, 0, 10, 0), 7);
        assert_eq!(snap(7, 10, 0, 1), 10);
    }
}
