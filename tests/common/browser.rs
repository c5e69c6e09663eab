//! A browser made of str0m: receives the video and notes what came when.

use super::camera::number_of;
use super::estimator::Estimator;
use super::network::Packet;
use mimamori::core::crypto;
use mimamori::proto::annexb::{NAL_IDR, NAL_SLICE, nal_type, nal_units};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use str0m::bwe::Bitrate;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::config::{DtlsCert, DtlsVersion};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// One frame as it came out of the jitter buffer.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    pub at: Instant,
    pub number: u32,
    pub keyframe: bool,
    /// False if frames before it were lost.
    pub contiguous: bool,
}

pub struct Browser {
    pub address: SocketAddr,
    pub frames: Vec<Received>,
    pub connected: Option<Instant>,
    pub timeout: Instant,
    pub rtc: Rtc,
    /// Its link is cut for good: what it makes of that is its own affair.
    pub given_up: bool,
    mid: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    last_pli: Instant,
    estimator: Estimator,
}

impl Browser {
    /// `patience`: frames that the jitter buffer holds behind a gap.
    pub fn new(
        now: Instant,
        n: usize,
        address: SocketAddr,
        patience: usize,
        certificate: DtlsCert,
    ) -> Browser {
        let mut config = RtcConfig::new()
            .set_crypto_provider(crypto::provider())
            .set_dtls_cert(certificate)
            .set_dtls_version(if n.is_multiple_of(2) {
                DtlsVersion::Dtls13
            } else {
                DtlsVersion::Dtls12
            })
            .set_reordering_size_video(patience)
            .clear_codecs();
        for (pt, profile) in [(96, 0x42001f), (98, 0x42e01f), (100, 0x4d001f)] {
            config
                .codec_config()
                .add_h264(pt.into(), Some((pt + 1).into()), true, profile);
        }
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).unwrap());
        Browser {
            address,
            frames: vec![],
            connected: None,
            timeout: now,
            rtc,
            given_up: false,
            mid: None,
            pending: None,
            last_pli: now,
            estimator: Estimator::new(now),
        }
    }

    /// An answer to the camera's offer.
    pub fn answer(&mut self, offer: &str) -> String {
        let offer = SdpOffer::from_sdp_string(offer).expect("a readable offer");
        self.rtc
            .sdp_api()
            .accept_offer(offer)
            .expect("an acceptable offer")
            .to_sdp_string()
    }

    /// An offer to receive video (WHEP).
    pub fn offer(&mut self) -> String {
        let mut change = self.rtc.sdp_api();
        change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = change.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// An offer with new ICE credentials, once [`Self::offer`] has been answered.
    pub fn restart_offer(&mut self) -> String {
        let mut change = self.rtc.sdp_api();
        change.ice_restart(true);
        let (offer, pending) = change.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    pub fn accept_answer(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).expect("a readable answer");
        let pending = self.pending.take().unwrap();
        self.rtc
            .sdp_api()
            .accept_answer(pending, answer)
            .expect("a fitting answer");
    }

    pub fn receive(&mut self, now: Instant, packet: &Packet) {
        if let Ok(receive) = Receive::new(Protocol::Udp, packet.from, packet.to, &packet.contents) {
            self.rtc
                .handle_input(Input::Receive(now, receive))
                .expect("a healthy connection");
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.timeout <= now {
            match self.rtc.handle_input(Input::Timeout(now)) {
                Err(_) if self.given_up => self.rtc.disconnect(),
                handled => handled.expect("a healthy connection"),
            }
        }
    }

    pub fn drain(&mut self, now: Instant) -> Vec<Transmit> {
        let mut transmits = vec![];
        loop {
            let output = match self.rtc.poll_output() {
                Err(_) if self.given_up => {
                    // A handshake that can't go on.
                    self.rtc.disconnect();
                    continue;
                }
                output => output.expect("a healthy connection"),
            };
            match output {
                Output::Timeout(timeout) => {
                    self.timeout = timeout;
                    return transmits;
                }
                Output::Transmit(transmit) => transmits.push(transmit),
                Output::Event(event) => self.handle_event(now, event),
            }
        }
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Connected => self.connected = Some(now),
            Event::MediaAdded(media) => self.mid = Some(media.mid),
            Event::MediaData(data) => {
                if let Some(sent) = data.ext_vals.abs_send_time {
                    let delay = data.network_time.saturating_duration_since(sent);
                    self.estimate(now, data.data.len(), delay);
                }
                let slice =
                    nal_units(&data.data).find(|nal| [NAL_SLICE, NAL_IDR].contains(&nal_type(nal)));
                let Some(slice) = slice else { return };
                let keyframe = nal_type(slice) == NAL_IDR;
                let frame = Received {
                    at: now,
                    number: number_of(slice),
                    keyframe,
                    contiguous: data.contiguous,
                };
                self.frames.push(frame);
                if !data.contiguous && !keyframe && now > self.last_pli + Duration::from_millis(300)
                {
                    self.request_keyframe();
                    self.last_pli = now;
                }
            }
            _ => {}
        }
    }

    fn estimate(&mut self, now: Instant, bytes: usize, delay: Duration) {
        let Some(estimate) = self.estimator.handle_frame(now, bytes, delay) else {
            return;
        };
        let mut api = self.rtc.direct_api();
        if let Some(stream) = self.mid.and_then(|mid| api.stream_rx_by_mid(mid, None)) {
            stream.request_remb(Bitrate::bps(estimate));
        }
    }

    /// Sends a PLI, as a decoder that has lost its reference does.
    pub fn request_keyframe(&mut self) {
        if let Some(mut writer) = self.mid.and_then(|mid| self.rtc.writer(mid)) {
            let _ = writer.request_keyframe(None, KeyframeRequestKind::Pli);
        }
    }

    /// Frames that a decoder could show: from a keyframe on, without a gap.
    pub fn decodable(&self) -> Vec<Received> {
        let mut last: Option<u32> = None;
        let shows = |frame: &&Received| {
            let shown = frame.keyframe || last.is_some_and(|last| frame.number == last + 1);
            last = shown.then_some(frame.number);
            shown
        };
        self.frames.iter().filter(shows).copied().collect()
    }
}
