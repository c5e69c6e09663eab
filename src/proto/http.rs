//! One HTTP request and its answer, as the core sees them.

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
