//! The card's two slots, what U-Boot says of them, and what it is told: see
//! buildroot/README.md for the words of its environment.

use serde::{Deserialize, Serialize};

/// Longest version that is believed, in bytes.
const LONGEST_VERSION: usize = 64;

/// One of the two places on the card for a whole system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slot {
    A,
    B,
}

impl Slot {
    pub fn parse(text: &str) -> Option<Slot> {
        match text {
            "A" => Some(Slot::A),
            "B" => Some(Slot::B),
            _ => None,
        }
    }

    pub fn other(self) -> Slot {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }

    /// As U-Boot calls it.
    pub fn name(self) -> &'static str {
        match self {
            Slot::A => "A",
            Slot::B => "B",
        }
    }

    /// As the bundle calls what is to be done to write it.
    pub fn selection(self) -> &'static str {
        match self {
            Slot::A => "stable,a",
            Slot::B => "stable,b",
        }
    }

    /// As the kernel calls its partition.
    pub fn partition(self) -> &'static str {
        match self {
            Slot::A => "mmcblk0p2",
            Slot::B => "mmcblk0p3",
        }
    }
}

/// How U-Boot has started this system; nothing of it where there is no U-Boot of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The slot that runs.
    pub slot: Option<Slot>,
    /// The slot that was to be tried: another one, if that could not be loaded.
    pub trying: Option<Slot>,
    /// The slot that was given up last.
    pub failed: Option<Slot>,
}

impl Start {
    /// From the kernel's command line.
    pub fn read(words: &str) -> Start {
        // The last one counts, as for the kernel.
        let slot = |name: &str| {
            let mut words = words.split_ascii_whitespace().rev();
            words
                .find_map(|word| word.strip_prefix(name))
                .and_then(Slot::parse)
        };
        Start {
            slot: slot("mimamori.slot="),
            trying: slot("mimamori.try="),
            failed: slot("mimamori.failed="),
        }
    }

    pub fn on_trial(&self) -> bool {
        self.slot.is_some() && self.trying == self.slot
    }
}

/// The version in the text of an os-release(5).
pub fn version(os_release: &str) -> Option<&str> {
    let mut lines = os_release.lines();
    let value = lines.find_map(|line| line.trim().strip_prefix("VERSION_ID="))?;
    plausible_version(value.trim_matches(['"', '\'']))
}

/// The text, if it can be a version: it is shown to people and given to programs.
pub fn plausible_version(text: &str) -> Option<&str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".+~-".contains(&byte);
    let good = text.len() <= LONGEST_VERSION
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(allowed);
    good.then_some(text)
}

/// What U-Boot is told, all of it in one step: a script for `fw_setenv -s`. A name
/// without a value is taken away.
pub mod script {
    use super::Slot;

    /// Start this slot from now on, but try it first.
    pub fn try_slot(slot: Slot) -> String {
        format!("try={}\ntries=\nfailed=\n", slot.name())
    }

    /// This slot has proved itself.
    pub fn keep(slot: Slot) -> String {
        format!("slot={}\ntry=\ntries=\nfailed=\n", slot.name())
    }

    /// This slot has not.
    pub fn give_up(slot: Slot) -> String {
        format!("try=\ntries=\nfailed={}\n", slot.name())
    }

    /// Nothing is to be tried.
    pub fn try_nothing() -> String {
        "try=\ntries=\n".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_tells_the_slots() {
        let line = "console=ttyS1 mimamori.slot=B mimamori.try=B mimamori.tries=1 mimamori.failed= mimamori.board=zero\n";
        let start = Start::read(line);
        assert_eq!((start.slot, start.trying), (Some(Slot::B), Some(Slot::B)));
        assert!(start.failed.is_none() && start.on_trial());
        let back = Start::read("mimamori.slot=A mimamori.try= mimamori.failed=B");
        assert_eq!((back.slot, back.failed), (Some(Slot::A), Some(Slot::B)));
        assert!(!back.on_trial());
        for none in [
            "",
            "mimamori.slot=C",
            "mimamori.slot=",
            "quiet mimamori.try=A",
        ] {
            let start = Start::read(none);
            assert!(start.slot.is_none() && !start.on_trial(), "{none}");
        }
    }

    #[test]
    fn versions_are_read_from_os_release() {
        for (text, expected) in [
            ("NAME=x\nVERSION_ID=0.2.0\n", Some("0.2.0")),
            ("VERSION_ID=\"1.2.3-rc1\"\n", Some("1.2.3-rc1")),
            ("VERSION=1.2.3\n", None),
            ("VERSION_ID=\n", None),
            ("VERSION_ID=1.2 3\n", None),
            ("VERSION_ID=1\u{1b}[31m\n", None),
            ("VERSION_ID=bookworm\n", None),
        ] {
            assert_eq!(version(text), expected, "{text:?}");
        }
        let long = format!("VERSION_ID={}", "1".repeat(65));
        assert_eq!(version(&long), None);
    }
}
