//! Secrets that the camera makes, and what it keeps of them.
//!
//! Ids of sessions, tokens and links are 256 random bits. Only their SHA-256 is kept: who
//! reads the card can't use it, and nothing that long can be guessed from it, so the slow
//! hashing that passwords need is not needed here.

use crate::proto::auth::secret::Secret;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use std::fmt;

/// Random bytes for one secret; from the kernel, in the tests not.
pub type Random = [u8; 32];

/// What a token of the camera begins with, so that it is known for one wherever it turns up.
pub const TOKEN: &str = "mt_";
/// The same for a guest's link.
pub const LINK: &str = "mg_";
/// A session's id begins with nothing.
pub const SESSION: &str = "";

/// A new secret.
pub fn secret(prefix: &str, random: &Random) -> Secret {
    Secret::new(format!(
        "{prefix}{}",
        Base64UrlUnpadded::encode_string(random)
    ))
}

/// SHA-256 of a secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(secret: &Secret) -> Digest {
        Digest::of_parts(&[secret.expose().as_bytes()])
    }

    /// Of several parts, of which each has its length in front: no two lists are the same.
    pub fn of_parts(parts: &[&[u8]]) -> Digest {
        let mut hash = sha2::Sha256::new();
        if let [one] = parts {
            hash.update(one);
        } else {
            for part in parts {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        Digest(hash.finalize().into())
    }

    /// What it is called in lists: 16 hexadecimal digits.
    pub fn id(&self) -> String {
        hex(&self.0[..8])
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({}...)", self.id())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        hex(&digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Digest, &'static str> {
        const WRONG: &str = "64 hexadecimal digits are needed";
        let digits = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 64 || !text.bytes().all(digits) {
            return Err(WRONG);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = str::from_utf8(pair).map_err(|_| WRONG)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| WRONG)?;
        }
        Ok(Digest(bytes))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_and_known_by_its_digest() {
        let token = secret(TOKEN, &[0xff; 32]);
        assert_eq!(token.expose(), "mt_".to_owned() + &"_".repeat(42) + "8");
        // FIPS 180-4's example.
        let abc = Digest::of(&Secret::new("abc"));
        let text = String::from(abc);
        assert!(text.starts_with("ba7816bf8f01cfea414140de5dae2223"));
        assert_eq!(abc.id(), "ba7816bf8f01cfea");
        assert_eq!(Digest::try_from(text), Ok(abc));
        for bad in [
            "",
            "ba78",
            &"g".repeat(64),
            &"A".repeat(64),
            &"\u{e9}".repeat(32),
        ] {
            assert!(Digest::try_from(bad.to_string()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(
            Digest::of_parts(&[b"ab", b"c"]),
            Digest::of_parts(&[b"a", b"bc"])
        );
        assert_ne!(
            Digest::of_parts(&[b"ab", b""]),
            Digest::of_parts(&[b"", b"ab"])
        );
    }
}
