//! Who somebody is, and what they may.

use super::digest::Digest;
use crate::proto::auth::authorization::{ASK_TOKEN, WRONG_TOKEN};
use crate::proto::problem_json::Problem;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What somebody may, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    None,
    /// See the picture.
    Watch,
    /// Everything.
    Own,
}

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    Owner,
    /// By name.
    Viewer(String),
    /// With the link of that id.
    Guest(String),
}

/// What a request was let in with. It may be asked later whether that still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub right: Right,
    pub by: By,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Nothing was shown.
    Nothing,
    /// Nothing was shown, and the owner has opened the camera to their network.
    LocalNetwork,
    Session(Digest),
    Token(Digest),
    /// `changes`: of the account, when the password was right.
    Password {
        who: Who,
        changes: u64,
    },
}

impl Grant {
    pub const NOTHING: Grant = Grant {
        right: Right::None,
        by: By::Nothing,
    };
}

/// Why somebody does not get what they ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The camera belongs to nobody yet.
    Unclaimed,
    /// It has an owner already, or somebody is just becoming it.
    Claimed,
    /// Thirty minutes after the power came.
    ClaimOver,
    /// Not in one network with the camera.
    ClaimFar,
    /// Nothing was shown, or a session that has ended.
    LoggedOut,
    /// A token or link that is none, or no longer.
    WrongToken,
    /// Name or password is wrong; nobody is told which.
    WrongPassword,
    /// Tried too often.
    Wait(Duration),
    /// Too many passwords are being looked at.
    Busy,
    /// Not with that right.
    NotAllowed,
    /// What would be right.
    Invalid(String),
    /// There is none of that name or id.
    Unknown,
    /// As many as there may be.
    Full(usize),
    /// In force, but not kept: the card can't be written.
    NotKept(String),
    /// The record can't be read.
    Damaged(String),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        match refused {
            Refused::Unclaimed => Problem::new(
                403,
                "unclaimed",
                "This camera has no owner yet. Open its page and set a password.",
            ),
            Refused::Claimed => Problem::new(409, "claimed", "This camera has an owner already."),
            Refused::ClaimOver => Problem::new(
                403,
                "claim_over",
                "A password can be set in the first 30 minutes only. Take the camera's power \
                 away and give it again.",
            ),
            Refused::ClaimFar => Problem::new(
                403,
                "claim_far",
                "The first password can be set in the camera's own network or over USB only.",
            ),
            Refused::LoggedOut => {
                Problem::new(401, "log_in", "Log in first.").with_challenge(ASK_TOKEN)
            }
            Refused::WrongToken => Problem::new(
                401,
                "wrong_token",
                "The token or link is wrong, has ended or was taken back.",
            )
            .with_challenge(WRONG_TOKEN),
            Refused::WrongPassword => {
                let words = "The name or the password is wrong.";
                Problem::new(401, "wrong_password", words).with_challenge(ASK_TOKEN)
            }
            Refused::Wait(time) => {
                let seconds = time.as_millis().div_ceil(1000) as u64;
                let words = format!("Too many wrong passwords. Try again in {seconds} s.");
                Problem::new(429, "too_many_guesses", words).with_retry_after(seconds)
            }
            Refused::Busy => {
                let words = "The camera is looking at other passwords. Try again in a moment.";
                Problem::new(503, "busy", words).with_retry_after(2)
            }
            Refused::NotAllowed => {
                Problem::new(403, "not_allowed", "Only the camera's owner may do that.")
            }
            Refused::Invalid(what) => Problem::new(422, "invalid", sentence(&what)),
            Refused::Unknown => Problem::new(404, "unknown", "There is none of that name."),
            Refused::Full(most) => {
                let words = format!("There may be {most} of these. Take one away first.");
                Problem::new(409, "full", words)
            }
            Refused::NotKept(why) => Problem::new(
                507,
                "not_kept",
                format!("In force until the camera starts again: it can't be kept ({why})."),
            ),
            Refused::Damaged(why) => Problem::new(
                503,
                "damaged",
                format!(
                    "The camera can't read who may in ({why}), so it lets nobody in. Reset it \
                     by the file on its card."
                ),
            ),
        }
    }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str() + "."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_ordered() {
        assert!(Right::None < Right::Watch && Right::Watch < Right::Own);
    }

    #[test]
    fn each_refusal_has_words_and_a_401_its_challenge() {
        for refused in [
            Refused::Unclaimed,
            Refused::Claimed,
            Refused::ClaimOver,
            Refused::ClaimFar,
            Refused::LoggedOut,
            Refused::WrongToken,
            Refused::WrongPassword,
            Refused::Wait(Duration::from_millis(1200)),
            Refused::Busy,
            Refused::NotAllowed,
            Refused::Invalid("a name is needed".into()),
            Refused::Unknown,
            Refused::Full(16),
            Refused::NotKept("no room".into()),
            Refused::Damaged("no JSON".into()),
        ] {
            let problem = Problem::from(refused);
            assert!((400..600).contains(&problem.status), "{problem:?}");
            assert!(problem.detail.ends_with('.'), "{problem:?}");
            assert!(
                problem.detail.starts_with(char::is_uppercase),
                "{problem:?}"
            );
            assert_eq!(problem.status == 401, problem.challenge.is_some());
            let waits = matches!(problem.status, 429 | 503) && problem.code != "damaged";
            assert_eq!(waits, problem.retry_after.is_some(), "{problem:?}");
        }
        let wait = Problem::from(Refused::Wait(Duration::from_millis(1200)));
        assert_eq!(wait.retry_after, Some(2));
    }
}
