//! The card's section `[fleet]`: which server (Eclipse hawkBit) may offer updates.
//!
//! What is kept of it is read by overlay/usr/lib/mimamori/fleet, a `key=value` a line, and goes
//! from there into SWUpdate's settings: every value is of a few harmless characters.

use crate::config::reader::{Reader, Value};
use crate::config::values::Needed;
use std::fmt;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

pub const KEYS: [&str; 6] = [
    "url",
    "tenant",
    "id",
    "token",
    "gateway_token",
    "certificate",
];

/// Bytes of a value; SWUpdate takes no more.
const VALUE_LIMIT: usize = 120;
/// Bytes of certificates.
const CERTIFICATE_LIMIT: usize = 16 << 10;

/// A server, and how to be known to it.
#[derive(Clone, PartialEq)]
pub struct Fleet {
    /// `http://` or `https://`, host, perhaps port and path.
    url: String,
    tenant: Option<String>,
    id: Option<String>,
    /// Of this camera alone.
    token: Option<String>,
    /// Of all cameras behind one gateway.
    gateway_token: Option<String>,
    /// Who has to vouch for an `https://` server, in PEM.
    pub certificate: Option<String>,
}

impl Fleet {
    /// What is kept, as lines. A token that is blank here is the one of `before`, if those
    /// lines are of the same server.
    pub fn lines(&self, before: &str) -> String {
        let known = |key: &str| value_of(before, key).map(String::from);
        let same = value_of(before, "url") == Some(&self.url);
        let (mut token, mut gateway) = (self.token.clone(), self.gateway_token.clone());
        if same && token.is_none() && gateway.is_none() {
            (token, gateway) = (known("token"), known("gateway_token"));
        }
        let values = [
            ("url", Some(&self.url)),
            ("tenant", self.tenant.as_ref()),
            ("id", self.id.as_ref()),
            ("token", token.as_ref()),
            ("gateway_token", gateway.as_ref()),
        ];
        let given = values.into_iter().filter_map(|(key, value)| {
            let value = value?;
            Some(format!("{key}={value}\n"))
        });
        given.collect()
    }
}

fn value_of<'t>(lines: &'t str, key: &str) -> Option<&'t str> {
    lines
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

/// Keeps the tokens out of logs.
impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fleet({})", self.url)
    }
}

/// Reads the section; where its secrets stand comes to lie in `secrets`. `None` where no
/// server is named.
pub(super) fn read(
    reader: &mut Reader<'_>,
    start: usize,
    fleet: &DeTable<'_>,
    secrets: &mut Vec<Range<usize>>,
) -> Option<Fleet> {
    reader.known_keys("fleet", fleet);
    let url = reader.text("fleet.url", fleet.get("url"), url);
    let mut secret = |key: &str| {
        let value = fleet.get(key)?;
        let token = token(reader, key, value)?;
        secrets.push(value.span());
        Some(token)
    };
    let (token, gateway_token) = (secret("token"), secret("gateway_token"));
    if token.is_some() && gateway_token.is_some() {
        let one = "fleet: either token or gateway_token is needed, not both";
        reader.error(start, "fleet.token", one.into());
    }
    let tenant = reader.text("fleet.tenant", fleet.get("tenant"), name);
    let id = reader.text("fleet.id", fleet.get("id"), name);
    let certificate = fleet
        .get("certificate")
        .and_then(|value| certificate(reader, value));
    let url = url?;
    if url.starts_with("https:") && certificate.is_none() {
        let missing =
            "fleet: an https: server needs certificate = \"\"\"-----BEGIN CERTIFICATE-----...";
        reader.error(start, "fleet.certificate", missing.into());
    }
    Some(Fleet {
        url,
        tenant,
        id,
        token,
        gateway_token,
        certificate,
    })
}

fn url(text: &str) -> Result<String, Needed> {
    let text = text.trim().trim_end_matches('/');
    let host = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let sound = host.is_some_and(|host| !host.is_empty() && harmless(host, "-._~:/[]"));
    if sound && text.len() <= VALUE_LIMIT {
        return Ok(text.into());
    }
    Err("the server's address is needed, for example https://hawkbit.example.com:8443".into())
}

fn name(text: &str) -> Result<String, Needed> {
    let text = text.trim();
    if (1..=64).contains(&text.len()) && harmless(text, "-._") {
        return Ok(text.into());
    }
    Err("1 to 64 letters, digits, points and hyphens are needed".into())
}

/// Empty is none. Never shown.
fn token(reader: &mut Reader<'_>, key: &str, value: Value<'_, '_>) -> Option<String> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.trim(),
        _ => "?",
    };
    if text.len() <= VALUE_LIMIT && harmless(text, "-._~+/=") {
        return (!text.is_empty()).then(|| text.into());
    }
    let key = format!("fleet.{key}");
    let needed = format!(
        "{key}: at most {VALUE_LIMIT} letters, digits and signs without a space are needed, in quotes"
    );
    reader.error(value.span().start, &key, needed);
    None
}

/// One or more, in PEM (RFC 7468); shown to nobody, for it is long.
fn certificate(reader: &mut Reader<'_>, value: Value<'_, '_>) -> Option<String> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.trim(),
        _ => "",
    };
    let whole = text.starts_with("-----BEGIN CERTIFICATE-----")
        && text.ends_with("-----END CERTIFICATE-----")
        && text
            .bytes()
            .all(|b| matches!(b, b'\r' | b'\n' | b' '..=b'~'));
    if whole && text.len() <= CERTIFICATE_LIMIT {
        return Some(format!("{text}\n").replace('\r', ""));
    }
    let needed = "fleet.certificate: a certificate in PEM is needed, from -----BEGIN CERTIFICATE----- \
                  to -----END CERTIFICATE-----";
    reader.error(value.span().start, "fleet.certificate", needed.into());
    None
}

fn harmless(text: &str, signs: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
}
