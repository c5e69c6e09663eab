//! The head of one HTTP/1.1 request (RFC 9112).
//!
//! Stricter than the RFC asks where leniency has led to request smuggling: what
//! two parsers could read differently is refused.

use super::refusal::Refusal;
use std::fmt::Write;
use std::net::SocketAddr;

/// Longest head taken, in bytes, its empty line included.
pub const MAX_HEAD: usize = 8 * 1024;
/// Most header fields taken.
pub const MAX_HEADERS: usize = 64;

/// The field in which [`Head::rewrite`] says who asks; a client's own is dropped.
pub const PEER_FIELD: &str = "x-peer";
/// The same for the address at which it was asked.
pub const LOCAL_FIELD: &str = "x-local";

/// One request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// As sent; methods are case-sensitive (RFC 9110, 9.1).
    pub method: String,
    /// Starts with `/`; percent-encoding left as it came.
    pub path: String,
    /// Without its `?`; empty if there was none.
    pub query: String,
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    pub minor_version: u8,
    /// Names in lower case. Bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// What Content-Length says.
    pub content_length: Option<u64>,
    /// True if there is a Transfer-Encoding.
    pub chunked: bool,
    /// How many bytes the head took; the body follows.
    pub length: usize,
}

/// Why a head was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// Longer than [`MAX_HEAD`].
    TooLong,
    /// More fields than [`MAX_HEADERS`].
    TooManyFields,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// Not a request, or one that could be read in two ways. The text names the part.
    Malformed(&'static str),
}

