//! The settings on the card's FAT partition, which any computer can write: Wi-Fi, the
//! camera's name, and all that a configuration file may say.
//!
//! They are right as a whole, or nothing of them is taken.

use super::reader::{Reader, SECTIONS, Section, Value};
use super::source::{self, ConfigError, Source, nearest};
use super::values::Needed;
use super::{FILE_LIMIT, FileConfig};
use crate::proto::wifi::{Country, Network, Passphrase, Ssid};
use fleet::Fleet;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// What the card's file says; empty where it is silent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CardSettings {
    pub network: Option<Network>,
    pub country: Option<Country>,
    /// The host name, in lower case.
    pub name: Option<String>,
    /// Who may offer updates.
    pub fleet: Option<Fleet>,
    /// The options of the camera's program: TOML that [`super::parse`] takes.
    pub options: toml::Table,
    /// The file as it is to be once its secrets are kept elsewhere.
    pub blanked: Option<String>,
}

const CARD_SECTIONS: [Section; 7] = [
    ("", &TOP),
    SECTIONS[1],
    SECTIONS[2],
    SECTIONS[3],
    ("wifi", &["ssid", "passphrase", "country", "hidden"]),
    ("camera", &["name"]),
    ("fleet", &fleet::KEYS),
];

/// The keys of any configuration file, and ours.
const TOP: [&str; SECTIONS[0].1.len() + 2] = {
    let mut keys = ["wifi"; SECTIONS[0].1.len() + 2];
    keys[SECTIONS[0].1.len()] = "fleet";
    let mut at = 0;
    while at < SECTIONS[0].1.len() {
        keys[at] = SECTIONS[0].1[at];
        at += 1;
    }
    keys
};

/// What people call a pass phrase; the key has one name, so that one place is blanked.
const PASSPHRASE_TOO: [&str; 6] = ["password", "passwd", "pass", "psk", "key", "secret"];

/// Reads the file's bytes; `name` is for the errors. Forgives what [`super::parse`]
/// forgives, and that Notepad has saved it as "Unicode".
pub fn parse(bytes: &[u8], name: &str) -> Result<CardSettings, Vec<ConfigError>> {
    let text = decode(bytes, name).map_err(|error| vec![error])?;
    let source = Source::new(&text, name).map_err(|error| vec![error])?;
    let (document, syntax) = DeTable::parse_recoverable(&source.text);
    let mut reader = Reader::new(&source, &CARD_SECTIONS);
    reader.discreet = true;
    let mut settings = CardSettings::default();
    if syntax.is_empty() {
        let secrets = read(&mut reader, document.into_inner(), &mut settings);
        settings.options = options(&source.text);
        settings.blanked = blanked(&text, &source.text, secrets);
    } else {
        reader.syntax(&syntax);
    }
    reader.end(!syntax.is_empty())?;
    Ok(settings)
}

fn decode(bytes: &[u8], name: &str) -> Result<String, ConfigError> {
    if bytes.len() > FILE_LIMIT {
        return Err(ConfigError::of_file(name, source::too_long()));
    }
    let utf16 = |of_pair: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes[2..].as_chunks::<2>();
        let units = pairs.iter().map(|pair| of_pair(*pair));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.ok().filter(|_| rest.is_empty())
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        _ => std::str::from_utf8(bytes).ok().map(String::from),
    };
    if let Some(text) = text {
        return Ok(text);
    }
    let valid = std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), str::len);
    Err(source::not_utf8(name, bytes, valid))
}

/// Fills in `settings`; returns where its secrets stand.
fn read(
    reader: &mut Reader<'_>,
    mut top: DeTable<'_>,
    settings: &mut CardSettings,
) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    let wifi = top.remove("wifi");
    let fleet = top.remove("fleet");
    // `camera = "auto"` is an option of the program.
    let camera = match top.get("camera").map(|value| value.get_ref()) {
        Some(DeValue::Table(_)) => top.remove("camera"),
        _ => None,
    };
    let _: FileConfig = reader.document(&top);
    if let Some(DeValue::Table(camera)) = camera.as_ref().map(|value| value.get_ref()) {
        reader.known_keys("camera", camera);
        settings.name = reader.text("camera.name", camera.get("name"), host_name);
    }
    if let Some((start, table)) = section(reader, "wifi", wifi.as_ref()) {
        secrets.extend(network(reader, start, table, settings));
    }
    if let Some((start, table)) = section(reader, "fleet", fleet.as_ref()) {
        settings.fleet = fleet::read(reader, start, table, &mut secrets);
    }
    secrets
}

