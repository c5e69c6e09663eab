//! The messages of UV4L's signalling WebSocket.
//!
//! Two dialects are spoken by the clients that exist:
//!
//! | | current | legacy |
//! |---|---|---|
//! | call | `{"what":"call","options":{..}}` | `{"command_id":"offer","options":{..}}` |
//! | offer | `{"what":"offer","data":"{..}"}` | `{"type":"offer","sdp":".."}` |
//! | answer | `{"what":"answer","data":"{..}"}` | `{"command_id":"answer","data":"{..}"}` or `{"type":"answer","sdp":".."}` |
//! | a client's candidate | `{"what":"addIceCandidate","data":"{..}"}` | `{"command_id":"addicecandidate","data":"{..}"}` |
//! | asking for candidates | `{"what":"generateIceCandidates"}` | `{"command_id":"geticecandidate"}` |
//! | all candidates | `{"what":"iceCandidates","data":"[..]"}` | `{"type":"geticecandidate","data":"[..]"}` |
//! | one candidate | `{"what":"iceCandidate","data":"{..}"}` | `{"type":"geticecandidate","data":"[{..}]"}` |
//! | end of candidates | `{"what":"iceCandidate","data":""}` | `{"type":"geticecandidate","data":"[]"}` |
//! | text | `{"what":"message","data":".."}` | `{"type":"message","data":".."}` |
//!
//! Legacy clients know no trickling: they ask with `geticecandidate` as soon as
//! they have the offer, and add whatever array comes in a message of that type.
//! So a trickled candidate is an array of one, and the end mark is an empty one:
//! both harmless, whatever they asked for. They look at `sdpMLineIndex` only.

use serde_json::{Map, Value};

/// Longest message that is read, in bytes; the WebSocket has the same limit.
const MESSAGE_LIMIT: usize = 64 * 1024;
/// Longest SDP that is taken, in bytes: a browser's answer has 1 to 8 KiB.
const SDP_LIMIT: usize = 32 * 1024;
/// Longest candidate line that is taken, in bytes.
const CANDIDATE_LIMIT: usize = 1024;
/// JSON inside of JSON strings is unpacked this often.
const NESTED_STRINGS: usize = 2;

/// How a client speaks, and so how it is answered.
///
/// The dialect of the call counts for the session: some clients call in the
/// current form and answer with a bare `{"type":"answer",..}`.
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
    /// One remote candidate line, as it came and never blank (see
    /// [`super::candidate`]).
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
    /// `candidate:...`; the prefix is added where it is missing.
    pub candidate: String,
    pub sdp_mid: String,
    pub sdp_m_line_index: u16,
}

/// Reads one text message. Never fails: what is not understood is
/// [`ClientMessage::Ignored`].
///
/// Lenient: the words in any letter case, `data` and `options` as object or as
/// JSON in a string, numbers and booleans as themselves or in strings.
pub fn parse(text: &str) -> (ClientMessage, Dialect) {
    match read(text) {
        Ok(message) => message,
        Err(reason) => (ClientMessage::Ignored(reason), Dialect::default()),
    }
}

/// Writes one message in the client's dialect.
pub fn render(message: &ServerMessage, dialect: Dialect) -> String {
    let (current, legacy, data) = match message {
        ServerMessage::Offer(sdp) => {
            let description = to_json(&Description { kind: "offer", sdp });
            if dialect == Dialect::Legacy {
                return description;
            }
            ("offer", "offer", description)
        }
        ServerMessage::Candidate(candidate) => {
            let data = match dialect {
                Dialect::Current => to_json(&Line::of(candidate)),
                Dialect::Legacy => to_json(&[Line::of(candidate)]),
            };
            ("iceCandidate", "geticecandidate", data)
        }
        ServerMessage::EndOfCandidates => {
            let data = match dialect {
                Dialect::Current => "",
                Dialect::Legacy => "[]",
            };
            ("iceCandidate", "geticecandidate", data.to_owned())
        }
        ServerMessage::Candidates(candidates) => {
            let lines: Vec<Line> = candidates.iter().map(Line::of).collect();
            ("iceCandidates", "geticecandidate", to_json(&lines))
        }
        ServerMessage::Message(text) => ("message", "message", text.clone()),
    };
    match dialect {
        Dialect::Current => to_json(&Current {
            what: current,
            data,
        }),
        Dialect::Legacy => to_json(&Legacy { kind: legacy, data }),
    }
}

