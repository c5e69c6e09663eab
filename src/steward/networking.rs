//! The steward's part that has to do with networks.

use super::Paths;
use super::intake::{self, Store};
use crate::core::network::kept::Kept;
use crate::core::network::{Machine, Output};
use crate::io::steward::card::Card;
use crate::io::steward::radio::{Folders, Radio};
use crate::io::steward::{host, notes};
use crate::proto::radio::Event;
use crate::proto::wifi::{Country, Network};
use serde_json::Value;
use std::time::Instant;
use tokio::time::sleep_until;

/// Machine, radio and what is kept.
pub struct Networking {
    paths: Paths,
    store: Store,
    kept: Kept,
    machine: Machine,
    radio: Radio,
    due: Instant,
    /// From the card's file, until the next start.
    problems: Vec<String>,
    told: Vec<String>,
}

impl Networking {
    /// Takes in what the card's file says, and begins.
    pub async fn begin(paths: &Paths) -> Networking {
        let store = Store {
            networks: paths.data.join("network.json"),
            name: paths.data.join("hostname"),
            fleet: paths.data.join("fleet.conf"),
            fleet_certificate: paths.data.join("fleet-ca.pem"),
            options: paths.data.join("mimamori.toml"),
            delivered: paths.root.join("etc/mimamori.toml"),
        };
        let card = Card {
            folder: paths.boot.clone(),
            mount: (paths.boot.as_os_str() == "/boot").then(|| "mount".into()),
        };
        let (mut kept, lost) = store.load();
        let intake = intake::take_in(&card, &store, &mut kept).await;
        if intake.renamed {
            host::rename(&store.name);
            // Who tells the name begins anew, and reads it.
            host::restart(&paths.root.join("run/avahi-daemon/pid"));
        }
        if intake.options {
            host::restart(&paths.run.join("camera.pid"));
        }
        let folders = Folders {
            net: paths.root.join("sys/class/net"),
            run: paths.run.clone(),
        };
        let now = Instant::now();
        let mut networking = Networking {
            machine: Machine::new(kept.settings.clone()),
            paths: paths.clone(),
            store,
            kept,
            radio: Radio::start(folders),
            due: now,
            problems: lost.into_iter().chain(intake.problems).collect(),
            told: Vec::new(),
        };
        networking.drain(now);
        networking
    }

    /// What happens next; `None` when it is time. Can be dropped and called again.
    pub async fn wait(&mut self) -> Option<Event> {
        tokio::select! {
            event = self.radio.next() => Some(event),
            () = sleep_until(self.due.into()) => None,
        }
    }

    pub fn turn(&mut self, event: Option<Event>) {
        let now = Instant::now();
        match event {
            Some(event) => self.machine.handle_event(now, event),
            None => self.machine.handle_timeout(now),
        }
        self.drain(now);
    }

    pub fn facts(&self) -> Value {
        let mut facts = self.machine.facts();
        facts["name"] = host::name().into();
        facts["problems"] = self.problems.clone().into();
        facts
    }

    /// Whether the set-up network is open.
    pub fn invites(&self) -> bool {
        self.machine.facts()["access_point"]["open"] == true
    }

    pub fn scan(&mut self) {
        let now = Instant::now();
        self.machine.scan(now);
        self.drain(now);
    }

    pub fn join(&mut self, network: Network, country: Option<Country>) {
        let now = Instant::now();
        self.machine.join(now, network, country);
        self.drain(now);
    }

    pub fn close_access_point(&mut self) {
        let now = Instant::now();
        self.machine.close_access_point(now);
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        loop {
            match self.machine.poll_output(now) {
                Output::Radio(order) => self.radio.order(order),
                Output::Save(settings) => {
                    self.kept.settings = *settings;
                    if let Err(error) = self.store.save(&self.kept) {
                        log::error!("the networks can't be kept: {error}");
                    }
                }
                Output::Timeout(due, _) => {
                    self.due = due;
                    break;
                }
            }
        }
        let problems = self.problems.iter().cloned();
        let problems: Vec<String> = problems.chain(self.machine.problems()).collect();
        if problems != self.told {
            for problem in problems.iter().filter(|p| !self.told.contains(p)) {
                log::warn!("{problem}");
            }
            if let Err(error) =
                notes::replace(&self.paths.run.join("problems"), &self.told, &problems)
            {
                log::error!("problems can't be noted: {error}");
            }
            self.told = problems;
        }
    }
}
