//! Looks for a device and opens it, on a thread that may block.

use super::device::{Card, Device};
use super::v4l2::{Configured, H264, configure};
#[cfg(feature = "test-camera")]
use super::{live::PictureSource, webcam};
use crate::proto::camera::VideoFormat;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Opening, setting up and starting takes the Pi under a second; a GPU that does
/// not answer makes its driver wait 3 s for each of several messages.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// A node in which nothing was found is asked again only every so many looks,
/// unless the nodes have changed: each asking takes a thread.
const ASK_AGAIN: u32 = 8;

/// Drivers whose capture nodes convert pictures and have no camera.
const NO_CAMERAS: [&str; 3] = ["bcm2835-isp", "bcm2835-codec", "rpi-hevc-dec"];

/// An opened device.
pub(super) enum Found {
    H264(Configured<Device>),
    #[cfg(feature = "test-camera")]
    Raw(Box<dyn PictureSource>),
}

/// The search for one device, or any.
pub(super) struct Search {
    /// `None`: any device.
    path: Option<PathBuf>,
    state: State,
    worker: Worker,
    /// The worker has been asked to open a device and has not answered.
    unanswered: bool,
    /// The nodes in which nothing was found, and how often they were passed over.
    fruitless: Vec<Node>,
    passed_over: u32,
}

enum State {
    Idle(Instant),
    Asking(oneshot::Receiver<Result<Found, String>>, Instant),
}

impl Search {
    pub fn new(path: Option<PathBuf>) -> Search {
        Search {
            path,
            state: State::Idle(Instant::now()),
            worker: Worker::default(),
            unanswered: false,
            fruitless: Vec::new(),
            passed_over: 0,
        }
    }

    /// Looks (again) at that moment.
    pub fn begin(&mut self, at: Instant) {
        self.state = State::Idle(at);
    }

    /// One look. Cancel-safe.
    ///
    /// # Errors
    /// With a text for people; [`Search::begin`] must follow.
    pub async fn next(&mut self, format: VideoFormat, bitrate: u32) -> Result<Found, String> {
        loop {
            match &mut self.state {
                State::Idle(at) => {
                    sleep_until(*at).await;
                    self.ask(format, bitrate)?;
                }
                State::Asking(answer, limit) => {
                    let Ok(answer) = timeout_at(*limit, answer).await else {
                        return Err(NO_ANSWER.into());
                    };
                    self.unanswered = false;
                    if let Ok(Ok(_)) = answer {
                        self.fruitless.clear();
                    }
                    // The sender is gone only if the thread has panicked.
                    return answer.unwrap_or_else(|_| Err("opening the camera failed".into()));
                }
            }
        }
    }

    /// Closes a device, away from the event loop.
    pub fn close(&mut self, device: Device) {
        self.worker.run(move || drop(device));
    }

    fn ask(&mut self, format: VideoFormat, bitrate: u32) -> Result<(), String> {
        // Closing may still be under way, and is waited for; an opening that hangs
        // must not gather threads behind it.
        if self.unanswered && self.worker.busy() {
            return Err(NO_ANSWER.into());
        }
        let nodes = match &self.path {
            Some(path) => vec![path.clone()],
            None => self.promising_nodes()?,
        };
        let any = self.path.is_none();
        let (sender, answer) = oneshot::channel();
        self.worker.run(move || {
            let found = if any {
                open_best(&nodes, format, bitrate)
            } else {
                open_one(&nodes[0], format, bitrate)
            };
            // If nobody waits any more, the device is closed here.
            drop(sender.send(found));
        });
        self.unanswered = true;
        self.state = State::Asking(answer, Instant::now() + OPEN_LIMIT);
        Ok(())
    }

    fn promising_nodes(&mut self) -> Result<Vec<PathBuf>, String> {
        let nodes = video_nodes();
        if nodes.is_empty() {
            self.fruitless.clear();
            return Err("no camera found: there is no /dev/video*".into());
        }
        self.passed_over += 1;
        if nodes == self.fruitless && self.passed_over < ASK_AGAIN {
            return Err(NOTHING_FOUND.into());
        }
        self.passed_over = 0;
        self.fruitless.clone_from(&nodes);
        Ok(nodes.into_iter().map(|node| node.path).collect())
    }
}

const NO_ANSWER: &str = "the camera's driver does not answer";
const NOTHING_FOUND: &str = "no camera found: no /dev/video* gives pictures";

/// Runs one thing at a time on a thread that ends with it.
#[derive(Default)]
struct Worker(Option<JoinHandle<()>>);

