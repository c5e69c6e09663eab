//! An Annex B film, played in real time and looped: a file, or one that is built in.

use crate::proto::annexb::{self, AccessUnits};
use crate::proto::assembler::{Assembled, Assembler};
use crate::proto::camera::{CameraEvent, CameraInfo, CameraKind, VideoFormat};
use crate::proto::frame::Frame;
use crate::proto::sps;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// Read in one turn of the event loop: some frames at usual bitrates.
const READ_SIZE: usize = 64 << 10;
/// A file in which nothing can be shown up to here is no video.
const GIVE_UP_AFTER: u64 = 16 << 20;
/// Where the SPS names no rate.
const DEFAULT_FPS: f32 = 30.0;
/// Rates that can be played; others are mistakes of the file.
const SENSIBLE_FPS: std::ops::RangeInclusive<f32> = 1.0..=120.0;
/// After a longer pause of the program, the schedule starts anew instead of
/// hurrying after it.
const LATE: Duration = Duration::from_secs(1);

/// What is played.
pub(super) enum Film {
    File(PathBuf),
    /// In the program itself: where no test picture can be encoded.
    #[cfg_attr(feature = "test-camera", allow(dead_code))]
    BuiltIn {
        /// For people.
        name: &'static str,
        contents: &'static [u8],
    },
}

/// A film being played.
pub(super) struct FilmPlayer {
    film: Film,
    reader: Box<dyn Read>,
    buffer: Vec<u8>,
    units: AccessUnits,
    assembler: Assembler,
    /// Bytes read since the last frame.
    barren: u64,
    shown_in_this_pass: bool,
    info: CameraInfo,
    pace: Pace,
    /// Read but not due yet.
    next: Option<Frame>,
    announced: bool,
    /// There has been a frame: the stream's parameter sets are known.
    shown: bool,
    watched: bool,
    resting: bool,
}

impl FilmPlayer {
    /// Opens a film.
    ///
    /// # Errors
    /// With a text for people if a file cannot be read, is no ordinary one or is empty.
    pub fn open(film: Film) -> Result<FilmPlayer, String> {
        Ok(FilmPlayer {
            reader: film.open()?,
            buffer: vec![0; READ_SIZE],
            units: AccessUnits::default(),
            assembler: Assembler::default(),
            barren: 0,
            shown_in_this_pass: false,
            info: CameraInfo {
                kind: film.kind(),
                name: film.name(),
                format: VideoFormat {
                    width: 0,
                    height: 0,
                    fps: 0,
                },
                keyframe_on_request: false,
                bitrate_adjustable: false,
                problem: None,
            },
            film,
            pace: Pace::new(DEFAULT_FPS),
            next: None,
            announced: false,
            shown: false,
            watched: true,
            resting: false,
        })
    }

