//! The machine against a simulated radio with variable time: delays are random, and
//! the radio has one channel, as the real one.

use super::*;
use crate::proto::wifi::{Heard, Lock, Passphrase};
use std::net::Ipv4Addr;

/// A router somewhere.
#[derive(Clone)]
struct Router {
    ssid: &'static str,
    passphrase: Option<&'static str>,
    frequency: u32,
    hidden: bool,
    addresses: bool,
    on: bool,
}

fn router(ssid: &'static str) -> Router {
    Router {
        ssid,
        passphrase: Some("right phrase"),
        frequency: 2412,
        hidden: false,
        addresses: true,
        on: true,
    }
}

struct World {
    machine: Machine,
    now: Instant,
    start: Instant,
    routers: Vec<Router>,
    /// What happens later.
    later: Vec<(Instant, Event)>,
    seed: u64,
    /// Where the radio is an access point, and where it is in a network.
    open_on: Option<u32>,
    joined: Option<usize>,
    trying: Option<Network>,
    scans: usize,
    saved: Settings,
}

impl World {
    fn new(networks: Vec<Network>, routers: Vec<Router>, seed: u64) -> World {
        let settings = Settings {
            country: None,
            networks,
        };
        let now = Instant::now();
        let mut world = World {
            machine: Machine::new(settings.clone()),
            now,
            start: now,
            routers,
            later: Vec::new(),
            seed,
            open_on: None,
            joined: None,
            trying: None,
            scans: 0,
            saved: settings,
        };
        let mac = [0xb8, 0x27, 0xeb, 1, 0xab, 0xcd];
        world.machine.handle_event(now, Event::Ready { mac });
        world
    }

    fn dice(&mut self, sides: u64) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.seed >> 33) % sides
    }

    fn soon(&mut self, event: Event, from: u64, to: u64) {
        let delay = Duration::from_millis(from + self.dice(to - from + 1));
        self.later.push((self.now + delay, event));
    }

    /// Lets time pass until `done`, or so many seconds.
    fn run(&mut self, seconds: u64, done: impl Fn(&World) -> bool) -> bool {
        let end = self.now + Duration::from_secs(seconds);
        for _ in 0..200_000 {
            let due = loop {
                match self.machine.poll_output(self.now) {
                    Output::Timeout(due, _) => break due,
                    Output::Save(settings) => self.saved = *settings,
                    Output::Radio(order) => self.obey(order),
                }
            };
            if done(self) {
                return true;
            }
            self.retry();
            let next = self.later.iter().map(|(at, _)| *at).min();
            let next = next.map_or(due, |at| at.min(due)).max(self.now);
            if next > end {
                self.now = end;
                return done(self);
            }
            self.now = next;
            match self.later.iter().position(|(at, _)| *at <= next) {
                Some(index) => {
                    let (_, event) = self.later.swap_remove(index);
                    self.machine.handle_event(next, event);
                }
                None => self.machine.handle_timeout(next),
            }
        }
        panic!("the machine spins");
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Country(_) => {}
            Order::Scan(called) => {
                self.scans += 1;
                let heard = self.heard(called.as_ref());
                self.soon(Event::Heard(heard), 500, 4000);
            }
            Order::Join(network) => {
                self.leave();
                self.trying = Some(network);
            }
            Order::Leave => {
                self.leave();
                self.trying = None;
            }
            Order::AskAddress => {
                let router = &self.routers[self.joined.expect("in a network")];
                if router.addresses {
                    self.soon(
                        Event::Address(Some(Ipv4Addr::new(192, 168, 0, 7))),
                        100,
                        3000,
                    );
                }
            }
            Order::Open { ssid, frequency } => {
                assert_eq!(ssid.as_str(), "mimamori-ABCD");
                assert!(
                    self.joined
                        .is_none_or(|at| self.routers[at].frequency == frequency)
                );
                self.open_on = Some(frequency);
                self.soon(Event::Opened, 100, 2000);
            }
            Order::Close => self.open_on = None,
        }
    }

    fn heard(&self, called: Option<&Network>) -> Vec<Heard> {
        let answers = |router: &&Router| {
            let name = called.map(|network| network.ssid.as_str());
            router.on && (!router.hidden || name == Some(router.ssid))
        };
        let heard = |router: &Router| Heard {
            ssid: Ssid::new(router.ssid).unwrap(),
            frequency: router.frequency,
            signal: -40,
            lock: if router.passphrase.is_some() {
                Lock::Passphrase
            } else {
                Lock::Open
            },
        };
        self.routers.iter().filter(answers).map(heard).collect()
    }

    fn leave(&mut self) {
        self.later
            .retain(|(_, event)| matches!(event, Event::Opened | Event::Heard(_)));
        if self.joined.take().is_some() {
            self.soon(Event::Disconnected, 1, 50);
        }
    }

    /// As wpa_supplicant does it.
    fn retry(&mut self) {
        let Some(network) = self.trying.clone() else {
            return;
        };
        if self.joined.is_some() || self.later.iter().any(|(_, e)| matches!(e, Event::WrongKey)) {
            return;
        }
        let found = self
            .routers
            .iter()
            .position(|r| r.on && r.ssid == network.ssid.as_str());
        let Some(index) = found else { return };
        let router = self.routers[index].clone();
        if self
            .open_on
            .is_some_and(|frequency| frequency != router.frequency)
        {
            return;
        }
        if network.passphrase.as_ref().map(Passphrase::as_str) == router.passphrase {
            self.joined = Some(index);
            self.soon(Event::Connected, 300, 3000);
        } else {
            self.soon(Event::WrongKey, 3000, 6000);
        }
    }

    fn switch(&mut self, index: usize, on: bool) {
        self.routers[index].on = on;
        if !on && self.joined == Some(index) {
            self.joined = None;
            self.soon(Event::Disconnected, 500, 5000);
        }
    }

    fn is_online(&self) -> bool {
        self.machine.facts()["station"]["state"] == "online"
    }

    fn is_open(&self) -> bool {
        self.machine.facts()["access_point"]["open"] == true
    }

    fn wish(&self) -> Value {
        self.machine.facts()["wish"]["progress"].clone()
    }

    fn seconds(&self) -> u64 {
        (self.now - self.start).as_secs()
    }

    fn join(&mut self, network: Network) {
        self.machine.join(self.now, network, None);
    }
}

