//! A token in the query, for clients that can send no header: `?token=...`.
//!
//! Addresses end up in logs and histories, so the token is taken out of the query before
//! anything else sees it.

use super::authorization;
use super::secret::Secret;
use super::{AuthError, MAX_TOKEN};

const NAME: &str = "token";

/// The token in a query, percent-decoded; none if there is none.
pub fn token(query: &str) -> Result<Option<Secret>, AuthError> {
    let mut found = query.split('&').filter_map(value);
    let Some(text) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        return Err(AuthError::Several);
    }
    authorization::token(&decode(text)?).map(Some)
}

/// The query as it is without its token.
pub fn without_token(query: &str) -> String {
    let others = query.split('&').filter(|part| value(part).is_none());
    others.collect::<Vec<_>>().join("&")
}

fn value(part: &str) -> Option<&str> {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    (name == NAME).then_some(value)
}

/// A plus stands for itself: tokens have no spaces, and may hold one.
fn decode(text: &str) -> Result<String, AuthError> {
    if text.len() > 3 * MAX_TOKEN {
        return Err(AuthError::TooLong);
    }
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).ok_or(AuthError::Token)?;
        let sound = code.bytes().all(|b| b.is_ascii_hexdigit());
        let byte = u8::from_str_radix(code, 16)
            .ok()
            .filter(|b| sound && b.is_ascii());
        decoded.push(char::from(byte.ok_or(AuthError::Token)?));
        decoded.push_str(&part[2..]);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str) -> Result<Option<String>, AuthError> {
        token(query).map(|found| found.map(|secret| secret.expose().to_owned()))
    }

    #[test]
    fn a_token_is_read_and_taken_out() {
        for (query, token, rest) in [
            ("", None, ""),
            ("width=640&fps=30", None, "width=640&fps=30"),
            ("token=abc", Some("abc"), ""),
            (
                "width=640&token=a%2Db+c%3D&fps=30",
                Some("a-b+c="),
                "width=640&fps=30",
            ),
            (
                "Token=abc&xtoken=a&tokens=b",
                None,
                "Token=abc&xtoken=a&tokens=b",
            ),
        ] {
            assert_eq!(found(query), Ok(token.map(str::to_owned)), "{query}");
            assert_eq!(without_token(query), rest);
        }
    }

    #[test]
    fn what_is_no_token_is_refused_and_taken_out_all_the_same() {
        for (query, error) in [
            ("token", AuthError::Token),
            ("token=", AuthError::Token),
            ("token=a%2", AuthError::Token),
            ("token=a%zz", AuthError::Token),
            ("token=a%+1", AuthError::Token),
            ("token=a%C3%A9", AuthError::Token),
            ("token=a%0Ab", AuthError::Token),
            ("token=a%\u{e9}", AuthError::Token),
            ("token=a&token=a", AuthError::Several),
        ] {
            assert_eq!(found(query), Err(error), "{query}");
            assert_eq!(without_token(query), "");
        }
        let long = format!("token={}", "a".repeat(MAX_TOKEN + 1));
        assert_eq!(found(&long), Err(AuthError::TooLong));
        let longer = format!("token={}", "%41".repeat(MAX_TOKEN + 1));
        assert_eq!(found(&longer), Err(AuthError::TooLong));
    }
}
