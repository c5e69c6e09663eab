//! What a Wi-Fi network is called and opened with. Every value is checked when it is
//! made, so that none can break out of the messages that it is put into.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A network's name: 1 to 32 bytes of text. Names that are no UTF-8 can't be had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ssid(String);

impl Ssid {
    /// The error says what would be right.
    pub fn new(text: &str) -> Result<Ssid, String> {
        if text.is_empty() || text.len() > 32 || text.chars().any(char::is_control) {
            return Err("a network's name of 1 to 32 bytes is needed".into());
        }
        Ok(Ssid(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ssid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What opens a network: a pass phrase, or the key itself in 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Passphrase(String);

impl Passphrase {
    /// The error says what would be right, and nothing of the pass phrase.
    pub fn new(text: &str) -> Result<Passphrase, String> {
        let printable = text.bytes().all(|b| (0x20..0x7f).contains(&b));
        let key = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if printable && (8..=63).contains(&text.len()) || key {
            return Ok(Passphrase(text.into()));
        }
        Err("a pass phrase has 8 to 63 letters, digits and signs of ASCII".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for 64 hexadecimal digits.
    pub fn is_key(&self) -> bool {
        self.0.len() == 64
    }
}

/// Keeps it out of logs.
impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(...)")
    }
}

/// Whose rules the radio obeys: two capital letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country(String);

impl Country {
    pub fn new(text: &str) -> Result<Country, String> {
        let code = text.trim().to_ascii_uppercase();
        if code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()) {
            return Ok(Country(code));
        }
        Err("a country's two letters are needed, for example JP".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! as_text {
    ($($kind:ident)*) => {$(
        impl TryFrom<String> for $kind {
            type Error = String;
            fn try_from(text: String) -> Result<$kind, String> {
                $kind::new(&text)
            }
        }
        impl From<$kind> for String {
            fn from(value: $kind) -> String {
                value.0
            }
        }
    )*};
}
as_text!(Ssid Passphrase Country);

/// A network that the camera may join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    pub ssid: Ssid,
    /// `None`: an open network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Passphrase>,
    /// It has to be called by its name to answer.
    #[serde(default)]
    pub hidden: bool,
    /// The camera has been in it.
    #[serde(default)]
    pub proven: bool,
}

/// How a network that was heard wants to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lock {
    Open,
    /// WPA or WPA2 with a pass phrase, also beside WPA3.
    Passphrase,
    /// WEP, WPA3 alone, or with accounts: not for this camera.
    Unsupported,
}

/// A network that was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub ssid: Ssid,
    /// In MHz.
    pub frequency: u32,
    /// In dBm.
    pub signal: i32,
    pub lock: Lock,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_however_they_come() {
        for (text, good) in [("a", true), ("", false), ("a\nb", false)] {
            assert_eq!(Ssid::new(text).is_ok(), good, "{text:?}");
        }
        assert!(Ssid::new(&"x".repeat(32)).is_ok());
        assert!(Ssid::new(&"\u{65e5}".repeat(11)).is_err());
        let json = r#"{"ssid":"a\u0000b"}"#;
        assert!(serde_json::from_str::<Network>(json).is_err());
        for bad in [
            "short",
            "with\nnewline",
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
            &"z".repeat(64),
        ] {
            assert!(Passphrase::new(bad).is_err(), "{bad:?}");
        }
        for good in ["12345678", " a\"b'c\\ ", &"a".repeat(63), &"aF".repeat(32)] {
            assert!(Passphrase::new(good).is_ok(), "{good:?}");
        }
        assert_eq!(Country::new("jp").unwrap().as_str(), "JP");
        assert!(Country::new("JPN").is_err() && Country::new("00").is_err());
    }

    #[test]
    fn a_pass_phrase_does_not_reach_logs() {
        let network = Network {
            ssid: Ssid::new("home").unwrap(),
            passphrase: Some(Passphrase::new("hush hush").unwrap()),
            hidden: false,
            proven: false,
        };
        assert!(!format!("{network:?}").contains("hush"));
        let json = serde_json::to_string(&network).unwrap();
        assert_eq!(serde_json::from_str::<Network>(&json).unwrap(), network);
    }
}
