//! `POST /api/time`: the page tells the camera what time it is.

use super::host;
use super::http::{Answer, Request};
use super::set_up::refused;
use super::steward::Ask;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    /// Since 1970, as JavaScript's `Date.now()` has it.
    ms: u64,
}

/// What a request to `/api/time` asks of the steward, or the answer at once. Whoever
/// may look may say what time it is: the steward believes it only where nobody else
/// knows, and has no other use for it than dates.
pub fn read(request: &Request) -> Result<Ask, Answer> {
    if request.method != "POST" {
        let mut answer = refused(405, "This address takes POST.");
        answer.headers.push(("Allow", "POST".into()));
        return Err(answer);
    }
    if !host::same_origin(&request.headers) {
        return Err(refused(403, "Pages of other sites can't set the clock."));
    }
    let said: Said = serde_json::from_slice(&request.body)
        .map_err(|_| refused(400, "The body has to be {\"ms\": milliseconds since 1970}."))?;
    Ok(Ask::Time { ms: said.ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(method: &str, origin: &str, body: &str) -> Result<Ask, u16> {
        let request = Request {
            method: method.into(),
            headers: vec![
                ("host".into(), "mimamori.local".into()),
                ("origin".into(), origin.into()),
            ],
            body: body.into(),
            ..Request::default()
        };
        read(&request).map_err(|answer| answer.status)
    }

    #[test]
    fn the_cameras_own_page_says_the_time() {
        let own = "http://mimamori.local";
        let time = Ask::Time {
            ms: 1_800_000_000_123,
        };
        assert_eq!(verdict("POST", own, r#"{"ms":1800000000123}"#), Ok(time));
        assert_eq!(verdict("GET", own, ""), Err(405));
        let foreign = verdict("POST", "http://evil.example", r#"{"ms":1800000000123}"#);
        assert_eq!(foreign, Err(403));
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"ms":-1}"#,
            r#"{"ms":1.5}"#,
            r#"{"ms":1e30}"#,
            "\u{0}",
        ] {
            assert_eq!(verdict("POST", own, bad), Err(400), "{bad:?}");
        }
        assert_eq!(verdict("POST", own, r#"{"ms":1,"zone":"JST"}"#), Err(400));
    }
}
