//! The one UDP socket, for all viewers and both address families.
//!
//! Sending is the hot path of the whole program: a frame leaves as runs of
//! equal-sized datagrams, one system call each where the kernel segments them
//! (UDP_SEGMENT, Linux 4.18).

mod batch;
mod system;

pub use batch::SendBatch;

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use system::{canonical, classify, mapped, open, passing, plausible};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Largest payload of one send, segmented or not: what fits into one IPv4
/// packet, with a little room.
pub const MAX_RUN_BYTES: usize = 65_000;
/// UDP_MAX_SEGMENTS of Linux.
pub const MAX_RUN_SEGMENTS: usize = 64;

/// Datagrams (or GRO trains) taken by one system call.
const RECEIVE_BATCH: usize = 8;
/// System calls per [`Udp::receive`]: a flood gets 32 buffers a turn, then the
/// camera and the timers have theirs.
const RECEIVE_CALLS: usize = 4;
/// GRO can fill this. The memory is only touched as far as datagrams reach.
const RECEIVE_BUFFER: usize = 65_536;
/// Feedback and STUN are small and few; this is a burst of them from 64 viewers.
const SOCKET_RECEIVE_BUFFER: usize = 256 << 10;
/// A keyframe for every viewer leaves in one burst.
const SOCKET_SEND_BUFFER: usize = 1 << 20;
/// How long segmentation rests after a failure that was not its own.
const OFFLOAD_REST: Duration = Duration::from_secs(1);

/// One datagram, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it; never an IPv4-mapped IPv6 address.
    pub source: SocketAddr,
    /// The local address it was sent to; never IPv4-mapped.
    pub local_ip: IpAddr,
    pub contents: &'a [u8],
}

/// What became of a send. Nothing but [`SendResult::Sent`] needs an answer:
/// a dropped datagram is repaired like a lost one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendResult {
    /// The kernel has all of it.
    Sent,
    /// At least one datagram found no room in the socket or device queue.
    Full,
    /// No way to that destination (or from that source) at the moment.
    Unreachable,
    /// Longer than the interface can send unfragmented.
    TooBig,
    /// Any other error.
    Failed,
}

/// Counts since the socket was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub sent_datagrams: u64,
    pub sent_bytes: u64,
    /// System calls for sending.
    pub send_calls: u64,
    pub received_datagrams: u64,
    pub received_bytes: u64,
    /// Datagrams dropped because a queue was full.
    pub dropped_full: u64,
    /// Datagrams dropped because there was no route.
    pub dropped_unreachable: u64,
    /// Datagrams dropped because they were too long.
    pub dropped_too_big: u64,
    /// Datagrams dropped by other errors.
    pub dropped_failed: u64,
    /// Errors that the kernel reported while receiving.
    pub receive_errors: u64,
}

/// The socket.
pub struct Udp {
    /// Watched for reading only. With tokio's `UdpSocket` epoll would also wake
    /// the loop each time a sent packet leaves the send buffer.
    socket: AsyncFd<UdpSocket>,
    state: UdpSocketState,
    local: SocketAddr,
    ipv6: bool,
    /// False once a run has failed where its datagrams one by one did not.
    offload: bool,
    /// When to try segmentation again after quinn-udp has switched it off.
    offload_rest: Option<Instant>,
    buffers: Vec<u8>,
    stats: Stats,
    log: LogLimit,
}

impl Udp {
    /// Opens the socket; inside a tokio runtime.
    ///
    /// An unspecified address of either family means every address of both, or
    /// of IPv4 alone where the kernel has no IPv6. Port 0 lets the kernel choose.
    pub fn bind(address: SocketAddr) -> io::Result<Udp> {
        let socket = open(address)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // The kernel may grant less; the stream then only drops a little earlier.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), SOCKET_RECEIVE_BUFFER);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), SOCKET_SEND_BUFFER);
        let bound = socket.local_addr()?;
        // SAFETY: a std socket owns its descriptor and names the same one for as
        // long as it lives, which is inside of the AsyncFd from here on.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
        Ok(Udp {
            socket,
            state,
            local: canonical(bound),
            ipv6: bound.is_ipv6(),
            offload: true,
            offload_rest: None,
            buffers: vec![0; RECEIVE_BATCH * RECEIVE_BUFFER],
            stats: Stats::default(),
            log: LogLimit::default(),
        })
    }

