//! The language of wpa_supplicant's control socket, as far as the steward speaks it.
//!
//! Its messages hold names that strangers' access points send, so nothing in them is
//! taken on trust. Whoever is on the air decides what stands between the quotes.

use super::wifi::{Heard, Lock, Network, Ssid};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Longest message taken, in bytes: wpa_supplicant's own limit on replies.
pub const MAX_MESSAGE: usize = 4096;
/// Most networks listed; a block of flats has fewer.
pub const MAX_HEARD: usize = 64;

/// What wpa_supplicant says unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    Connected,
    Disconnected,
    /// The pass phrase was refused; it goes on later by itself.
    WrongKey,
    /// With the status code of IEEE 802.11.
    Rejected(u16),
    ScanDone,
    ScanFailed,
    AccessPointUp,
    AccessPointDown,
    GuestCame,
    GuestLeft,
    Terminating,
}

/// Reads a message of the socket; `None` for those that don't matter here.
pub fn notice(message: &[u8]) -> Option<Notice> {
    let text = std::str::from_utf8(message).ok()?;
    // "<3>", the urgency.
    let text = match text.strip_prefix('<') {
        Some(rest) => rest.split_once('>')?.1,
        None => text,
    };
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    // The name of the network stands in quotes, and may hold anything but quotes.
    let outside = || rest.split('"').step_by(2);
    let field = |name: &str| {
        outside()
            .flat_map(|part| part.split(' '))
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    match name {
        "CTRL-EVENT-CONNECTED" => Some(Notice::Connected),
        "CTRL-EVENT-DISCONNECTED" => Some(Notice::Disconnected),
        "CTRL-EVENT-SSID-TEMP-DISABLED" if field("reason") == Some("WRONG_KEY") => {
            Some(Notice::WrongKey)
        }
        "CTRL-EVENT-ASSOC-REJECT" | "CTRL-EVENT-AUTH-REJECT" => {
            let code = field("status_code").and_then(|code| code.parse().ok());
            Some(Notice::Rejected(code.unwrap_or(1)))
        }
        "CTRL-EVENT-SCAN-RESULTS" => Some(Notice::ScanDone),
        "CTRL-EVENT-SCAN-FAILED" => Some(Notice::ScanFailed),
        "CTRL-EVENT-TERMINATING" => Some(Notice::Terminating),
        "AP-ENABLED" => Some(Notice::AccessPointUp),
        "AP-DISABLED" => Some(Notice::AccessPointDown),
        "AP-STA-CONNECTED" => Some(Notice::GuestCame),
        "AP-STA-DISCONNECTED" => Some(Notice::GuestLeft),
        _ => None,
    }
}

/// Asks for what is known of networks from the one numbered `from` on: number,
/// frequency, level, age, flags and name of each, with a line between two.
pub fn ask_heard(from: u32) -> String {
    format!("BSS RANGE={from}- MASK=0x21A85")
}

/// What one reply to [`ask_heard`] says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub heard: Vec<Heard>,
    /// To ask from next; `None` at the end.
    pub next: Option<u32>,
}

