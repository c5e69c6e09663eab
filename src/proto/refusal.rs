//! A short HTTP answer that says why a request was refused.

/// What to say before the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 4xx or 5xx, or a redirection.
    pub status: u16,
    /// For the person at the other end; one or two sentences.
    pub words: String,
    /// A further header field that the status asks for, such as `Allow`.
    pub field: Option<(&'static str, &'static str)>,
}

impl Refusal {
    pub fn new(status: u16, words: impl Into<String>) -> Self {
        Self {
            status,
            words: words.into(),
            field: None,
        }
    }

    pub fn with_field(mut self, name: &'static str, value: &'static str) -> Self {
        self.field = Some((name, value));
        self
    }

    /// The complete response (RFC 9112), after which the connection is closed.
    ///
    /// Pages of other origins may read it: it holds nothing but the reason, and
    /// without it their scripts could only say "failed to fetch".
    pub fn to_bytes(&self, with_body: bool) -> Vec<u8> {
        let mut text = format!(
            "HTTP/1.1 {} {}\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {}\r\n\
             Cache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Access-Control-Allow-Origin: *\r\n\
             Connection: close\r\n",
            self.status,
            reason_phrase(self.status),
            self.words.len() + 1,
        );
        if let Some((name, value)) = self.field {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        if with_body {
            text.push_str(&self.words);
            text.push('\n');
        }
        text.into_bytes()
    }
}

/// RFC 9110, 15; RFC 6585.
pub(super) fn reason_phrase(status: u16) -> &'static str {
    match status {
        204 => "No Content",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_counts_the_words_and_their_line_end() {
        let bytes = Refusal::new(405, "no")
            .with_field("Allow", "GET")
            .to_bytes(true);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
        assert!(text.contains("\r\nContent-Length: 3\r\n"));
        assert!(text.contains("\r\nAllow: GET\r\n"));
        assert!(text.ends_with("\r\n\r\nno\n"));
    }

    #[test]
    fn a_head_request_is_refused_without_a_body() {
        let text = Refusal::new(404, "no").to_bytes(false);
        assert!(text.ends_with(b"\r\n\r\n"));
    }
}
