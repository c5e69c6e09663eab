//! ICE candidates as strangers write them (RFC 8839, 5.1).

/// A remote candidate, brought into the form that the ICE agent reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// `candidate:...` without `a=`, ready for the parser.
    Usable(String),
    /// An mDNS name (`.local`): cannot be resolved here, and need not be. The
    /// peer is found peer-reflexively.
    Mdns,
    /// TCP, empty, end-of-candidates or unreadable: skipped, with the reason.
    Skipped(&'static str),
}

/// Reads one candidate line: with or without `a=` and `candidate:`, at most 1 KiB.
pub fn normalise(_text: &str) -> Remote {
    todo!()
}
