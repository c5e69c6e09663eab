//! A simulated house: the core, browsers made of str0m, and a network between them.
//!
//! Time is a variable and every random choice comes from a seed, so that each run
//! is the same run. Use: make a [`House`], let browsers [`House::call`], then
//! [`House::run`] and look at what each browser has received.
#![allow(dead_code, unused_imports, clippy::disallowed_methods)]

mod browser;
mod camera;
mod estimator;
mod network;

pub use browser::{Browser, Received};
pub use camera::SimCamera;
pub use network::Link;

use mimamori::core::bitrate::BitrateBounds;
use mimamori::core::hub::Hub;
use mimamori::core::output::Output;
use mimamori::core::rtc::RtcFactory;
use mimamori::core::stage::StageSettings;
use mimamori::core::status::IceServer;
use mimamori::proto::http::{Answer, Request};
use mimamori::proto::session_id::SessionId;
use network::Network;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use str0m::config::DtlsCert;

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);
pub const CAMERA: &str = "10.0.0.1:8080";

/// Steps at one moment that can only be a loop without an end.
const STANDSTILL: usize = 10_000;

/// The core with everything around it.
pub struct House {
    pub now: Instant,
    pub start: Instant,
    pub hub: Hub,
    pub camera: SimCamera,
    pub browsers: Vec<Browser>,
    pub network: Network,
    /// Every text sent to a session, and every session closed (as `None`).
    pub sent: Vec<(SessionId, Option<Value>)>,
    pub keyframe_requests: usize,
    pub bitrates: Vec<(Duration, u32)>,
    pub formats: Vec<mimamori::proto::camera::VideoFormat>,
    /// The path of the newest WHEP resource.
    pub resource: String,
    tokens: u32,
}

impl House {
    pub fn new() -> House {
        House::with(StageSettings {
            max_viewers: 8,
            bitrate: BitrateBounds {
                floor: 200_000,
                start: 1_500_000,
                ceiling: 4_000_000,
            },
            port: 8080,
            announce: vec![],
        })
    }

    pub fn with(settings: StageSettings) -> House {
        let now = Instant::now();
        let factory = RtcFactory::new(certificate("camera"));
        let servers = vec![IceServer {
            urls: vec!["stun:stun.example:3478".into()],
            username: None,
            credential: None,
        }];
        let mut hub = Hub::new(now, settings, factory, servers, 1);
        let camera = SimCamera::new(now);
        hub.handle_camera(camera.info());
        hub.handle_addresses(now, vec!["10.0.0.1".parse().unwrap()]);
        House {
            now,
            start: now,
            hub,
            camera,
            browsers: vec![],
            network: Network::new(7),
            sent: vec![],
            keyframe_requests: 0,
            bitrates: vec![],
            formats: vec![],
            resource: String::new(),
            tokens: 0,
        }
    }

    /// A browser that has opened its WebSocket and said nothing yet.
    pub fn browser(&mut self, link: Link) -> usize {
        let n = self.browsers.len();
        let address: SocketAddr = format!("10.0.1.{}:5000", n + 1).parse().unwrap();
        // On a narrow link whole groups are left out: there is nothing to wait for.
        let patience = if link.rate.is_some() { 1 } else { 30 };
        let browser = Browser::new(self.now, n, address, patience, certificate("browser"));
        self.browsers.push(browser);
        self.network.add_link(address, link);
        let session = SessionId(n as u64);
        self.hub.handle_session_opened(session, address);
        n
    }

    /// Browser `n` makes a new peer connection, as a page does before it calls again.
    pub fn renew(&mut self, n: usize) {
        let address = self.browsers[n].address;
        self.browsers[n] = Browser::new(self.now, n, address, 30, certificate("browser"));
    }

    /// A browser that calls by UV4L's current protocol, trickling.
    pub fn call(&mut self, link: Link) -> usize {
        let n = self.browser(link);
        self.say(
            n,
            json!({"what": "call", "options": {"force_hw_vcodec": true, "trickle_ice": true}}),
        );
        self.answer_offer(n);
        n
    }

    /// Lets browser `n` answer the offer that it was sent, in the current form.
    pub fn answer_offer(&mut self, n: usize) {
        let offer = self.last_offer(n).expect("an offer");
        let answer = self.browsers[n].answer(&offer);
        self.say(
            n,
            json!({"what": "answer", "data": json!({"type": "answer", "sdp": answer}).to_string()}),
        );
    }

    pub fn last_offer(&self, n: usize) -> Option<String> {
        let of_offer = |message: &Value| {
            let inner: Value = match message["what"].as_str() {
                Some("offer") => serde_json::from_str(message["data"].as_str()?).ok()?,
                _ if message["type"] == "offer" => message.clone(),
                _ => return None,
            };
            inner["sdp"].as_str().map(str::to_string)
        };
        self.messages(n).rev().find_map(of_offer)
    }

