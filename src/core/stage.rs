//! All viewers of the one encoder.

use super::bitrate::{BitrateBounds, BitratePolicy};
use super::gop::Gop;
use super::keyframes::Keyframes;
use super::output::Output;
use super::packets::Packets;
use super::rtc::{DEFAULT_PROFILE_LEVEL_ID, RtcFactory};
use super::viewer::{Happened, Viewer, ViewerId};
use crate::proto::annexb;
use crate::proto::camera::{CameraInfo, VideoFormat};
use crate::proto::frame::Frame;
use crate::proto::sps;
use crate::proto::stun;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Input};

/// What the stage is told once.
#[derive(Clone, Debug)]
pub struct StageSettings {
    pub max_viewers: usize,
    pub bitrate: BitrateBounds,
    /// UDP port of the media socket.
    pub port: u16,
    /// Addresses that a port forwarding shows to the outside.
    pub announce: Vec<SocketAddr>,
}

/// A frame of a cached group costs a joining browser about this long to decode.
const DECODE_TIME: Duration = Duration::from_millis(4);

/// What a home network carries at the least, bytes per millisecond (20 Mbit/s),
/// for judging how long a cached group would be on its way.
const JOIN_BYTES_PER_MS: u64 = 2_500;

/// How often the bitrate is looked at without a new estimate, so that a raise that
/// came too soon is made up for. The viewers' own timeouts bring the turn.
const REVIEW_INTERVAL: Duration = Duration::from_millis(250);

/// Viewers, the stream's recent past, and what the viewers want of the encoder.
pub struct Stage {
    settings: StageSettings,
    factory: RtcFactory,
    epoch: Instant,
    seeds: Seeds,
    viewers: BTreeMap<ViewerId, Viewer>,
    next_id: u32,
    sources: HashMap<SocketAddr, ViewerId>,
    addresses: Vec<IpAddr>,
    gop: Gop,
    keyframes: Keyframes,
    bitrate: BitratePolicy,
    camera: Option<CameraInfo>,
    sps: Vec<u8>,
    profile_level_id: u32,
    frames: u64,
    review: Instant,
    pub(super) outputs: VecDeque<Output>,
    gone: Vec<(ViewerId, &'static str)>,
    slow: Vec<(ViewerId, u32)>,
}

impl Stage {
    /// `seed`: random, so that SSRC-independent RTP numbers can't be guessed.
    pub fn new(now: Instant, settings: StageSettings, factory: RtcFactory, seed: u64) -> Stage {
        Stage {
            bitrate: BitratePolicy::new(settings.bitrate),
            settings,
            factory,
            epoch: now,
            seeds: Seeds(seed),
            viewers: BTreeMap::new(),
            next_id: 0,
            sources: HashMap::new(),
            addresses: Vec::new(),
            gop: Gop::default(),
            keyframes: Keyframes::default(),
            camera: None,
            sps: Vec::new(),
            profile_level_id: DEFAULT_PROFILE_LEVEL_ID,
            frames: 0,
            review: now,
            outputs: VecDeque::new(),
            gone: Vec::new(),
            slow: Vec::new(),
        }
    }

    // --- the camera ---------------------------------------------------------

    /// The camera streams (again): what was cached does not go on.
    pub fn handle_camera(&mut self, info: CameraInfo) {
        self.camera = Some(info);
        self.handle_gap();
        self.outputs
            .push_back(Output::SetBitrate(self.bitrate.current()));
    }

    /// The camera delivers nothing now.
    pub fn handle_camera_lost(&mut self) {
        self.camera = None;
        self.handle_gap();
    }

    /// The camera has passed over frames that nobody watched.
    pub fn handle_rest(&mut self, passed_over: u64) {
        self.frames += passed_over;
        self.handle_gap();
    }

    fn handle_gap(&mut self) {
        self.gop.clear();
        self.viewers.values_mut().for_each(Viewer::handle_gap);
        if self.camera.is_some() && self.viewers.values().any(Viewer::is_connected) {
            self.keyframes.want();
        }
    }

