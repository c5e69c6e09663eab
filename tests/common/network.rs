//! A network with delay, loss and narrow links, repeatable from its seed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The way between the camera and one browser.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// One way.
    pub delay: Duration,
    /// Share of the camera's datagrams that are lost, 0 to 1.
    pub loss: f64,
    /// Bits per second towards the browser.
    pub rate: Option<u64>,
    /// The browser's end is unplugged: nothing passes, either way.
    pub cut: bool,
}

impl Link {
    pub const GOOD: Link = Link {
        delay: Duration::from_millis(5),
        loss: 0.0,
        rate: None,
        cut: false,
    };

    pub fn lossy(loss: f64) -> Link {
        Link { loss, ..Link::GOOD }
    }

    pub fn narrow(rate: u64) -> Link {
        Link {
            rate: Some(rate),
            ..Link::GOOD
        }
    }
}

/// Longest queue in front of a narrow link, as home routers have it.
const QUEUE: Duration = Duration::from_millis(400);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packet {
    at: Instant,
    order: u64,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub contents: Vec<u8>,
}

pub struct Network {
    links: HashMap<SocketAddr, (Link, Instant)>,
    packets: BinaryHeap<Reverse<Packet>>,
    order: u64,
    random: u64,
    pub dropped: u64,
    /// Datagrams to addresses that nobody has.
    pub to_nowhere: u64,
    /// The latest datagrams towards the camera.
    upwards: VecDeque<(SocketAddr, Vec<u8>)>,
}

/// Datagrams remembered.
const REMEMBERED: usize = 64;

impl Network {
    pub fn new(seed: u64) -> Network {
        Network {
            links: HashMap::new(),
            packets: BinaryHeap::new(),
            order: 0,
            random: seed,
            dropped: 0,
            to_nowhere: 0,
            upwards: VecDeque::new(),
        }
    }

    pub fn add_link(&mut self, browser: SocketAddr, link: Link) {
        self.links.insert(browser, (link, Instant::now()));
    }

    pub fn set_link(&mut self, browser: SocketAddr, change: impl FnOnce(&mut Link)) {
        change(&mut self.links.get_mut(&browser).unwrap().0);
    }

    pub fn send(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, contents: Vec<u8>) {
        let chance = self.chance();
        let down = self.links.contains_key(&to);
        let Some((link, free)) = self.links.get_mut(if down { &to } else { &from }) else {
            self.to_nowhere += 1;
            return;
        };
        if !down {
            self.upwards.push_front((from, contents.clone()));
            self.upwards.truncate(REMEMBERED);
        }
        let mut leaves = now;
        if let (true, Some(rate)) = (down, link.rate) {
            leaves = now.max(*free);
            let takes = Duration::from_secs_f64((contents.len() + 28) as f64 * 8.0 / rate as f64);
            if leaves - now > QUEUE {
                self.dropped += 1;
                return;
            }
            leaves += takes;
            *free = leaves;
        }
        if link.cut || down && chance < link.loss {
            self.dropped += 1;
            return;
        }
        self.order += 1;
        self.packets.push(Reverse(Packet {
            at: leaves + link.delay,
            order: self.order,
            from,
            to,
            contents,
        }));
    }

    /// The datagram that `from` sent `back` datagrams ago.
    pub fn sent_by(&self, from: SocketAddr, back: usize) -> Option<Vec<u8>> {
        let mut own = self.upwards.iter().filter(|(source, _)| *source == from);
        own.nth(back).map(|(_, contents)| contents.clone())
    }

    pub fn next_arrival(&self) -> Option<Instant> {
        self.packets.peek().map(|packet| packet.0.at)
    }

    pub fn take_arrival(&mut self, now: Instant) -> Option<Packet> {
        self.next_arrival().filter(|at| *at <= now)?;
        self.packets.pop().map(|packet| packet.0)
    }

    fn chance(&mut self) -> f64 {
        self.random = self
            .random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}
