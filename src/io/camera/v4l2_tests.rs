//! The stream's logic on a fake device.

use super::*;
use crate::proto::annexb;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c];
const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];
const IDR: &[u8] = &[0, 0, 0, 1, 0x65, 0x88, 0x84, 0x21];
const P: &[u8] = &[0, 0, 0, 1, 0x41, 0x9a, 0x24];

const BITRATE: u32 = sys::V4L2_CID_MPEG_VIDEO_BITRATE;
const PROFILE: u32 = sys::V4L2_CID_MPEG_VIDEO_H264_PROFILE;
const LEVEL: u32 = sys::V4L2_CID_MPEG_VIDEO_H264_LEVEL;
const PERIOD: u32 = sys::V4L2_CID_MPEG_VIDEO_H264_I_PERIOD;
const REPEAT: u32 = sys::V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER;
const FORCE: u32 = sys::V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME;

const HD: VideoFormat = VideoFormat {
    width: 1280,
    height: 720,
    fps: 30,
};

/// What a test sees of the device and puts into it.
#[derive(Default)]
struct Bench {
    /// Readable while there is something to dequeue.
    signal: Option<UnixStream>,
    ready: VecDeque<Result<Fake, i32>>,
    set: Vec<(u32, i32)>,
    rates: Vec<u32>,
    streaming: bool,
}

#[derive(Clone, Default)]
struct Fake {
    data: Vec<u8>,
    full: bool,
    error: bool,
    stamp: Option<Duration>,
}

/// A device with the Pi's controls, or fewer.
struct FakeDevice {
    bench: Arc<Mutex<Bench>>,
    readable: UnixStream,
    ranges: BTreeMap<u32, Range>,
    /// Highest values of menus that are accepted.
    refused: Vec<(u32, i32)>,
    fourcc: u32,
    /// Heights are multiples of this.
    align: u32,
}

impl FakeDevice {
    fn pi() -> (FakeDevice, Arc<Mutex<Bench>>) {
        let (readable, signal) = UnixStream::pair().unwrap();
        readable.set_nonblocking(true).unwrap();
        let bench = Arc::new(Mutex::new(Bench {
            signal: Some(signal),
            ..Bench::default()
        }));
        let range = |minimum, maximum, step| Range {
            minimum,
            maximum,
            step,
        };
        let device = FakeDevice {
            bench: Arc::clone(&bench),
            readable,
            ranges: BTreeMap::from([
                (BITRATE, range(25_000, 25_000_000, 25_000)),
                (PROFILE, range(0, 4, 1)),
                (LEVEL, range(0, 11, 1)),
                (PERIOD, range(0, 0x7fff_ffff, 1)),
                (REPEAT, range(0, 1, 1)),
                (FORCE, range(0, 0, 0)),
            ]),
            refused: vec![],
            fourcc: H264,
            align: 2,
        };
        (device, bench)
    }

    fn mainline() -> (FakeDevice, Arc<Mutex<Bench>>) {
        let (mut device, bench) = FakeDevice::pi();
        device.ranges.remove(&FORCE);
        (device, bench)
    }
}

impl Bench {
    fn deliver(&mut self, fake: Fake) {
        self.put(Ok(fake));
    }

    fn put(&mut self, next: Result<Fake, i32>) {
        use std::io::Write;
        self.ready.push_back(next);
        self.signal.as_mut().unwrap().write_all(&[1]).unwrap();
    }

    fn count(&self, control: u32) -> usize {
        self.set.iter().filter(|(id, _)| *id == control).count()
    }

    fn last(&self, control: u32) -> Option<i32> {
        let of_it = |(id, value): &(u32, i32)| (*id == control).then_some(*value);
        self.set.iter().rev().find_map(of_it)
    }
}

impl Driver for FakeDevice {
    fn set_format(&mut self, _: u32, width: u32, height: u32) -> io::Result<PixelFormat> {
        Ok(PixelFormat {
            fourcc: self.fourcc,
            width,
            height: height / self.align * self.align,
            stride: 0,
        })
    }

    fn set_rate(&mut self, fps: u32) -> io::Result<u32> {
        self.bench.lock().unwrap().rates.push(fps);
        Ok(fps)
    }

    fn range(&self, control: u32) -> Option<Range> {
        self.ranges.get(&control).copied()
    }