/// Reads a reply to [`ask_heard`]. What was heard longer than `max_age` seconds ago
/// is left out; so are networks without a readable name.
pub fn page(reply: &[u8], max_age: u32) -> Page {
    let text = String::from_utf8_lossy(&reply[..reply.len().min(MAX_MESSAGE)]);
    let mut page = Page::default();
    for block in text.split("====\n") {
        let field = |name: &str| {
            let mut lines = block.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        let number = field("id").and_then(|id| id.parse::<u32>().ok());
        let Some(next) = number.and_then(|number| number.checked_add(1)) else {
            continue;
        };
        page.next = page.next.max(Some(next));
        let age = field("age").and_then(|age| age.parse::<u32>().ok());
        let found = age.filter(|age| *age <= max_age).and_then(|_| {
            Some(Heard {
                ssid: Ssid::new(&unescape(field("ssid")?)?).ok()?,
                frequency: field("freq")?.parse().ok()?,
                signal: field("level")?.parse().ok()?,
                lock: lock(field("flags").unwrap_or_default()),
            })
        });
        page.heard.extend(found);
    }
    page
}

/// Each network once, as its strongest station is heard; the strongest first.
pub fn each_once(all: Vec<Heard>) -> Vec<Heard> {
    let mut best: BTreeMap<Ssid, Heard> = BTreeMap::new();
    for heard in all {
        match best.get(&heard.ssid) {
            Some(other) if other.signal >= heard.signal => {}
            _ => drop(best.insert(heard.ssid.clone(), heard)),
        }
    }
    let mut list: Vec<Heard> = best.into_values().collect();
    list.sort_by_key(|heard| std::cmp::Reverse(heard.signal));
    list.truncate(MAX_HEARD);
    list
}

/// `[WPA2-PSK-CCMP][ESS]` and the like.
fn lock(flags: &str) -> Lock {
    let words = || flags.split(['[', ']']).filter(|word| !word.is_empty());
    let locked = |word: &str| {
        ["WPA", "RSN", "WEP", "OWE"]
            .iter()
            .any(|start| word.starts_with(start))
    };
    let passphrase = |word: &str| {
        let mut parts = word.split(['-', '+']);
        (word.starts_with("WPA") || word.starts_with("RSN")) && parts.any(|part| part == "PSK")
    };
    if words().any(passphrase) {
        Lock::Passphrase
    } else if words().any(locked) {
        Lock::Unsupported
    } else {
        Lock::Open
    }
}

/// wpa_supplicant's printf_encode() undone; `None` for what is no UTF-8.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'e' => 0x1b,
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            same @ (b'\\' | b'"') => same,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The values to set for a network that is to be joined, in this order.
pub fn network_values(network: &Network) -> Vec<(&'static str, String)> {
    let mut values = vec![("ssid", hex(network.ssid.as_str()))];
    match &network.passphrase {
        // What stands between the first and the last quote counts, quotes included.
        Some(phrase) if !phrase.is_key() => {
            values.push(("psk", format!("\"{}\"", phrase.as_str())))
        }
        Some(key) => values.push(("psk", key.as_str().into())),
        None => {}
    }
    let keys = match network.passphrase {
        Some(_) => "WPA-PSK WPA-PSK-SHA256",
        None => "NONE",
    };
    values.push(("key_mgmt", keys.into()));
    if network.hidden {
        values.push(("scan_ssid", "1".into()));
    }
    values
}

/// The values to set for an open access point.
pub fn access_point_values(ssid: &Ssid, frequency: u32) -> Vec<(&'static str, String)> {
    vec![
        ("ssid", hex(ssid.as_str())),
        ("mode", "2".into()),
        ("key_mgmt", "NONE".into()),
        ("frequency", frequency.to_string()),
    ]
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::super::wifi::Passphrase;
    use super::*;

    #[test]
    fn notices_are_told_apart() {
        for (text, meant) in [
            (
                "<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:01:00 completed [id=0 id_str=]",
                Some(Notice::Connected),
            ),
            (
                "<3>CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:01:00 reason=15",
                Some(Notice::Disconnected),
            ),
            (
                "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"router\" auth_failures=1 duration=10 reason=WRONG_KEY",
                Some(Notice::WrongKey),
            ),
            (
                "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"x reason=WRONG_KEY \" auth_failures=1 duration=10 reason=CONN_FAILED",
                None,
            ),
            (
                "<3>CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:01:00 status_code=17",
                Some(Notice::Rejected(17)),
            ),
            (
                "<3>CTRL-EVENT-AUTH-REJECT 02:00:00:00:01:00 auth_type=0",
                Some(Notice::Rejected(1)),
            ),
            ("<3>CTRL-EVENT-SCAN-RESULTS ", Some(Notice::ScanDone)),
            (
                "<3>CTRL-EVENT-SCAN-FAILED ret=-16 retry=1",
                Some(Notice::ScanFailed),
            ),
            ("<3>AP-ENABLED ", Some(Notice::AccessPointUp)),
            (
                "AP-STA-CONNECTED 02:00:00:00:02:00",
                Some(Notice::GuestCame),
            ),
            ("<3>WPA: 4-Way Handshake failed", None),
            ("<", None),
            ("", None),
        ] {
            assert_eq!(notice(text.as_bytes()), meant, "{text}");
        }
        assert_eq!(notice(b"\xff\xfe"), None);
    }

    #[test]
    fn networks_are_read_and_sorted() {
        let reply =
            b"id=0\nfreq=2437\nlevel=-70\nage=3\nflags=[WPA2-PSK-CCMP][ESS]\nssid=home\n====\n\
            id=1\nfreq=2412\nlevel=-40\nage=1\nflags=[WPA2-PSK+SAE-CCMP][ESS]\nssid=home\n====\n\
            id=2\nfreq=2412\nlevel=-30\nage=0\nflags=[ESS]\nssid=caf\\xc3\\xa9 \\\"x\\\"\n====\n\
            id=3\nfreq=2412\nlevel=-20\nage=0\nflags=[WPA2-SAE-CCMP][ESS]\nssid=three\n====\n\
            id=4\nfreq=2412\nlevel=-20\nage=0\nflags=[WEP][ESS]\nssid=\\xff\n====\n\
            id=5\nfreq=2412\nlevel=-20\nage=99\nflags=[ESS]\nssid=old\n====\n\
            id=9\nfreq=2412\nlevel=-10\nage=0\nflags=[ESS]\nssid=\n####\n";
        let page = page(reply, 30);
        assert_eq!(page.next, Some(10));
        let list = each_once(page.heard);
        let facts: Vec<_> = list
            .iter()
            .map(|h| (h.ssid.as_str(), h.frequency, h.lock))
            .collect();
        assert_eq!(
            facts,
            [
                ("three", 2412, Lock::Unsupported),
                ("caf\u{e9} \"x\"", 2412, Lock::Open),
                ("home", 2412, Lock::Passphrase)
            ]
        );
        assert_eq!(super::page(b"####\n", 30), Page::default());
        assert_eq!(super::page(b"", 30), Page::default());
    }

    #[test]
    fn nothing_breaks_out_of_a_value() {
        let network = |phrase: Option<&str>| Network {
            ssid: Ssid::new("a\"b 1").unwrap(),
            passphrase: phrase.map(|phrase| Passphrase::new(phrase).unwrap()),
            hidden: true,
            proven: false,
        };
        let values = network_values(&network(Some("say \"hush\"")));
        assert_eq!(values[0], ("ssid", "6122622031".into()));
        assert_eq!(values[1], ("psk", "\"say \"hush\"\"".into()));
        assert_eq!(values.last().unwrap(), &("scan_ssid", "1".into()));
        let key = "0f".repeat(32);
        assert_eq!(network_values(&network(Some(&key)))[1], ("psk", key));
        assert_eq!(
            network_values(&network(None))[1],
            ("key_mgmt", "NONE".into())
        );
    }
}