    /// The next event, at its time. An error ends the playing. Cancel-safe.
    pub async fn next(&mut self) -> Result<CameraEvent, String> {
        if self.shown && !self.watched {
            if self.resting {
                std::future::pending::<()>().await;
            }
            self.resting = true;
            return Ok(CameraEvent::Resting(0));
        }
        loop {
            match &self.next {
                Some(frame) => {
                    if frame.keyframe {
                        let data = frame.data.clone();
                        self.meet_format(&data)?;
                    }
                    if !self.announced {
                        self.announced = true;
                        return Ok(CameraEvent::Started(self.info.clone()));
                    }
                    tokio::time::sleep_until(self.pace.due()).await;
                    if let Some(mut frame) = self.next.take() {
                        self.shown = true;
                        frame.captured = self.pace.step(Instant::now()).into_std();
                        return Ok(CameraEvent::Frame(frame));
                    }
                }
                None => {
                    self.read()?;
                    // A file without end and without pictures must not keep the
                    // loop from everything else.
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// While nobody watches, it stands still; then it begins anew, with a keyframe.
    pub fn set_watched(&mut self, watched: bool) {
        self.watched = watched;
        if !watched || !self.resting {
            return;
        }
        self.resting = false;
        self.next = None;
        // If the file is gone meanwhile, its reader is at the end and says so.
        if let Ok(reader) = self.film.open() {
            self.reader = reader;
        }
        self.units = AccessUnits::default();
        self.assembler = Assembler::default();
    }

    /// One step towards the next frame: a unit that is there already, else more of
    /// the file.
    fn read(&mut self) -> Result<(), String> {
        if let Some(unit) = self.units.next_unit() {
            self.meet_unit(&unit);
            return Ok(());
        }
        let got = self
            .reader
            .read(&mut self.buffer)
            .map_err(|e| self.error(&e.to_string()))?;
        if got == 0 {
            return self.rewind();
        }
        self.barren += got as u64;
        if self.barren > GIVE_UP_AFTER {
            return Err(self.error("no H.264 picture in 16 MiB; is it Annex B?"));
        }
        self.units.push(&self.buffer[..got]);
        Ok(())
    }

    fn meet_unit(&mut self, unit: &[u8]) {
        let now = Instant::now().into_std();
        if let Assembled::Frame(frame) = self.assembler.push(unit, now, false) {
            self.barren = 0;
            self.shown_in_this_pass = true;
            self.next = Some(frame);
        }
    }

    /// From the end to the beginning. Opened anew, because the file may have been
    /// replaced meanwhile.
    fn rewind(&mut self) -> Result<(), String> {
        if let Some(unit) = self.units.finish() {
            self.meet_unit(&unit);
        }
        if !self.shown_in_this_pass {
            return Err(self.error("no H.264 picture that can be decoded; is it Annex B?"));
        }
        self.reader = self.film.open()?;
        self.units = AccessUnits::default();
        // The beginning does not refer to the end.
        self.assembler = Assembler::default();
        self.shown_in_this_pass = false;
        Ok(())
    }

    /// Size and rate from the SPS of a keyframe.
    fn meet_format(&mut self, keyframe: &[u8]) -> Result<(), String> {
        let Some(nal) = annexb::facts(keyframe).sps else {
            return Ok(());
        };
        let sps =
            sps::parse(nal).map_err(|e| self.error(&format!("the SPS cannot be read ({e:?})")))?;
        let fps = sps
            .fps
            .filter(|fps| SENSIBLE_FPS.contains(fps))
            .unwrap_or(DEFAULT_FPS);
        let format = VideoFormat {
            width: sps.width,
            height: sps.height,
            fps: fps.round() as u32,
        };
        if format != self.info.format {
            self.info.format = format;
            self.announced = false;
            self.pace.set_fps(fps);
        }
        Ok(())
    }

    fn error(&self, what: &str) -> String {
        format!("{}: {what}", self.film.name())
    }
}

impl Film {
    fn open(&self) -> Result<Box<dyn Read>, String> {
        match self {
            Film::File(path) => Ok(Box::new(open(path)?)),
            Film::BuiltIn { contents, .. } => Ok(Box::new(*contents)),
        }
    }

    fn kind(&self) -> CameraKind {
        match self {
            Film::File(_) => CameraKind::File,
            Film::BuiltIn { .. } => CameraKind::Test,
        }
    }

    fn name(&self) -> String {
        match self {
            Film::File(path) => path.display().to_string(),
            Film::BuiltIn { name, .. } => (*name).into(),
        }
    }
}

fn open(path: &Path) -> Result<File, String> {
    let error = |what: &str| format!("{}: {what}", path.display());
    // Without O_NONBLOCK, opening a pipe would wait for its writer.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(|e| error(&e.to_string()))?;
    let facts = file.metadata().map_err(|e| error(&e.to_string()))?;
    if !facts.is_file() {
        return Err(error("not an ordinary file"));
    }
    if facts.len() == 0 {
        return Err(error("the file is empty"));
    }
    Ok(file)
}

/// When frames are due: a fixed distance from a fixed beginning, so that waiting
/// inaccurately never adds up.
struct Pace {
    start: Instant,
    period: Duration,
    count: u32,
}

impl Pace {
    fn new(fps: f32) -> Pace {
        Pace {
            start: Instant::now(),
            period: period(fps),
            count: 0,
        }
    }

    fn set_fps(&mut self, fps: f32) {
        let due = self.due();
        self.period = period(fps);
        self.rebase(due);
    }

    fn due(&self) -> Instant {
        self.start + self.period * self.count
    }

    /// The moment of the frame that is due, and on to the next.
    fn step(&mut self, now: Instant) -> Instant {
        if now > self.due() + LATE {
            self.rebase(now);
        }
        let due = self.due();
        self.count += 1;
        // Long before the count overflows or rounding of the period shows.
        if self.count == 1 << 20 {
            self.rebase(due + self.period);
        }
        due
    }

    fn rebase(&mut self, due: Instant) {
        self.start = due;
        self.count = 0;
    }
}

fn period(fps: f32) -> Duration {
    Duration::from_nanos((1e9 / f64::from(fps)).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_schedule_is_absolute() {
        let mut pace = Pace::new(25.0);
        let start = pace.due();
        for n in 0..100 {
            let late = start + Duration::from_millis(40 * n + 17);
            assert_eq!(pace.step(late), start + Duration::from_millis(40 * n));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_long_pause_it_does_not_hurry() {
        let mut pace = Pace::new(25.0);
        let wake = pace.due() + Duration::from_secs(60);
        assert_eq!(pace.step(wake), wake);
        assert_eq!(pace.due(), wake + Duration::from_millis(40));
    }

    #[tokio::test(start_paused = true)]
    async fn another_rate_goes_on_from_the_same_moment() {
        let mut pace = Pace::new(25.0);
        let start = pace.due();
        pace.step(start);
        pace.set_fps(50.0);
        assert_eq!(pace.due(), start + Duration::from_millis(40));
        pace.step(pace.due());
        assert_eq!(pace.due(), start + Duration::from_millis(60));
    }
}
