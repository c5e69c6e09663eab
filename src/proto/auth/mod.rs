//! What a request shows to be let in, and what is answered to that.
//!
//! Four ways in: the cookie of the camera's own page, a token for programs (HTTP Bearer,
//! or in the query for clients that can send no header), and a name with a password
//! (HTTP Basic). Who is let in is for [`crate::core`](../../core/index.html) to say.

pub mod authorization;
pub mod cookie;
pub mod query;
pub mod secret;

use super::host;
use super::refusal::Refusal;
use secret::Secret;

/// Longest name of an account, in bytes.
pub const MAX_NAME: usize = 64;
/// Longest password, in bytes.
pub const MAX_PASSWORD: usize = 256;
/// Longest token or session id, in bytes; the camera's own are shorter.
pub const MAX_TOKEN: usize = 128;

/// What a request has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    pub shown: Shown,
    /// Sent by a page of another origin, as far as the browser says so. What a browser
    /// adds by itself (a cookie, a password that it remembers) is then not the person's will.
    pub foreign: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    #[default]
    Nothing,
    /// The id of a session, from the cookie.
    Session(Secret),
    /// A token, from the Authorization field or the query.
    Token(Secret),
    Password {
        name: String,
        password: Secret,
    },
}

/// Why credentials could not be read. Nothing of them is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// Two ways at once, or one of them twice (RFC 6750, 2).
    Several,
    /// Neither Basic nor Bearer.
    Scheme,
    /// Not Base64 of `name:password` in UTF-8 (RFC 7617, 2).
    Basic,
    /// Not a token as RFC 6750, 2.1 writes it.
    Token,
    /// Longer than [`MAX_NAME`], [`MAX_PASSWORD`] or [`MAX_TOKEN`].
    TooLong,
}

/// Reads what a request shows. `headers`: names in lower case; `query`: without its `?`.
///
/// What is shown on purpose goes before the cookie, which a browser adds by itself; and a
/// cookie counts only for the camera's own page.
pub fn read(
    headers: &[(String, String)],
    query: &str,
    cookie_name: &str,
) -> Result<Credentials, AuthError> {
    let foreign = !host::same_origin(headers);
    let mut fields = values(headers, "authorization");
    let said = fields.next().map(authorization::parse).transpose()?;
    let asked = query::token(query)?.map(Shown::Token);
    if fields.next().is_some() || (said.is_some() && asked.is_some()) {
        return Err(AuthError::Several);
    }
    let by_cookie = || {
        let found = cookie::find(values(headers, "cookie"), cookie_name);
        found.filter(|_| !foreign).map(Shown::Session)
    };
    let shown = said.or(asked).or_else(by_cookie).unwrap_or_default();
    Ok(Credentials { shown, foreign })
}

fn values<'a>(headers: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    let of_name = headers.iter().filter(move |(n, _)| n == name);
    of_name.map(|(_, value)| value.as_str())
}

/// A name as accounts, tokens and links have it; the error says what would be right.
pub fn check_name(name: &str) -> Result<(), String> {
    let sound = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.trim() == name
        && !name.contains(|c: char| c.is_control() || c == ':');
    sound.then_some(()).ok_or_else(|| {
        format!("a name has 1 to {MAX_NAME} bytes, no colon and no space at its ends")
    })
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Refusal {
        Refusal::new(400, error.words())
    }
}

impl AuthError {
    /// For the person at the other end.
    pub fn words(self) -> &'static str {
        match self {
            AuthError::Several => "Log in by one way only: by a token, or by name and password.",
            AuthError::Scheme => "The Authorization field has to be Basic or Bearer.",
            AuthError::Basic => "The name and password in the Authorization field can't be read.",
            AuthError::Token => "The token is not written as a token is.",
            AuthError::TooLong => "The name, password or token is too long.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fields: &[(&str, &str)], query: &str) -> Result<Shown, AuthError> {
        let owned = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        let headers: Vec<_> = fields.iter().map(owned).collect();
        read(&headers, query, "id").map(|credentials| credentials.shown)
    }

    fn token(text: &str) -> Shown {
        Shown::Token(Secret::new(text))
    }

    #[test]
    fn each_way_is_read() {
        assert_eq!(shown(&[("host", "cam")], "width=640"), Ok(Shown::Nothing));
        let bearer = ("authorization", "Bearer abc");
        assert_eq!(shown(&[bearer], ""), Ok(token("abc")));
        assert_eq!(shown(&[], "width=640&token=abc"), Ok(token("abc")));
        let session = Shown::Session(Secret::new("xyz"));
        assert_eq!(shown(&[("cookie", "a=b; id=xyz")], ""), Ok(session));
        let basic = ("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let password = Shown::Password {
            name: "Aladdin".into(),
            password: Secret::new("open sesame"),
        };
        assert_eq!(shown(&[basic], ""), Ok(password));
    }

    #[test]
    fn what_is_shown_on_purpose_goes_first_and_two_ways_are_none() {
        let bearer = ("authorization", "Bearer abc");
        let cookie = ("cookie", "id=xyz");
        assert_eq!(shown(&[cookie, bearer], ""), Ok(token("abc")));
        assert_eq!(shown(&[cookie], "token=abc"), Ok(token("abc")));
        assert_eq!(shown(&[bearer], "token=abc"), Err(AuthError::Several));
        assert_eq!(shown(&[bearer, bearer], ""), Err(AuthError::Several));
        // What can't be read does not fall back to a cookie.
        let odd = ("authorization", "Digest a=b");
        assert_eq!(shown(&[cookie, odd], ""), Err(AuthError::Scheme));
    }

    #[test]
    fn a_cookie_counts_for_the_own_page_only() {
        let cookie = ("cookie", "id=xyz");
        let host = ("host", "cam.local");
        for (origin, counts) in [
            ("http://cam.local", true),
            ("http://evil.example", false),
            ("null", false),
            ("file://", false),
        ] {
            let found = shown(&[host, cookie, ("origin", origin)], "").unwrap();
            assert_eq!(found != Shown::Nothing, counts, "{origin}");
        }
        let by_fetch = [host, cookie, ("sec-fetch-site", "cross-site")];
        assert_eq!(shown(&by_fetch, ""), Ok(Shown::Nothing));
        let explicit = [("origin", "null"), ("authorization", "Bearer abc"), host];
        assert_eq!(shown(&explicit, ""), Ok(token("abc")));
    }

    #[test]
    fn names_are_names() {
        for good in ["owner", "Oma Erna", "\u{65e5}\u{672c}", &"x".repeat(64)] {
            assert!(check_name(good).is_ok(), "{good:?}");
        }
        for bad in ["", " a", "a ", "a:b", "a\nb", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
