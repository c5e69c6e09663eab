//! One V4L2 capture device: the only file here that speaks ioctl.
//!
//! The `v4l` crate's safe layer panics on what a driver may answer (an unknown
//! colour space, a failing STREAMOFF), so only its bindings and its `ioctl` are used.

use super::v4l2::{Buffer, Driver, PixelFormat, Range};
use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr::NonNull;
use std::time::Duration;
use v4l::v4l_sys as sys;
use v4l::v4l2::vidioc;

/// Buffers of a stream: one being filled, one waiting to be read, two to spare for
/// a late event loop. Each is about width * height bytes of the GPU's memory.
const BUFFERS: u32 = 4;
/// A driver gives no more buffers or formats than this, or is mad.
const MAX_BUFFERS: u32 = 32;
const MAX_FORMATS: u32 = 64;
const CAPTURE: u32 = sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
const MMAP: u32 = sys::v4l2_memory_V4L2_MEMORY_MMAP;

/// An open device, streaming or not. Dropping it stops and closes it, which may
/// take a driver some 100 ms.
pub(super) struct Device {
    // The mappings go before the descriptor.
    mappings: Vec<Mapping>,
    file: File,
}

/// What a device says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Card {
    pub driver: String,
    pub name: String,
    /// It captures video into one plane, and streams.
    pub captures: bool,
    /// FourCC codes of what it delivers.
    pub formats: Vec<u32>,
}