    fn set_control(&mut self, control: u32, value: i32) -> io::Result<()> {
        if !self.ranges.contains_key(&control) || self.refused.contains(&(control, value)) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        self.bench.lock().unwrap().set.push((control, value));
        Ok(())
    }

    fn start(&mut self) -> io::Result<()> {
        self.bench.lock().unwrap().streaming = true;
        Ok(())
    }

    fn dequeue(&mut self, take: &mut dyn FnMut(Buffer<'_>)) -> io::Result<bool> {
        use std::io::Read;
        match self.bench.lock().unwrap().ready.pop_front() {
            None => Ok(false),
            Some(Err(code)) => Err(io::Error::from_raw_os_error(code)),
            Some(Ok(fake)) => {
                self.readable.read_exact(&mut [0])?;
                take(Buffer {
                    data: &fake.data,
                    full: fake.full,
                    error: fake.error,
                    stamp: fake.stamp,
                });
                Ok(true)
            }
        }
    }
}

impl AsRawFd for FakeDevice {
    fn as_raw_fd(&self) -> RawFd {
        self.readable.as_raw_fd()
    }
}

impl AsFd for FakeDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }
}

fn buffer(parts: &[&[u8]]) -> Fake {
    Fake {
        data: parts.concat(),
        ..Fake::default()
    }
}

fn stream(device: FakeDevice) -> Stream<FakeDevice> {
    let configured = configure(device, "fake".into(), HD, 2_000_000).unwrap();
    Stream::new(configured).unwrap()
}

async fn info(stream: &mut Stream<FakeDevice>) -> CameraInfo {
    match stream.next().await {
        Ok(CameraEvent::Started(info)) => info,
        other => panic!("not started but {other:?}"),
    }
}

