//! What the steward keeps: its settings, and which card file they have taken in.

use super::settings::Settings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest file taken, in bytes.
pub const LIMIT: usize = 64 << 10;
/// A file as it was, and as it is without its pass phrase.
const MAX_SEEN: usize = 2;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    #[serde(flatten)]
    pub settings: Settings,
    /// Digests of the card's file, as it has been taken in already.
    #[serde(default)]
    pub seen: Vec<String>,
    /// The card's file has set options of the camera's program.
    #[serde(default)]
    pub options: bool,
    /// What a newer version has added: it finds it again after this one was rolled back to.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Kept {
    pub fn read(bytes: &[u8]) -> Result<Kept, String> {
        if bytes.len() > LIMIT {
            return Err("longer than any that was kept".into());
        }
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    pub fn has_seen(&self, digest: &str) -> bool {
        self.seen.iter().any(|seen| seen == digest)
    }

    pub fn see(&mut self, digests: impl IntoIterator<Item = String>) {
        self.seen = digests.into_iter().take(MAX_SEEN).collect();
    }
}