impl Device {
    /// Opens a device node.
    ///
    /// # Errors
    /// Of open(2).
    pub fn open(path: &Path) -> io::Result<Device> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        Ok(Device {
            mappings: Vec::new(),
            file,
        })
    }

    /// What it is and delivers.
    ///
    /// # Errors
    /// ENOTTY and the like for anything that is no V4L2 device.
    pub fn card(&self) -> io::Result<Card> {
        let mut caps: sys::v4l2_capability = zeroed();
        self.ioctl(vidioc::VIDIOC_QUERYCAP, &mut caps)?;
        let node_caps = match caps.capabilities & sys::V4L2_CAP_DEVICE_CAPS {
            0 => caps.capabilities,
            _ => caps.device_caps,
        };
        let needed = sys::V4L2_CAP_VIDEO_CAPTURE | sys::V4L2_CAP_STREAMING;
        Ok(Card {
            driver: text(&caps.driver),
            name: text(&caps.card),
            captures: node_caps & needed == needed,
            formats: self.formats(),
        })
    }

    fn formats(&self) -> Vec<u32> {
        let mut formats = Vec::new();
        for index in 0..MAX_FORMATS {
            let mut description: sys::v4l2_fmtdesc = zeroed();
            description.index = index;
            description.type_ = CAPTURE;
            match self.ioctl(vidioc::VIDIOC_ENUM_FMT, &mut description) {
                Ok(()) => formats.push(description.pixelformat),
                Err(_) => break,
            }
        }
        formats
    }

    /// For threads that may block: waits for a buffer, at most that long. True also
    /// for a device in trouble, which the next dequeue names.
    ///
    /// # Errors
    /// Of poll(2).
    #[cfg(feature = "test-camera")]
    pub fn wait(&self, limit: Duration) -> io::Result<bool> {
        let mut poll = libc::pollfd {
            fd: self.file.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let limit = limit.as_millis().try_into().unwrap_or(i32::MAX);
        // SAFETY: one valid pollfd is passed with its count of one.
        match unsafe { libc::poll(&mut poll, 1, limit) } {
            -1 => match io::Error::last_os_error() {
                e if e.kind() == io::ErrorKind::Interrupted => Ok(false),
                e => Err(e),
            },
            ready => Ok(ready > 0),
        }
    }

    fn map_and_queue(&mut self) -> io::Result<()> {
        let mut request: sys::v4l2_requestbuffers = zeroed();
        (request.count, request.type_, request.memory) = (BUFFERS, CAPTURE, MMAP);
        self.ioctl(vidioc::VIDIOC_REQBUFS, &mut request)?;
        if !(1..=MAX_BUFFERS).contains(&request.count) {
            return Err(io::Error::other("the driver gives no buffers"));
        }
        for index in 0..request.count {
            let mut buffer = RawBuffer::new(index);
            self.ioctl(QUERYBUF, &mut buffer)?;
            // SAFETY: for MMAP buffers QUERYBUF fills in the offset; every bit
            // pattern is a valid u32.
            let offset = unsafe { buffer.m.offset };
            let mapping = Mapping::new(&self.file, buffer.length as usize, offset)?;
            self.mappings.push(mapping);
            self.ioctl(QBUF, &mut RawBuffer::new(index))?;
        }
        Ok(())
    }

    /// Ends the stream and gives the buffers back, without which no format can be
    /// set. May block.
    pub fn stop(&mut self) {
        let mut kind = CAPTURE as libc::c_int;
        // A device that has been unplugged cannot be stopped, and need not be.
        let _ = self.ioctl(vidioc::VIDIOC_STREAMOFF, &mut kind);
        self.mappings.clear();
        let mut request: sys::v4l2_requestbuffers = zeroed();
        (request.type_, request.memory) = (CAPTURE, MMAP);
        let _ = self.ioctl(vidioc::VIDIOC_REQBUFS, &mut request);
    }

    fn ioctl<T>(&self, request: vidioc::_IOC_TYPE, argument: &mut T) -> io::Result<()> {
        debug_assert_eq!((request as u32 >> 16) as usize & 0x3fff, size_of::<T>());
        let argument = std::ptr::from_mut(argument).cast::<c_void>();
        loop {
            // SAFETY: the request number encodes the size of T (asserted above), so
            // the kernel reads and writes no more than the argument, and every T
            // here is plain data of the kernel's interface. No pointer inside the
            // argument is used: memory is MMAP.
            match unsafe { v4l::v4l2::ioctl(self.file.as_raw_fd(), request, argument) } {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl Driver for Device {
    fn set_format(&mut self, fourcc: u32, width: u32, height: u32) -> io::Result<PixelFormat> {
        let mut format: sys::v4l2_format = zeroed();
        format.type_ = CAPTURE;
        let mut wanted: sys::v4l2_pix_format = zeroed();
        (wanted.width, wanted.height, wanted.pixelformat) = (width, height, fourcc);
        wanted.field = sys::v4l2_field_V4L2_FIELD_NONE;
        format.fmt.pix = wanted;
        self.ioctl(vidioc::VIDIOC_S_FMT, &mut format)?;
        // SAFETY: the type is still CAPTURE, for which the kernel fills in `pix`;
        // it consists of integers.
        let given = unsafe { format.fmt.pix };
        Ok(PixelFormat {
            fourcc: given.pixelformat,
            width: given.width,
            height: given.height,
            stride: given.bytesperline,
        })
    }

    fn set_rate(&mut self, fps: u32) -> io::Result<u32> {
        let mut parameters: sys::v4l2_streamparm = zeroed();
        parameters.type_ = CAPTURE;
        let mut capture: sys::v4l2_captureparm = zeroed();
        capture.timeperframe.numerator = 1;
        capture.timeperframe.denominator = fps;
        parameters.parm.capture = capture;
        self.ioctl(vidioc::VIDIOC_S_PARM, &mut parameters)?;
        // SAFETY: as with the format above.
        let time = unsafe { parameters.parm.capture.timeperframe };
        match time.numerator {
            0 => Ok(fps),
            numerator => Ok((time.denominator.saturating_add(numerator / 2) / numerator).max(1)),
        }
    }

    fn range(&self, control: u32) -> Option<Range> {
        let mut query: sys::v4l2_queryctrl = zeroed();
        query.id = control;
        self.ioctl(vidioc::VIDIOC_QUERYCTRL, &mut query).ok()?;
        (query.flags & sys::V4L2_CTRL_FLAG_DISABLED == 0).then_some(Range {
            minimum: query.minimum.into(),
            maximum: query.maximum.into(),
            step: query.step.into(),
        })
    }

    fn set_control(&mut self, control: u32, value: i32) -> io::Result<()> {
        let mut set = sys::v4l2_control { id: control, value };
        self.ioctl(vidioc::VIDIOC_S_CTRL, &mut set)
    }

    fn start(&mut self) -> io::Result<()> {
        self.stop();
        self.map_and_queue()?;
        let mut kind = CAPTURE as libc::c_int;
        self.ioctl(vidioc::VIDIOC_STREAMON, &mut kind)
    }

    fn dequeue(&mut self, take: &mut dyn FnMut(Buffer<'_>)) -> io::Result<bool> {
        let mut raw = RawBuffer::new(0);
        match self.ioctl(DQBUF, &mut raw) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            result => result?,
        }
        let Some(mapping) = self.mappings.get(raw.index as usize) else {
            return Err(io::Error::other(
                "the driver names a buffer that is not there",
            ));
        };
        let used = (raw.bytesused as usize).min(mapping.length);
        let monotonic =
            raw.flags & sys::V4L2_BUF_FLAG_TIMESTAMP_MASK == sys::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        take(Buffer {
            data: &mapping.bytes()[..used],
            full: used == mapping.length,
            error: raw.flags & sys::V4L2_BUF_FLAG_ERROR != 0,
            stamp: monotonic.then(|| raw.stamp()).flatten(),
        });
        // Back at once: the driver must never run out of buffers.
        self.ioctl(QBUF, &mut RawBuffer::new(raw.index))?;
        Ok(true)
    }
}

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if !self.mappings.is_empty() {
            self.stop();
        }
    }
}

/// The moment on CLOCK_MONOTONIC, the clock of V4L2's timestamps.
pub(super) fn monotonic_now() -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a valid timespec is passed; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

/// `struct v4l2_buffer` with 64-bit time, as the kernel defines it since 5.6 for
/// every architecture (include/uapi/linux/videodev2.h). Written out here because
/// on 32-bit ARM the bindings' layout, and with it the ioctl numbers, depends on
/// the C library whose headers they were made from. Kernels from 5.6 on take this
/// layout, and the old one with 32-bit time if they were built to; older kernels
/// answer ENOTTY.
#[repr(C)]
struct RawBuffer {
    index: u32,
    kind: u32,
    bytesused: u32,
    flags: u32,
    field: u32,
    seconds: i64,
    microseconds: i64,
    timecode: [u32; 4],
    sequence: u32,
    memory: u32,
    m: Memory,
    length: u32,
    reserved: u32,
    request_fd: i32,
}

#[repr(C)]
union Memory {
    offset: u32,
    userptr: usize,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<RawBuffer>() == 88);
#[cfg(all(target_pointer_width = "32", target_arch = "arm"))]
const _: () = assert!(size_of::<RawBuffer>() == 80);

const QUERYBUF: vidioc::_IOC_TYPE = read_write(9);
const QBUF: vidioc::_IOC_TYPE = read_write(15);
const DQBUF: vidioc::_IOC_TYPE = read_write(17);

/// `_IOWR('V', number, struct v4l2_buffer)`
const fn read_write(number: u32) -> vidioc::_IOC_TYPE {
    let request = 3 << 30 | (size_of::<RawBuffer>() as u32) << 16 | (b'V' as u32) << 8 | number;
    request as vidioc::_IOC_TYPE
}

impl RawBuffer {
    fn new(index: u32) -> RawBuffer {
        RawBuffer {
            index,
            kind: CAPTURE,
            bytesused: 0,
            flags: 0,
            field: 0,
            seconds: 0,
            microseconds: 0,
            timecode: [0; 4],
            sequence: 0,
            memory: MMAP,
            m: Memory { userptr: 0 },
            length: 0,
            reserved: 0,
            request_fd: 0,
        }
    }

    fn stamp(&self) -> Option<Duration> {
        let seconds = u64::try_from(self.seconds).ok()?;
        let micros = u32::try_from(self.microseconds).ok()?;
        (micros < 1_000_000).then(|| Duration::new(seconds, micros * 1000))
    }
}

/// One buffer of the driver in our address space.
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping is plain shared memory; whoever owns it may use it from any
// thread.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(file: &File, length: usize, offset: u32) -> io::Result<Mapping> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no
        // memory of ours; the result is checked.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                offset as libc::off_t,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at 0"))?;
        Ok(Mapping { start, length })
    }

    /// Only between dequeue and queue: else the driver writes to it.
    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable for its whole length until it is dropped,
        // and the driver does not write to a dequeued buffer.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what mmap gave, and no slice of it outlives `bytes`'
        // borrow.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

fn zeroed<T: Copy>() -> T {
    // SAFETY: only used for the kernel's structures, which are integers and unions
    // of integers, for which all zeros is a value (and the one that the interface
    // wants in reserved fields).
    unsafe { std::mem::zeroed() }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_laid_out_as_on_this_machine() {
        // Here the C library's time is 64 bits wide, so the bindings must agree.
        assert_eq!(size_of::<RawBuffer>(), size_of::<sys::v4l2_buffer>());
        assert_eq!(QUERYBUF, vidioc::VIDIOC_QUERYBUF);
        assert_eq!(QBUF, vidioc::VIDIOC_QBUF);
        assert_eq!(DQBUF, vidioc::VIDIOC_DQBUF);
        let offset = std::mem::offset_of!(RawBuffer, m);
        assert_eq!(offset, std::mem::offset_of!(sys::v4l2_buffer, m));
        let length = std::mem::offset_of!(RawBuffer, length);
        assert_eq!(length, std::mem::offset_of!(sys::v4l2_buffer, length));
    }

    /// The kernel finds a request by its number, and the number holds the size: one
    /// made from another machine's headers is refused.
    #[test]
    fn requests_have_the_numbers_of_the_kernel() {
        let arm = cfg!(target_arch = "arm");
        let expect = |request: vidioc::_IOC_TYPE, on_arm: u32, on_64_bits: u32| {
            let expected = if arm { on_arm } else { on_64_bits };
            assert_eq!(request as u32, expected, "{:#x}", request as u32);
        };
        // 80 bytes with 64-bit time; 68 (0x44) would be the one with 32 bits.
        expect(QUERYBUF, 0xc050_5609, 0xc058_5609);
        expect(QBUF, 0xc050_560f, 0xc058_560f);
        expect(DQBUF, 0xc050_5611, 0xc058_5611);
        expect(vidioc::VIDIOC_QUERYCAP, 0x8068_5600, 0x8068_5600);
        expect(vidioc::VIDIOC_ENUM_FMT, 0xc040_5602, 0xc040_5602);
        expect(vidioc::VIDIOC_S_FMT, 0xc0cc_5605, 0xc0d0_5605);
        expect(vidioc::VIDIOC_REQBUFS, 0xc014_5608, 0xc014_5608);
        expect(vidioc::VIDIOC_STREAMON, 0x4004_5612, 0x4004_5612);
        expect(vidioc::VIDIOC_STREAMOFF, 0x4004_5613, 0x4004_5613);
        expect(vidioc::VIDIOC_S_PARM, 0xc0cc_5616, 0xc0cc_5616);
        expect(vidioc::VIDIOC_S_CTRL, 0xc008_561c, 0xc008_561c);
        expect(vidioc::VIDIOC_QUERYCTRL, 0xc044_5624, 0xc044_5624);
    }

    #[test]
    fn what_is_no_v4l2_device_says_so() {
        let device = Device::open(Path::new("/dev/null")).unwrap();
        assert!(device.card().is_err());
        assert!(Device::open(Path::new("/nonexistent/video0")).is_err());
    }

    #[test]
    fn nonsensical_times_are_no_stamp() {
        let mut raw = RawBuffer::new(0);
        (raw.seconds, raw.microseconds) = (5, 250_000);
        assert_eq!(raw.stamp(), Some(Duration::from_millis(5_250)));
        raw.microseconds = 1_000_000;
        assert_eq!(raw.stamp(), None);
        (raw.seconds, raw.microseconds) = (-1, 0);
        assert_eq!(raw.stamp(), None);
    }
}