async fn frame(stream: &mut Stream<FakeDevice>) -> crate::proto::frame::Frame {
    match stream.next().await {
        Ok(CameraEvent::Frame(frame)) => frame,
        other => panic!("no frame but {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_pi_is_told_what_browsers_need() {
    let (device, bench) = FakeDevice::pi();
    let info = info(&mut stream(device)).await;
    assert_eq!(info.format, HD);
    assert!(info.keyframe_on_request && info.bitrate_adjustable);
    let bench = bench.lock().unwrap();
    assert!(bench.streaming);
    assert_eq!(bench.last(PROFILE), Some(1), "constrained baseline");
    assert_eq!(bench.last(LEVEL), Some(9), "level 3.1");
    assert_eq!(bench.last(REPEAT), Some(1));
    assert_eq!(bench.last(BITRATE), Some(2_000_000));
    assert_eq!(bench.last(PERIOD), Some(60));
    assert_eq!(bench.rates, [30]);
}

#[tokio::test(start_paused = true)]
async fn without_keyframes_on_request_the_period_is_a_second() {
    let (device, bench) = FakeDevice::mainline();
    let mut stream = stream(device);
    assert!(!info(&mut stream).await.keyframe_on_request);
    stream.request_keyframe();
    let bench = bench.lock().unwrap();
    assert_eq!(bench.last(PERIOD), Some(30));
    assert_eq!(bench.count(FORCE), 0);
}

#[tokio::test(start_paused = true)]
async fn refused_profiles_and_levels_fall_back() {
    let (mut device, bench) = FakeDevice::pi();
    device.refused = vec![(PROFILE, 1), (PROFILE, 0), (REPEAT, 1)];
    stream(device);
    assert_eq!(bench.lock().unwrap().last(PROFILE), Some(2), "main");
    assert_eq!(levels(HD), [9]);
    let full = VideoFormat {
        width: 1920,
        height: 1080,
        fps: 60,
    };
    assert_eq!(levels(full), [13, 11], "4.2, else 4.0");
    assert_eq!(levels(VideoFormat { fps: 30, ..full }), [11]);
}

#[tokio::test(start_paused = true)]
async fn a_device_without_any_control_still_works() {
    let (mut device, bench) = FakeDevice::pi();
    device.ranges.clear();
    let mut stream = stream(device);
    let info = info(&mut stream).await;
    assert!(!info.keyframe_on_request && !info.bitrate_adjustable);
    stream.set_bitrate(1_000_000);
    stream.request_keyframe();
    bench.lock().unwrap().deliver(buffer(&[SPS, PPS, IDR]));
    assert!(frame(&mut stream).await.keyframe);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_gives_another_format_is_refused() {
    let (mut device, bench) = FakeDevice::pi();
    device.fourcc = fourcc(*b"YUYV");
    assert!(configure(device, "fake".into(), HD, 1).is_err());
    assert!(!bench.lock().unwrap().streaming);
}

#[tokio::test(start_paused = true)]
async fn header_buffers_and_pictures_become_frames() {
    let (device, bench) = FakeDevice::pi();
    let mut stream = stream(device);
    info(&mut stream).await;
    for parts in [&[SPS, PPS][..], &[IDR], &[P], &[], &[P]] {
        bench.lock().unwrap().deliver(buffer(parts));
    }
    let key = frame(&mut stream).await;
    assert!(key.keyframe);
    assert_eq!(key.data[..], [SPS, PPS, IDR].concat());
    let second = frame(&mut stream).await;
    let third = frame(&mut stream).await;
    assert!(!annexb::facts(&third.data).idr);
    assert!(key.captured < second.captured && second.captured < third.captured);
}

#[tokio::test(start_paused = true)]
async fn a_truncated_or_flagged_buffer_costs_a_keyframe_request() {
    for spoil in [
        |fake: &mut Fake| fake.full = true,
        |fake: &mut Fake| fake.error = true,
    ] {
        let (device, bench) = FakeDevice::pi();
        let mut stream = stream(device);
        info(&mut stream).await;
        let mut spoiled = buffer(&[P]);
        spoil(&mut spoiled);
        let rest = [buffer(&[P]), buffer(&[SPS, PPS]), buffer(&[IDR])];
        bench.lock().unwrap().deliver(buffer(&[SPS, PPS, IDR]));
        bench.lock().unwrap().deliver(spoiled);
        rest.into_iter()
            .for_each(|fake| bench.lock().unwrap().deliver(fake));
        assert!(frame(&mut stream).await.keyframe);
        assert_eq!(bench.lock().unwrap().count(FORCE), 0);
        assert!(frame(&mut stream).await.keyframe, "P frames are dropped");
        assert_eq!(bench.lock().unwrap().count(FORCE), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_before_the_first_frame_is_a_loss_after_five_seconds() {
    let (device, _bench) = FakeDevice::pi();
    let mut stream = stream(device);
    info(&mut stream).await;
    let begin = Instant::now();
    assert!(stream.next().await.is_err());
    assert_eq!(begin.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn silence_later_is_a_loss_after_three_seconds() {
    let (device, bench) = FakeDevice::pi();
    let mut stream = stream(device);
    info(&mut stream).await;
    bench.lock().unwrap().deliver(buffer(&[SPS, PPS, IDR]));
    frame(&mut stream).await;
    let begin = Instant::now();
    let reason = stream.next().await.unwrap_err();
    assert_eq!(begin.elapsed().as_secs(), 3);
    assert!(reason.contains("fake"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn buffers_that_never_make_a_picture_are_silence() {
    let (device, bench) = FakeDevice::pi();
    let mut stream = stream(device);
    info(&mut stream).await;
    let feeder = tokio::spawn(async move {
        loop {
            bench.lock().unwrap().deliver(buffer(&[P]));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let limit = tokio::time::timeout(Duration::from_secs(10), stream.next());
    assert!(limit.await.expect("no limit").is_err());
    feeder.abort();
}

#[tokio::test(start_paused = true)]
async fn an_unplugged_device_is_named() {
    let (device, bench) = FakeDevice::pi();
    let mut stream = stream(device);
    info(&mut stream).await;
    bench.lock().unwrap().put(Err(libc::ENODEV));
    let reason = stream.next().await.unwrap_err();
    assert!(reason.contains("No such device"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_loses_no_frame() {
    let (device, bench) = FakeDevice::pi();
    let mut stream = stream(device);
    info(&mut stream).await;
    for _ in 0..3 {
        let wait = tokio::time::timeout(Duration::from_millis(10), stream.next());
        assert!(wait.await.is_err());
    }
    bench.lock().unwrap().deliver(buffer(&[SPS, PPS, IDR]));
    bench.lock().unwrap().deliver(buffer(&[P]));
    assert!(frame(&mut stream).await.keyframe);
    assert!(!frame(&mut stream).await.keyframe);
}

#[tokio::test(start_paused = true)]
async fn bitrates_are_brought_into_range_while_streaming() {
    let (device, bench) = FakeDevice::pi();
    let mut stream = stream(device);
    for (asked, set) in [(1_234_567, 1_225_000), (1, 25_000), (u32::MAX, 25_000_000)] {
        stream.set_bitrate(asked);
        assert_eq!(bench.lock().unwrap().last(BITRATE), Some(set));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_changes_while_streaming_and_a_size_does_not() {
    let (device, bench) = FakeDevice::pi();
    let mut stream = stream(device);
    info(&mut stream).await;
    assert!(stream.set_format(HD), "nothing to do");
    assert!(stream.set_format(VideoFormat { fps: 15, ..HD }));
    assert_eq!(info(&mut stream).await.format.fps, 15);
    assert_eq!(bench.lock().unwrap().rates, [30, 15]);
    assert_eq!(bench.lock().unwrap().last(PERIOD), Some(30));
    assert!(!stream.set_format(VideoFormat { width: 640, ..HD }));
    // Beyond level 3.1, which the stream has promised.
    assert!(!stream.set_format(VideoFormat { fps: 60, ..HD }));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_gives_only_something_near_is_not_asked_again() {
    let (mut device, bench) = FakeDevice::pi();
    device.align = 32;
    let mut stream = stream(device);
    assert_eq!(info(&mut stream).await.format.height, 704);
    assert!(stream.set_format(HD));
    assert_eq!(bench.lock().unwrap().rates, [30]);
}

#[tokio::test(start_paused = true)]
async fn the_drivers_time_is_used_where_it_makes_sense() {
    let (device, bench) = FakeDevice::pi();
    let mut stream = stream(device);
    info(&mut stream).await;
    let now = super::super::device::monotonic_now();
    let mut key = buffer(&[SPS, PPS, IDR, &[0x55; 200]]);
    key.stamp = Some(now - Duration::from_millis(500));
    bench.lock().unwrap().deliver(key);
    let begin = std::time::Instant::now();
    let taken = frame(&mut stream).await.captured;
    let age = begin.saturating_duration_since(taken);
    assert!(age > Duration::from_millis(300), "{age:?}");
}

#[tokio::test(start_paused = true)]
async fn while_nobody_watches_pictures_are_passed_over_and_the_first_who_comes_gets_a_keyframe() {
    let (device, bench) = FakeDevice::pi();
    let mut stream = stream(device);
    stream.set_watched(false);
    info(&mut stream).await;
    let deliver = |parts: &[&[u8]]| bench.lock().unwrap().deliver(buffer(parts));
    deliver(&[SPS, PPS, IDR]);
    assert!(frame(&mut stream).await.keyframe, "the first is read");
    let resting = async |stream: &mut Stream<FakeDevice>| match stream.next().await {
        Ok(CameraEvent::Resting(passed)) => passed,
        other => panic!("not resting but {other:?}"),
    };
    deliver(&[P]);
    assert_eq!(resting(&mut stream).await, 1);
    // More than the longest silence, each picture a second after the last.
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(1)).await;
        deliver(&[P]);
        assert_eq!(resting(&mut stream).await, 1);
    }
    assert_eq!(bench.lock().unwrap().count(FORCE), 0);
    stream.set_watched(true);
    assert_eq!(bench.lock().unwrap().count(FORCE), 1);
    deliver(&[P]);
    deliver(&[SPS, PPS]);
    deliver(&[IDR]);
    let key = frame(&mut stream).await;
    assert!(key.keyframe, "what refers to passed pictures is left out");
    assert_eq!(key.data[..], [SPS, PPS, IDR].concat());
}

#[tokio::test(start_paused = true)]
async fn a_resting_device_that_falls_silent_is_lost() {
    let (device, bench) = FakeDevice::pi();
    let mut stream = stream(device);
    stream.set_watched(false);
    info(&mut stream).await;
    bench.lock().unwrap().deliver(buffer(&[SPS, PPS, IDR]));
    frame(&mut stream).await;
    bench.lock().unwrap().deliver(buffer(&[P]));
    assert!(matches!(stream.next().await, Ok(CameraEvent::Resting(1))));
    let begin = Instant::now();
    assert!(stream.next().await.is_err());
    assert_eq!(begin.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_keyframes_on_request_every_picture_is_read() {
    let (device, bench) = FakeDevice::mainline();
    let mut stream = stream(device);
    stream.set_watched(false);
    info(&mut stream).await;
    for parts in [&[SPS, PPS, IDR][..], &[P], &[P]] {
        bench.lock().unwrap().deliver(buffer(parts));
        frame(&mut stream).await;
    }
}
