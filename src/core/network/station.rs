//! The half of the machine that joins networks.

use super::Progress;
use super::access_point::AccessPoint;
use super::failure::Failure;
use crate::proto::radio::Order;
use crate::proto::wifi::{Heard, Lock, Network, Ssid};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// For a scan's end to come; it takes two to four seconds.
const SCAN: Duration = Duration::from_secs(15);
/// For the access point to have moved to another channel.
const MOVE: Duration = Duration::from_secs(8);
/// What was heard is good for so long.
const FRESH: Duration = Duration::from_secs(10);
/// To be in a network: a router needs four seconds to refuse a pass phrase.
const JOIN: Duration = Duration::from_secs(25);
/// To have an address; a router that has just started takes its time.
const ADDRESS: Duration = Duration::from_secs(30);
/// For a lost link to come back by itself, before a new round begins.
const LOST: Duration = Duration::from_secs(15);
/// Between two rounds: after the first, the second, ...
const PAUSES: [u64; 6] = [2, 5, 10, 20, 40, 60];
/// At least so long while somebody is in the access point, for whom a scan is a gap.
const POLITE: Duration = Duration::from_secs(20);

/// What the machine has to hear of a candidate's way.
#[derive(Debug)]
pub struct Step {
    pub network: Network,
    pub progress: Progress,
}

/// What the access point has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    pub online: bool,
    /// Where the station is, or tries to be.
    pub frequency: Option<u32>,
}

#[derive(Debug, Default)]
pub struct Station {
    state: State,
    /// Who is being tried.
    current: Option<Network>,
    /// Still to be tried in this round.
    round: VecDeque<Network>,
    /// Rounds without success.
    rounds: usize,
    /// The network that the radio is still in while others are looked for.
    inside: Option<(Network, Ipv4Addr)>,
    rejections: u32,
    pause_began: Option<Instant>,
    /// The hidden network that the last scan has called.
    called: Option<Ssid>,
    heard: Vec<Heard>,
    /// Until then what was heard is fresh enough to join by.
    fresh: Option<Instant>,
    /// Somebody wants to know who is there, until then.
    looking: Option<Instant>,
    failures: Vec<(Network, Failure)>,
    pub(super) steps: VecDeque<Step>,
    pub(super) orders: Vec<Order>,
}

#[derive(Debug, Default)]
enum State {
    /// No radio, or no network to look for.
    #[default]
    Idle,
    /// A round is to begin.
    Due,
    /// Until the next round.
    Pausing {
        until: Instant,
    },
    /// For the candidate.
    Scanning {
        until: Instant,
    },
    /// The access point moves out of the candidate's way.
    Moving {
        until: Instant,
        frequency: u32,
    },
    Joining {
        until: Instant,
        frequency: u32,
    },
    Asking {
        until: Instant,
        frequency: u32,
    },
    Online {
        frequency: u32,
    },
    /// The link was lost; wpa_supplicant tries to get it back.
    Lost {
        until: Instant,
        frequency: u32,
    },
}

impl Station {
    /// Whatever goes on: there is something new to try.
    pub fn begin(&mut self) {
        self.state = State::Due;
        self.current = None;
        self.round.clear();
        self.rounds = 0;
        self.fresh = None;
    }

    pub fn look_around(&mut self, now: Instant) {
        if self.looking.is_none() {
            self.looking = Some(now + SCAN);
            if !matches!(self.state, State::Scanning { .. }) {
                self.orders.push(Order::Scan(None));
            }
        }
    }

    /// `None`: the scan has failed.
    pub fn scanned(&mut self, now: Instant, heard: Option<Vec<Heard>>) {
        self.looking = None;
        if let Some(heard) = heard {
            self.heard = heard;
            self.fresh = Some(now + FRESH);
        }
        if matches!(self.state, State::Scanning { .. }) {
            // One that failed leaves what was heard before.
            self.fresh.get_or_insert(now + FRESH);
            self.state = State::Due;
        }
    }

    pub fn connected(&mut self, now: Instant) {
        let (State::Joining { frequency, .. } | State::Lost { frequency, .. }) = self.state else {
            return;
        };
        self.orders.push(Order::AskAddress);
        self.state = State::Asking {
            until: now + ADDRESS,
            frequency,
        };
        self.tell(Progress::AskingAddress);
    }

