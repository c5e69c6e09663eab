//! `/stream/video.h264`: the encoder's own stream (Annex B), for ffmpeg, VLC and recorders.

use super::inbound::{Inbound, InboundSender};
use crate::proto::frame::Frame;
use socket2::SockRef;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::timeout;

/// Frames that wait for a slow reader: a quarter of a second at 30 per second.
const BACKLOG: usize = 8;
/// For one frame to go out.
const WRITE: Duration = Duration::from_secs(5);
/// Most bytes that wait in the kernel before the network has taken them. Without
/// it the kernel would hold seconds of old video for a slow reader.
const UNSENT: u32 = 32 * 1024;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: video/h264\r\n\
    Cache-Control: no-store\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Access-Control-Allow-Origin: *\r\n\
    Connection: close\r\n\r\n";

/// Sends the stream until either side ends it; the head only if `head_only`.
pub async fn serve(stream: &mut TcpStream, head_only: bool, inbound: &InboundSender) {
    match timeout(WRITE, stream.write_all(HEAD)).await {
        Ok(Ok(())) if !head_only => {}
        _ => return,
    }
    if let Err(error) = SockRef::from(&*stream).set_tcp_notsent_lowat(UNSENT) {
        log::debug!("raw stream: {error}");
    }
    let (sender, frames) = mpsc::channel(BACKLOG);
    if inbound
        .send(Inbound::Watch { frames: sender })
        .await
        .is_err()
    {
        return;
    }
    if let Err(error) = copy(stream, frames).await {
        log::debug!("raw stream: {error}");
    }
}

async fn copy(stream: &mut TcpStream, mut frames: mpsc::Receiver<Frame>) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let mut scrap = [0; 256];
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => timeout(WRITE, writer.write_all(&frame.data)).await??,
                None => return Ok(()),
            },
            // There is nothing left to ask: this only notices that the client has gone.
            read = reader.read(&mut scrap) => if read? == 0 {
                return Ok(());
            },
        }
    }
}

/// The loop's side: who watches the raw stream.
#[derive(Debug, Default)]
pub struct RawStreams {
    watchers: Vec<Watcher>,
}

#[derive(Debug)]
struct Watcher {
    frames: mpsc::Sender<Frame>,
    /// Nothing is sent until the next keyframe: at the start, and after a frame
    /// that found no room.
    waits_for_keyframe: bool,
}

impl RawStreams {
    /// Takes the sender of an [`Inbound::Watch`]. Its stream starts at the next keyframe.
    pub fn subscribe(&mut self, frames: mpsc::Sender<Frame>) {
        self.watchers.push(Watcher {
            frames,
            waits_for_keyframe: true,
        });
    }

    /// Hands the frame to everyone who can take it; forgets who has gone.
    pub fn push(&mut self, frame: &Frame) {
        self.watchers.retain_mut(|watcher| watcher.offer(frame));
    }

    /// How many are watching.
    pub fn count(&self) -> usize {
        let open = |watcher: &&Watcher| !watcher.frames.is_closed();
        self.watchers.iter().filter(open).count()
    }

    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// True if somebody sees nothing until a keyframe comes.
    pub fn needs_keyframe(&self) -> bool {
        let waiting = |w: &Watcher| w.waits_for_keyframe && !w.frames.is_closed();
        self.watchers.iter().any(waiting)
    }
}

impl Watcher {
    /// False if it has gone.
    fn offer(&mut self, frame: &Frame) -> bool {
        if self.waits_for_keyframe && !frame.keyframe {
            return !self.frames.is_closed();
        }
        match self.frames.try_send(frame.clone()) {
            Ok(()) => self.waits_for_keyframe = false,
            Err(TrySendError::Full(_)) => self.waits_for_keyframe = true,
            Err(TrySendError::Closed(_)) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn frame(number: u8, keyframe: bool) -> Frame {
        Frame {
            data: [number].into(),
            captured: Instant::now(),
            keyframe,
        }
    }

    fn taken(frames: &mut mpsc::Receiver<Frame>) -> Vec<u8> {
        std::iter::from_fn(|| frames.try_recv().ok())
            .map(|f| f.data[0])
            .collect()
    }

    #[test]
    fn a_stream_starts_at_a_keyframe() {
        let mut streams = RawStreams::default();
        let (sender, mut frames) = mpsc::channel(BACKLOG);
        streams.subscribe(sender);
        assert!(streams.needs_keyframe());
        for (number, keyframe) in [(1, false), (2, false), (3, true), (4, false)] {
            streams.push(&frame(number, keyframe));
        }
        assert_eq!(taken(&mut frames), [3, 4]);
        assert!(!streams.needs_keyframe());
    }

    #[test]
    fn a_slow_reader_skips_to_the_next_keyframe_and_others_do_not() {
        let mut streams = RawStreams::default();
        let (slow, mut slow_frames) = mpsc::channel(2);
        let (fast, mut fast_frames) = mpsc::channel(BACKLOG);
        streams.subscribe(slow);
        streams.subscribe(fast);
        for (number, keyframe) in [(1, true), (2, false), (3, false)] {
            streams.push(&frame(number, keyframe));
        }
        assert!(streams.needs_keyframe());
        assert_eq!(taken(&mut slow_frames), [1, 2]);
        for (number, keyframe) in [(4, false), (5, true), (6, false)] {
            streams.push(&frame(number, keyframe));
        }
        assert_eq!(taken(&mut slow_frames), [5, 6]);
        assert_eq!(taken(&mut fast_frames), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn who_has_gone_is_not_counted_and_soon_forgotten() {
        let mut streams = RawStreams::default();
        let (sender, frames) = mpsc::channel(BACKLOG);
        streams.subscribe(sender);
        assert_eq!(streams.count(), 1);
        drop(frames);
        assert!(streams.is_empty() && !streams.needs_keyframe());
        streams.push(&frame(1, false));
        assert!(streams.watchers.is_empty());
    }
}
