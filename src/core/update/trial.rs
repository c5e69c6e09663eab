//! Whether a version that was started for the first time proves itself.
//!
//! Everything that worked before it was installed has to work all at the same time for a
//! while. What did not work before is not asked for: an update can't bring a camera that
//! is not there.

use crate::proto::heartbeat::{Beat, Pulse};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// So long everything has to work without a break.
pub const PROOF: Duration = Duration::from_secs(10);
/// From the steward's start on. The emulated board has everything after 40 s.
pub const LIMIT: Duration = Duration::from_secs(120);
/// Where only the network is missing: a router that was switched on together with the
/// camera takes longer.
pub const NETWORK_LIMIT: Duration = Duration::from_secs(180);

/// The program beats every two seconds; a busy board is late now and then.
const BEAT: Duration = Duration::from_secs(8);
/// Frames come much more often, but are told with the beats.
const FRAMES: Duration = Duration::from_secs(8);
/// What the steward asks every two seconds, and waits for as long as five.
const ASKED: Duration = Duration::from_secs(10);
/// So many times the program may be ended for its silence.
const ENDINGS: u32 = 1;

/// How the camera was before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Camera {
    /// It gave pictures all the time.
    Running,
    /// It gave pictures while somebody watched.
    Resting,
    /// There was none.
    #[default]
    None,
}

impl Camera {
    pub fn of(pulse: Option<Pulse>) -> Camera {
        match pulse {
            Some(Pulse::Running) => Camera::Running,
            Some(Pulse::Resting) => Camera::Resting,
            Some(Pulse::Lost | Pulse::Missing) | None => Camera::None,
        }
    }
}

/// What worked before, and so has to work now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    #[serde(default)]
    pub camera: Camera,
    #[serde(default)]
    pub network: bool,
    /// On which TCP port of this machine the page answered.
    #[serde(default)]
    pub page: Option<u16>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look again then.
    Wait(Instant),
    Proven,
    /// Why not, in words for the camera's owner.
    Failed(String),
}

/// One thing that has to work.
#[derive(Debug)]
struct Condition {
    name: &'static str,
    /// What is said of a version in which it does not.
    missing: &'static str,
    asked: bool,
    /// A sign is good for so long.
    fresh: Duration,
    /// Without a break since then.
    since: Option<Instant>,
    /// The last sign.
    last: Option<Instant>,
}

impl Condition {
    fn new(name: &'static str, missing: &'static str, asked: bool, fresh: Duration) -> Condition {
        Condition {
            name,
            missing,
            asked,
            fresh,
            since: None,
            last: None,
        }
    }

    fn works(&mut self, now: Instant) {
        self.lapse(now);
        self.since.get_or_insert(now);
        self.last = Some(now);
    }

    fn breaks(&mut self) {
        self.since = None;
    }

    fn lapse(&mut self, now: Instant) {
        if self.last.is_some_and(|last| now - last > self.fresh) {
            self.since = None;
        }
    }

    fn is_missing(&self) -> bool {
        self.asked && self.since.is_none()
    }
}

/// A trial under way.
#[derive(Debug)]
pub struct Trial {
    started: Instant,
    before: Before,
    program: Condition,
    camera: Condition,
    page: Condition,
    network: Condition,
    frames: u64,
    endings: u32,
    failed: Option<String>,
}

impl Trial {
    pub fn new(now: Instant, before: Before) -> Trial {
        let camera = before.camera != Camera::None;
        Trial {
            started: now,
            before,
            program: Condition::new("program", "its program gave no sign of life", true, BEAT),
            camera: Condition::new("camera", "its camera gave no picture", camera, FRAMES),
            page: Condition::new(
                "page",
                "its page did not answer",
                before.page.is_some(),
                ASKED,
            ),
            network: Condition::new("network", "it found no network", before.network, ASKED),
            frames: 0,
            endings: 0,
            failed: None,
        }
    }

    /// The camera's program gives a sign of life.
    pub fn handle_beat(&mut self, now: Instant, beat: Beat) {
        self.program.works(now);
        // A stand-in's pictures are no camera's; a program that begins anew counts from zero.
        let delivers = beat.frames != self.frames && beat.frames != 0;
        self.frames = beat.frames;
        match (self.before.camera, beat.camera) {
            (_, Pulse::Running) if delivers => self.camera.works(now),
            (_, Pulse::Running) => self.camera.lapse(now),
            (Camera::Resting, Pulse::Resting) => self.camera.works(now),
            _ => self.camera.breaks(),
        }
    }

    /// The page was asked for, and answered or not.
    pub fn handle_page(&mut self, now: Instant, answers: bool) {
        match answers {
            true => self.page.works(now),
            false => self.page.breaks(),
        }
    }

    /// Whether the camera is in a network.
    pub fn handle_network(&mut self, now: Instant, there: bool) {
        match there {
            true => self.network.works(now),
            false => self.network.breaks(),
        }
    }

    /// The program had to be ended, for this reason.
    pub fn handle_ending(&mut self, why: &str) {
        self.program.breaks();
        self.camera.breaks();
        self.endings += 1;
        if self.endings > ENDINGS {
            self.fail(why);
        }
    }

    /// It can't be waited for any longer.
    pub fn fail(&mut self, why: &str) {
        self.failed.get_or_insert_with(|| why.into());
    }

    pub fn poll(&mut self, now: Instant) -> Verdict {
        if let Some(why) = &self.failed {
            return Verdict::Failed(why.clone());
        }
        for each in self.conditions_mut() {
            each.lapse(now);
        }
        let missing: Vec<&str> = self.missing().map(|each| each.missing).collect();
        let limit = self.limit();
        if !missing.is_empty() && now >= limit {
            let seconds = (now - self.started).as_secs();
            return Verdict::Failed(format!("within {seconds} s {}", missing.join(", and ")));
        }
        let Some(since) = self.all_since() else {
            return Verdict::Wait(limit.min(now + Duration::from_secs(1)));
        };
        match now >= since + PROOF {
            true => Verdict::Proven,
            false => Verdict::Wait((since + PROOF).min(now + Duration::from_secs(1))),
        }
    }

    /// What it waits for.
    pub fn waits_for(&self) -> Vec<&'static str> {
        self.missing().map(|each| each.name).collect()
    }

    /// Until it is given up, if nothing changes.
    pub fn left(&self, now: Instant) -> Duration {
        self.limit().saturating_duration_since(now)
    }

    fn limit(&self) -> Instant {
        let only_network = self.missing().all(|each| each.name == self.network.name);
        match only_network && self.network.is_missing() {
            true => self.started + NETWORK_LIMIT,
            false => self.started + LIMIT,
        }
    }

    /// Since when everything works that has to.
    fn all_since(&self) -> Option<Instant> {
        let asked = self.conditions().into_iter().filter(|each| each.asked);
        asked
            .map(|each| each.since)
            .try_fold(self.started, |latest, since| Some(latest.max(since?)))
    }

    fn missing(&self) -> impl Iterator<Item = &Condition> {
        self.conditions()
            .into_iter()
            .filter(|each| each.is_missing())
    }

    fn conditions(&self) -> [&Condition; 4] {
        [&self.program, &self.camera, &self.page, &self.network]
    }

    fn conditions_mut(&mut self) -> [&mut Condition; 4] {
        [
            &mut self.program,
            &mut self.camera,
            &mut self.page,
            &mut self.network,
        ]
    }
}
