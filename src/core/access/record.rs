//! What is kept of who may in: one JSON value with a version.

use super::digest::Digest;
use super::grant::{Right, Who};
use crate::proto::auth::check_name;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;

/// Longest record read, in bytes.
pub const LIMIT: usize = 128 << 10;
/// Of the record as it is written here.
pub const VERSION: u32 = 1;

/// Most accounts beside the owner's.
pub const MAX_VIEWERS: usize = 16;
pub const MAX_TOKENS: usize = 16;
pub const MAX_LINKS: usize = 16;
/// Sessions of one account or one guest's link; a new one takes the oldest one's place.
pub const MAX_SESSIONS_EACH: usize = 6;
/// What a browser calls itself, in bytes.
pub const MAX_AGENT: usize = 160;
const MAX_PHC: usize = 256;

/// Times are in seconds since 1970, as the clock had it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub version: u32,
    /// `None`: the camera belongs to nobody yet.
    pub owner: Option<Account>,
    pub viewers: Vec<Account>,
    pub sessions: Vec<Session>,
    pub tokens: Vec<Token>,
    pub links: Vec<Link>,
    /// Who is in the camera's own network may watch without being asked.
    pub open_to_local_network: bool,
}

/// A person with a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    /// Argon2id, as a PHC string.
    pub password: String,
    /// How often the password has been changed: what the old one has opened is shut.
    pub changes: u64,
}

/// A browser that has logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub hash: Digest,
    pub who: Who,
    pub began: u64,
    pub seen: u64,
    pub from: IpAddr,
    /// What the browser calls itself.
    pub agent: String,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub name: String,
    pub hash: Digest,
    pub right: Right,
    pub made: u64,
}

/// A guest, until a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub name: String,
    pub hash: Digest,
    pub made: u64,
    pub expires: u64,
}

/// Keeps the hash out of logs.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Account");
        shown.field("name", &self.name).finish_non_exhaustive()
    }
}

impl Default for Record {
    fn default() -> Record {
        Record {
            version: VERSION,
            owner: None,
            viewers: Vec::new(),
            sessions: Vec::new(),
            tokens: Vec::new(),
            links: Vec::new(),
            open_to_local_network: false,
        }
    }
}

impl Record {
    /// Reads a record. One of a newer version may hold more than is known here, for a camera
    /// that went back to its old program is still its owner's; one of this version may not.
    ///
    /// The error says what is wrong and nothing of what is in it. It is not the same as no
    /// record: a damaged one must not make the camera anybody's.
    pub fn read(bytes: &[u8]) -> Result<Record, String> {
        if bytes.len() > LIMIT {
            return Err(format!("longer than {LIMIT} bytes"));
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|error| place_of(&error))?;
        let record = Record::deserialize(&value).map_err(|_| "not a record of accounts")?;
        if record.version <= VERSION && serde_json::to_value(&record).ok() != Some(value) {
            return Err("more in it than its version has".into());
        }
        record.check()?;
        Ok(Record {
            version: VERSION,
            ..record
        })
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    fn check(&self) -> Result<(), String> {
        let accounts = || self.owner.iter().chain(&self.viewers);
        let names = accounts().map(|account| &account.name);
        let all = names
            .clone()
            .chain(self.tokens.iter().map(|token| &token.name));
        for name in all.chain(self.links.iter().map(|link| &link.name)) {
            check_name(name)?;
        }
        let mut names: Vec<_> = names.collect();
        names.sort();
        let sound = self.version >= 1
            && accounts().all(|account| account.password.len() <= MAX_PHC)
            && names.windows(2).all(|two| two[0] != two[1])
            && self.viewers.len() <= MAX_VIEWERS
            && self.tokens.len() <= MAX_TOKENS
            && self.links.len() <= MAX_LINKS
            && self.sessions.len() <= MAX_SESSIONS_EACH * (1 + MAX_VIEWERS + MAX_LINKS)
            && self
                .sessions
                .iter()
                .all(|session| session.agent.len() <= MAX_AGENT)
            && (self.owner.is_some() || *self == self.of_nobody());
        sound
            .then_some(())
            .ok_or_else(|| "not as the camera writes it".into())
    }

    /// A camera without an owner has nothing else either.
    fn of_nobody(&self) -> Record {
        Record {
            version: self.version,
            ..Record::default()
        }
    }

    /// The account of that name; an empty name is the owner's.
    pub fn account(&self, name: &str) -> Option<(Who, &Account)> {
        let owner = self.owner.as_ref()?;
        if name.is_empty() || owner.name == name {
            return Some((Who::Owner, owner));
        }
        let viewer = self.viewers.iter().find(|viewer| viewer.name == name)?;
        Some((Who::Viewer(viewer.name.clone()), viewer))
    }

    /// Whose account that is.
    pub fn account_of(&self, who: &Who) -> Option<&Account> {
        match who {
            Who::Owner => self.owner.as_ref(),
            Who::Viewer(name) => self.viewers.iter().find(|viewer| viewer.name == *name),
            _ => None,
        }
    }

    pub fn link(&self, id: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.hash.id() == id)
    }
}

