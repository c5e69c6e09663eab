//! The messages of UV4L's signalling WebSocket.

/// How a client speaks, and so how it is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `{"what":...,"data":...}`
    #[default]
    Current,
    /// `{"command_id":...}` in, `{"type":"offer",...}` out.
    Legacy,
}

/// The options of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// UV4L's number of a video format; `None` leaves the choice to the camera.
    pub vformat: Option<u32>,
    /// True: candidates one by one; false, null or absent: in one message.
    pub trickle_ice: bool,
}

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    Call(CallOptions),
    /// The SDP of an answer.
    Answer(String),
    /// One remote candidate line, as it came (see [`super::candidate`]).
    Candidate(String),
    /// Asks for the candidates again (older clients).
    GenerateCandidates,
    Hangup,
    /// Not understood, or nothing to do: the session goes on. The text is for the log.
    Ignored(&'static str),
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMessage {
    /// The SDP of an offer.
    Offer(String),
    /// One local candidate (trickle).
    Candidate(Candidate),
    /// The end mark of trickling.
    EndOfCandidates,
    /// All local candidates at once (non-trickle).
    Candidates(Vec<Candidate>),
    /// Text that clients show to the person.
    Message(String),
}

/// A local candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// `candidate:...`
    pub candidate: String,
    pub sdp_mid: String,
    pub sdp_m_line_index: u16,
}

/// Reads one text message. Never fails: what is not understood is
/// [`ClientMessage::Ignored`].
pub fn parse(_text: &str) -> (ClientMessage, Dialect) {
    todo!()
}

/// Writes one message in the client's dialect.
pub fn render(_message: &ServerMessage, _dialect: Dialect) -> String {
    todo!()
}
