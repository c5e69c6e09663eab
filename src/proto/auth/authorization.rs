//! The Authorization field (RFC 9110, 11.6.2): Basic (RFC 7617) and Bearer (RFC 6750),
//! and what asks for it.

use super::secret::Secret;
use super::{AuthError, MAX_NAME, MAX_PASSWORD, MAX_TOKEN, Shown};
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// Asks for a name and a password, where a program or a player is expected: a browser
/// opens its own window for it. UTF-8 (RFC 7617, 2.1).
pub const ASK_PASSWORD: &str = "Basic realm=\"mimamori\", charset=\"UTF-8\"";
/// Asks for a token, where a page or a program is expected.
pub const ASK_TOKEN: &str = "Bearer realm=\"mimamori\"";
/// The token that was shown is none, or no longer one (RFC 6750, 3.1).
pub const WRONG_TOKEN: &str = "Bearer realm=\"mimamori\", error=\"invalid_token\"";

/// Longest Base64 of a name, a colon and a password.
const MAX_BASIC: usize = (MAX_NAME + 1 + MAX_PASSWORD).div_ceil(3) * 4;

/// Reads one field's value.
pub fn parse(field: &str) -> Result<Shown, AuthError> {
    let (scheme, rest) = field.split_once(' ').unwrap_or((field, ""));
    let rest = rest.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("basic") {
        basic(rest)
    } else if scheme.eq_ignore_ascii_case("bearer") {
        token(rest).map(Shown::Token)
    } else {
        Err(AuthError::Scheme)
    }
}

/// A token as RFC 6750, 2.1 writes it (`b64token`).
pub fn token(text: &str) -> Result<Secret, AuthError> {
    if text.len() > MAX_TOKEN {
        return Err(AuthError::TooLong);
    }
    let body = text.trim_end_matches('=');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    if body.is_empty() || !body.bytes().all(plain) {
        return Err(AuthError::Token);
    }
    Ok(Secret::new(text))
}

fn basic(text: &str) -> Result<Shown, AuthError> {
    if text.len() > MAX_BASIC {
        return Err(AuthError::TooLong);
    }
    let mut room = Zeroizing::new([0; MAX_BASIC]);
    let bytes = Base64::decode(text, &mut *room).map_err(|_| AuthError::Basic)?;
    let text = str::from_utf8(bytes).map_err(|_| AuthError::Basic)?;
    if text.contains(char::is_control) {
        return Err(AuthError::Basic);
    }
    let (name, password) = text.split_once(':').ok_or(AuthError::Basic)?;
    if name.len() > MAX_NAME || password.len() > MAX_PASSWORD {
        return Err(AuthError::TooLong);
    }
    Ok(Shown::Password {
        name: name.into(),
        password: Secret::new(password),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        format!("Basic {}", Base64::encode_string(text.as_bytes()))
    }

    fn read_basic(text: &str) -> Result<(String, String), AuthError> {
        parse(&encoded(text)).map(|shown| match shown {
            Shown::Password { name, password } => (name, password.expose().to_owned()),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_rfcs_own_examples_are_read() {
        // RFC 7617, 2 and 2.1; RFC 6750, 2.1.
        let plain = parse("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(plain, parse(&encoded("Aladdin:open sesame")));
        assert_eq!(
            read_basic("test:123\u{a3}"),
            Ok(("test".into(), "123\u{a3}".into()))
        );
        assert_eq!(
            parse("basic dGVzdDoxMjPCow=="),
            parse(&encoded("test:123\u{a3}"))
        );
        let token = Shown::Token(Secret::new("mF_9.B5f-4.1JqM"));
        assert_eq!(parse("Bearer mF_9.B5f-4.1JqM"), Ok(token.clone()));
        assert_eq!(parse("BEARER  mF_9.B5f-4.1JqM "), Ok(token));
    }

    #[test]
    fn a_password_may_hold_colons_and_either_may_be_empty() {
        assert_eq!(read_basic("a:b:c"), Ok(("a".into(), "b:c".into())));
        assert_eq!(read_basic(":t"), Ok((String::new(), "t".into())));
        assert_eq!(read_basic("t:"), Ok(("t".into(), String::new())));
    }

    #[test]
    fn what_is_too_long_or_not_what_it_says_is_refused() {
        let long = |name: usize, password: usize| {
            read_basic(&format!("{}:{}", "n".repeat(name), "p".repeat(password))).err()
        };
        assert_eq!(long(MAX_NAME, MAX_PASSWORD), None);
        assert_eq!(long(MAX_NAME + 1, 1), Some(AuthError::TooLong));
        assert_eq!(long(1, MAX_PASSWORD + 1), Some(AuthError::TooLong));
        assert_eq!(long(1, 8000), Some(AuthError::TooLong));
        for bad in [
            "Basic",
            "Basic !",
            "Basic YQ",
            "Basic YTpi YTpi",
            "Basic YQ==",
        ] {
            assert_eq!(parse(bad), Err(AuthError::Basic), "{bad:?}");
        }
        assert_eq!(read_basic("a:b\nc"), Err(AuthError::Basic));
        assert_eq!(parse("Basic YTr/"), Err(AuthError::Basic));
        for bad in [
            "Bearer",
            "Bearer ",
            "Bearer =",
            "Bearer a b",
            "Bearer a=b",
            "Bearer \u{e9}",
        ] {
            assert_eq!(parse(bad), Err(AuthError::Token), "{bad:?}");
        }
        let long = format!("Bearer {}", "a".repeat(MAX_TOKEN + 1));
        assert_eq!(parse(&long), Err(AuthError::TooLong));
        for bad in ["", "Digest a", "Bearerx a", " Bearer a"] {
            assert_eq!(parse(bad), Err(AuthError::Scheme), "{bad:?}");
        }
    }
}
