//! Which names and passwords may be had.

use super::Refused;
use super::digest;
use crate::proto::auth::secret::Secret;
use crate::proto::auth::{MAX_PASSWORD, check_name};

/// Fewest letters of a password (NIST SP 800-63B, revision 3, 5.1.1.2).
pub const MIN_PASSWORD: usize = 8;
/// Too many people think of these.
const COMMON: [&str; 6] = [
    "password",
    "passwort",
    "mimamori",
    "12345678",
    "qwertyui",
    "raspberry",
];

/// A name and a password that somebody wants to have.
pub(super) fn check_new(name: &str, password: &Secret) -> Result<(), Refused> {
    check_name(name).map_err(Refused::Invalid)?;
    let text = password.expose();
    let letters = text.chars().count();
    if letters < MIN_PASSWORD || text.len() > MAX_PASSWORD || text.contains(char::is_control) {
        return Err(Refused::Invalid(format!(
            "a password has {MIN_PASSWORD} letters or more, and {MAX_PASSWORD} bytes at most"
        )));
    }
    let lower = text.to_lowercase();
    let first = lower.chars().next();
    let stem = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c == '!');
    let easy = COMMON.iter().any(|common| [stem, &lower].contains(common))
        || lower == name.to_lowercase()
        || lower.chars().all(|letter| Some(letter) == first);
    if easy || text.starts_with(digest::TOKEN) {
        return Err(Refused::Invalid(
            "that password is too easy to guess: take another one".into(),
        ));
    }
    Ok(())
}