fn read(text: &str) -> Result<(ClientMessage, Dialect), &'static str> {
    if text.len() > MESSAGE_LIMIT {
        return Err("message longer than 64 KiB");
    }
    let Some(Value::Object(message)) = json(text).map(unpack) else {
        return Err("not a JSON object");
    };
    let (word, dialect) = word_and_dialect(&message)?;
    let message = match word.to_ascii_lowercase().as_str() {
        "call" => ClientMessage::Call(call_options(&message)),
        "offer" if dialect == Dialect::Legacy => ClientMessage::Call(call_options(&message)),
        "answer" => understood(answer(&message)),
        "addicecandidate" | "icecandidate" | "candidate" => understood(candidate(&message)),
        "generateicecandidates" | "geticecandidate" | "geticecandidates" => {
            ClientMessage::GenerateCandidates
        }
        "hangup" | "close" | "bye" => ClientMessage::Hangup,
        _ => ClientMessage::Ignored("unknown message"),
    };
    Ok((message, dialect))
}

/// The word that says what the message is, and the form it came in.
fn word_and_dialect(message: &Map<String, Value>) -> Result<(&str, Dialect), &'static str> {
    let word = |key: &str| message.get(key).and_then(Value::as_str);
    if let Some(what) = word("what") {
        return Ok((what, Dialect::Current));
    }
    match word("command_id").or_else(|| top_level_type(message)) {
        Some(word) => Ok((word, Dialect::Legacy)),
        None => Err("message without what"),
    }
}

/// A top-level `{"type":"offer"}` is a description, not a call.
fn top_level_type(message: &Map<String, Value>) -> Option<&str> {
    let word = message.get("type")?.as_str()?;
    Some(if word.eq_ignore_ascii_case("offer") {
        "description"
    } else {
        word
    })
}

fn understood(result: Result<ClientMessage, &'static str>) -> ClientMessage {
    result.unwrap_or_else(ClientMessage::Ignored)
}

/// `force_hw_vcodec` is not looked at: both of its values must give video.
fn call_options(message: &Map<String, Value>) -> CallOptions {
    let options = present(message, "options").or_else(|| present(message, "data"));
    let options = match options.cloned().map(unpack) {
        Some(Value::Object(options)) => options,
        _ => return CallOptions::default(),
    };
    CallOptions {
        vformat: options.get("vformat").and_then(whole_number),
        trickle_ice: options.get("trickle_ice").is_some_and(is_true),
    }
}

fn answer(message: &Map<String, Value>) -> Result<ClientMessage, &'static str> {
    let sdp = match payload(message) {
        Value::Object(description) => {
            let kind = description.get("type").and_then(Value::as_str);
            if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("answer")) {
                return Err("description that is not an answer");
            }
            description
                .get("sdp")
                .and_then(Value::as_str)
                .map(str::to_owned)
        }
        Value::String(sdp) if sdp.trim_start().starts_with("v=0") => Some(sdp),
        _ => None,
    };
    match sdp {
        None => Err("answer without SDP"),
        Some(sdp) if sdp.len() > SDP_LIMIT => Err("SDP longer than 32 KiB"),
        Some(sdp) if sdp.trim().is_empty() => Err("answer with an empty SDP"),
        Some(sdp) => Ok(ClientMessage::Answer(sdp)),
    }
}

/// The line is a string in `candidate`, or the payload itself; some clients wrap
/// the browser's object once more: `{"candidate":{"candidate":".."}}`.
fn candidate(message: &Map<String, Value>) -> Result<ClientMessage, &'static str> {
    let line = match payload(message) {
        Value::Object(object) => match present(&object, "candidate").cloned() {
            Some(Value::Object(inner)) => present(&inner, "candidate").cloned(),
            other => other,
        },
        other => Some(other),
    };
    match line {
        None | Some(Value::Null) => Err("end of candidates"),
        Some(Value::String(line)) if line.trim().is_empty() => Err("end of candidates"),
        Some(Value::String(line)) if line.len() > CANDIDATE_LIMIT => Err("candidate too long"),
        Some(Value::String(line)) => Ok(ClientMessage::Candidate(line)),
        Some(_) => Err("unreadable candidate"),
    }
}