    pub fn disconnected(&mut self, now: Instant) {
        self.inside = None;
        match self.state {
            State::Online { frequency } => {
                log::info!("network: the link is lost");
                let until = now + LOST;
                self.state = State::Lost { until, frequency };
            }
            State::Asking { frequency, .. } => {
                let until = now + JOIN;
                self.state = State::Joining { until, frequency };
            }
            _ => {}
        }
    }

    /// The pass phrase is wrong, or so it seems to the router.
    pub fn refused(&mut self, now: Instant, why: Failure) {
        if matches!(self.state, State::Joining { .. } | State::Lost { .. }) {
            self.fail(now, why);
        }
    }

    /// wpa_supplicant tries once more by itself.
    pub fn rejected(&mut self, now: Instant, status: u16) {
        self.rejections += 1;
        if matches!(self.state, State::Joining { .. }) && self.rejections > 2 {
            self.fail(now, Failure::Rejected { status });
        }
    }

    pub fn address(&mut self, now: Instant, address: Option<Ipv4Addr>) {
        match (&self.state, address, &mut self.inside) {
            (&State::Asking { frequency, .. }, Some(address), _) => self.arrive(address, frequency),
            (State::Online { .. }, Some(address), Some((_, known))) => *known = address,
            (&State::Online { frequency }, None, _) => {
                self.inside = None;
                let until = now + ADDRESS;
                self.state = State::Asking { until, frequency };
            }
            _ => {}
        }
    }

    pub fn timeout(&mut self, now: Instant) {
        if self.looking.is_some_and(|until| until <= now) {
            self.looking = None;
        }
        match self.state {
            State::Pausing { until } if until <= now => self.state = State::Due,
            State::Lost { until, .. } if until <= now => self.begin(),
            State::Scanning { until } if until <= now => self.scanned(now, None),
            State::Moving { until, frequency } if until <= now => self.join(now, frequency),
            State::Joining { until, .. } if until <= now => self.fail(now, Failure::NoAnswer),
            State::Asking { until, .. } if until <= now => self.fail(now, Failure::NoAddress),
            _ => {}
        }
    }

    /// Goes as far as it can without waiting.
    pub fn run(&mut self, now: Instant, candidates: &[Network], access_point: &mut AccessPoint) {
        if matches!(self.state, State::Idle) && !candidates.is_empty() {
            self.state = State::Due;
        }
        if let State::Moving { frequency, .. } = self.state
            && !access_point.is_in_the_way(frequency)
        {
            self.join(now, frequency);
        }
        let mut due = matches!(self.state, State::Due);
        while due {
            if self.current.is_none() {
                if self.round.is_empty() {
                    self.round = candidates.iter().cloned().collect();
                }
                self.current = self.round.pop_front();
            }
            let Some(candidate) = self.current.clone() else {
                self.state = State::Idle;
                return;
            };
            self.try_one(now, candidate, access_point);
            due = matches!(self.state, State::Due);
        }
        if let State::Pausing { until } = &mut self.state
            && access_point.has_guests()
        {
            *until = (*until).max(self.pause_began.unwrap_or(now) + POLITE);
        }
    }

    pub fn due(&self) -> Option<(Instant, &'static str)> {
        let (until, why) = match self.state {
            State::Idle | State::Due | State::Online { .. } => {
                return self.looking.map(|at| (at, "a scan"));
            }
            State::Pausing { until } => (until, "the next round"),
            State::Scanning { until } => (until, "a scan"),
            State::Moving { until, .. } => (until, "the access point should have moved"),
            State::Joining { until, .. } => (until, "a network should be joined"),
            State::Asking { until, .. } => (until, "an address should be there"),
            State::Lost { until, .. } => (until, "the link should be back"),
        };
        Some((until, why))
    }

    pub fn view(&self) -> View {
        let frequency = match self.state {
            State::Moving { frequency, .. }
            | State::Joining { frequency, .. }
            | State::Asking { frequency, .. }
            | State::Lost { frequency, .. }
            | State::Online { frequency } => Some(frequency),
            _ => None,
        };
        View {
            online: self.address_now().is_some(),
            frequency,
        }
    }

    /// Also while others are looked for.
    pub fn address_now(&self) -> Option<Ipv4Addr> {
        self.inside.as_ref().map(|(_, address)| *address)
    }

    pub fn heard(&self) -> &[Heard] {
        &self.heard
    }

    pub fn is_scanning(&self) -> bool {
        self.looking.is_some()
    }

