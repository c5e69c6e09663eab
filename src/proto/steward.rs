//! What is asked of the steward, and its answers: one line of JSON each.
//!
//! Asked is by the camera's server, which is not root and faces the network: what
//! comes from there is read as strictly as if it came from a stranger.

use super::update::piece::UploadId;
use super::wifi::{Country, Passphrase, Ssid};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Longest line either way, in bytes, its newline included.
pub const MAX_LINE: usize = 64 << 10;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// How the steward is: answers with its version and uptime.
    Status,
    /// What is known of networks: answers with what the page shows.
    Network,
    /// Listen who is there; the next [`Ask::Network`] but one tells.
    Scan,
    /// Try to be in this network, and keep it if that works.
    Join {
        ssid: Ssid,
        /// Without one, the one that is known, if there is one.
        #[serde(default)]
        passphrase: Option<Passphrase>,
        #[serde(default)]
        hidden: bool,
        #[serde(default)]
        country: Option<Country>,
    },
    /// A browser says what time it is, in milliseconds since 1970: answers with what
    /// the clock says then.
    Time { ms: u64 },
    /// Nobody needs the access point any more.
    CloseAccessPoint,
    /// How updates stand: answers with what the page shows.
    Update,
    /// A bundle of `size` bytes is to come: answers with its upload's `id`.
    Announce { size: u64 },
    /// This upload is given up.
    Abandon { id: UploadId },
    /// Restart into the version in the other slot.
    RollBack,
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// In words for the camera's owner.
    pub why: String,
    /// The HTTP status that goes with it, where one was said.
    pub status: Option<u16>,
    /// How much of an upload is there, in bytes, where that was said.
    pub offset: Option<u64>,
}

impl Refused {
    pub fn new(status: u16, why: &str) -> Refused {
        Refused {
            why: why.into(),
            status: Some(status),
            offset: None,
        }
    }

    /// The line that says so.
    pub fn line(&self) -> String {
        let mut value = json!({ "error": self.why });
        if let Some(status) = self.status {
            value["status"] = status.into();
        }
        if let Some(offset) = self.offset {
            value["offset"] = offset.into();
        }
        line(&value)
    }
}

impl From<String> for Refused {
    fn from(why: String) -> Refused {
        Refused {
            why,
            status: None,
            offset: None,
        }
    }
}

/// Reads a request's line; the error is what to answer.
pub fn parse(line: &[u8]) -> Result<Ask, String> {
    // The error shows no secret: those that read one say only what is needed.
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

/// The line that says what was asked for, or what is done.
pub fn done(facts: Value) -> String {
    line(&json!({ "ok": facts }))
}

/// The line that says why not, in words for the camera's owner.
pub fn refused(why: &str) -> String {
    line(&json!({ "error": why }))
}

/// Like [`refused`], with the HTTP status that goes with it.
pub fn refused_with(status: u16, why: &str) -> String {
    Refused::new(status, why).line()
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

/// What an answer's line says; refused also where it is none.
pub fn answer(line: &[u8]) -> Result<Value, Refused> {
    let mut value: Value =
        serde_json::from_slice(line).map_err(|error| format!("not an answer: {error}"))?;
    match (value.get("ok").is_some(), value["error"].as_str()) {
        (true, _) => Ok(value["ok"].take()),
        (false, Some(why)) => Err(Refused {
            why: why.into(),
            status: error_status(&value["status"]),
            offset: value["offset"].as_u64(),
        }),
        (false, None) => Err("not an answer".to_owned().into()),
    }
}

/// Only one that says that something was not done.
fn error_status(value: &Value) -> Option<u16> {
    let status = u16::try_from(value.as_u64()?).ok()?;
    (400..600).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_refused() {
        assert_eq!(parse(br#"{"ask":"status"}"#), Ok(Ask::Status));
        for bad in [
            &b""[..],
            b"{}",
            b"status",
            br#"{"ask":"reboot_into_nothing"}"#,
            br#"{"ask":"status"} {}"#,
            br#"{"ask":"join"}"#,
            br#"{"ask":"join","ssid":""}"#,
            br#"{"ask":"join","ssid":"a\nb"}"#,
            br#"{"ask":"join","ssid":"a","passphrase":"short"}"#,
            br#"{"ask":"announce"}"#,
            br#"{"ask":"announce","size":-1}"#,
            br#"{"ask":"abandon","id":"../x"}"#,
            b"\xff",
        ] {
            assert!(parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn a_wish_is_read_and_its_errors_keep_the_secret() {
        let wish = br#"{"ask":"join","ssid":"home","passphrase":"hush hush","country":"jp"}"#;
        let Ok(Ask::Join { ssid, country, .. }) = parse(wish) else {
            panic!("{:?}", parse(wish));
        };
        assert_eq!((ssid.as_str(), country.unwrap().as_str()), ("home", "JP"));
        let error = parse(br#"{"ask":"join","ssid":"home","passphrase":"hush\u0007hush"}"#);
        assert!(!error.unwrap_err().contains("hush"));
    }

    #[test]
    fn answers_are_read_back() {
        assert_eq!(
            answer(done(json!({"a": 1})).as_bytes()),
            Ok(json!({"a": 1}))
        );
        let no_way = Refused::from("no\nway".to_owned());
        assert_eq!(answer(refused("no\nway").as_bytes()), Err(no_way));
        let taken = Refused {
            offset: Some(7),
            ..Refused::new(409, "it is taken")
        };
        assert_eq!(answer(taken.line().as_bytes()), Err(taken));
        for bad in ["200", "70000", "-1", "\"409\"", "null"] {
            let line = format!(r#"{{"error":"no","status":{bad}}}"#);
            assert_eq!(answer(line.as_bytes()).unwrap_err().status, None, "{bad}");
        }
        assert!(answer(b"[]").is_err());
        assert_eq!(done(json!("a\nb")).matches('\n').count(), 1);
    }
}
