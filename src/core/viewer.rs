//! One viewer: one WebRTC connection and where it stands in the stream.

use super::link::Link;
use super::media::MediaStream;
use super::output::Output;
use super::packets::Packets;
use super::rtc::{PT_H264, SEND_BUFFER, negotiated_payload_type};
use crate::proto::candidate::{self, Remote};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};
use str0m::bwe::BweKind;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::{Candidate, Event, Input, Rtc};

/// A viewer that has not connected by then never will: ICE and DTLS repeat
/// themselves for about that long.
const SETUP_LIMIT: Duration = Duration::from_secs(20);

/// A connected viewer that is not heard for this long is gone. RTCP comes each
/// second, ICE consent checks each 5 s at the least (RFC 7675, 5.1), and their
/// answers to ours more often.
const SILENCE_LIMIT: Duration = Duration::from_millis(5_500);

/// A viewer that is not heard for this long is sent nothing until it is: a flooded
/// link would not even let its handshake or its feedback through. RTCP comes each
/// second at the least.
const QUIET_LIMIT: Duration = Duration::from_millis(1_500);

/// Remote candidates kept for one viewer; browsers send fewer than twenty.
const MAX_CANDIDATES: usize = 64;

/// Sent packets are kept for that long at the most: a later repair is too late.
const SEND_BUFFER_AGE: Duration = Duration::from_secs(1);

/// Share of the sent bytes that may be retransmissions. str0m's 0.15 gives up just
/// where a bad Wi-Fi begins to need them.
const MAX_RESEND_SHARE: f32 = 0.4;

/// A timeout this near is handled at once. The loop's timer has steps of 1 ms, and
/// str0m's pacer gives one packet for each call, then asks for the next call a
/// microsecond later: by the timer, each packet would cost a millisecond.
const TIMER_STEP: Duration = Duration::from_millis(1);

/// Steps of one connection in one turn of the loop: more than the packets of a
/// cached group; the other viewers and the camera have their turn then.
const MAX_STEPS: usize = 2048;

/// Names one viewer. Never reused while the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ViewerId(pub u32);

/// Why an SDP did not lead to a viewer, in words for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The SDP is broken or contradicts itself.
    Unreadable(String),
    /// It is sound, but asks for what this camera does not have.
    Unusable(String),
}

impl Refusal {
    fn unreadable(what: &str, error: impl fmt::Display) -> Refusal {
        Refusal::Unreadable(format!("{what}: {error}"))
    }

    pub fn text(&self) -> &str {
        let (Refusal::Unreadable(text) | Refusal::Unusable(text)) = self;
        text
    }
}

/// Where a viewer stands. All changes are made in this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Signalling, ICE or DTLS is not through yet.
    Connecting,
    /// Connected; nothing is sent until the next keyframe.
    AwaitingKeyframe,
    /// Each frame is sent.
    Live,
    /// To be removed.
    Gone(&'static str),
}

/// What draining a viewer brought up, for the stage.
#[derive(Clone, Copy, Debug, Default)]
pub struct Happened {
    /// ICE and DTLS are through: it can be sent to.
    pub connected: bool,
    /// It asks for a keyframe (PLI or FIR).
    pub keyframe_wanted: bool,
    /// There is a new estimate of its link.
    pub estimate_changed: bool,
}

/// One viewer.
pub struct Viewer {
    rtc: Rtc,
    state: State,
    mid: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    early_candidates: Vec<Candidate>,
    candidates_seen: usize,
    media: Option<MediaStream>,
    epoch: Instant,
    seed: u64,
    link: Link,
    deadline: Instant,
    timeout: Instant,
}

impl Viewer {
    /// `epoch` and `seed`: see [`MediaStream::new`]. `start`: see [`Link::new`].
    pub fn new(now: Instant, rtc: Rtc, epoch: Instant, seed: u64, start: u32) -> Viewer {
        Viewer {
            rtc,
            state: State::Connecting,
            mid: None,
            pending: None,
            early_candidates: Vec::new(),
            candidates_seen: 0,
            media: None,
            epoch,
            seed,
            link: Link::new(now, start),
            deadline: now + SETUP_LIMIT,
            timeout: now,
        }
    }

