//! The test picture: colour bars, a running clock, things that move.

use super::font;
use super::live::{PictureSource, WAIT_LIMIT};
use super::picture::Picture;
use crate::proto::camera::{CameraKind, VideoFormat};
use crate::proto::picture_clock;
use std::time::{Duration, Instant, SystemTime};

const BLACK: u8 = 16;
const WHITE: u8 = 235;
/// 75 % colour bars in BT.601: Y, Cb, Cr.
const BARS: [(u8, u8, u8); 8] = [
    (180, 128, 128),
    (162, 44, 142),
    (131, 156, 44),
    (112, 72, 58),
    (84, 184, 198),
    (65, 100, 212),
    (35, 212, 114),
    (16, 128, 128),
];
/// The white line crosses the picture in this time, in milliseconds.
const SWEEP_MS: u64 = 4_000;

/// Draws the test picture of one size.
pub(super) struct TestPicture {
    picture: Picture,
    background: Picture,
    noise: u32,
}

impl TestPicture {
    pub fn new(format: VideoFormat) -> TestPicture {
        let background = background(format);
        TestPicture {
            picture: background.clone(),
            background,
            noise: 0x2545_f491,
        }
    }

    /// Draws the picture of a moment, in Unix milliseconds.
    pub fn draw(&mut self, ms: u64) {
        self.picture.clone_from(&self.background);
        self.grain();
        self.sweep(ms);
        self.ball(ms);
        self.clock(ms);
        self.strip(ms);
    }

    /// The picture drawn last.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// A band of noise at the lower edge: a sensor's picture is never still, and
    /// a bitrate that nothing fills cannot be seen to change.
    fn grain(&mut self) {
        let top = self.picture.height / 6 * 5 * self.picture.width;
        for luma in &mut self.picture.y[top..] {
            self.noise ^= self.noise << 13;
            self.noise ^= self.noise >> 17;
            self.noise ^= self.noise << 5;
            *luma = 96 + (self.noise >> 26) as u8;
        }
    }

    fn sweep(&mut self, ms: u64) {
        let (width, height) = (self.picture.width, self.picture.height);
        let left = (ms % SWEEP_MS) as usize * width / SWEEP_MS as usize;
        let wide = (width / 80).max(2);
        self.picture
            .fill_luma(left, height / 8, left + wide, height / 6 * 5, WHITE);
    }

    fn ball(&mut self, ms: u64) {
        let (width, height) = (self.picture.width, self.picture.height);
        let radius = (height / 16).min(width / 8).max(4);
        let x = radius + bounce(ms, 2_900, width - 2 * radius);
        let (top, bottom) = (height / 8, height / 6 * 5);
        let y = top + radius + bounce(ms, 1_700, bottom - top - 2 * radius);
        for row in 0..2 * radius {
            let off = row.abs_diff(radius);
            let half = (radius * radius - off * off).isqrt();
            let line = y - radius + row;
            self.picture
                .fill_luma(x - half, line, x + half, line + 1, WHITE);
        }
    }

    fn clock(&mut self, ms: u64) {
        let (width, height) = (self.picture.width, self.picture.height);
        let text = time_of_day(ms);
        let scale = (width / (text.len() * font::ADVANCE + 8)).max(1);
        let (left, top) = (
            width.saturating_sub(text.len() * font::ADVANCE * scale) / 2,
            height / 3,
        );
        text_box(&mut self.picture, &text, (left, top), scale);
        let small = (scale / 2).max(1);
        text_box(
            &mut self.picture,
            "MIMAMORI TEST PICTURE",
            (left, top + font::HEIGHT * scale + 4 * scale),
            small,
        );
    }

    fn strip(&mut self, ms: u64) {
        let (width, height) = (self.picture.width, self.picture.height);
        let strip_end = height * picture_clock::ROWS / picture_clock::ROW_DIVISOR;
        self.picture
            .fill_chroma((0, 0, width, strip_end + 1), 128, 128);
        for (block, white) in picture_clock::encode(ms).into_iter().enumerate() {
            let (left, top, right, bottom) = picture_clock::block_area(block, width, height);
            let luma = if white { WHITE } else { BLACK };
            self.picture.fill_luma(left, top, right, bottom, luma);
        }
    }
}

/// The test picture as a source that keeps its pace.
pub(super) struct TestSource {
    picture: TestPicture,
    fps: u32,
    /// Picture `count` is due `count / fps` seconds after this.
    start: Instant,
    count: u64,
}

impl TestSource {
    pub fn new() -> TestSource {
        let format = VideoFormat {
            width: 64,
            height: 64,
            fps: 30,
        };
        TestSource {
            picture: TestPicture::new(format),
            fps: format.fps,
            start: Instant::now(),
            count: 0,
        }
    }

    fn due(&self) -> Instant {
        let micros = self.count * 1_000_000 / u64::from(self.fps);
        self.start + Duration::from_micros(micros)
    }
}