impl Worker {
    fn busy(&self) -> bool {
        self.0.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// After what is running.
    fn run(&mut self, job: impl FnOnce() + Send + 'static) {
        let before = self.0.take();
        let spawned = std::thread::Builder::new()
            .name("camera".into())
            .spawn(move || {
                if let Some(before) = before {
                    let _ = before.join();
                }
                job();
            });
        match spawned {
            Ok(thread) => self.0 = Some(thread),
            Err(e) => log::warn!("no thread for the camera: {e}"),
        }
    }
}

/// A device node, and what changes when another device takes its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    number: u32,
    path: PathBuf,
    device: u64,
    changed: (i64, i64),
}

/// `/dev/video*` in numerical order.
fn video_nodes() -> Vec<Node> {
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut nodes: Vec<Node> = entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix("video")?.parse();
            let facts = entry.path().metadata().ok()?;
            facts.file_type().is_char_device().then_some(Node {
                number: number.ok()?,
                path: entry.path(),
                device: facts.rdev(),
                changed: (facts.ctime(), facts.ctime_nsec()),
            })
        })
        .collect();
    nodes.sort();
    nodes
}

fn open_best(paths: &[PathBuf], format: VideoFormat, bitrate: u32) -> Result<Found, String> {
    let cards: Vec<(Rank, &PathBuf)> = paths
        .iter()
        .filter_map(|path| {
            let card = Device::open(path).and_then(|device| device.card()).ok()?;
            log::debug!("{}: {card:?}", path.display());
            Some((rank(&card)?, path))
        })
        .collect();
    let mut reason = None;
    for path in best_first(cards) {
        match open_one(path, format, bitrate) {
            Ok(found) => return Ok(found),
            Err(e) => reason = reason.or(Some(e)),
        }
    }
    Err(reason.unwrap_or_else(|| NOTHING_FOUND.into()))
}

fn open_one(path: &Path, format: VideoFormat, bitrate: u32) -> Result<Found, String> {
    let error = |e: std::io::Error| format!("{}: {e}", path.display());
    let device = Device::open(path).map_err(error)?;
    let card = device.card().map_err(error)?;
    let name = format!("{} ({})", card.name, path.display());
    match rank(&card) {
        Some(Rank::H264) => configure(device, name, format, bitrate)
            .map(Found::H264)
            .map_err(error),
        #[cfg(feature = "test-camera")]
        Some(Rank::Raw) => Ok(Found::Raw(Box::new(webcam::Webcam::new(
            device,
            name,
            &card.formats,
        )))),
        #[cfg(not(feature = "test-camera"))]
        Some(Rank::Raw) => Err(format!(
            "{name}: gives no H.264, and this program was built without an encoder"
        )),
        None => Err(format!("{name}: no camera that can be used")),
    }
}

/// What a device is worth; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    H264,
    Raw,
}

fn rank(card: &Card) -> Option<Rank> {
    if !card.captures || NO_CAMERAS.contains(&card.driver.as_str()) {
        return None;
    }
    let raw = |format: &u32| super::RAW_FORMATS.contains(format);
    if card.formats.contains(&H264) {
        Some(Rank::H264)
    } else if card.formats.iter().any(raw) {
        Some(Rank::Raw)
    } else {
        None
    }
}

/// Equal devices stay in the order of their numbers.
fn best_first<T>(mut ranked: Vec<(Rank, T)>) -> impl Iterator<Item = T> {
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::super::v4l2::fourcc;
    use super::*;

    fn card(driver: &str, captures: bool, formats: &[&[u8; 4]]) -> Card {
        Card {
            driver: driver.into(),
            name: "some camera".into(),
            captures,
            formats: formats.iter().map(|code| fourcc(**code)).collect(),
        }
    }

    #[test]
    fn h264_comes_before_raw_and_both_before_nothing() {
        let pi = card("bm2835 mmal", true, &[b"YU12", b"YUYV", b"MJPG", b"H264"]);
        let webcam = card("uvcvideo", true, &[b"MJPG", b"YUYV"]);
        let metadata = card("uvcvideo", false, &[]);
        let bayer = card("unicam", true, &[b"pBAA"]);
        let converter = card("bcm2835-isp", true, &[b"YUYV"]);
        assert_eq!(rank(&pi), Some(Rank::H264));
        assert_eq!(rank(&webcam), Some(Rank::Raw));
        for useless in [metadata, bayer, converter] {
            assert_eq!(rank(&useless), None);
        }
    }

    #[test]
    fn equal_devices_are_taken_in_the_order_of_their_numbers() {
        let ranked = vec![
            (Rank::Raw, 0),
            (Rank::H264, 4),
            (Rank::Raw, 2),
            (Rank::H264, 10),
        ];
        assert_eq!(best_first(ranked).collect::<Vec<_>>(), [4, 10, 0, 2]);
    }

    #[test]
    fn jobs_run_one_after_the_other() {
        let mut worker = Worker::default();
        let (sender, order) = std::sync::mpsc::channel();
        for n in 0..5 {
            let sender = sender.clone();
            worker.run(move || sender.send(n).unwrap());
        }
        drop(sender);
        assert_eq!(order.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}
