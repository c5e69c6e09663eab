//! What the owner wrote into the card's file, taken in once: what is secret is kept in
//! /data before it is blanked on the card, so that a cut of the power at any moment
//! leaves it in at least one of the two.

use crate::config::card::fleet::Fleet;
use crate::config::card::{self, CardSettings};
use crate::config::{self, ConfigError};
use crate::core::network::kept::{self, Kept};
use crate::io::steward::card::{Card, FILE_NAME};
use crate::io::steward::files;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Problems told of one file; who has more reads none of them.
const MAX_TOLD: usize = 4;
/// Bytes of what is kept of a fleet's server.
const FLEET_LIMIT: usize = 4 << 10;

/// Where things are kept.
#[derive(Clone, Debug)]
pub struct Store {
    /// Networks, with their pass phrases.
    pub networks: PathBuf,
    /// The camera's name.
    pub name: PathBuf,
    /// Which server may offer updates, and who vouches for it.
    pub fleet: PathBuf,
    pub fleet_certificate: PathBuf,
    /// The options of the camera's program, and what they are if nobody changes them.
    pub options: PathBuf,
    pub delivered: PathBuf,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Intake {
    /// For the camera's owner.
    pub problems: Vec<String>,
    /// The camera has another name now.
    pub renamed: bool,
    /// The camera's program has to start anew to know its options.
    pub options: bool,
}

impl Store {
    /// What is kept; something that can't be read is put aside, and told.
    pub fn load(&self) -> (Kept, Option<String>) {
        let read = files::read(&self.networks, kept::LIMIT);
        let kept = match read {
            Ok(None) => return (Kept::default(), None),
            Ok(Some(bytes)) => Kept::read(&bytes),
            Err(error) => Err(error.to_string()),
        };
        match kept {
            Ok(kept) => (kept, None),
            Err(error) => {
                log::error!("{}: {error}", self.networks.display());
                let _ = std::fs::rename(&self.networks, self.networks.with_extension("bad"));
                let told = "Wi-Fi: the networks that the camera knew were lost; set it up again.";
                (Kept::default(), Some(told.into()))
            }
        }
    }

    pub fn save(&self, kept: &Kept) -> std::io::Result<()> {
        files::replace(&self.networks, "network.new", &kept.bytes(), 0o600)
    }
}

/// Reads the card's file, if it is another one than last time, and takes in what it says.
pub async fn take_in(card: &Card, store: &Store, kept: &mut Kept) -> Intake {
    let mut intake = Intake::default();
    if let Err(problems) = try_to(card, store, kept, &mut intake).await {
        intake.problems.extend(problems);
    }
    intake
}

async fn try_to(
    card: &Card,
    store: &Store,
    kept: &mut Kept,
    intake: &mut Intake,
) -> Result<(), Vec<String>> {
    let one = |problem: String| vec![problem];
    let Some(bytes) = card.read(config::FILE_LIMIT).await.map_err(unreadable)? else {
        return Ok(());
    };
    let settings = card::parse(&bytes, FILE_NAME).map_err(told)?;
    let before = digest(&bytes);
    let blanked = settings.blanked.as_deref().map(str::as_bytes);
    if !kept.has_seen(&before) {
        let mut new = kept.clone();
        new.see([before].into_iter().chain(blanked.map(digest)));
        keep(&settings, store, &mut new, intake).map_err(one)?;
        *kept = new;
    }
    // Also after a cut of the power between the two.
    if let Some(blanked) = blanked {
        let written = card.write(blanked).await;
        written.map_err(|error| one(format!("The pass phrase stays on the card: {error}.")))?;
        log::info!("{FILE_NAME}: its secrets are kept in the camera now");
    }
    Ok(())
}

/// The networks last: once they are written, the file counts as taken in.
fn keep(
    settings: &CardSettings,
    store: &Store,
    kept: &mut Kept,
    intake: &mut Intake,
) -> Result<(), String> {
    let failed = |error| format!("{FILE_NAME} could not be taken in: {error}.");
    if let Some(name) = &settings.name {
        let line = format!("{name}\n");
        intake.renamed =
            replace_if_new(&store.name, "name.new", line.as_bytes()).map_err(failed)?;
    }
    if !settings.options.is_empty() || kept.options {
        let text = options(settings, &store.delivered);
        let replaced = replace_if_new(&store.options, "mimamori.new", text.as_bytes());
        intake.options = replaced.map_err(failed)?;
        kept.options = true;
    }
    keep_fleet(settings.fleet.as_ref(), store).map_err(failed)?;
    if let Some(network) = &settings.network {
        kept.settings.propose(network.clone());
    }
    if settings.country.is_some() {
        kept.settings.country.clone_from(&settings.country);
    }
    store.save(kept).map_err(failed)?;
    log::info!("{FILE_NAME}: taken in");
    Ok(())
}

/// Without a server in the card's file there is none. The certificate comes first: who reads
/// the other file wants to find it.
fn keep_fleet(fleet: Option<&Fleet>, store: &Store) -> std::io::Result<()> {
    let Some(fleet) = fleet else {
        files::remove(&store.fleet)?;
        return files::remove(&store.fleet_certificate);
    };
    match &fleet.certificate {
        Some(pem) => replace_if_new(&store.fleet_certificate, "fleet-ca.new", pem.as_bytes())?,
        None => files::remove(&store.fleet_certificate).map(|()| false)?,
    };
    let before = files::read(&store.fleet, FLEET_LIMIT)?.unwrap_or_default();
    let lines = fleet.lines(&String::from_utf8_lossy(&before));
    if before != lines.as_bytes() {
        files::replace_secret(&store.fleet, "fleet.new", lines.as_bytes(), 0o600)?;
    }
    Ok(())
}

fn replace_if_new(path: &Path, new: &str, bytes: &[u8]) -> std::io::Result<bool> {
    if files::read(path, bytes.len())?.as_deref() == Some(bytes) {
        return Ok(false);
    }
    files::replace(path, new, bytes, 0o644).map(|()| true)
}

/// The delivered options with the owner's laid over.
fn options(settings: &CardSettings, delivered: &Path) -> String {
    let delivered = std::fs::read_to_string(delivered).unwrap_or_default();
    let mut table: toml::Table = delivered.parse().unwrap_or_default();
    table.extend(settings.options.clone());
    format!("# From {FILE_NAME} on the card, which is the file to change.\n{table}")
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unreadable(error: String) -> Vec<String> {
    vec![format!("The card's settings can't be read: {error}.")]
}

fn told(errors: Vec<ConfigError>) -> Vec<String> {
    let more = errors.len().saturating_sub(MAX_TOLD);
    let mut lines: Vec<String> = errors
        .iter()
        .take(MAX_TOLD)
        .map(|e| e.to_string())
        .collect();
    if more > 0 {
        lines.push(format!("{FILE_NAME}: and {more} more errors"));
    }
    lines
}

#[cfg(test)]
mod tests;
