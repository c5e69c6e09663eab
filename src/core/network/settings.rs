//! What the steward remembers of networks.

use crate::proto::wifi::{Country, Network, Ssid};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Most networks kept; the one that worked longest ago goes first.
pub const MAX_NETWORKS: usize = 8;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// What worked last comes first.
    #[serde(default, deserialize_with = "readable")]
    pub networks: Vec<Network>,
}

/// Those that this version can read: a newer one may know more kinds. If it can read none,
/// the file is damaged.
fn readable<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Network>, D::Error> {
    let all = Vec::<Value>::deserialize(from)?;
    let (good, bad): (Vec<_>, Vec<_>) = all
        .into_iter()
        .map(serde_json::from_value::<Network>)
        .partition(Result::is_ok);
    match bad.into_iter().find_map(Result::err) {
        Some(error) if good.is_empty() => Err(D::Error::custom(error)),
        _ => Ok(good.into_iter().flatten().collect()),
    }
}

impl Settings {
    pub fn find(&self, ssid: &Ssid) -> Option<&Network> {
        self.networks.iter().find(|network| network.ssid == *ssid)
    }

    /// A network works: it is the one to come back to. True if that is news.
    pub fn keep(&mut self, mut network: Network) -> bool {
        network.proven = true;
        if self.networks.first() == Some(&network) {
            return false;
        }
        self.networks.retain(|other| other.ssid != network.ssid);
        self.networks.insert(0, network);
        self.networks.truncate(MAX_NETWORKS);
        true
    }

    /// A network to be tried that nobody has been in. One that is known stays as it is,
    /// with its pass phrase, unless another one is given.
    pub fn propose(&mut self, mut network: Network) {
        if let Some(known) = self.find(&network.ssid) {
            if network.passphrase.is_none() || network.passphrase == known.passphrase {
                return;
            }
            // The old pass phrase may still be the right one.
            network.proven = false;
            self.networks
                .retain(|other| other.ssid != network.ssid || other.proven);
        }
        let proven = self.networks.iter().take_while(|n| n.proven).count();
        self.networks.truncate(MAX_NETWORKS - 1);
        self.networks
            .insert(proven.min(self.networks.len()), network);
    }
}