impl PictureSource for TestSource {
    fn kind(&self) -> CameraKind {
        CameraKind::Test
    }

    fn name(&self) -> String {
        "test picture".into()
    }

    fn start(&mut self, wanted: VideoFormat) -> Result<VideoFormat, String> {
        self.picture = TestPicture::new(wanted);
        self.fps = wanted.fps.max(1);
        self.wake()?;
        Ok(wanted)
    }

    fn rest(&mut self) {}

    fn wake(&mut self) -> Result<(), String> {
        self.start = Instant::now();
        self.count = 0;
        Ok(())
    }

    fn wait(&mut self) -> Result<bool, String> {
        let now = Instant::now();
        let wait = self.due().saturating_duration_since(now);
        std::thread::sleep(wait.min(WAIT_LIMIT));
        Ok(wait <= WAIT_LIMIT)
    }

    fn skip(&mut self) -> Result<(), String> {
        self.count += 1;
        Ok(())
    }

    fn take(&mut self) -> Result<Option<(&Picture, Instant)>, String> {
        let captured = Instant::now();
        let ms = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |d| d.as_millis() as u64);
        self.count += 1;
        // Too slow a machine loses pictures here, never encoded frames, and never
        // its place in the schedule.
        while self.due() < captured {
            self.count += 1;
        }
        self.picture.draw(ms);
        Ok(Some((self.picture.picture(), captured)))
    }
}

fn background(format: VideoFormat) -> Picture {
    let mut picture = Picture::new(format.width, format.height);
    let (width, height) = (picture.width, picture.height);
    for (i, (y, u, v)) in BARS.into_iter().enumerate() {
        let (left, right) = (i * width / 8, (i + 1) * width / 8);
        picture.fill_luma(left, 0, right, height, y);
        picture.fill_chroma((left, 0, right, height / 6 * 5), u, v);
    }
    picture
}

/// To and fro between 0 and `range` once per two periods.
fn bounce(ms: u64, period_ms: u64, range: usize) -> usize {
    let phase = (ms % (2 * period_ms)) as usize;
    let period = period_ms as usize;
    let there = if phase < period {
        phase
    } else {
        2 * period - phase
    };
    there * range / period
}

/// `HH:MM:SS.mmm`, in UTC: there is no time zone on a camera.
fn time_of_day(ms: u64) -> String {
    let (seconds, millis) = (ms / 1000, ms % 1000);
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{millis:03}", seconds % 60)
}

fn text_box(picture: &mut Picture, text: &str, (left, top): (usize, usize), scale: usize) {
    let (right, bottom) = (
        left + text.len() * font::ADVANCE * scale,
        top + font::HEIGHT * scale,
    );
    picture.fill_luma(
        left.saturating_sub(scale),
        top.saturating_sub(scale),
        right,
        bottom + scale,
        BLACK,
    );
    picture.fill_chroma(
        (
            left.saturating_sub(scale),
            top.saturating_sub(scale),
            right,
            bottom + scale,
        ),
        128,
        128,
    );
    for (i, letter) in text.chars().enumerate() {
        let x = left + i * font::ADVANCE * scale;
        for (column, row) in font::dots(letter) {
            let (x, y) = (x + column * scale, top + row * scale);
            picture.fill_luma(x, y, x + scale, y + scale, WHITE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_readable_by_people_and_programs() {
        assert_eq!(time_of_day(86_400_000 + 3_723_004), "01:02:03.004");
    }

    #[test]
    fn every_size_can_be_drawn_at_every_moment() {
        for (width, height) in [(64, 64), (66, 1080), (1920, 64), (320, 240), (1920, 1080)] {
            let mut picture = TestPicture::new(VideoFormat {
                width,
                height,
                fps: 30,
            });
            for ms in [0, 1_699, 1_700, 2_900, 3_999, 1_790_000_000_123, u64::MAX] {
                picture.draw(ms);
            }
        }
    }

    #[test]
    fn consecutive_pictures_differ_all_over() {
        let format = VideoFormat {
            width: 320,
            height: 240,
            fps: 30,
        };
        let mut picture = TestPicture::new(format);
        picture.draw(1_000);
        let before = picture.picture().clone();
        picture.draw(1_033);
        assert_ne!(&before, picture.picture());
    }

    #[test]
    fn a_slow_consumer_loses_pictures_but_not_the_schedule() {
        let mut source = TestSource::new();
        let format = VideoFormat {
            width: 64,
            height: 64,
            fps: 50,
        };
        source.start(format).unwrap();
        // As if the encoder had taken 110 ms over the first picture.
        source.start -= Duration::from_millis(110);
        assert!(source.take().unwrap().is_some());
        assert!(source.due() >= source.start + Duration::from_millis(120));
        assert_eq!((source.due() - source.start).as_micros() % 20_000, 0);
    }
}