    pub fn facts(&self) -> Value {
        let state = match self.state {
            State::Idle => "idle",
            State::Due | State::Scanning { .. } => "searching",
            State::Pausing { .. } => "pausing",
            State::Moving { .. } | State::Joining { .. } => "joining",
            State::Asking { .. } => "asking_address",
            State::Online { .. } => "online",
            State::Lost { .. } => "lost",
        };
        let inside = self.inside.as_ref();
        let network = inside.map(|(network, _)| network).or(self.current.as_ref());
        json!({
            "state": state,
            "ssid": network.map(|network| &network.ssid),
            "address": self.address_now(),
            "failures": self.failures.iter().map(|(network, why)| json!({
                "ssid": network.ssid,
                "why": why,
            })).collect::<Vec<_>>(),
        })
    }

    pub fn failures(&self) -> &[(Network, Failure)] {
        &self.failures
    }

    fn try_one(&mut self, now: Instant, candidate: Network, access_point: &mut AccessPoint) {
        if let Some((inside, address)) = &self.inside
            && inside.ssid == candidate.ssid
            && inside.passphrase == candidate.passphrase
        {
            let address = *address;
            let found = self.heard.iter().find(|heard| heard.ssid == candidate.ssid);
            let frequency = found.map_or(0, |heard| heard.frequency);
            return self.arrive(address, frequency);
        }
        let called = !candidate.hidden || self.called.as_ref() == Some(&candidate.ssid);
        if !called || self.fresh.is_none_or(|until| until <= now) {
            self.called = candidate.hidden.then(|| candidate.ssid.clone());
            self.tell(Progress::Searching);
            let hidden = candidate.hidden.then_some(candidate);
            self.orders.push(Order::Scan(hidden));
            self.state = State::Scanning { until: now + SCAN };
            return;
        }
        let found = self.heard.iter().find(|heard| heard.ssid == candidate.ssid);
        let locked = candidate.passphrase.is_some();
        match found.map(|heard| (heard.lock, locked, heard.frequency)) {
            None => self.fail(now, Failure::NotFound),
            Some((Lock::Unsupported, ..)) => self.fail(now, Failure::Unsupported),
            Some((Lock::Passphrase, false, _)) => self.fail(now, Failure::NeedsPassphrase),
            Some((Lock::Open, true, _)) => self.fail(now, Failure::NotLocked),
            Some((.., frequency)) if access_point.is_in_the_way(frequency) => {
                // One channel for all: nor may we stay in a network on another one.
                if self.inside.take().is_some() {
                    access_point.orders.push(Order::Leave);
                }
                access_point.move_to(now, frequency);
                self.tell(Progress::Joining);
                let until = now + MOVE;
                self.state = State::Moving { until, frequency };
            }
            Some((.., frequency)) => self.join(now, frequency),
        }
    }

    fn join(&mut self, now: Instant, frequency: u32) {
        let Some(network) = self.current.clone() else {
            self.state = State::Due;
            return;
        };
        self.inside = None;
        self.rejections = 0;
        self.tell(Progress::Joining);
        self.orders.push(Order::Join(network));
        let until = now + JOIN;
        self.state = State::Joining { until, frequency };
    }

    fn arrive(&mut self, address: Ipv4Addr, frequency: u32) {
        let Some(network) = self.current.clone() else {
            return;
        };
        self.tell(Progress::Done { address });
        self.failures
            .retain(|(other, _)| !other.proven && other.ssid != network.ssid);
        self.inside = Some((network, address));
        self.round.clear();
        self.rounds = 0;
        self.state = State::Online { frequency };
    }

    /// On to the next one; after the last, a pause.
    fn fail(&mut self, now: Instant, why: Failure) {
        self.tell(Progress::Failed { why });
        if let Some(network) = self.current.take() {
            self.failures
                .retain(|(other, _)| other.ssid != network.ssid);
            self.failures.push((network, why));
        }
        self.state = State::Due;
        if self.round.is_empty() {
            self.inside = None;
            self.orders.push(Order::Leave);
            let pause = PAUSES[self.rounds.min(PAUSES.len() - 1)];
            self.rounds += 1;
            self.fresh = None;
            self.pause_began = Some(now);
            let until = now + Duration::from_secs(pause);
            self.state = State::Pausing { until };
        }
    }

    fn tell(&mut self, progress: Progress) {
        let network = self.current.clone();
        self.steps
            .extend(network.map(|network| Step { network, progress }));
    }
}
