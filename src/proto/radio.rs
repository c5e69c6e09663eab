//! What the steward's network machine tells the radio to do, and what comes back.

use super::wifi::{Country, Heard, Network, Ssid};
use std::net::Ipv4Addr;

/// What the radio is to do. Each is carried out whole before the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Obey these rules.
    Country(Country),
    /// Listen who is there; a hidden network has to be called.
    Scan(Option<Network>),
    /// Leave what there is and join this one, and go on trying until told otherwise.
    Join(Network),
    /// Leave, and stop trying.
    Leave,
    /// Ask for an address, anew if there is one.
    AskAddress,
    /// Be an access point, on this frequency in MHz.
    Open { ssid: Ssid, frequency: u32 },
    /// Stop being one.
    Close,
}

/// What has happened to the radio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// There is a radio, and it obeys.
    Ready {
        mac: [u8; 6],
    },
    /// There is none any more; all that it did has ended.
    Gone,
    /// A scan's end: who was heard, each network once.
    Heard(Vec<Heard>),
    ScanFailed,
    /// In the network, encrypted if it is locked.
    Connected,
    Disconnected,
    /// The network refused the pass phrase.
    WrongKey,
    /// The network refused us; the status code of IEEE 802.11.
    Rejected(u16),
    /// The station's address has changed.
    Address(Option<Ipv4Addr>),
    /// The access point works.
    Opened,
    /// The access point has ended, or could not begin.
    Closed,
    /// How many are in the access point.
    Guests(usize),
}
