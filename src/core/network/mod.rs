//! The steward's network machine: which Wi-Fi network to be in, and when to be one.
//!
//! It goes through the networks it knows in rounds, for ever, with a growing pause
//! between two. A new network is tried first; if it fails the others are there as
//! before. While none is reached for a while there is an open access point, on whose
//! page one can be chosen; the radio has one channel, so the access point moves to the
//! channel of a network before that is joined.

pub mod access_point;
pub mod failure;
pub mod kept;
pub mod settings;
pub mod station;
#[cfg(test)]
mod tests;

use crate::proto::radio::{Event, Order};
use crate::proto::wifi::{Country, Network, Ssid};
use access_point::AccessPoint;
use failure::Failure;
use serde::Serialize;
use serde_json::{Value, json};
use settings::Settings;
use station::{Station, Step};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is to be done; drain to [`Output::Timeout`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Radio(Order),
    /// Keep these settings.
    Save(Box<Settings>),
    Timeout(Instant, &'static str),
}

/// With nothing to wait for, the loop looks in again after this.
const IDLE: Duration = Duration::from_secs(3600);

/// The whole machine.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    station: Station,
    access_point: AccessPoint,
    /// The network that somebody wants to join, and what became of it.
    wish: Option<Wish>,
    radio: bool,
    outputs: VecDeque<Output>,
}

/// What became of a wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Progress {
    Waiting,
    Searching,
    Joining,
    AskingAddress,
    Done { address: std::net::Ipv4Addr },
    Failed { why: Failure },
}

#[derive(Debug)]
struct Wish {
    network: Network,
    progress: Progress,
}

impl Machine {
    pub fn new(settings: Settings) -> Machine {
        Machine {
            settings,
            station: Station::default(),
            access_point: AccessPoint::default(),
            wish: None,
            radio: false,
            outputs: VecDeque::new(),
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Ready { mac } => {
                self.radio = true;
                self.access_point.ready(now, mac);
                let country = self.settings.country.clone();
                self.outputs
                    .extend(country.map(Order::Country).map(Output::Radio));
                self.station.begin();
            }
            Event::Gone => {
                self.radio = false;
                self.station = Station::default();
                self.access_point.gone();
            }
            Event::Opened => self.access_point.opened(),
            Event::Closed => self.access_point.closed(now),
            Event::Guests(count) => self.access_point.guests(count),
            Event::Heard(heard) => self.station.scanned(now, Some(heard)),
            Event::ScanFailed => self.station.scanned(now, None),
            Event::Connected => self.station.connected(now),
            Event::Disconnected => self.station.disconnected(now),
            Event::WrongKey => self.station.refused(now, Failure::WrongPassphrase),
            Event::Rejected(status) => self.station.rejected(now, status),
            Event::Address(address) => self.station.address(now, address),
        }
        self.settle(now);
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.station.timeout(now);
        self.access_point.timeout(now);
        self.settle(now);
    }

    /// Somebody chose a network on the page: it is tried at once, and kept if it works.
    pub fn join(&mut self, now: Instant, mut network: Network, country: Option<Country>) {
        if network.passphrase.is_none() {
            let known = self.settings.find(&network.ssid);
            network.passphrase = known.and_then(|known| known.passphrase.clone());
        }
        network.proven = false;
        self.set_country(country);
        log::info!("network: {} is wanted", network.ssid);
        self.wish = Some(Wish {
            network,
            progress: Progress::Waiting,
        });
        if self.radio {
            self.station.begin();
        }
        self.settle(now);
    }

    /// The settings on the card have changed; they are tried like any other network.
    pub fn configure(&mut self, now: Instant, settings: Settings) {
        self.set_country(settings.country.clone());
        self.settings = settings;
        if self.radio {
            self.station.begin();
        }
        self.settle(now);
    }

    /// Who is there? The answer comes with the next [`Self::facts`] but one.
    pub fn scan(&mut self, now: Instant) {
        if self.radio {
            self.station.look_around(now);
            self.settle(now);
        }
    }

    /// Nobody needs the access point any more.
    pub fn close_access_point(&mut self, now: Instant) {
        if self.station.address_now().is_some() {
            self.access_point.close_soon(now);
        }
        self.settle(now);
    }