    /// The camera offers (UV4L).
    pub fn offer(&mut self) -> Result<String, Refusal> {
        let mut change = self.rtc.sdp_api();
        let (stream, track) = (Some("mimamori".to_string()), Some("camera".to_string()));
        let mid = change.add_media(MediaKind::Video, Direction::SendOnly, stream, track, None);
        let nothing = || Refusal::Unusable("There is nothing to offer.".into());
        let (offer, pending) = change.apply().ok_or_else(nothing)?;
        self.mid = Some(mid);
        self.pending = Some(pending);
        Ok(with_round_trips(&offer.to_sdp_string()))
    }

    /// True from [`Self::offer`] until the peer's answer is in.
    pub fn awaits_answer(&self) -> bool {
        self.pending.is_some()
    }

    /// The peer's answer to [`Self::offer`].
    pub fn accept_answer(&mut self, sdp: &str) -> Result<(), Refusal> {
        let answer = SdpAnswer::from_sdp_string(&without_unusable_candidates(sdp))
            .map_err(|error| Refusal::unreadable("The answer's SDP is not readable", error))?;
        let early = || Refusal::Unreadable("There is no offer to answer.".into());
        let pending = self.pending.take().ok_or_else(early)?;
        let accepted = self.rtc.sdp_api().accept_answer(pending, answer);
        accepted
            .map_err(|error| Refusal::unreadable("The answer does not fit the offer", error))?;
        self.settle_payload_type()?;
        for candidate in std::mem::take(&mut self.early_candidates) {
            self.rtc.add_remote_candidate(candidate);
        }
        Ok(())
    }

    /// The peer offers (WHEP); the result is the answer's SDP. Called again for an
    /// ICE restart.
    pub fn accept_offer(&mut self, sdp: &str) -> Result<String, Refusal> {
        let offer = SdpOffer::from_sdp_string(&without_unusable_candidates(sdp))
            .map_err(|error| Refusal::unreadable("The offer's SDP is not readable", error))?;
        let answer = self.rtc.sdp_api().accept_offer(offer);
        let answer =
            answer.map_err(|error| Refusal::unreadable("The offer can't be answered", error))?;
        let answer = answer.to_sdp_string();
        self.mid = self.mid.or_else(|| self.sending_mid(&answer));
        self.settle_payload_type()?;
        Ok(answer)
    }

    /// The m-line of a peer's offer on which it wants video.
    fn sending_mid(&self, answer: &str) -> Option<Mid> {
        let mids = answer
            .lines()
            .filter_map(|line| line.strip_prefix("a=mid:"));
        mids.map(|mid| Mid::from(mid.trim())).find(|mid| {
            let media = self.rtc.media(*mid);
            media.is_some_and(|media| {
                media.kind() == MediaKind::Video && media.direction().is_sending()
            })
        })
    }

    fn settle_payload_type(&mut self) -> Result<(), Refusal> {
        let no_video = || Refusal::Unusable("The offer has no video to receive.".into());
        let mid = self.mid.ok_or_else(no_video)?;
        let payload_type = negotiated_payload_type(&self.rtc, mid).ok_or_else(|| {
            Refusal::Unusable(
                "This camera sends H.264 (packetization-mode=1) in a profile that was not offered."
                    .into(),
            )
        })?;
        if self.media.is_none() {
            self.media = Some(MediaStream::new(payload_type, self.epoch, self.seed));
        }
        Ok(())
    }

    /// One remote candidate. Unusable ones are passed over: the peer is then found
    /// by the checks that it sends itself.
    pub fn add_remote_candidate(&mut self, text: &str) {
        let Remote::Usable(text) = candidate::normalise(text) else {
            return;
        };
        self.candidates_seen += 1;
        if self.candidates_seen > MAX_CANDIDATES {
            return;
        }
        let Ok(candidate) = Candidate::from_sdp_string(&text) else {
            return;
        };
        if self.pending.is_some() {
            self.early_candidates.push(candidate);
        } else {
            self.rtc.add_remote_candidate(candidate);
        }
    }

    /// Adds a local address; the text is its candidate line, `None` if it was known.
    pub fn add_local_candidate(&mut self, candidate: Candidate) -> Option<String> {
        self.rtc
            .add_local_candidate(candidate)
            .map(Candidate::to_sdp_string)
    }