    /// What browser `n`'s session was sent, in order.
    pub fn messages(&self, n: usize) -> impl DoubleEndedIterator<Item = &Value> {
        self.sent
            .iter()
            .filter(move |(id, _)| id.0 == n as u64)
            .filter_map(|(_, message)| message.as_ref())
    }

    pub fn closed(&self, n: usize) -> bool {
        self.sent
            .iter()
            .any(|(id, message)| id.0 == n as u64 && message.is_none())
    }

    pub fn say(&mut self, n: usize, message: Value) {
        self.say_text(n, &message.to_string());
    }

    pub fn say_text(&mut self, n: usize, text: &str) {
        self.hub
            .handle_session_text(self.now, SessionId(n as u64), text);
        self.drain();
    }

    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.tokens += 1;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = Request {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: headers
                .iter()
                .map(|(n, v)| (n.to_string(), v.to_string()))
                .collect(),
            body: body.as_bytes().to_vec(),
            peer: Some("10.0.1.200:4000".parse().unwrap()),
            local: None,
        };
        let answer = self
            .hub
            .handle_request(self.now, &request, &format!("token{}", self.tokens));
        if answer.status == 201 {
            self.resource = format!("/whep/token{}", self.tokens);
        }
        self.drain();
        answer
    }

    pub fn status(&mut self) -> Value {
        serde_json::from_slice(&self.request("GET", "/api/status", &[], "").body).unwrap()
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut steps = 0;
        loop {
            self.drain();
            let next = self.next_event();
            if next > end {
                self.now = end;
                return;
            }
            steps = if next > self.now { 0 } else { steps + 1 };
            assert!(steps < STANDSTILL, "time does not go on");
            self.now = next.max(self.now);
            self.step();
        }
    }

    fn next_event(&mut self) -> Instant {
        let hub = self.hub_timeout();
        let browsers = self.browsers.iter().map(|browser| browser.timeout).min();
        [
            Some(hub),
            browsers,
            self.network.next_arrival(),
            self.camera.next_frame(),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap()
    }

    fn step(&mut self) {
        while let Some(frame) = self.camera.take_frame(self.now) {
            self.hub.handle_frame(self.now, &frame);
            self.drain();
        }
        while let Some(packet) = self.network.take_arrival(self.now) {
            match self
                .browsers
                .iter_mut()
                .find(|browser| browser.address == packet.to)
            {
                Some(browser) => browser.receive(self.now, &packet),
                None => {
                    self.hub
                        .handle_datagram(self.now, packet.from, packet.to, &packet.contents)
                }
            }
            self.drain();
        }
        self.hub.handle_timeout(self.now);
        for browser in &mut self.browsers {
            browser.handle_timeout(self.now);
        }
        self.drain();
    }

    fn hub_timeout(&mut self) -> Instant {
        for _ in 0..10 * STANDSTILL {
            match self.hub.poll_output(self.now) {
                Output::Timeout(due, _) => return due,
                output => self.carry_out(output),
            }
        }
        panic!("the core's outputs have no end");
    }

    pub fn drain(&mut self) {
        self.hub_timeout();
        for browser in &mut self.browsers {
            for transmit in browser.drain(self.now) {
                self.network.send(
                    self.now,
                    transmit.source,
                    transmit.destination,
                    transmit.contents.into(),
                );
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Transmit(t) => {
                self.network
                    .send(self.now, t.source, t.destination, t.contents.into())
            }
            Output::Send(id, text) => {
                let message = serde_json::from_str(&text).expect("only JSON is sent");
                self.sent.push((id, Some(message)));
            }
            Output::Close(id) => self.sent.push((id, None)),
            Output::RequestKeyframe => {
                self.keyframe_requests += 1;
                self.camera.request_keyframe();
            }
            Output::SetBitrate(bits_per_second) => {
                self.bitrates.push((self.now - self.start, bits_per_second));
                self.camera.bitrate = bits_per_second;
            }
            Output::SetFormat(format) => self.formats.push(format),
            Output::Timeout(..) => unreachable!("handled by the caller"),
        }
    }
}

/// `camera` or `browser`.
pub fn certificate(name: &str) -> DtlsCert {
    let (certificate, private_key): (&[u8], &[u8]) = match name {
        "camera" => (
            include_bytes!("../data/camera.cert.der"),
            include_bytes!("../data/camera.key.der"),
        ),
        _ => (
            include_bytes!("../data/browser.cert.der"),
            include_bytes!("../data/browser.key.der"),
        ),
    };
    DtlsCert {
        certificate: certificate.to_vec(),
        private_key: private_key.to_vec(),
    }
}