/// Where it begins, and what is in it.
fn section<'t, 'i>(
    reader: &mut Reader<'_>,
    name: &str,
    value: Option<Value<'t, 'i>>,
) -> Option<(usize, &'t DeTable<'i>)> {
    let value = value?;
    if let DeValue::Table(table) = value.get_ref() {
        return Some((value.span().start, table));
    }
    reader.refuse(name, value, format!("a section [{name}] is needed"));
    None
}

fn network(
    reader: &mut Reader<'_>,
    start: usize,
    wifi: &DeTable<'_>,
    settings: &mut CardSettings,
) -> Option<Range<usize>> {
    let meant = |key: &str| {
        let names = PASSPHRASE_TOO.into_iter().chain(["passphrase"]);
        !CARD_SECTIONS[4].1.contains(&key) && nearest(key, names).is_some()
    };
    match wifi.keys().find(|key| meant(key.get_ref())) {
        Some(key) => reader.error(
            key.span().start,
            "wifi.passphrase",
            format!("unknown key {}: did you mean passphrase?", key.get_ref()),
        ),
        None => reader.known_keys("wifi", wifi),
    }
    let ssid = reader.text("wifi.ssid", wifi.get("ssid"), Ssid::new);
    settings.country = reader.text("wifi.country", wifi.get("country"), Country::new);
    let passphrase = wifi.get("passphrase");
    let secret = passphrase.and_then(|value| secret(reader, value));
    let hidden = flag(reader, "wifi.hidden", wifi.get("hidden"));
    if wifi.get("ssid").is_none() && secret.is_some() {
        let missing = "wifi: the network's name is missing: ssid = \"...\"";
        reader.error(start, "wifi.ssid", missing.into());
    }
    settings.network = ssid.map(|ssid| Network {
        ssid,
        passphrase: secret.clone(),
        hidden,
        proven: false,
    });
    secret.and(passphrase).map(|value| value.span())
}

/// Empty is none. Never shown.
fn secret(reader: &mut Reader<'_>, value: Value<'_, '_>) -> Option<Passphrase> {
    let read = match value.get_ref() {
        DeValue::String(text) if text.is_empty() => return None,
        DeValue::String(text) => Passphrase::new(text),
        _ => Passphrase::new("").map_err(|needed| format!("{needed}, in quotes")),
    };
    let place = value.span().start;
    read.map_err(|needed| {
        reader.error(
            place,
            "wifi.passphrase",
            format!("wifi.passphrase: {needed}"),
        );
    })
    .ok()
}

fn flag(reader: &mut Reader<'_>, key: &str, value: Option<Value<'_, '_>>) -> bool {
    match value.map(|value| (value, value.get_ref())) {
        None => false,
        Some((_, DeValue::Boolean(yes))) => *yes,
        Some((value, _)) => {
            reader.refuse(key, value, "true or false is needed, without quotes".into());
            false
        }
    }
}

/// One label of a host name (RFC 1123).
pub fn host_name(text: &str) -> Result<String, Needed> {
    let name = text.trim().to_ascii_lowercase();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let sound = (1..=63).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-');
    sound.then_some(name).ok_or_else(|| {
        "a name of letters, digits and hyphens is needed, for example camera-2".into()
    })
}

/// What remains for the camera's program.
fn options(text: &str) -> toml::Table {
    let mut table: toml::Table = text.parse().unwrap_or_default();
    table.remove("wifi");
    table.remove("fleet");
    if table.get("camera").is_some_and(toml::Value::is_table) {
        table.remove("camera");
    }
    // A heading with nothing below it, as the delivered file has, says nothing.
    table.retain(|_, value| !value.as_table().is_some_and(toml::Table::is_empty));
    table
}

/// The text as a TOML parser saw it, with what stands at `secrets` taken out, and with the
/// line ends that the original has; `None` without a secret.
fn blanked(original: &str, text: &str, mut secrets: Vec<Range<usize>>) -> Option<String> {
    if secrets.is_empty() {
        return None;
    }
    // From the last one on: what is before it keeps its place.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.start));
    let mut blanked = text.to_string();
    for secret in secrets {
        let rest = &text[secret.end..];
        let alone = rest.lines().next().unwrap_or_default().trim().is_empty();
        let note = if alone { " # kept in the camera" } else { "" };
        blanked.replace_range(secret, &format!("\"\"{note}"));
    }
    if original.contains("\r\n") {
        blanked = blanked.replace('\n', "\r\n");
    }
    Some(blanked)
}

pub mod fleet;
#[cfg(test)]
mod tests;