fn network(ssid: &str, passphrase: &str) -> Network {
    Network {
        ssid: Ssid::new(ssid).unwrap(),
        passphrase: (!passphrase.is_empty()).then(|| Passphrase::new(passphrase).unwrap()),
        hidden: false,
        proven: false,
    }
}

fn proven(ssid: &str) -> Network {
    Network {
        proven: true,
        ..network(ssid, "right phrase")
    }
}

const SEEDS: std::ops::Range<u64> = 0..50;

#[test]
fn with_no_network_the_access_point_opens_at_once_and_stays() {
    for seed in SEEDS {
        let mut world = World::new(vec![], vec![router("home")], seed);
        assert!(world.run(3, World::is_open));
        assert!(!world.run(3600, |world| !world.is_open()));
        assert_eq!(world.scans, 0, "nothing is looked for unasked");
        world.machine.scan(world.now);
        assert!(
            world.run(10, |world| world.machine.facts()["heard"][0]["ssid"]
                == "home")
        );
    }
}

#[test]
fn a_known_network_is_joined_and_the_access_point_stays_closed() {
    for seed in SEEDS {
        let mut world = World::new(
            vec![network("home", "right phrase")],
            vec![router("home")],
            seed,
        );
        assert!(world.run(30, World::is_online));
        assert!(!world.run(3600, World::is_open));
        assert!(world.saved.networks[0].proven);
        assert!(world.machine.problems().is_empty());
    }
}

#[test]
fn a_wrong_pass_phrase_is_said_and_the_access_point_waits_for_the_right_one() {
    for seed in SEEDS {
        let mut world = World::new(
            vec![network("home", "wrong phrase")],
            vec![router("home")],
            seed,
        );
        assert!(world.run(60, World::is_open));
        let problems = world.machine.problems();
        assert_eq!(problems, ["Wi-Fi: home refused the pass phrase."]);
        world.join(network("home", "also wrong"));
        let failed = |world: &World| world.wish()["step"] == "failed";
        assert!(world.run(60, failed));
        assert_eq!(world.wish()["why"]["kind"], "wrong_passphrase");
        assert!(!world.run(300, |world| world.is_online()), "seed {seed}");
        assert!(world.run(60, World::is_open), "it stays until it works");
        world.join(network("home", "right phrase"));
        assert!(
            world.run(60, |world| world.wish()["step"] == "done"),
            "seed {seed}: {}",
            world.machine.facts()
        );
        assert_eq!(world.wish()["address"], "192.168.0.7");
        assert!(world.is_open(), "who asked is to read it");
        assert_eq!(world.open_on, Some(2412), "on the network's channel");
        assert!(world.run(125, |world| !world.is_open()));
        assert!(world.machine.problems().is_empty());
        assert_eq!(world.saved.networks, [proven("home")]);
    }
}

#[test]
fn a_router_that_vanishes_is_awaited_for_ever() {
    for seed in SEEDS {
        let mut world = World::new(vec![proven("home")], vec![router("home")], seed);
        assert!(world.run(30, World::is_online));
        world.switch(0, false);
        assert!(world.run(60, |world| !world.is_online()));
        assert!(!world.run(100, World::is_open), "a short gap opens nothing");
        assert!(world.run(300, World::is_open));
        let (scans, hours) = (world.scans, world.seconds() / 3600);
        world.run(10 * 3600, |_| false);
        let a_round = (world.scans - scans) as u64 / (10 - hours.min(1));
        assert!((40..70).contains(&a_round), "{a_round} scans an hour");
        world.switch(0, true);
        assert!(world.run(120, World::is_online), "seed {seed}");
        assert!(world.run(130, |world| !world.is_open()));
    }
}