    /// The format that `caller` wishes, taken only while nobody else watches: the first
    /// caller's format holds. `None` stands for an unknown number.
    pub fn choose_format(&mut self, caller: ViewerId, format: Option<VideoFormat>) {
        let format = format.unwrap_or(VideoFormat {
            width: 1280,
            height: 720,
            fps: 30,
        });
        let alone = self.viewers.keys().all(|id| *id == caller);
        let runs = |camera: &CameraInfo| camera.format == format;
        if alone && !self.camera.as_ref().is_some_and(runs) {
            self.outputs.push_back(Output::SetFormat(format));
        }
    }

    /// One frame: cut once, sent to each viewer, remembered for the next to join.
    pub fn handle_frame(&mut self, now: Instant, frame: &Frame) {
        self.frames += 1;
        if frame.keyframe {
            self.keyframes.handle_keyframe(now);
            self.read_profile(&frame.data);
        }
        let packets = Rc::new(Packets::new(frame));
        self.gop.push(packets.clone());
        for id in self.ids() {
            let Some(viewer) = self.viewers.get_mut(&id) else {
                continue;
            };
            if viewer.handle_frame(now, &packets) {
                self.keyframes.want();
            }
            self.drain(now, id);
        }
        self.poll_keyframes(now);
    }

    fn read_profile(&mut self, access_unit: &[u8]) {
        let Some(sps) = annexb::facts(access_unit).sps else {
            return;
        };
        if self.sps == sps {
            return;
        }
        self.sps = sps.to_vec();
        match sps::parse(sps) {
            Ok(sps) => self.profile_level_id = sps.profile_level_id,
            Err(error) => log::warn!("the camera's SPS is not readable: {error:?}"),
        }
    }

    // --- viewers come and go ------------------------------------------------

    pub fn is_full(&self) -> bool {
        self.viewers.len() >= self.settings.max_viewers
    }

    /// A new viewer. `from_here`: the peer's signalling came over the loopback.
    pub fn open(&mut self, now: Instant, from_here: bool) -> (ViewerId, Vec<String>) {
        let rtc = self.factory.build(now, self.profile_level_id);
        let start = self.settings.bitrate.start;
        let mut viewer = Viewer::new(now, rtc, self.epoch, self.seeds.next(), start);
        let candidates = self.candidates(from_here);
        let lines = candidates
            .into_iter()
            .filter_map(|c| viewer.add_local_candidate(c))
            .collect();
        self.next_id += 1;
        let id = ViewerId(self.next_id);
        self.viewers.insert(id, viewer);
        (id, lines)
    }

    pub fn viewer_mut(&mut self, id: ViewerId) -> Option<&mut Viewer> {
        self.viewers.get_mut(&id)
    }

    pub fn contains(&self, id: ViewerId) -> bool {
        self.viewers.contains_key(&id)
    }

    /// A viewer leaves now.
    pub fn close(&mut self, now: Instant, id: ViewerId) {
        let Some(viewer) = self.viewers.get_mut(&id) else {
            return;
        };
        viewer.close();
        viewer.drain(now, &mut self.outputs);
        self.remove(now, id);
    }

    pub fn close_all(&mut self, now: Instant) {
        self.ids().into_iter().for_each(|id| self.close(now, id));
    }

    fn remove(&mut self, now: Instant, id: ViewerId) {
        self.viewers.remove(&id);
        self.sources.retain(|_, viewer| *viewer != id);
        self.update_bitrate(now);
    }

    /// Viewers that ended by themselves since the last call, and why.
    pub fn take_gone(&mut self) -> Vec<(ViewerId, &'static str)> {
        std::mem::take(&mut self.gone)
    }

    /// Viewers whose link turned out too slow since the last call, with its bits
    /// per second.
    pub fn take_slow(&mut self) -> Vec<(ViewerId, u32)> {
        std::mem::take(&mut self.slow)
    }

    // --- the network --------------------------------------------------------

