//! The settings in /data have a version, and are brought forward to the running one.
//!
//! After an update that is rolled back, the older version finds files that the newer one
//! has changed, and has to work with them. So a migration may only add: every value that
//! was there stays what it was ([`only_adds`] holds that), readers pass over what they do
//! not know, and what an older version leaves out when it writes must have a default.
//! A file's old content is kept beside it all the same.

use serde_json::{Map, Value};

/// The version that this program's files have. 1: as they were when counting began.
pub const VERSION: u32 = 1;
/// The file with the number, in /data.
pub const FILE: &str = "settings-version";
/// Longest file brought forward, in bytes.
pub const LIMIT: usize = 64 << 10;

/// Every step there is, in the order of the versions that they lead to.
pub const MIGRATIONS: &[Migration] = &[];

/// One step of one file.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// The version that it leads to.
    pub to: u32,
    /// A file of one JSON object, in /data. Where it is missing there is nothing to do.
    pub file: &'static str,
    /// Adds what is missing. A cut of the power may bring it to a file that has it
    /// already: then it has to change nothing.
    pub add: fn(&mut Map<String, Value>),
}

/// What to do about the settings that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// They are this version's.
    Nothing,
    /// Bring them forward from that version; from 0 where there is no number yet.
    Forward(u32),
    /// They are of that newer version: leave them alone.
    Newer(u32),
}

/// From the number's file, if there is one, to what is to be done by a program whose own
/// version is `own`. A file that holds no number is as good as none.
pub fn plan(found: Option<&[u8]>, own: u32) -> Plan {
    let text = found.and_then(|bytes| std::str::from_utf8(bytes).ok());
    let number = text.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    match number {
        newer if newer > own => Plan::Newer(newer),
        same if same == own => Plan::Nothing,
        older => Plan::Forward(older),
    }
}

/// The number's file.
pub fn bytes(version: u32) -> Vec<u8> {
    format!("{version}\n").into_bytes()
}

/// The steps from version `from` on.
pub fn due(all: &[Migration], from: u32) -> impl Iterator<Item = &Migration> {
    all.iter().filter(move |migration| migration.to > from)
}

impl Migration {
    /// The file's new content; `None` if it has everything already. The error says why it
    /// is better left alone.
    pub fn apply(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
        if bytes.len() > LIMIT {
            return Err("it is longer than any that was kept".into());
        }
        let old: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let mut new = old.clone();
        (self.add)(&mut new);
        if new == old {
            return Ok(None);
        }
        if !only_adds(&old, &new) {
            return Err("an older version could not read it any more".into());
        }
        let mut bytes = serde_json::to_vec_pretty(&new).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
        Ok(Some(bytes))
    }

    /// The name under which the old content is kept.
    pub fn name_before(&self) -> String {
        format!("{}.before-{}", self.file, self.to)
    }
}

/// True if everything that was in `old` is the same in `new`: a list has its old entries
/// first, and they, too, have only been added to.
pub fn only_adds(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    old.iter()
        .all(|(key, value)| new.get(key).is_some_and(|new| same_or_more(value, new)))
}

fn same_or_more(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => only_adds(old, new),
        (Value::Array(old), Value::Array(new)) => {
            let mut pairs = old.iter().zip(new);
            new.len() >= old.len() && pairs.all(|(old, new)| same_or_more(old, new))
        }
        _ => old == new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ADDS: Migration = Migration {
        to: 2,
        file: "network.json",
        add: |file| {
            file.entry("band").or_insert(json!("auto"));
        },
    };

    #[test]
    fn a_number_says_what_is_to_be_done() {
        for (found, expected) in [
            (None, Plan::Forward(0)),
            (Some(&b"1\n"[..]), Plan::Forward(1)),
            (Some(b"2"), Plan::Nothing),
            (Some(b" 2 \n"), Plan::Nothing),
            (Some(b"3\n"), Plan::Newer(3)),
            (Some(b""), Plan::Forward(0)),
            (Some(b"\0\0\0"), Plan::Forward(0)),
            (Some(b"-1"), Plan::Forward(0)),
            (Some(b"99999999999999"), Plan::Forward(0)),
            (Some(b"\xff"), Plan::Forward(0)),
        ] {
            assert_eq!(plan(found, 2), expected, "{found:?}");
        }
        assert_eq!(plan(Some(&bytes(7)), 7), Plan::Nothing);
    }

    #[test]
    fn only_the_steps_that_are_missing_are_due() {
        let step = |to| Migration { to, ..ADDS };
        let all = [step(2), step(3), step(3), step(5)];
        let due = |from| Vec::from_iter(super::due(&all, from).map(|each| each.to));
        assert_eq!(due(0), [2, 3, 3, 5]);
        assert_eq!(due(2), [3, 3, 5]);
        assert!(due(5).is_empty());
    }

    #[test]
    fn a_step_adds_once() {
        let old = br#"{"networks":[{"ssid":"home"}],"of a newer one":1}"#;
        let new = ADDS.apply(old).unwrap().expect("news");
        let read: Value = serde_json::from_slice(&new).unwrap();
        let expected = json!({"networks": [{"ssid": "home"}], "of a newer one": 1, "band": "auto"});
        assert_eq!(read, expected);
        assert_eq!(ADDS.apply(&new), Ok(None));
        assert_eq!(ADDS.apply(br#"{"band":"5"}"#), Ok(None));
    }

    #[test]
    fn what_makes_no_sense_is_left_alone() {
        let long = vec![b' '; LIMIT + 1];
        for bad in [&b""[..], b"[]", b"{", b"\xff", &long] {
            assert!(ADDS.apply(bad).is_err());
        }
    }

    #[test]
    fn a_step_that_takes_something_away_is_refused() {
        let old = br#"{"country":"JP","networks":[{"ssid":"a"},{"ssid":"b"}]}"#;
        let bad: [fn(&mut Map<String, Value>); 5] = [
            |file| drop(file.remove("country")),
            |file| drop(file.insert("country".into(), json!("DE"))),
            |file| drop(file.insert("networks".into(), json!([{"ssid": "a"}]))),
            |file| drop(file.insert("networks".into(), json!([{"ssid": "b"}, {"ssid": "a"}]))),
            |file| file["networks"][0]["ssid"] = json!(1),
        ];
        for add in bad {
            assert!(Migration { add, ..ADDS }.apply(old).is_err());
        }
        let good: [fn(&mut Map<String, Value>); 2] = [
            |file| file["networks"][1]["band"] = json!("5"),
            |file| {
                file["networks"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"ssid": "c"}))
            },
        ];
        for add in good {
            assert!(Migration { add, ..ADDS }.apply(old).unwrap().is_some());
        }
    }

    #[test]
    fn the_steps_lead_to_this_version_in_order() {
        let versions = Vec::from_iter(MIGRATIONS.iter().map(|each| each.to));
        assert!(versions.is_sorted() && versions.iter().all(|to| *to > 1));
        assert_eq!(versions.last().copied().unwrap_or(1), VERSION);
    }
}
