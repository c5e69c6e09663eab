//! Checks of what a request shows to be let in, and of what is kept of it.

use mimamori::core::access::record::{LIMIT, Record};
use mimamori::proto::auth::authorization;
use mimamori::proto::auth::{self, Credentials, MAX_NAME, MAX_PASSWORD, MAX_TOKEN, Shown};
use mimamori::proto::auth::{cookie, query};

/// What is read is bounded and shows nothing of itself. An input is an Authorization field,
/// a Cookie field and a query, each on a line of its own; a line of one dash is none.
pub fn credentials(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().filter(|line| *line != "-");
    let (authorization, cookie, query) = (line(), line(), line().unwrap_or_default());
    let mut headers = vec![("host".to_owned(), "cam.local".to_owned())];
    for (name, value) in [("authorization", authorization), ("cookie", cookie)] {
        headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }
    let own = auth::read(&headers, query, cookie::NAME);
    if let Ok(credentials) = &own {
        bounded(&credentials.shown);
        shows_nothing(credentials);
    }
    // For another site's page a cookie is as good as none.
    headers.push(("origin".to_owned(), "http://evil.example".to_owned()));
    match (own, auth::read(&headers, query, cookie::NAME)) {
        (Ok(own), Ok(foreign)) if matches!(own.shown, Shown::Session(_)) => {
            assert_eq!(foreign.shown, Shown::Nothing);
        }
        (Ok(own), Ok(foreign)) => assert_eq!(foreign.shown, own.shown),
        (own, foreign) => assert_eq!(own, foreign),
    }
    without_token(query);
}

fn bounded(shown: &Shown) {
    match shown {
        Shown::Nothing => {}
        Shown::Session(id) => {
            assert!((1..=MAX_TOKEN).contains(&id.len()));
            let field = cookie::set(id, std::time::Duration::from_secs(1), false);
            assert!(!field.contains(char::is_control));
        }
        Shown::Token(token) => {
            assert!((1..=MAX_TOKEN).contains(&token.len()) && token.expose().is_ascii());
            let again = authorization::parse(&format!("Bearer {}", token.expose()));
            assert_eq!(again.as_ref(), Ok(shown));
        }
        Shown::Password { name, password } => {
            assert!(name.len() <= MAX_NAME && password.len() <= MAX_PASSWORD);
            assert!(!name.contains(':') && !name.contains(char::is_control));
            assert!(!password.expose().contains(char::is_control));
        }
    }
}

fn shows_nothing(credentials: &Credentials) {
    let shown = format!("{credentials:?}");
    let secret = match &credentials.shown {
        Shown::Nothing => return,
        Shown::Session(secret) | Shown::Token(secret) => secret,
        Shown::Password { password, .. } => password,
    };
    // Anything shorter may be in there by chance.
    assert!(secret.len() < 16 || !shown.contains(secret.expose()));
}

fn without_token(text: &str) {
    let rest = query::without_token(text);
    assert!(matches!(query::token(&rest), Ok(None)), "{rest:?}");
    assert!(rest.len() <= text.len());
    if let Ok(None) = query::token(text) {
        assert_eq!(rest, text);
    }
}

/// A record that is taken is written as it was read, and no secret that was made up opens it.
pub fn access_record(data: &[u8]) {
    let Ok(record) = Record::read(data) else {
        return;
    };
    assert!(data.len() <= LIMIT);
    let bytes = record.bytes();
    assert_eq!(Record::read(&bytes), Ok(record.clone()));
    assert!(record.account("").is_some() || record.sessions.is_empty());
}
