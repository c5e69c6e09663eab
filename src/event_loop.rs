//! The one loop: wait, hand in, drain, repeat.
//!
//! Everything here happens on one thread. What waits is named in
//! [`Appliance::wait`]; what is to be done comes out of the core and is carried
//! out in [`Appliance::carry_out`].

use crate::core::hub::Hub;
use crate::core::logs::{self, Log};
use crate::core::output::Output;
use crate::core::status;
use crate::io::addresses::AddressWatch;
use crate::io::camera::Camera;
use crate::io::heartbeat::Heartbeat;
use crate::io::inbound::Inbound;
use crate::io::logs::Logs;
use crate::io::memory;
use crate::io::pages::PagesHandle;
use crate::io::problems::Problems;
use crate::io::raw_stream::RawStreams;
use crate::io::udp::{SendBatch, Udp};
use crate::proto::camera::CameraEvent;
use crate::proto::http::{Answer, Request};
use crate::proto::session_id::SessionId;
use crate::proto::stun;
use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep_until};

/// Letters taken in one turn: the gate's connections wait while the camera and the
/// network have theirs.
const LETTERS_PER_TURN: usize = 16;

/// Everything that the loop introduces to each other.
pub struct Appliance {
    pub hub: Hub,
    pub camera: Camera,
    pub udp: Udp,
    pub addresses: AddressWatch,
    pub inbound: mpsc::Receiver<Inbound>,
    pub pages: PagesHandle,
    pub system: System,
    sessions: HashMap<SessionId, mpsc::Sender<String>>,
    raw: RawStreams,
    batch: SendBatch,
    watched: bool,
}

/// The system around the program, which it asks and to which it gives signs of life.
pub struct System {
    pub problems: Problems,
    pub heartbeat: Heartbeat,
    pub logs: Logs,
}

/// Why the loop has ended.
#[derive(Debug)]
pub enum Ended {
    /// It was asked to.
    Shutdown,
    /// Something that can't be mended from within; the supervisor starts anew.
    Failed(String),
}

/// What a turn has waited for.
enum Woken {
    Camera(CameraEvent),
    Datagrams(std::io::Result<()>),
    Letter(Option<Inbound>),
    Addresses(Vec<IpAddr>),
    Timeout,
    Ended(Ended),
}

impl Appliance {
    pub fn new(
        hub: Hub,
        camera: Camera,
        udp: Udp,
        addresses: AddressWatch,
        inbound: mpsc::Receiver<Inbound>,
        pages: PagesHandle,
        system: System,
    ) -> Appliance {
        Appliance {
            hub,
            camera,
            udp,
            addresses,
            inbound,
            pages,
            system,
            sessions: HashMap::new(),
            raw: RawStreams::default(),
            batch: SendBatch::new(),
            watched: false,
        }
    }

    /// Runs until `shutdown` completes, or something fails for good.
    pub async fn run(&mut self, shutdown: impl Future<Output = ()>) -> Ended {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut timer = std::pin::pin!(sleep_until(tokio::time::Instant::now()));
        let addresses = self.addresses.current();
        self.hub.handle_addresses(Instant::now(), addresses);
        loop {
            let due = self.drain();
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            let woken = self.wait(timer.as_mut(), shutdown.as_mut()).await;
            if let Err(ended) = self.hand_in(woken) {
                self.say_goodbye();
                return ended;
            }
        }
    }

