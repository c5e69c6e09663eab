//! The thread that takes pictures from a source and encodes them.

use super::encoder::Encoder;
use super::limits::cap;
use super::picture::Picture;
use crate::proto::camera::{CameraEvent, CameraInfo, CameraKind, VideoFormat};
use crate::proto::frame::Frame;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, error::TrySendError};

/// The longest that a source waits for its next picture before the thread looks
/// whether it should stop.
pub(super) const WAIT_LIMIT: Duration = Duration::from_millis(100);

/// Frames that may wait for the event loop. Behind that, pictures are dropped
/// before they are encoded, so that no frame that others refer to is missing.
const FRAMES_AHEAD: usize = 4;

/// Where uncompressed pictures come from. Used by one thread, in this order:
/// `start` first and whenever another format is wanted; then `wait`, and when a
/// picture is there either `take` or `skip` it; `rest` and `wake` around the time
/// in which nobody watches. An error ends the source.
pub(super) trait PictureSource: Send {
    fn kind(&self) -> CameraKind;
    /// For people.
    fn name(&self) -> String;
    /// Begins to deliver in the format nearest to `wanted`, which it returns.
    fn start(&mut self, wanted: VideoFormat) -> Result<VideoFormat, String>;
    /// Nobody watches: delivers nothing and costs nothing.
    fn rest(&mut self);
    /// Delivers again.
    fn wake(&mut self) -> Result<(), String>;
    /// Waits for the next picture, at most [`WAIT_LIMIT`]; true if it is there.
    fn wait(&mut self) -> Result<bool, String>;
    /// Passes over the picture.
    fn skip(&mut self) -> Result<(), String>;
    /// The picture and when it was taken; `None` if it cannot be used.
    fn take(&mut self) -> Result<Option<(&Picture, Instant)>, String>;
}

/// A source being encoded on a thread of its own, which ends when this is dropped.
pub(super) struct Live {
    shared: Arc<Shared>,
    events: mpsc::Receiver<Result<CameraEvent, String>>,
}

/// What the thread should do, as the event loop last said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Orders {
    pub format: VideoFormat,
    /// Bits per second.
    pub bitrate: u32,
    pub watched: bool,
    pub keyframe: bool,
    pub stop: bool,
}

impl Live {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        source: Box<dyn PictureSource>,
        format: VideoFormat,
        bitrate: u32,
        watched: bool,
    ) -> Result<Live, String> {
        let shared = Arc::new(Shared {
            orders: Mutex::new(Orders {
                format,
                bitrate,
                watched,
                keyframe: false,
                stop: false,
            }),
            changed: Condvar::new(),
        });
        let (sender, events) = mpsc::channel(FRAMES_AHEAD);
        let thread_shared = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("encoder".into())
            .spawn(move || {
                if let Err(reason) = run(source, &thread_shared, &sender) {
                    // Nobody hears it if the camera is gone already.
                    let _ = sender.blocking_send(Err(reason));
                }
            })
            .map_err(|e| format!("no thread for the encoder: {e}"))?;
        Ok(Live { shared, events })
    }

    /// The next event; an error ends the stream. Cancel-safe.
    pub async fn next(&mut self) -> Result<CameraEvent, String> {
        match self.events.recv().await {
            Some(event) => event,
            None => Err("the encoder has ended".into()),
        }
    }

    /// Changes the orders.
    pub fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut self.shared.lock());
        self.shared.changed.notify_all();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.order(|orders| orders.stop = true);
    }
}

struct Shared {
    orders: Mutex<Orders>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Orders> {
        // Plain values: whole whatever a panicking holder did.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The orders; a keyframe is asked for once.
    fn take(&self) -> Orders {
        let mut orders = self.lock();
        let taken = *orders;
        orders.keyframe = false;
        taken
    }

    /// Blocks, at no cost, until there is something to do.
    fn sleep(&self, asleep_in: VideoFormat) {
        let idle = |o: &mut Orders| !o.watched && !o.stop && o.format == asleep_in;
        let guard = self.changed.wait_while(self.lock(), idle);
        drop(guard.unwrap_or_else(PoisonError::into_inner));
    }
}

type Events = mpsc::Sender<Result<CameraEvent, String>>;

fn run(mut source: Box<dyn PictureSource>, shared: &Shared, events: &Events) -> Result<(), String> {
    let start = Instant::now();
    let mut encoding: Option<(VideoFormat, Encoder)> = None;
    let mut resting = false;
    loop {
        let orders = shared.take();
        if orders.stop {
            return Ok(());
        }
        let encoder = match &mut encoding {
            Some((asked, encoder)) if *asked == orders.format => encoder,
            _ => {
                let encoder = restart(&mut *source, &orders, events)?;
                resting = false;
                &mut encoding.insert((orders.format, encoder)).1
            }
        };
        if !orders.watched {
            source.rest();
            if !resting {
                // Full: then it is still behind, and a keyframe clears it.
                let _ = events.try_send(Ok(CameraEvent::Resting(0)));
            }
            resting = true;
            shared.sleep(orders.format);
            continue;
        }
        if resting {
            source.wake()?;
            encoder.request_keyframe();
            resting = false;
        }
        encoder.set_bitrate(orders.bitrate);
        if orders.keyframe {
            encoder.request_keyframe();
        }
        if !source.wait()? {
            continue;
        }
        let slot = match events.try_reserve() {
            Ok(slot) => slot,
            Err(TrySendError::Full(())) => {
                source.skip()?;
                continue;
            }
            Err(TrySendError::Closed(())) => return Ok(()),
        };
        let Some((picture, captured)) = source.take()? else {
            continue;
        };
        let encoded = encoder.encode(picture, captured.saturating_duration_since(start))?;
        slot.send(Ok(CameraEvent::Frame(Frame {
            data: encoded.data.into(),
            captured,
            keyframe: encoded.keyframe,
        })));
    }
}

/// Starts source and encoder in the wanted format, and says so.
fn restart(
    source: &mut dyn PictureSource,
    orders: &Orders,
    events: &Events,
) -> Result<Encoder, String> {
    let format = source.start(cap(orders.format))?;
    let encoder = Encoder::new(format, orders.bitrate)?;
    let info = CameraInfo {
        kind: source.kind(),
        name: source.name(),
        format,
        keyframe_on_request: true,
        bitrate_adjustable: true,
        problem: None,
    };
    // If nobody hears it, the camera is gone, and the next order is to stop.
    let _ = events.blocking_send(Ok(CameraEvent::Started(info)));
    Ok(encoder)
}
