//! The one cookie there is (RFC 6265): the session of the camera's own page.

use super::MAX_TOKEN;
use super::secret::Secret;
use std::time::Duration;

/// Over HTTP.
pub const NAME: &str = "mimamori_session";
/// Over HTTPS: a browser takes this name only with Secure, Path=/ and without a Domain, so
/// that nothing that was said in the clear can stand in for it (RFC 6265bis, 4.1.3.2).
pub const SECURE_NAME: &str = "__Host-mimamori_session";

/// The cookie's name, by how the request has come.
pub fn name(tls: bool) -> &'static str {
    if tls { SECURE_NAME } else { NAME }
}

/// The cookie of that name in the Cookie fields of one request. None if it is there
/// twice: another path or program has set one of them, and nobody can tell which.
pub fn find<'a>(fields: impl Iterator<Item = &'a str>, name: &str) -> Option<Secret> {
    let pairs = fields.flat_map(|field| field.split(';'));
    let mut of_name = pairs.filter_map(|pair| {
        let (n, value) = pair.split_once('=')?;
        (n.trim_matches([' ', '\t']) == name).then_some(value.trim_matches([' ', '\t']))
    });
    let value = of_name.next().filter(|value| is_value(value))?;
    of_name.next().is_none().then(|| Secret::new(value))
}

/// As the camera makes them; a browser sends back what it was given.
fn is_value(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    (1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(plain)
}

/// The value of a Set-Cookie field: kept for `life`, sent to the camera only, by its own
/// pages only, out of reach of their scripts.
///
/// # Panics
///
/// If `value` is not made of letters, digits, `-` and `_`: all ids of the camera are.
pub fn set(value: &Secret, life: Duration, tls: bool) -> String {
    assert!(is_value(value.expose()), "an id of our own");
    field(value.expose(), life, tls)
}

/// The value of a Set-Cookie field that takes the cookie away.
pub fn clear(tls: bool) -> String {
    field("", Duration::ZERO, tls)
}

fn field(value: &str, life: Duration, tls: bool) -> String {
    let (name, seconds) = (name(tls), life.as_secs());
    let secure = if tls { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &[&str]) -> Option<String> {
        find(fields.iter().copied(), "id").map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn one_cookie_is_found_among_others() {
        for field in [
            "id=abc",
            "a=b; id=abc",
            "id=abc; a=b",
            "id = abc ;a=\"id=x\"",
            " id=abc",
        ] {
            assert_eq!(found(&[field]).as_deref(), Some("abc"), "{field:?}");
        }
        assert_eq!(found(&["a=b", "id=abc"]).as_deref(), Some("abc"));
    }

    #[test]
    fn none_is_taken_where_it_is_not_sure() {
        for field in [
            "",
            "id",
            "id=",
            "Id=abc",
            "xid=abc",
            "id=a b",
            "id=\"abc\"",
            "id=a=b",
            "id=%41",
            "id=abc; id=abc",
            "id=; id=abc",
            "a=id=abc",
            ";;;=;",
            "id=\u{e9}",
        ] {
            assert_eq!(found(&[field]), None, "{field:?}");
        }
        assert_eq!(found(&["id=abc", "id=abd"]), None);
        assert_eq!(found(&[&format!("id={}", "a".repeat(MAX_TOKEN + 1))]), None);
    }

    #[test]
    fn what_is_set_is_found_again() {
        let secret = Secret::new("aZ09-_");
        for (tls, starts) in [
            (
                false,
                "mimamori_session=aZ09-_; Path=/; Max-Age=60; HttpOnly; SameSite=Strict",
            ),
            (
                true,
                "__Host-mimamori_session=aZ09-_; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure",
            ),
        ] {
            let field = set(&secret, Duration::from_secs(60), tls);
            assert_eq!(field, starts);
            let pair = field.split(';').next();
            assert_eq!(find(pair.into_iter(), name(tls)), Some(secret.clone()));
        }
        assert!(clear(true).starts_with("__Host-mimamori_session=; Path=/; Max-Age=0;"));
        assert_eq!(find([clear(false).as_str()].into_iter(), NAME), None);
    }
}
