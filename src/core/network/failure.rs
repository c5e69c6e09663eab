//! Why a network was not joined.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Failure {
    /// No network of that name was heard.
    NotFound,
    WrongPassphrase,
    /// It is locked, and no pass phrase is known.
    NeedsPassphrase,
    /// A pass phrase is known, and it is not locked (any more).
    NotLocked,
    /// WEP, WPA3 alone, or accounts.
    Unsupported,
    /// It said no; the status code of IEEE 802.11.
    Rejected {
        status: u16,
    },
    /// It was heard, and then not any more.
    NoAnswer,
    /// It let the camera in, and gave it no address.
    NoAddress,
}

impl Failure {
    /// As the end of a sentence that begins with the network's name.
    pub fn words(self) -> String {
        match self {
            Failure::NotFound => "is not heard here (the camera hears 2.4 GHz only)".into(),
            Failure::WrongPassphrase => "refused the pass phrase".into(),
            Failure::NeedsPassphrase => "needs a pass phrase".into(),
            Failure::NotLocked => "has no lock, though a pass phrase was given".into(),
            Failure::Unsupported => {
                "has a kind of lock that the camera can't open; WPA2 is what it can".into()
            }
            Failure::Rejected { status } => format!("refused the camera (code {status})"),
            Failure::NoAnswer => "does not answer".into(),
            Failure::NoAddress => "let the camera in, but gave it no address".into(),
        }
    }
}