    /// The usable local addresses, now; each viewer learns what has changed. The
    /// result are the candidate lines to trickle; each names its viewer's ICE
    /// credentials, so it is for nobody else.
    pub fn handle_addresses(
        &mut self,
        now: Instant,
        addresses: Vec<IpAddr>,
    ) -> Vec<(ViewerId, String)> {
        let gone: Vec<_> = self
            .addresses
            .iter()
            .filter(|a| !addresses.contains(a))
            .copied()
            .collect();
        let new: Vec<_> = addresses
            .iter()
            .filter(|a| !self.addresses.contains(a))
            .copied()
            .collect();
        self.addresses = addresses;
        let mut lines = Vec::new();
        for id in self.ids() {
            let Some(viewer) = self.viewers.get_mut(&id) else {
                continue;
            };
            for candidate in gone
                .iter()
                .filter_map(|ip| host_candidate(*ip, self.settings.port))
            {
                viewer.remove_local_candidate(&candidate);
            }
            for ip in new.iter().filter(|ip| !ip.is_loopback()) {
                let Some(candidate) = host_candidate(*ip, self.settings.port) else {
                    continue;
                };
                let line = viewer.add_local_candidate(candidate);
                lines.extend(line.map(|line| (id, line)));
            }
            self.drain(now, id);
        }
        lines
    }

    fn candidates(&self, from_here: bool) -> Vec<Candidate> {
        let port = self.settings.port;
        let outside = self.addresses.iter().filter(|ip| !ip.is_loopback());
        let alone = outside.clone().next().is_none();
        let loopback = self
            .addresses
            .iter()
            .filter(|ip| ip.is_loopback() && (from_here || alone));
        let hosts: Vec<_> = outside
            .chain(loopback)
            .filter_map(|ip| host_candidate(*ip, port))
            .collect();
        let announced = self.settings.announce.iter().filter_map(|announced| {
            let base = hosts
                .iter()
                .find(|host| host.addr().is_ipv4() == announced.is_ipv4())?;
            Candidate::server_reflexive(*announced, base.addr(), Protocol::Udp).ok()
        });
        let announced: Vec<_> = announced.collect();
        hosts.into_iter().chain(announced).collect()
    }

    /// A datagram; `destination` is the local address that it came to.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        contents: &[u8],
    ) {
        let Ok(receive) = Receive::new(Protocol::Udp, source, destination, contents) else {
            return;
        };
        let input = Input::Receive(now, receive);
        let Some(id) = self.viewer_of(source, contents, &input) else {
            return;
        };
        let Some(viewer) = self.viewers.get_mut(&id) else {
            return;
        };
        viewer.handle_datagram(now, input);
        self.drain(now, id);
        self.poll_keyframes(now);
    }

    /// STUN names its viewer. What else comes from the same address is that viewer's,
    /// too, even before the address is proven: a browser begins with DTLS as soon as
    /// the way works for itself, and would wait to repeat what was dropped.
    fn viewer_of(
        &mut self,
        source: SocketAddr,
        contents: &[u8],
        input: &Input,
    ) -> Option<ViewerId> {
        let known = self.sources.get(&source).copied();
        let known = known.filter(|id| self.viewers.contains_key(id));
        if known.is_some() && !stun::is_stun(contents) {
            return known;
        }
        let accepts = |id: &ViewerId| self.viewers.get(id).is_some_and(|v| v.accepts(input));
        if known.as_ref().is_some_and(accepts) {
            return known;
        }
        let id = self
            .viewers
            .iter()
            .find(|(_, viewer)| viewer.accepts(input))
            .map(|(id, _)| *id)?;
        // A peer has a handful of addresses; the map is no place to pile up others.
        if self.sources.len() >= 16 * self.settings.max_viewers {
            self.sources.clear();
        }
        self.sources.insert(source, id);
        Some(id)
    }

    // --- time ---------------------------------------------------------------

    pub fn handle_timeout(&mut self, now: Instant) {
        for id in self.ids() {
            let Some(viewer) = self.viewers.get_mut(&id) else {
                continue;
            };
            if viewer.poll_timeout().0 <= now {
                viewer.handle_timeout(now);
                self.drain(now, id);
            }
        }
        if now >= self.review {
            self.review = now + REVIEW_INTERVAL;
            self.update_bitrate(now);
        }
        self.poll_keyframes(now);
    }

