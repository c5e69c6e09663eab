//! The half of the machine that is an access point, while no network is reached.

use super::station::View;
use crate::proto::radio::Order;
use crate::proto::wifi::Ssid;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Channel 6, unless the station says another one.
const FREQUENCY: u32 = 2437;
/// Without a network for so long: if one is known that worked, ...
const PATIENCE_PROVEN: Duration = Duration::from_secs(180);
/// ... or only such as never did. With none at all, it opens at once.
const PATIENCE_NEW: Duration = Duration::from_secs(30);
/// It stays so long when a network is reached, so that its page can say so.
const STAY: Duration = Duration::from_secs(120);
/// The same, when the page has said so.
const LAST_WORD: Duration = Duration::from_secs(3);
/// For the radio to be an access point.
const OPEN: Duration = Duration::from_secs(10);
/// After it could not.
const RETRY: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct AccessPoint {
    ssid: Option<Ssid>,
    state: State,
    guests: usize,
    offline_since: Option<Instant>,
    patience: Duration,
    close_at: Option<Instant>,
    not_before: Option<Instant>,
    pub(super) orders: Vec<Order>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Closed,
    Opening {
        frequency: u32,
        until: Instant,
    },
    Open {
        frequency: u32,
    },
}

impl AccessPoint {
    /// The radio's address gives the name its four last digits.
    pub fn ready(&mut self, now: Instant, mac: [u8; 6]) {
        self.ssid = Ssid::new(&format!("mimamori-{:02X}{:02X}", mac[4], mac[5])).ok();
        self.offline_since = Some(now);
    }

    pub fn gone(&mut self) {
        *self = AccessPoint {
            ssid: self.ssid.take(),
            ..AccessPoint::default()
        };
    }

    pub fn opened(&mut self) {
        if let State::Opening { frequency, .. } = self.state {
            self.state = State::Open { frequency };
        }
    }

    /// While it moves to another channel it closes too, which is no news.
    pub fn closed(&mut self, now: Instant) {
        if matches!(self.state, State::Open { .. }) {
            self.give_up(now);
        }
    }

    pub fn guests(&mut self, count: usize) {
        self.guests = count;
    }

    /// A network was reached: who has asked for it on the page is to read so.
    pub fn reached(&mut self, now: Instant) {
        self.close_at = Some(now + STAY);
    }

    pub fn close_soon(&mut self, now: Instant) {
        self.close_at = Some(now + LAST_WORD);
    }

    pub fn has_guests(&self) -> bool {
        self.guests > 0
    }

    /// True where a network on that frequency can't be joined as things are.
    pub fn is_in_the_way(&self, wanted: u32) -> bool {
        match self.state {
            State::Closed => false,
            State::Opening { .. } => true,
            State::Open { frequency } => frequency != wanted,
        }
    }

    pub fn move_to(&mut self, now: Instant, frequency: u32) {
        if !matches!(self.state, State::Opening { frequency: f, .. } if f == frequency) {
            self.open(now, frequency);
        }
    }

    pub fn timeout(&mut self, now: Instant) {
        if matches!(self.state, State::Opening { until, .. } if until <= now) {
            self.orders.push(Order::Close);
            self.give_up(now);
        }
    }

    /// Opens or closes, as things stand.
    pub fn run(&mut self, now: Instant, station: View, known: bool, proven: bool) {
        self.patience = match (known, proven) {
            (false, _) => Duration::ZERO,
            (true, false) => PATIENCE_NEW,
            (true, true) => PATIENCE_PROVEN,
        };
        if station.online {
            self.offline_since = None;
            let close = self.close_at.is_none_or(|at| at <= now);
            if close && !matches!(self.state, State::Closed) {
                log::info!("network: the access point closes");
                self.orders.push(Order::Close);
                self.state = State::Closed;
                self.guests = 0;
            }
            return;
        }
        self.close_at = None;
        self.offline_since.get_or_insert(now);
        if self.opens_at().is_some_and(|at| at <= now) {
            self.open(now, station.frequency.unwrap_or(FREQUENCY));
        }
    }

    pub fn due(&self) -> Option<(Instant, &'static str)> {
        match self.state {
            State::Opening { until, .. } => Some((until, "the access point should be open")),
            State::Closed => self.opens_at().map(|at| (at, "the access point opens")),
            State::Open { .. } => self.close_at.map(|at| (at, "the access point closes")),
        }
    }

    pub fn facts(&self) -> Value {
        json!({
            "ssid": self.ssid,
            "open": matches!(self.state, State::Open { .. }),
            "guests": self.guests,
        })
    }

    fn opens_at(&self) -> Option<Instant> {
        let (State::Closed, Some(_)) = (&self.state, &self.ssid) else {
            return None;
        };
        let patient = self.offline_since? + self.patience;
        Some(self.not_before.map_or(patient, |at| at.max(patient)))
    }

    fn open(&mut self, now: Instant, frequency: u32) {
        let Some(ssid) = self.ssid.clone() else {
            return;
        };
        log::info!("network: the access point {ssid} opens on {frequency} MHz");
        self.orders.push(Order::Open { ssid, frequency });
        self.state = State::Opening {
            frequency,
            until: now + OPEN,
        };
    }

    fn give_up(&mut self, now: Instant) {
        log::warn!("network: the access point has failed");
        self.state = State::Closed;
        self.guests = 0;
        self.not_before = Some(now + RETRY);
    }
}