/// Without the words of serde_json, which may quote.
fn place_of(error: &serde_json::Error) -> String {
    format!(
        "no JSON at line {}, column {}",
        error.line(),
        error.column()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::access::digest;
    use serde_json::json;

    fn full() -> Record {
        let account = |name: &str| Account {
            name: name.into(),
            password: "$argon2id$v=19$m=1,t=1,p=1$c2FsdHNhbHQ$aGFzaA".into(),
            changes: 0,
        };
        let hash = Digest::of(&digest::secret(digest::LINK, &[1; 32]));
        Record {
            owner: Some(account("owner")),
            viewers: vec![account("Oma")],
            sessions: vec![Session {
                hash,
                who: Who::Viewer("Oma".into()),
                began: 1,
                seen: 2,
                from: "192.0.2.1".parse().unwrap(),
                agent: "Firefox".into(),
            }],
            tokens: vec![Token {
                name: "recorder".into(),
                hash,
                right: Right::Watch,
                made: 3,
            }],
            links: vec![Link {
                name: "guest".into(),
                hash,
                made: 4,
                expires: 5,
            }],
            open_to_local_network: true,
            ..Record::default()
        }
    }

    fn changed(change: impl Fn(&mut Value)) -> Result<Record, String> {
        let mut value = serde_json::to_value(full()).unwrap();
        change(&mut value);
        Record::read(value.to_string().as_bytes())
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        assert_eq!(Record::read(&full().bytes()), Ok(full()));
        let nobodys = Record::default();
        assert_eq!(Record::read(&nobodys.bytes()), Ok(nobodys));
        assert!(!format!("{:?}", full()).contains("argon2id"));
    }

    #[test]
    fn what_is_not_as_it_should_be_is_refused() {
        assert!(changed(|_| {}).is_ok());
        let changes: [&dyn Fn(&mut Value); 14] = [
            &|v| v["more"] = json!(1),
            &|v| v["viewers"][0]["admin"] = json!(true),
            &|v| v["version"] = json!(0),
            &|v| v["version"] = json!("1"),
            &|v| v["owner"] = Value::Null,
            &|v| v["viewers"][0]["name"] = json!("owner"),
            &|v| v["viewers"][0]["name"] = json!("a:b"),
            &|v| v["viewers"][0]["password"] = json!("x".repeat(300)),
            &|v| v["tokens"][0]["right"] = json!("all"),
            &|v| v["tokens"][0]["hash"] = json!("12"),
            &|v| v["sessions"][0]["from"] = json!("here"),
            &|v| v["sessions"][0]["agent"] = json!("x".repeat(200)),
            &|v| v["links"] = json!(null),
            &|v| {
                v.as_object_mut().unwrap().remove("tokens");
            },
        ];
        for (number, change) in changes.iter().enumerate() {
            assert!(changed(change).is_err(), "change {number}");
        }
        for bad in [&b""[..], b"{}", b"[]", b"{\"version\":1", b"\xff"] {
            assert!(Record::read(bad).is_err(), "{bad:?}");
        }
        assert!(Record::read(&vec![b' '; LIMIT + 1]).is_err());
    }

    #[test]
    fn a_newer_record_is_still_its_owners() {
        let read = changed(|v| {
            v["version"] = json!(2);
            v["second_factor"] = json!({});
            v["owner"]["key"] = json!("x");
        });
        assert_eq!(read, Ok(full()));
    }

    #[test]
    fn errors_quote_nothing() {
        let error = Record::read(br#"{"version":1,"owner":"hush hush"}"#).unwrap_err();
        assert!(!error.contains("hush"), "{error}");
        let error = Record::read(br#"{"owner":hush}"#).unwrap_err();
        assert!(!error.contains("hush"), "{error}");
    }
}