/// `data`, unpacked; without it the message is its own payload.
fn payload(message: &Map<String, Value>) -> Value {
    match message.get("data") {
        Some(data) => unpack(data.clone()),
        None => Value::Object(message.clone()),
    }
}

/// The member, unless it is absent or null.
fn present<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}

/// Unpacks JSON objects, arrays and strings in strings; other text stays text.
fn unpack(mut value: Value) -> Value {
    for _ in 0..NESTED_STRINGS {
        let inner = value.as_str().and_then(json);
        match inner {
            Some(inner @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => value = inner,
            Some(Value::Null) => return Value::Null,
            _ => break,
        }
    }
    value
}

/// Bounded in depth by serde_json's recursion limit.
fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn whole_number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number
            .as_u64()
            .or_else(|| {
                number
                    .as_f64()
                    .filter(|n| n.fract() == 0.0 && *n >= 0.0)
                    .map(|n| n as u64)
            })
            .and_then(|number| u32::try_from(number).ok()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() == Some(1.0),
        Value::String(text) => ["true", "1"].contains(&text.trim().to_ascii_lowercase().as_str()),
        _ => false,
    }
}

// The structs below are written with their members in this order.

#[derive(serde::Serialize)]
struct Current {
    what: &'static str,
    data: String,
}

#[derive(serde::Serialize)]
struct Legacy {
    #[serde(rename = "type")]
    kind: &'static str,
    data: String,
}

#[derive(serde::Serialize)]
struct Description<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sdp: &'a str,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    candidate: std::borrow::Cow<'a, str>,
    sdp_mid: &'a str,
    #[serde(rename = "sdpMLineIndex")]
    sdp_m_line_index: u16,
}

impl<'a> Line<'a> {
    fn of(candidate: &'a Candidate) -> Self {
        let line = candidate.candidate.as_str();
        let line = line.strip_prefix("a=").unwrap_or(line);
        Line {
            candidate: match line.starts_with("candidate:") {
                true => line.into(),
                false => format!("candidate:{line}").into(),
            },
            sdp_mid: &candidate.sdp_mid,
            sdp_m_line_index: candidate.sdp_m_line_index,
        }
    }
}

/// Strings and numbers always have a JSON form.
fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legacy_offer_command_is_a_call_and_a_described_offer_is_not() {
        let (message, dialect) = parse(r#"{"command_id":"offer"}"#);
        assert_eq!(message, ClientMessage::Call(CallOptions::default()));
        assert_eq!(dialect, Dialect::Legacy);
        let (message, _) = parse(r#"{"type":"offer","sdp":"v=0"}"#);
        assert_eq!(message, ClientMessage::Ignored("unknown message"));
    }

    #[test]
    fn numbers_in_every_clothes_are_read() {
        for (text, number) in [
            ("60", Some(60)),
            ("60.0", Some(60)),
            ("\"60\"", Some(60)),
            ("\" 60 \"", Some(60)),
            ("0", Some(0)),
            ("-1", None),
            ("60.5", None),
            ("1e300", None),
            ("4294967296", None),
            ("null", None),
            ("true", None),
            ("[60]", None),
            ("\"sixty\"", None),
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(whole_number(&value), number, "{text}");
        }
    }

    #[test]
    fn json_in_strings_is_unpacked_to_a_limit() {
        let object = serde_json::json!({"a": 1});
        let mut text = object.clone();
        for depth in 1..=NESTED_STRINGS + 1 {
            text = Value::String(text.to_string());
            let unpacked = unpack(text.clone());
            assert_eq!(unpacked == object, depth <= NESTED_STRINGS, "{depth}");
        }
        assert_eq!(unpack("v=0\r\n".into()), Value::from("v=0\r\n"));
        assert_eq!(unpack("7".into()), Value::from("7"));
    }
}