    /// When `handle_timeout` is to be called next, and why.
    pub fn poll_timeout(&self, now: Instant) -> Option<(Instant, &'static str)> {
        let viewers = self.viewers.values().map(Viewer::poll_timeout);
        let keyframe = self
            .keyframes
            .due(now)
            .map(|due| (due, "a wanted keyframe"));
        viewers.chain(keyframe).min_by_key(|(due, _)| *due)
    }

    fn ids(&self) -> Vec<ViewerId> {
        self.viewers.keys().copied().collect()
    }

    /// Collects one viewer's outputs and acts on what happened to it.
    pub fn drain(&mut self, now: Instant, id: ViewerId) {
        let Some(viewer) = self.viewers.get_mut(&id) else {
            return;
        };
        let happened = viewer.drain(now, &mut self.outputs);
        if let Some(reason) = viewer.gone() {
            self.gone.push((id, reason));
            self.remove(now, id);
            return;
        }
        self.act_on(now, id, happened);
    }

    fn act_on(&mut self, now: Instant, id: ViewerId, happened: Happened) {
        if happened.connected {
            self.welcome(now, id);
        }
        if happened.keyframe_wanted {
            self.keyframes.want();
        }
        if happened.estimate_changed {
            self.update_bitrate(now);
        }
    }

    /// First picture at once: the group so far, or a forced keyframe, whichever
    /// shows sooner.
    fn welcome(&mut self, now: Instant, id: ViewerId) {
        if self.keyframe_sooner(now) {
            self.keyframes.want();
            return;
        }
        let Some(viewer) = self.viewers.get_mut(&id) else {
            return;
        };
        viewer.join(now, self.gop.frames());
        self.drain(now, id);
    }

    fn keyframe_sooner(&self, now: Instant) -> bool {
        let Some(camera) = &self.camera else {
            return false;
        };
        if self.gop.frames().is_empty() {
            return true;
        }
        if !camera.keyframe_on_request || !self.keyframes.ready(now) {
            return false;
        }
        let frames = self.gop.frames().len() as u32;
        let transfer = Duration::from_millis(self.gop.bytes() as u64 / JOIN_BYTES_PER_MS);
        // Half a frame until the next one starts, one until it is encoded.
        let forced = Duration::from_secs(1) * 3 / 2 / camera.format.fps.max(1);
        forced < transfer + frames * DECODE_TIME
    }

    fn poll_keyframes(&mut self, now: Instant) {
        if self.keyframes.poll(now) {
            self.outputs.push_back(Output::RequestKeyframe);
        }
    }

    fn update_bitrate(&mut self, now: Instant) {
        let estimates = self.viewers.values().filter_map(Viewer::estimate);
        if let Some(bits_per_second) = self.bitrate.update(now, estimates) {
            self.outputs.push_back(Output::SetBitrate(bits_per_second));
        }
        for (id, viewer) in &mut self.viewers {
            if viewer.turned_slow(now, |estimate| self.bitrate.carries_floor(estimate)) {
                self.slow.push((*id, viewer.estimate().unwrap_or_default()));
            }
        }
    }

    // --- for the status -----------------------------------------------------

    pub fn viewers(&self) -> usize {
        self.viewers.len()
    }

    pub fn settings(&self) -> &StageSettings {
        &self.settings
    }

    pub fn camera(&self) -> Option<&CameraInfo> {
        self.camera.as_ref()
    }

    /// What the encoder was last asked for, bits per second.
    pub fn bitrate(&self) -> u32 {
        self.bitrate.current()
    }

    /// Frames taken from the camera since the start.
    pub fn frames(&self) -> u64 {
        self.frames
    }
}

fn host_candidate(ip: IpAddr, port: u16) -> Option<Candidate> {
    Candidate::host(SocketAddr::new(ip, port), Protocol::Udp).ok()
}

/// SplitMix64: spreads one random seed over many viewers, repeatably in tests.
struct Seeds(u64);

impl Seeds {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