    async fn wait(
        &mut self,
        timer: Pin<&mut Sleep>,
        shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> Woken {
        tokio::select! {
            () = shutdown => Woken::Ended(Ended::Shutdown),
            event = self.camera.next() => Woken::Camera(event),
            readable = self.udp.readable() => Woken::Datagrams(readable),
            letter = self.inbound.recv() => Woken::Letter(letter),
            addresses = self.addresses.changed() => Woken::Addresses(addresses),
            error = self.pages.failed() => Woken::Ended(Ended::Failed(error)),
            () = timer => Woken::Timeout,
        }
    }

    fn hand_in(&mut self, woken: Woken) -> Result<(), Ended> {
        let now = Instant::now();
        match woken {
            Woken::Camera(event) => self.handle_camera(now, event),
            Woken::Datagrams(Ok(())) => self.handle_datagrams(now),
            Woken::Datagrams(Err(error)) => {
                return Err(Ended::Failed(format!("the UDP socket: {error}")));
            }
            Woken::Letter(letter) => return self.handle_letters(now, letter),
            Woken::Addresses(addresses) => self.hub.handle_addresses(now, addresses),
            Woken::Timeout => self.hub.handle_timeout(now),
            Woken::Ended(ended) => return Err(ended),
        }
        Ok(())
    }

    fn handle_camera(&mut self, now: Instant, event: CameraEvent) {
        match event {
            CameraEvent::Started(info) => {
                log::info!("camera: {} ({:?}, {})", info.name, info.kind, info.format);
                self.hub.handle_camera(info);
            }
            CameraEvent::Frame(frame) => {
                self.raw.push(&frame);
                self.hub.handle_frame(now, &frame);
            }
            CameraEvent::Resting(passed_over) => self.hub.handle_rest(passed_over),
            CameraEvent::Lost(reason) => {
                log::warn!("camera: {reason}");
                self.hub.handle_camera_lost(reason);
            }
        }
    }

    fn handle_datagrams(&mut self, now: Instant) {
        let Appliance { hub, udp, .. } = self;
        let port = udp.local_addr().port();
        let mut asked = Vec::new();
        let received = udp.receive(|datagram| {
            if let Some(answer) = stun::answer_binding(datagram.contents, datagram.source) {
                asked.push((datagram.local_ip, datagram.source, answer));
                return;
            }
            let destination = SocketAddr::new(datagram.local_ip, port);
            hub.handle_datagram(now, datagram.source, destination, datagram.contents);
        });
        if let Err(error) = received {
            log::debug!("receiving: {error}");
        }
        for (from, to, answer) in asked {
            self.udp.send(Some(from), to, &answer, None);
        }
    }

    fn handle_letters(&mut self, now: Instant, first: Option<Inbound>) -> Result<(), Ended> {
        let Some(first) = first else {
            return Err(Ended::Failed("the gate has ended".into()));
        };
        self.handle_letter(now, first);
        for _ in 1..LETTERS_PER_TURN {
            let Ok(letter) = self.inbound.try_recv() else {
                break;
            };
            self.handle_letter(now, letter);
        }
        Ok(())
    }

    fn handle_letter(&mut self, now: Instant, letter: Inbound) {
        match letter {
            Inbound::Opened {
                session,
                peer,
                outbox,
            } => {
                self.sessions.insert(session, outbox);
                self.hub.handle_session_opened(session, peer);
            }
            Inbound::Text { session, text } => {
                // Text that was on its way when the core closed the session.
                if self.sessions.contains_key(&session) {
                    self.hub.handle_session_text(now, session, &text);
                }
            }
            Inbound::Closed { session } => {
                self.sessions.remove(&session);
                self.hub.handle_session_closed(now, session);
            }
            Inbound::Http { request, reply } => {
                let _ = reply.send(self.handle_request(now, &request));
            }
            Inbound::Watch { frames } => {
                self.raw.subscribe(frames);
                self.camera.request_keyframe();
            }
        }
    }

    fn handle_request(&mut self, now: Instant, request: &Request) -> Answer {
        if let Some(log) = logs::asked(&request.path) {
            return logs::answer(request, log, |log| self.read_log(log));
        }
        if request.path == "/api/status" {
            self.hub.handle_system(status::System {
                problems: self.system.problems.read(),
                memory_available: memory::available(),
            });
        }
        match token() {
            Ok(token) => self.hub.handle_request(now, request, &token),
            Err(error) => no_randomness(&error),
        }
    }

    fn read_log(&self, log: Log) -> Result<Option<Vec<u8>>, String> {
        let logs = &self.system.logs;
        let read = match log {
            Log::Kernel => logs.kernel().map(Some),
            Log::LastCrash => logs.last_crash(),
        };
        read.map_err(|error| error.to_string())
    }

    /// Carries out what the core wants; the result is when it wants to be woken.
    fn drain(&mut self) -> tokio::time::Instant {
        let now = Instant::now();
        let due = loop {
            match self.hub.poll_output(now) {
                Output::Timeout(due, _) => break due,
                output => self.carry_out(now, output),
            }
        };
        self.batch.flush(&mut self.udp);
        let watched = self.hub.is_watched() || !self.raw.is_empty();
        if watched != self.watched {
            self.watched = watched;
            self.camera.set_watched(watched);
        }
        let Appliance { hub, system, .. } = self;
        system.heartbeat.beat(now, || hub.beat());
        let due = system.heartbeat.due().map_or(due, |beat| due.min(beat));
        tokio::time::Instant::from_std(due)
    }

    fn carry_out(&mut self, now: Instant, output: Output) {
        match output {
            Output::Transmit(t) => {
                let source = Some(t.source.ip());
                self.batch
                    .push(&mut self.udp, source, t.destination, &t.contents);
            }
            Output::Send(session, text) => self.send(now, session, text),
            // Without its outbox the connection closes its socket.
            Output::Close(session) => {
                self.sessions.remove(&session);
            }
            Output::RequestKeyframe => self.camera.request_keyframe(),
            Output::SetBitrate(bits_per_second) => {
                log::info!("bitrate: {} kbit/s", bits_per_second / 1000);
                self.camera.set_bitrate(bits_per_second);
            }
            Output::SetFormat(format) => {
                log::info!("format: {format}");
                self.camera.set_format(format);
            }
            Output::Timeout(..) => {}
        }
    }

    fn send(&mut self, now: Instant, session: SessionId, text: String) {
        let Some(outbox) = self.sessions.get(&session) else {
            return;
        };
        if outbox.try_send(text).is_err() {
            // It does not read what it is sent: its messages would have a gap.
            log::info!("{session}: too slow a reader");
            self.sessions.remove(&session);
            self.hub.handle_session_closed(now, session);
        }
    }

    /// Viewers learn at once that the camera stops, instead of waiting for it.
    fn say_goodbye(&mut self) {
        self.hub.close(Instant::now());
        self.drain();
    }
}

/// 128 random bits, for names that can't be guessed.
fn token() -> Result<String, getrandom::Error> {
    Ok(format!(
        "{:016x}{:016x}",
        getrandom::u64()?,
        getrandom::u64()?
    ))
}

fn no_randomness(error: &getrandom::Error) -> Answer {
    log::error!("no random numbers: {error}");
    Answer {
        status: 503,
        headers: vec![],
        body: b"No random numbers are to be had yet.".to_vec(),
    }
}
