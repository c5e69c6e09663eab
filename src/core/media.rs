//! The numbering of one viewer's RTP stream.

use super::packets::Packets;
use std::time::{Duration, Instant};
use str0m::media::{MediaTime, Pt};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo, StreamTx};

/// Video's RTP clock (RFC 6184, 8.1), ticks per second.
const CLOCK_RATE: u128 = 90_000;

/// Turns shared payloads into this viewer's RTP packets.
#[derive(Debug)]
pub struct MediaStream {
    pub payload_type: Pt,
    epoch: Instant,
    first_timestamp: u32,
    next_sequence: u64,
}

impl MediaStream {
    /// `seed` makes the first sequence number and timestamp unpredictable (RFC
    /// 3550, 5.1). `epoch` lies before every frame.
    pub fn new(payload_type: Pt, epoch: Instant, seed: u64) -> Self {
        // Below 2^15, so that no receiver has to guess a rollover (RFC 3711, 3.3.1).
        let next_sequence = 1 + (seed & 0x3fff);
        MediaStream {
            payload_type,
            epoch,
            first_timestamp: (seed >> 32) as u32,
            next_sequence,
        }
    }

    /// Queues one frame's packets.
    pub fn write(&mut self, stream: &mut StreamTx, packets: &Packets) {
        let timestamp = self.timestamp(packets.captured);
        let payloads = packets.payloads();
        let last = payloads.len().saturating_sub(1);
        for (i, payload) in payloads.iter().enumerate() {
            let sequence = SeqNo::from(self.next_sequence);
            self.next_sequence += 1;
            let packet = RtpWrite::new(
                self.payload_type,
                sequence,
                timestamp,
                packets.captured,
                payload.clone(),
            )
            .marker(i == last)
            .nackable(true);
            // The receiver keeps the value, so a keyframe's packets suffice to tell it.
            let packet = if packets.keyframe {
                packet.ext_vals(no_playout_delay())
            } else {
                packet
            };
            stream.write_rtp(packet);
        }
    }

    fn timestamp(&self, captured: Instant) -> u32 {
        let elapsed = captured.saturating_duration_since(self.epoch);
        let ticks = (elapsed.as_micros() * CLOCK_RATE / Duration::from_secs(1).as_micros()) as u32;
        self.first_timestamp.wrapping_add(ticks)
    }
}

/// Asks the browser to show each frame as soon as it is decoded
/// (<http://www.webrtc.org/experiments/rtp-hdrext/playout-delay>).
fn no_playout_delay() -> ExtensionValues {
    ExtensionValues {
        play_delay_min: Some(MediaTime::ZERO),
        play_delay_max: Some(MediaTime::ZERO),
        ..Default::default()
    }
}