    pub fn poll_output(&mut self, now: Instant) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| {
            let due = [self.station.due(), self.access_point.due()];
            let first = due.into_iter().flatten().min_by_key(|(due, _)| *due);
            let (due, why) = first.unwrap_or_else(|| (now + IDLE, "nothing to do"));
            Output::Timeout(due, why)
        })
    }

    /// For the page. Without any pass phrase.
    pub fn facts(&self) -> Value {
        let names: Vec<&Ssid> = self.settings.networks.iter().map(|n| &n.ssid).collect();
        json!({
            "radio": self.radio,
            "country": self.settings.country,
            "known": names,
            "station": self.station.facts(),
            "access_point": self.access_point.facts(),
            "heard": self.station.heard(),
            "scanning": self.station.is_scanning(),
            "wish": self.wish.as_ref().map(|wish| json!({
                "ssid": wish.network.ssid,
                "progress": wish.progress,
            })),
        })
    }

    /// What is wrong, in words for the camera's owner.
    pub fn problems(&self) -> Vec<String> {
        let failed = self.station.failures().iter();
        failed
            .filter(|(network, _)| self.settings.find(&network.ssid).is_some())
            .map(|(network, why)| format!("Wi-Fi: {} {}.", network.ssid, why.words()))
            .collect()
    }

    fn set_country(&mut self, country: Option<Country>) {
        if country.is_some() && country != self.settings.country {
            self.settings.country = country.clone();
            self.outputs.push_back(self.saved());
            if self.radio {
                self.outputs
                    .extend(country.map(Order::Country).map(Output::Radio));
            }
        }
    }

    /// What the two halves have to know of each other, and what comes out of them.
    fn settle(&mut self, now: Instant) {
        if !self.radio {
            return;
        }
        let candidates = self.candidates();
        self.station.run(now, &candidates, &mut self.access_point);
        while let Some(step) = self.station.steps.pop_front() {
            self.note(now, step);
            let candidates = self.candidates();
            self.station.run(now, &candidates, &mut self.access_point);
        }
        let proven = self.settings.networks.iter().any(|network| network.proven);
        let known = !self.settings.networks.is_empty();
        self.access_point
            .run(now, self.station.view(), known, proven);
        let orders = self.station.orders.drain(..);
        let orders: Vec<Order> = self.access_point.orders.drain(..).chain(orders).collect();
        self.outputs.extend(orders.into_iter().map(Output::Radio));
    }

    /// In the order in which they are tried: what is wished, what is new, what worked last.
    fn candidates(&self) -> Vec<Network> {
        let open = |wish: &&Wish| {
            !matches!(
                wish.progress,
                Progress::Failed { .. } | Progress::Done { .. }
            )
        };
        let wished = self
            .wish
            .iter()
            .filter(open)
            .map(|wish| wish.network.clone());
        let (proven, new): (Vec<_>, Vec<_>) = self
            .settings
            .networks
            .iter()
            .cloned()
            .partition(|network| network.proven);
        wished.chain(new).chain(proven).collect()
    }

    fn note(&mut self, now: Instant, step: Step) {
        let wish = self.wish.as_mut();
        let progress =
            wish.and_then(|wish| (wish.network == step.network).then_some(&mut wish.progress));
        match (&step.progress, progress) {
            (Progress::Done { address }, progress) => {
                log::info!("network: in {} with {address}", step.network.ssid);
                let done = progress.map(|progress| *progress = step.progress.clone());
                // A network that works ends what was tried before it.
                if done.is_none() {
                    self.wish
                        .take_if(|wish| matches!(wish.progress, Progress::Done { .. }));
                }
                if self.settings.keep(step.network) {
                    self.outputs.push_back(self.saved());
                }
                self.access_point.reached(now);
            }
            (Progress::Failed { why }, progress) => {
                log::info!("network: {}: {}", step.network.ssid, why.words());
                if let Some(progress) = progress {
                    *progress = step.progress.clone();
                }
            }
            (_, Some(progress)) => *progress = step.progress,
            (_, None) => {}
        }
    }

    fn saved(&self) -> Output {
        Output::Save(Box::new(self.settings.clone()))
    }
}
