//! Collects datagrams into runs that one system call can send.

use super::{MAX_RUN_BYTES, Udp};
use std::net::{IpAddr, SocketAddr};

/// Datagrams on their way out, one buffer for all of them.
///
/// Order is kept. Nothing is sent before it must be: call
/// [`SendBatch::flush`] when there is no more.
#[derive(Debug, Default)]
pub struct SendBatch {
    pub(super) buffer: Vec<u8>,
    run: Option<Run>,
}

/// Equal-sized datagrams for one destination.
#[derive(Clone, Copy, Debug)]
struct Run {
    source: Option<IpAddr>,
    destination: SocketAddr,
    segment: usize,
    count: usize,
    /// A shorter datagram ends a run.
    closed: bool,
}

impl SendBatch {
    pub fn new() -> SendBatch {
        SendBatch::default()
    }

    /// Adds one datagram; sends first what does not go together with it.
    pub fn push(
        &mut self,
        udp: &mut Udp,
        source: Option<IpAddr>,
        destination: SocketAddr,
        contents: &[u8],
    ) {
        if contents.is_empty() {
            return;
        }
        let limit = udp.max_segments();
        if let Some(run) = &mut self.run
            && run.source == source
            && run.destination == destination
            && !run.closed
            && run.count < limit
            && contents.len() <= run.segment
            && self.buffer.len() + contents.len() <= MAX_RUN_BYTES
        {
            run.count += 1;
            run.closed = contents.len() < run.segment;
            self.buffer.extend_from_slice(contents);
            return;
        }
        self.flush(udp);
        if limit == 1 {
            // Without segmentation there is nothing to wait for.
            udp.send(source, destination, contents, None);
            return;
        }
        self.buffer.extend_from_slice(contents);
        self.run = Some(Run {
            source,
            destination,
            segment: contents.len(),
            count: 1,
            closed: false,
        });
    }

    /// Sends what is left.
    pub fn flush(&mut self, udp: &mut Udp) {
        if let Some(run) = self.run.take() {
            udp.send(run.source, run.destination, &self.buffer, Some(run.segment));
            self.buffer.clear();
        }
    }
}
