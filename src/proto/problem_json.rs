//! A refusal as JSON (RFC 9457): words for a person, a code for a program.

use super::http::Answer;
use super::refusal::reason_phrase;
use serde_json::{Map, Value, json};

/// What was wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// 4xx or 5xx.
    pub status: u16,
    /// The same for every case of its kind, for example `too_many_guesses`.
    pub code: &'static str,
    /// One or two sentences for the person at the other end.
    pub detail: String,
    /// In seconds; for 429 and 503.
    pub retry_after: Option<u64>,
    /// A WWW-Authenticate field, which a 401 has to have (RFC 9110, 15.5.2).
    pub challenge: Option<&'static str>,
}

impl Problem {
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            detail: detail.into(),
            retry_after: None,
            challenge: None,
        }
    }

    pub fn with_retry_after(mut self, seconds: u64) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    pub fn with_challenge(mut self, field: &'static str) -> Problem {
        self.challenge = Some(field);
        self
    }

    /// The answer to the request. `type` is left out and so `about:blank`: the title is
    /// then the status' own phrase (RFC 9457, 4.2.1).
    pub fn answer(&self) -> Answer {
        let mut body = Map::new();
        body.insert("title".into(), reason_phrase(self.status).into());
        body.insert("status".into(), self.status.into());
        body.insert("code".into(), self.code.into());
        body.insert("detail".into(), json!(self.detail));
        let mut headers = vec![
            ("Content-Type", "application/problem+json".into()),
            ("Cache-Control", "no-store".into()),
        ];
        if let Some(seconds) = self.retry_after {
            body.insert("retry_after".into(), seconds.into());
            headers.push(("Retry-After", seconds.to_string()));
        }
        headers.extend(self.challenge.map(|c| ("WWW-Authenticate", c.to_owned())));
        Answer {
            status: self.status,
            headers,
            body: Value::Object(body).to_string().into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_to_people_and_programs() {
        let problem = Problem::new(429, "too_many_guesses", "Wait \"a\" minute.\n");
        let answer = problem.with_retry_after(60).answer();
        assert_eq!(answer.status, 429);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["title"], "Too Many Requests");
        assert_eq!(body["status"], 429);
        assert_eq!(body["code"], "too_many_guesses");
        assert_eq!(body["detail"], "Wait \"a\" minute.\n");
        let field = |name| {
            let mut all = answer.headers.iter().filter(move |(n, _)| *n == name);
            all.next().map(|(_, value)| value.as_str())
        };
        assert_eq!(field("Content-Type"), Some("application/problem+json"));
        assert_eq!(field("Retry-After"), Some("60"));
        assert_eq!(field("WWW-Authenticate"), None);
    }

    #[test]
    fn who_is_not_let_in_is_told_how_to_ask() {
        let answer = Problem::new(401, "log_in", "Log in.")
            .with_challenge("Bearer")
            .answer();
        assert!(
            answer
                .headers
                .contains(&("WWW-Authenticate", "Bearer".into()))
        );
        assert!(
            !answer
                .headers
                .iter()
                .any(|(name, _)| *name == "Retry-After")
        );
    }
}
