//! Text that must not be seen: passwords, tokens, session ids.

use serde::{Deserialize, Deserializer};
use std::fmt;
use std::hint::black_box;
use zeroize::Zeroizing;

/// A secret. Its `Debug` shows nothing, it can't be printed or written as JSON, comparing
/// two takes the same time whatever is in them, and its memory is cleared behind it.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(text.into()))
    }

    /// The text itself: for a digest, a hash, or the one answer that hands it over.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// In bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        same(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

/// True if both are the same; the time taken tells the lengths and nothing else.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let differences = a.iter().zip(b).fold(0, |seen, (a, b)| {
        // Hidden from the compiler, which could otherwise leave at the first difference.
        black_box(seen | (a ^ b))
    });
    black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_and_compares_whole() {
        let secret = Secret::new("hush hush");
        assert_eq!(format!("{secret:?}"), "Secret(...)");
        assert_eq!(format!("{:#?}", Some(&secret)).matches("hush").count(), 0);
        assert_eq!(secret, Secret::new("hush hush"));
        for other in ["", "hush hus", "hush husi", "Hush hush", "hush hush "] {
            assert_ne!(secret, Secret::new(other), "{other:?}");
        }
        assert!(same(b"", b"") && !same(b"a", b""));
        let read: Secret = serde_json::from_str(r#""a\u0000b""#).unwrap();
        assert_eq!((read.expose(), read.len()), ("a\0b", 3));
    }
}
