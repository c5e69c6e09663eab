//! The whole core behind one face: what happens goes in, what is to be done comes out.

use super::output::Output;
use super::rtc::RtcFactory;
use super::signalling::Signalling;
use super::stage::{Stage, StageSettings};
use super::status::{self, IceServer, System};
use super::whep::{self, Whep};
use crate::proto::camera::{CameraInfo, CameraKind};
use crate::proto::frame::Frame;
use crate::proto::heartbeat::{Beat, Pulse};
use crate::proto::http::{Answer, Request};
use crate::proto::session_id::SessionId;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// With nothing to wait for, the loop looks in again after this.
const IDLE: Duration = Duration::from_secs(3600);

/// The core: drain [`Self::poll_output`] to [`Output::Timeout`] after each call.
pub struct Hub {
    stage: Stage,
    signalling: Signalling,
    whep: Whep,
    ice_servers: Vec<IceServer>,
    started: Instant,
    /// Why the camera delivers nothing, or another one does, for people.
    problem: Option<String>,
    system: System,
}

impl Hub {
    /// `seed`: random; it makes RTP numbers unpredictable, nothing secret.
    pub fn new(
        now: Instant,
        settings: StageSettings,
        factory: RtcFactory,
        ice_servers: Vec<IceServer>,
        seed: u64,
    ) -> Hub {
        Hub {
            stage: Stage::new(now, settings, factory, seed),
            signalling: Signalling::default(),
            whep: Whep::new(ice_servers.iter().flat_map(IceServer::links).collect()),
            ice_servers,
            started: now,
            problem: Some("The camera is being looked for.".into()),
            system: System::default(),
        }
    }

    pub fn handle_camera(&mut self, info: CameraInfo) {
        self.problem.clone_from(&info.problem);
        self.stage.handle_camera(info);
    }

    pub fn handle_camera_lost(&mut self, reason: String) {
        self.problem = Some(reason);
        self.stage.handle_camera_lost();
    }

    /// How the system is, which the status tells.
    pub fn handle_system(&mut self, system: System) {
        self.system = system;
    }

    /// Nobody watches, and the camera has passed over so many frames.
    pub fn handle_rest(&mut self, passed_over: u64) {
        self.stage.handle_rest(passed_over);
    }

    pub fn handle_frame(&mut self, now: Instant, frame: &Frame) {
        self.stage.handle_frame(now, frame);
        self.settle();
    }

    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        contents: &[u8],
    ) {
        self.stage
            .handle_datagram(now, source, destination, contents);
        self.settle();
    }

    /// The usable local addresses have changed.
    pub fn handle_addresses(&mut self, now: Instant, addresses: Vec<IpAddr>) {
        let lines = self.stage.handle_addresses(now, addresses);
        self.signalling.handle_candidates(&lines, &mut self.stage);
        self.settle();
    }

    /// A signalling WebSocket has opened.
    pub fn handle_session_opened(&mut self, session: SessionId, peer: SocketAddr) {
        self.signalling
            .open(session, peer.ip().to_canonical().is_loopback());
    }

    pub fn handle_session_text(&mut self, now: Instant, session: SessionId, text: &str) {
        self.signalling
            .handle_text(now, session, text, &mut self.stage);
        self.settle();
    }

    pub fn handle_session_closed(&mut self, now: Instant, session: SessionId) {
        self.signalling.close(now, session, &mut self.stage);
        self.settle();
    }

    /// Answers an HTTP request. `token`: random, for a resource that it may make.
    pub fn handle_request(&mut self, now: Instant, request: &Request, token: &str) -> Answer {
        let answer = match request.path.as_str() {
            "/api/status" => status::answer(request, || {
                let problem = self.problem.as_deref();
                status::status(now - self.started, &self.stage, problem, &self.system)
            }),
            "/api/webrtc/settings" => {
                status::answer(request, || status::settings(&self.stage, &self.ice_servers))
            }
            path if path == "/whep" || path.starts_with("/whep/") => {
                self.whep.handle(now, request, token, &mut self.stage)
            }
            _ => whep::problem(404, "There is nothing at this address."),
        };
        self.settle();
        answer
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.stage.handle_timeout(now);
        self.settle();
    }

    /// What is to be done; [`Output::Timeout`] comes last.
    pub fn poll_output(&mut self, now: Instant) -> Output {
        self.stage.outputs.pop_front().unwrap_or_else(|| {
            let (due, why) = self
                .stage
                .poll_timeout(now)
                .unwrap_or((now + IDLE, "nothing to do"));
            Output::Timeout(due, why)
        })
    }

    /// The camera stops: every viewer is told.
    pub fn close(&mut self, now: Instant) {
        self.stage.close_all(now);
    }

    /// True while anybody is connected or connecting.
    pub fn is_watched(&self) -> bool {
        self.stage.viewers() > 0
    }

    /// How the camera is, for whoever supervises us.
    pub fn beat(&self) -> Beat {
        let camera = match self.stage.camera() {
            None => Pulse::Lost,
            Some(CameraInfo { problem, .. }) if problem.is_some() => Pulse::Missing,
            Some(info) if info.kind == CameraKind::V4l2 => Pulse::Running,
            Some(_) => Pulse::Resting,
        };
        Beat {
            camera,
            frames: self.stage.frames(),
            viewers: self.stage.viewers() as u64,
        }
    }

    /// Passes on what became of viewers to whoever opened them.
    fn settle(&mut self) {
        for (viewer, reason) in self.stage.take_gone() {
            log::info!("viewer {} is gone: {reason}", viewer.0);
            self.whep.handle_gone(viewer);
            self.signalling.handle_gone(viewer, &mut self.stage);
        }
        for (viewer, estimate) in self.stage.take_slow() {
            log::info!("viewer {} has a slow link: {estimate} bit/s", viewer.0);
            let text = slow_text(estimate, self.stage.settings().bitrate.floor);
            self.signalling.tell(viewer, &text, &mut self.stage);
        }
    }
}

fn slow_text(estimate: u32, floor: u32) -> String {
    if estimate >= floor {
        return "Your connection is too slow for this picture: parts of it are left out.".into();
    }
    format!(
        "Your connection is too slow for a smooth picture: it carries about {} kbit/s, the camera needs {}.",
        estimate / 1000,
        floor / 1000
    )
}