    /// An address is gone.
    pub fn remove_local_candidate(&mut self, candidate: &Candidate) {
        self.rtc.direct_api().invalidate_candidate(candidate);
    }

    /// True if a datagram belongs to this viewer.
    pub fn accepts(&self, datagram: &Input) -> bool {
        self.rtc.accepts(datagram)
    }

    /// A datagram from this viewer's peer.
    pub fn handle_datagram(&mut self, now: Instant, datagram: Input) {
        if self.is_connected() {
            self.deadline = now + SILENCE_LIMIT;
        }
        if let Err(error) = self.rtc.handle_input(datagram) {
            log::debug!("a viewer's connection failed: {error}");
            self.state = State::Gone("its connection failed");
        }
        if self.state == State::Connecting {
            self.hurry(now);
        }
    }

    /// str0m's ICE agent takes one step each 50 ms (RFC 8445's Ta); the answer to a
    /// check and the check that it triggers are two. Turning it over at once saves a
    /// joining viewer a tenth of a second, and no more checks are sent for it.
    fn hurry(&mut self, now: Instant) {
        (0..2).for_each(|_| self.flush(now));
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.deadline {
            self.state = State::Gone(match self.state {
                State::Connecting => "it did not connect in time",
                _ => "it went silent",
            });
        }
        if self.timeout <= now && self.rtc.handle_input(Input::Timeout(now)).is_err() {
            self.state = State::Gone("its connection failed");
        }
    }

    /// One frame of the stream. Returns true if the viewer needs a keyframe now.
    pub fn handle_frame(&mut self, now: Instant, packets: &Packets) -> bool {
        match self.state {
            State::Connecting | State::Gone(_) => return false,
            State::AwaitingKeyframe => {
                let ready = self.link.has_caught_up(now) && !self.is_quiet(now);
                if !packets.keyframe || !ready {
                    return ready && !packets.keyframe;
                }
                self.state = State::Live;
            }
            State::Live if self.link.is_behind(now) || self.is_quiet(now) => {
                self.fall_behind(now);
                return false;
            }
            State::Live => {}
        }
        self.link.add(now, packets.bytes);
        self.write(packets);
        self.flush(now);
        false
    }

    fn fall_behind(&mut self, now: Instant) {
        self.state = State::AwaitingKeyframe;
        self.link.handle_fall(now);
    }

    /// True if its link or its feedback is stuck. The deadline moves with what is heard.
    fn is_quiet(&self, now: Instant) -> bool {
        self.deadline.saturating_duration_since(now) < SILENCE_LIMIT - QUIET_LIMIT
    }

    /// Sends the group of pictures so far: the viewer joins in its middle.
    pub fn join(&mut self, now: Instant, gop: &[Rc<Packets>]) {
        if self.state != State::AwaitingKeyframe || gop.is_empty() {
            return;
        }
        self.state = State::Live;
        self.link
            .add_join(now, gop.iter().map(|packets| packets.bytes).sum());
        gop.iter().for_each(|packets| self.write(packets));
        self.flush(now);
    }

    /// The stream has a gap: nothing can be decoded before the next keyframe.
    pub fn handle_gap(&mut self) {
        if self.state == State::Live {
            self.state = State::AwaitingKeyframe;
        }
    }

    /// Collects what the connection wants to send, up to its next timeout.
    pub fn drain(&mut self, now: Instant, outputs: &mut VecDeque<Output>) -> Happened {
        let (mut happened, mut steps) = (Happened::default(), 0);
        let soon = now + TIMER_STEP;
        while self.gone().is_none() {
            match self.rtc.poll_output() {
                Ok(str0m::Output::Transmit(transmit)) => {
                    outputs.push_back(Output::Transmit(transmit))
                }
                Ok(str0m::Output::Event(event)) => self.handle_event(now, event, &mut happened),
                Ok(str0m::Output::Timeout(timeout)) if timeout <= soon && steps < MAX_STEPS => {
                    steps += 1;
                    self.flush(timeout.max(now));
                }
                Ok(str0m::Output::Timeout(timeout)) => {
                    self.timeout = timeout;
                    break;
                }
                Err(error) => {
                    log::debug!("a viewer's connection failed: {error}");
                    self.state = State::Gone("its connection failed");
                }
            }
        }
        if !self.rtc.is_alive() && self.gone().is_none() {
            self.state = State::Gone("it left");
        }
        happened
    }

