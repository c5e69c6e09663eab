//! One HTTP request and its answer, as the core sees them.

use super::refusal::reason_phrase;
use std::fmt::Write;

/// A request that the core answers (signalling, status), its body complete.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Upper case, for example `POST`.
    pub method: String,
    /// The path without the query, for example `/whep/8f2c`.
    pub path: String,
    /// The query without its `?`; empty if there was none.
    pub query: String,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// At most 64 KiB.
    pub body: Vec<u8>,
    /// Who asks, where known.
    pub peer: Option<std::net::SocketAddr>,
    /// At which of our addresses, where known.
    pub local: Option<std::net::SocketAddr>,
}

impl Request {
    /// The first field of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Without Content-Length, Connection and Date, which the HTTP server adds.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The complete response (RFC 9112), after which the connection is closed: for what is
    /// answered without the HTTP server. `with_body` is false for HEAD.
    pub fn to_bytes(&self, with_body: bool) -> Vec<u8> {
        let mut text = format!(
            "HTTP/1.1 {} {}\r\n",
            self.status,
            reason_phrase(self.status)
        );
        for (name, value) in &self.headers {
            // One with a line end in it would break out of its line.
            if !value.bytes().any(|b| b.is_ascii_control()) {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        // RFC 9110, 8.6: none with 204.
        if self.status != 204 {
            let _ = write!(text, "Content-Length: {}\r\n", self.body.len());
        }
        text.push_str("X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
        let mut bytes = text.into_bytes();
        if with_body && self.status != 204 {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(status: u16, with_body: bool) -> String {
        let answer = Answer {
            status,
            headers: vec![("Upload-Offset", "7".into()), ("X", "a\r\nY: b".into())],
            body: b"{}".to_vec(),
        };
        String::from_utf8(answer.to_bytes(with_body)).unwrap()
    }

    #[test]
    fn an_answer_is_one_whole_response() {
        let conflict = text(409, true);
        assert!(
            conflict
                .starts_with("HTTP/1.1 409 Conflict\r\nUpload-Offset: 7\r\nContent-Length: 2\r\n")
        );
        assert!(conflict.ends_with("\r\nConnection: close\r\n\r\n{}"));
        assert!(!conflict.contains("Y:"));
        assert!(text(409, false).ends_with("\r\n\r\n"));
        let done = text(204, true);
        assert!(done.ends_with("\r\n\r\n") && !done.contains("Content-Length"));
    }
}