/// Reads the head at the start of `bytes`; `None` until it is complete.
pub fn parse(bytes: &[u8]) -> Result<Option<Head>, HeadError> {
    let window = &bytes[..bytes.len().min(MAX_HEAD)];
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(window) {
        Ok(httparse::Status::Complete(length)) => build(&request, length).map(Some),
        Ok(httparse::Status::Partial) if window.len() == MAX_HEAD => Err(HeadError::TooLong),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// True if an empty line ends in `bytes[from..]`: only then can [`parse`] find
/// a whole head. Spares parsing again for every byte of a trickled one.
pub fn may_be_complete(bytes: &[u8], from: usize) -> bool {
    let tail = &bytes[from.saturating_sub(3).min(bytes.len())..];
    tail.windows(2).any(|w| w == b"\n\n") || tail.windows(3).any(|w| w == b"\n\r\n")
}

impl Head {
    /// The first field of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(n, _)| n == name);
        all.next().map(|(_, v)| v.as_str())
    }

    /// Every field of that (lower-case) name.
    pub fn values<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.headers
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// True if the comma-separated list of that name holds `token`, in any case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.values(name)
            .flat_map(|v| v.split(','))
            .any(|t| t.trim().eq_ignore_ascii_case(token))
    }

    /// True if the client asks for a WebSocket (RFC 6455, 4.1). Whether the
    /// handshake is sound is for the handshake to say.
    ///
    /// Firefox sends `Connection: keep-alive, Upgrade`, so both are read as lists.
    pub fn is_websocket_upgrade(&self) -> bool {
        self.method == "GET"
            && self.minor_version == 1
            && self.has_token("connection", "upgrade")
            && self.has_token("upgrade", "websocket")
    }

    /// The head again, for the HTTP server behind the gate.
    ///
    /// One request per connection (`Connection: close`), no hop-by-hop fields
    /// (RFC 9110, 7.6.1), no `Expect` (the gate has the body already), the body's
    /// length as it was understood here, and `X-Peer`. Values outside ASCII are
    /// left out, as that server would drop the whole connection over one.
    pub fn rewrite(&self, peer: SocketAddr, local: SocketAddr) -> Vec<u8> {
        let mut text = format!("{} {}", self.method, self.path);
        if !self.query.is_empty() {
            let _ = write!(text, "?{}", self.query);
        }
        let _ = write!(text, " HTTP/1.{}\r\n", self.minor_version);
        for (name, value) in &self.headers {
            if value.is_ascii() && !self.is_left_out(name) {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        if let Some(length) = self.content_length {
            let _ = write!(text, "content-length: {length}\r\n");
        }
        let _ = write!(text, "{PEER_FIELD}: {peer}\r\n{LOCAL_FIELD}: {local}\r\n");
        text.push_str("connection: close\r\n\r\n");
        text.into_bytes()
    }

    fn is_left_out(&self, name: &str) -> bool {
        const NOT_PASSED_ON: [&str; 12] = [
            "connection",
            "content-length",
            "expect",
            "keep-alive",
            "proxy-authenticate",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            PEER_FIELD,
            LOCAL_FIELD,
        ];
        // What Connection names is for this hop, but it must not hide what the answer
        // depends on.
        NOT_PASSED_ON.contains(&name)
            || (!matches!(name, "host" | "origin" | "content-type")
                && self.has_token("connection", name))
    }
}

fn build(request: &httparse::Request<'_, '_>, length: usize) -> Result<Head, HeadError> {
    let method = request.method.ok_or(HeadError::Malformed("the method"))?;
    let target = request.path.ok_or(HeadError::Malformed("the target"))?;
    let (path, query) = split_target(target)?;
    let headers = read_fields(request.headers)?;
    let minor_version = request.version.ok_or(HeadError::Version)?;
    let (content_length, chunked) = body_framing(&headers, minor_version)?;
    Ok(Head {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        minor_version,
        headers,
        content_length,
        chunked,
        length,
    })
}

/// Takes the origin form only (RFC 9112, 3.2.1): the others are for proxies.
fn split_target(target: &str) -> Result<(&str, &str), HeadError> {
    if !target.starts_with('/') {
        return Err(HeadError::Malformed("the target, which must start with /"));
    }
    if !target.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        return Err(HeadError::Malformed("a byte in the target"));
    }
    if target.contains("%00") {
        return Err(HeadError::Malformed("a NUL in the target"));
    }
    Ok(target.split_once('?').unwrap_or((target, "")))
}

fn read_fields(fields: &[httparse::Header<'_>]) -> Result<Vec<(String, String)>, HeadError> {
    let mut headers = Vec::with_capacity(fields.len());
    for field in fields {
        if field.value.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')) {
            return Err(HeadError::Malformed("a control byte in a header field"));
        }
        let value = String::from_utf8_lossy(field.value);
        headers.push((field.name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(headers)
}

/// RFC 9112, 6.3, with every doubtful case refused (11.2, request smuggling).
fn body_framing(
    headers: &[(String, String)],
    minor_version: u8,
) -> Result<(Option<u64>, bool), HeadError> {
    let all = |name: &'static str| headers.iter().filter(move |(n, _)| n == name);
    let lengths = all("content-length").count();
    let encodings = all("transfer-encoding").count();
    if lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0) {
        return Err(HeadError::Malformed("the body's length, given twice"));
    }
    if encodings > 0 && minor_version == 0 {
        return Err(HeadError::Malformed("Transfer-Encoding in HTTP/1.0"));
    }
    let length = match all("content-length").next() {
        Some((_, value)) => Some(read_length(value)?),
        None => None,
    };
    Ok((length, encodings > 0))
}

/// Digits only: Rust's own parser would take `+5`.
fn read_length(value: &str) -> Result<u64, HeadError> {
    const WRONG: HeadError = HeadError::Malformed("Content-Length");
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(WRONG);
    }
    value.parse().map_err(|_| WRONG)
}

impl From<httparse::Error> for HeadError {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => HeadError::TooManyFields,
            httparse::Error::Version => HeadError::Version,
            httparse::Error::HeaderName => HeadError::Malformed("a header field's name"),
            httparse::Error::HeaderValue => HeadError::Malformed("a header field's value"),
            httparse::Error::NewLine => HeadError::Malformed("a line's end"),
            httparse::Error::Status | httparse::Error::Token => {
                HeadError::Malformed("the request line")
            }
        }
    }
}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::TooLong => Refusal::new(
                431,
                format!("The request's head is longer than {MAX_HEAD} bytes."),
            ),
            HeadError::TooManyFields => Refusal::new(
                431,
                format!("The request has more than {MAX_HEADERS} header fields."),
            ),
            HeadError::Version => Refusal::new(505, "This camera speaks HTTP/1.1 and HTTP/1.0."),
            HeadError::Malformed(part) => {
                Refusal::new(400, format!("Not understood as HTTP: {part}."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        parse(text.as_bytes()).unwrap().expect("a whole head")
    }

    fn error(text: &str) -> HeadError {
        parse(text.as_bytes()).expect_err(text)
    }

    #[test]
    fn path_and_query_are_split_and_not_decoded() {
        let text = "POST /whep/a%2Fb?width=640&fps=30 HTTP/1.1\r\nHOST: Cam\r\n\r\nbody";
        let head = head(text);
        assert_eq!(head.path, "/whep/a%2Fb");
        assert_eq!(head.query, "width=640&fps=30");
        assert_eq!(head.header("host"), Some("Cam"));
        assert_eq!(&text[head.length..], "body");
    }

    #[test]
    fn an_unfinished_head_is_waited_for() {
        let whole = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole[..cut]), Ok(None), "cut at {cut}");
        }
        assert!(parse(whole).unwrap().is_some());
    }

    #[test]
    fn a_whole_head_is_never_missed_however_it_is_cut() {
        for whole in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
        ] {
            for cut in 0..whole.len() {
                assert!(may_be_complete(whole.as_bytes(), cut), "{whole:?} at {cut}");
            }
            assert!(!may_be_complete(&whole.as_bytes()[..whole.len() - 1], 0));
        }
    }

    #[test]
    fn a_head_over_the_limit_is_refused_even_if_it_ends_later() {
        let text = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(MAX_HEAD));
        assert_eq!(error(&text), HeadError::TooLong);
        let fits = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(MAX_HEAD - 23));
        assert_eq!(fits.len(), MAX_HEAD);
        assert!(parse(fits.as_bytes()).unwrap().is_some());
    }

    #[test]
    fn too_many_fields_are_refused() {
        let text = format!(
            "GET / HTTP/1.1\r\n{}\r\n",
            "a: b\r\n".repeat(MAX_HEADERS + 1)
        );
        assert_eq!(error(&text), HeadError::TooManyFields);
    }

    #[test]
    fn other_versions_are_refused_as_such() {
        for text in ["PRI * HTTP/2.0\r\n\r\n", "GET / HTTP/0.9\r\n\r\n"] {
            assert_eq!(error(text), HeadError::Version, "{text:?}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "GET http://other/ HTTP/1.1\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\n\r\n",
            "CONNECT host:1 HTTP/1.1\r\n\r\n",
            "GET /%00 HTTP/1.1\r\n\r\n",
            "GET /a?b=%00 HTTP/1.1\r\n\r\n",
            "GET /a#b HTTP/1.1\r\n\r\n",
            "GET /\u{e9} HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nA : b\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\ntransfer-encoding: x\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "\x16\x03\x01\x02\r\n\r\n",
        ] {
            assert!(matches!(error(text), HeadError::Malformed(_)), "{text:?}");
        }
    }

    #[test]
    fn upgrades_are_known_in_every_spelling() {
        let upgrade = |connection: &str, upgrade: &str| {
            head(&format!(
                "GET / HTTP/1.1\r\nConnection: {connection}\r\nUpgrade: {upgrade}\r\n\r\n"
            ))
            .is_websocket_upgrade()
        };
        assert!(upgrade("Upgrade", "websocket"));
        assert!(upgrade("keep-alive, Upgrade", "websocket"));
        assert!(upgrade("upgrade,keep-alive", "WebSocket"));
        assert!(!upgrade("keep-alive", "websocket"));
        assert!(!upgrade("Upgrade, HTTP2-Settings", "h2c"));
        assert!(!upgrade("not-upgrade", "websocket"));
        let old = head("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        assert!(!old.is_websocket_upgrade());
    }

    #[test]
    fn rewriting_drops_what_is_for_this_hop_and_names_the_peer() {
        let head = head(
            "POST /whep?fps=30 HTTP/1.1\r\nHost: cam\r\nConnection: keep-alive, X-Secret, Host\r\n\
             X-Secret: 1\r\nX-Peer: 10.0.0.1:1\r\nTE: trailers\r\nExpect: 100-continue\r\n\
             Content-Type: application/sdp\r\nX-Name: \u{e9}\r\nContent-Length: 4\r\n\r\n",
        );
        let text = String::from_utf8(head.rewrite(
            "192.0.2.7:5000".parse().unwrap(),
            "192.0.2.1:80".parse().unwrap(),
        ))
        .unwrap();
        assert_eq!(
            text,
            "POST /whep?fps=30 HTTP/1.1\r\nhost: cam\r\ncontent-type: application/sdp\r\n\
             content-length: 4\r\nx-peer: 192.0.2.7:5000\r\nx-local: 192.0.2.1:80\r\nconnection: close\r\n\r\n"
        );
    }

    #[test]
    fn what_was_rewritten_reads_the_same_again() {
        let first = head("GET /a?b HTTP/1.1\r\nHost: [fe80::1]:80\r\nAccept: */*\r\n\r\n");
        let again = parse(&first.rewrite("[::1]:9".parse().unwrap(), "[::1]:80".parse().unwrap()))
            .unwrap()
            .unwrap();
        assert_eq!((&again.path, &again.query), (&first.path, &first.query));
        assert_eq!(again.header("host"), first.header("host"));
        assert_eq!(again.header("x-peer"), Some("[::1]:9"));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        // A small generator instead of a random one, so that a failure repeats.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let seed = b"GET /a?b=%00 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n";
        for _ in 0..20_000 {
            let mut bytes = seed.to_vec();
            for _ in 0..4 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let at = (state >> 8) as usize % bytes.len();
                bytes[at] = state as u8;
            }
            if let Ok(Some(head)) = parse(&bytes) {
                let rewritten =
                    head.rewrite("1.2.3.4:5".parse().unwrap(), "1.2.3.4:80".parse().unwrap());
                assert!(parse(&rewritten).is_ok_and(|h| h.is_some()), "{head:?}");
            }
        }
    }
}