#[test]
fn when_a_new_network_fails_the_old_one_is_kept() {
    for seed in SEEDS {
        let mut other = router("other");
        other.frequency = 2462;
        let mut world = World::new(vec![proven("home")], vec![router("home"), other], seed);
        assert!(world.run(30, World::is_online));
        for (wanted, why) in [
            (network("other", "wrong phrase"), "wrong_passphrase"),
            (network("nowhere", "right phrase"), "not_found"),
            (network("other", ""), "needs_passphrase"),
        ] {
            world.join(wanted);
            assert!(world.run(90, |world| world.wish()["step"] == "failed"));
            assert_eq!(world.wish()["why"]["kind"], why);
            assert!(world.run(60, World::is_online), "seed {seed}");
            assert_eq!(world.machine.facts()["station"]["ssid"], "home");
        }
        assert_eq!(world.machine.settings().networks, [proven("home")]);
        world.join(network("other", "right phrase"));
        assert!(world.run(90, |world| world.wish()["step"] == "done"));
        assert_eq!(world.saved.networks, [proven("other"), proven("home")]);
        world.switch(1, false);
        assert!(
            world.run(120, |world| world.machine.facts()["station"]["ssid"]
                == "home"
                && world.is_online())
        );
    }
}

#[test]
fn what_the_card_says_new_is_tried_first_and_the_old_network_stays() {
    for seed in SEEDS {
        let mut settings = Settings {
            country: None,
            networks: vec![proven("home")],
        };
        settings.propose(network("new", "right phrase"));
        let mut world = World::new(settings.networks, vec![router("home"), router("new")], seed);
        world.switch(1, false);
        assert!(world.run(60, World::is_online));
        assert_eq!(world.machine.facts()["station"]["ssid"], "home");
        assert_eq!(world.machine.problems().len(), 1);
        world.switch(1, true);
        world.switch(0, false);
        assert!(
            world.run(120, |world| world.machine.facts()["station"]["ssid"]
                == "new"
                && world.is_online())
        );
        assert!(world.machine.problems().is_empty());
    }
}

#[test]
fn hidden_open_and_addressless_networks() {
    for seed in SEEDS {
        let mut hidden = router("hidden");
        hidden.hidden = true;
        let mut open = router("open");
        open.passphrase = None;
        let mut silent = router("silent");
        silent.addresses = false;
        let mut world = World::new(vec![], vec![hidden, open, silent], seed);
        assert!(world.run(3, World::is_open));
        for (wanted, step, why) in [
            (network("hidden", "right phrase"), "failed", "not_found"),
            (network("silent", "right phrase"), "failed", "no_address"),
            (network("open", "right phrase"), "failed", "not_locked"),
            (network("open", ""), "done", ""),
            (
                Network {
                    hidden: true,
                    ..network("hidden", "right phrase")
                },
                "done",
                "",
            ),
        ] {
            world.join(wanted.clone());
            assert!(
                world.run(120, |world| world.wish()["step"] == step),
                "{wanted:?} {seed} {}",
                world.machine.facts()
            );
            assert_eq!(
                world.wish()["why"]["kind"].as_str().unwrap_or_default(),
                why
            );
        }
    }
}

#[test]
fn a_radio_that_goes_and_comes_back_is_used_again() {
    let mut world = World::new(vec![proven("home")], vec![router("home")], 1);
    assert!(world.run(30, World::is_online));
    world.later.clear();
    (world.joined, world.trying, world.open_on) = (None, None, None);
    world.machine.handle_event(world.now, Event::Gone);
    assert!(!world.run(1000, |world| world.is_online() || world.is_open()));
    world.machine.handle_event(
        world.now,
        Event::Ready {
            mac: [0, 0, 0, 0, 0xab, 0xcd],
        },
    );
    assert!(world.run(30, World::is_online));
}

#[test]
fn settings_keep_what_worked() {
    let mut settings = Settings::default();
    settings.propose(network("a", "right phrase"));
    assert!(settings.keep(network("a", "right phrase")));
    assert!(!settings.keep(proven("a")));
    settings.propose(network("a", ""));
    assert_eq!(settings.networks, [proven("a")], "the pass phrase is known");
    settings.propose(network("a", "other phrase"));
    settings.propose(network("a", "third phrase"));
    assert_eq!(
        settings.networks,
        [proven("a"), network("a", "third phrase")]
    );
    settings.keep(network("a", "third phrase"));
    assert_eq!(settings.networks.len(), 1);
    for number in 0..20 {
        settings.propose(network(&format!("n{number}"), "right phrase"));
        settings.keep(network(&format!("w{number}"), "right phrase"));
    }
    assert_eq!(settings.networks.len(), settings::MAX_NETWORKS);
    let json = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
}
