//! Trickle ICE fragments (RFC 8840) as WHEP's PATCH carries them.

/// The parts of an `application/trickle-ice-sdpfrag` body that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    pub ufrag: Option<String>,
    pub pwd: Option<String>,
    /// Candidate lines without `a=`, at most 64.
    pub candidates: Vec<String>,
    pub end_of_candidates: bool,
}

/// Reads a fragment; unknown lines are skipped. The error is for the client.
pub fn parse(_text: &str) -> Result<Fragment, &'static str> {
    todo!()
}

/// Writes the fragment that answers an ICE restart, or a list of candidates.
pub fn render(_fragment: &Fragment, _mid: &str) -> String {
    todo!()
}