    /// The bound address; unspecified if bound so.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Waits until something can be received. Cancel-safe.
    pub async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await?.retain_ready();
        Ok(())
    }

    /// Hands over what has arrived, at most [`RECEIVE_CALLS`] system calls' worth,
    /// and says how many datagrams that were. Never waits. If more is there,
    /// [`Udp::readable`] is ready again at once.
    pub fn receive(&mut self, mut f: impl FnMut(Datagram<'_>)) -> io::Result<usize> {
        let mut datagrams = 0;
        for _ in 0..RECEIVE_CALLS {
            let mut metas = [RecvMeta::default(); RECEIVE_BATCH];
            let Some(filled) = self.receive_batch(&mut metas)? else {
                break;
            };
            for (meta, buffer) in metas[..filled]
                .iter()
                .zip(self.buffers.chunks(RECEIVE_BUFFER))
            {
                let bytes = &buffer[..meta.len.min(buffer.len())];
                let count = deliver(meta, bytes, self.local.ip(), &mut f);
                datagrams += count;
                self.stats.received_datagrams += count as u64;
                self.stats.received_bytes += bytes.len() as u64;
            }
            if filled < RECEIVE_BATCH {
                break;
            }
        }
        Ok(datagrams)
    }

    /// Sends `contents` as one datagram, or as datagrams of `segment_size` bytes
    /// (the last may be shorter). Never waits and never fails: see [`SendResult`].
    ///
    /// `source_ip` is the local address to send from; `None` lets routing choose.
    pub fn send(
        &mut self,
        source_ip: Option<IpAddr>,
        destination: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> SendResult {
        let segment = match segment_size {
            Some(size) if size > 0 && size < contents.len() => size,
            _ => contents.len(),
        };
        if segment == 0 {
            return SendResult::Sent;
        }
        let source_ip = source_ip.map(|ip| ip.to_canonical());
        let destination = canonical(destination);
        if !plausible(source_ip, destination, self.ipv6) {
            return self.dropped(
                SendResult::Unreachable,
                contents.len().div_ceil(segment),
                destination,
                None,
            );
        }
        let to = if self.ipv6 {
            mapped(destination)
        } else {
            destination
        };
        self.wake_offload();
        let mut result = SendResult::Sent;
        let mut rest = contents;
        while !rest.is_empty() {
            let segments = self.max_segments().min(MAX_RUN_BYTES / segment).max(1);
            let (run, tail) = rest.split_at(rest.len().min(segments * segment));
            let sent = self.send_run(source_ip, to, run, segment);
            if sent != SendResult::Sent {
                result = sent;
            }
            rest = tail;
        }
        result
    }

    /// How many datagrams one system call can send: 1 without segmentation.
    pub fn max_segments(&self) -> usize {
        if self.offload {
            self.state.max_gso_segments().min(MAX_RUN_SEGMENTS)
        } else {
            1
        }
    }

    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// One system call's worth of datagrams, or `None` if there is nothing.
    fn receive_batch(
        &mut self,
        metas: &mut [RecvMeta; RECEIVE_BATCH],
    ) -> io::Result<Option<usize>> {
        let mut chunks = self.buffers.chunks_mut(RECEIVE_BUFFER);
        let mut slices: [IoSliceMut<'_>; RECEIVE_BATCH] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let state = &self.state;
        let mut filled = 0;
        let result = self.socket.try_io(Interest::READABLE, |socket| {
            filled = state.recv(UdpSockRef::from(socket), &mut slices, metas)?;
            if filled < RECEIVE_BATCH {
                // The queue is empty. Said so to tokio, this saves the system
                // call that would find it out.
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        });
        match result {
            Ok(()) => Ok(Some(filled)),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok((filled > 0).then_some(filled)),
            Err(e) if passing(&e) => {
                self.stats.receive_errors += 1;
                if let Some(suppressed) = self.log.allow() {
                    log::debug!("UDP receive: {e} ({suppressed} like it not shown)");
                }
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Sends what fits into one system call, `contents` cut into `segment` bytes.
    fn send_run(
        &mut self,
        source_ip: Option<IpAddr>,
        to: SocketAddr,
        contents: &[u8],
        segment: usize,
    ) -> SendResult {
        let error = match self.send_once(source_ip, to, contents, segment) {
            Ok(()) => return SendResult::Sent,
            Err(e) => e,
        };
        let offload_fault = matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL));
        if offload_fault {
            // quinn-udp has switched segmentation off; it may not be to blame.
            self.offload_rest = Some(Instant::now() + OFFLOAD_REST);
        }
        if contents.len() <= segment || !offload_fault {
            return self.dropped(
                classify(&error),
                contents.len().div_ceil(segment),
                to,
                Some(&error),
            );
        }
        self.send_singly(source_ip, to, contents, segment)
    }

    /// After a run has failed: its datagrams one by one. If they pass, it was the
    /// segmentation (older kernels: devices without checksum offload), and that
    /// is then over for good.
    fn send_singly(
        &mut self,
        source_ip: Option<IpAddr>,
        to: SocketAddr,
        contents: &[u8],
        segment: usize,
    ) -> SendResult {
        let mut result = SendResult::Sent;
        for (index, datagram) in contents.chunks(segment).enumerate() {
            match self.send_once(source_ip, to, datagram, segment) {
                Ok(()) if index == 0 => {
                    log::info!("UDP segmentation does not work here; sending singly");
                    self.offload = false;
                }
                Ok(()) => {}
                Err(e) => result = self.dropped(classify(&e), 1, to, Some(&e)),
            }
        }
        result
    }

    fn send_once(
        &mut self,
        src_ip: Option<IpAddr>,
        destination: SocketAddr,
        contents: &[u8],
        segment: usize,
    ) -> io::Result<()> {
        self.stats.send_calls += 1;
        // Not through tokio's readiness: nobody ever waits to send.
        self.state.try_send(
            UdpSockRef::from(self.socket.get_ref()),
            &Transmit {
                destination,
                ecn: None,
                contents,
                segment_size: Some(segment),
                src_ip,
            },
        )?;
        self.stats.sent_datagrams += contents.len().div_ceil(segment) as u64;
        self.stats.sent_bytes += contents.len() as u64;
        Ok(())
    }

    /// Segmentation that rested long enough is tried again. quinn-udp switches
    /// it off for every EINVAL, also for one that a vanished source address
    /// made, and only a new state forgets that.
    fn wake_offload(&mut self) {
        let Some(until) = self.offload_rest else {
            return;
        };
        if Instant::now() < until {
            return;
        }
        self.offload_rest = None;
        if self.offload
            && let Ok(state) = UdpSocketState::new(UdpSockRef::from(self.socket.get_ref()))
        {
            self.state = state;
        }
    }

    fn dropped(
        &mut self,
        result: SendResult,
        datagrams: usize,
        destination: SocketAddr,
        error: Option<&io::Error>,
    ) -> SendResult {
        let count = match result {
            SendResult::Sent => return result,
            SendResult::Full => &mut self.stats.dropped_full,
            SendResult::Unreachable => &mut self.stats.dropped_unreachable,
            SendResult::TooBig => &mut self.stats.dropped_too_big,
            SendResult::Failed => &mut self.stats.dropped_failed,
        };
        *count += datagrams as u64;
        if log::log_enabled!(log::Level::Debug)
            && let Some(suppressed) = self.log.allow()
        {
            let why = error.map_or_else(|| "not a usable address".into(), |e| e.to_string());
            log::debug!(
                "UDP to {destination}: {why}; {datagrams} dropped ({suppressed} like it not shown)"
            );
        }
        result
    }
}

/// At most one line a second.
#[derive(Default)]
struct LogLimit {
    next: Option<Instant>,
    suppressed: u64,
}

impl LogLimit {
    /// How many were suppressed since the last line, if one may be written now.
    fn allow(&mut self) -> Option<u64> {
        let now = Instant::now();
        if self.next.is_some_and(|next| now < next) {
            self.suppressed += 1;
            return None;
        }
        self.next = Some(now + Duration::from_secs(1));
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// Cuts a GRO train into its datagrams.
fn deliver(
    meta: &RecvMeta,
    bytes: &[u8],
    bound: IpAddr,
    f: &mut impl FnMut(Datagram<'_>),
) -> usize {
    let local_ip = meta.dst_ip.unwrap_or(bound).to_canonical();
    let broadcast = matches!(local_ip, IpAddr::V4(ip) if ip.is_broadcast());
    if bytes.is_empty() || broadcast || local_ip.is_multicast() {
        // Not for us alone: an answer would have no source address.
        return 0;
    }
    let source = canonical(meta.addr);
    let mut count = 0;
    for contents in bytes.chunks(meta.stride.max(1)) {
        f(Datagram {
            source,
            local_ip,
            contents,
        });
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests;