    fn handle_event(&mut self, now: Instant, event: Event, happened: &mut Happened) {
        match event {
            Event::Connected => {
                self.state = State::AwaitingKeyframe;
                self.deadline = now + SILENCE_LIMIT;
                happened.connected = true;
                self.configure_stream();
            }
            Event::KeyframeRequest(_) => happened.keyframe_wanted = true,
            Event::EgressBitrateEstimate(BweKind::Remb { estimate, .. }) => {
                let bits_per_second = estimate.as_u64().min(u64::from(u32::MAX)) as u32;
                self.link.handle_remb(now, bits_per_second);
                happened.estimate_changed = true;
            }
            Event::MediaEgressStats(stats) => {
                let flooded = self.link.handle_report(now, stats.loss, stats.rtt);
                if flooded && self.state == State::Live {
                    self.fall_behind(now);
                }
                happened.estimate_changed = true;
            }
            Event::Closed => self.state = State::Gone("it closed the connection"),
            _ => {}
        }
    }

    /// Repairs for a bad Wi-Fi, too.
    fn configure_stream(&mut self) {
        let Some(mid) = self.mid else { return };
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
            stream.set_rtx_cache(SEND_BUFFER, SEND_BUFFER_AGE, Some(MAX_RESEND_SHARE));
        }
    }

    fn write(&mut self, packets: &Packets) {
        let (Some(mid), Some(media)) = (self.mid, self.media.as_mut()) else {
            return;
        };
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
            media.write(stream, packets);
        }
    }

    fn flush(&mut self, now: Instant) {
        if self.rtc.handle_input(Input::Timeout(now)).is_err() {
            self.state = State::Gone("its connection failed");
        }
    }

    /// Closes the connection politely: RTCP BYE and a DTLS alert, for the next drain.
    pub fn close(&mut self) {
        let _ = self.rtc.close();
    }

    /// When `handle_timeout` is to be called next, and why.
    pub fn poll_timeout(&self) -> (Instant, &'static str) {
        if self.timeout <= self.deadline {
            (self.timeout, "a viewer's connection")
        } else {
            (self.deadline, "a silent viewer")
        }
    }

    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::AwaitingKeyframe | State::Live)
    }

    /// Why it is to be removed, if it is.
    pub fn gone(&self) -> Option<&'static str> {
        match self.state {
            State::Gone(reason) => Some(reason),
            _ => None,
        }
    }

    /// What its link carries, bits per second, where that is known.
    pub fn estimate(&self) -> Option<u32> {
        self.link.estimate()
    }

    /// True once if its link has been too slow for a while: it is to be told.
    pub fn turned_slow(&mut self, now: Instant, carries_floor: impl Fn(u32) -> bool) -> bool {
        self.link.turned_slow(now, carries_floor)
    }
}

/// Asks the receiver for its reference times, which str0m answers (RFC 3611, 4.4 and
/// 4.5). Chromium sends them if the offer has this line, and without the round trip
/// that comes of it does not tell a page when a frame was captured.
fn with_round_trips(offer: &str) -> String {
    let feedback = format!("a=rtcp-fb:{PT_H264} ");
    let Some(at) = offer.find(&feedback) else {
        return offer.to_string();
    };
    let (head, tail) = offer.split_at(at);
    format!("{head}{feedback}rrtr\r\n{tail}")
}

/// Candidates that str0m can't read (mDNS names, TCP of strange kinds) must not
/// spoil the whole SDP.
fn without_unusable_candidates(sdp: &str) -> String {
    let usable = |line: &&str| match line.strip_prefix("a=candidate:") {
        Some(rest) => matches!(candidate::normalise(rest), Remote::Usable(_)),
        None => true,
    };
    let mut kept: String = sdp.lines().filter(usable).collect::<Vec<_>>().join("\r\n");
    kept.push_str("\r\n");
    kept
}
