//! One piece of a bundle on its way from the camera's server to the steward: a line of
//! JSON, then the bytes; the answer is a line like any other of the steward's.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest first line, in bytes, its newline included.
pub const MAX_LINE: usize = 512;

/// Longest piece, in bytes: what a client has to send again at most, where nothing
/// between us and it knows how far it got.
pub const MAX_PIECE: u64 = 8 << 20;

/// Names one upload: 1 to 64 letters, digits, `_` and `-`. Made by the steward from a
/// random number, so that nobody else's upload is continued by mistake.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadId(String);

impl UploadId {
    pub fn from_random(number: u64) -> UploadId {
        UploadId(format!("{number:016x}"))
    }

    /// Nothing if that can't be the name of an upload.
    pub fn new(text: &str) -> Option<UploadId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let good = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        good.then(|| UploadId(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UploadId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<UploadId, &'static str> {
        UploadId::new(&text).ok_or("that is no upload's name")
    }
}

impl From<UploadId> for String {
    fn from(id: UploadId) -> String {
        id.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which bytes follow.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    pub id: UploadId,
    /// Of the first byte in the whole bundle.
    pub offset: u64,
    /// Of bytes, at most [`MAX_PIECE`]. Fewer may come, if the client's connection breaks.
    pub length: u64,
}

impl Piece {
    /// The line with its newline.
    pub fn line(&self) -> String {
        format!("{}\n", serde_json::json!(self))
    }

    /// Reads a line, with or without its newline; the error is what to answer.
    pub fn parse(line: &[u8]) -> Result<Piece, String> {
        if line.len() > MAX_LINE {
            return Err("the line is too long".into());
        }
        let piece: Piece = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        match piece.length <= MAX_PIECE && piece.offset.checked_add(piece.length).is_some() {
            true => Ok(piece),
            false => Err(format!("a piece has at most {MAX_PIECE} bytes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_read_as_it_was_written() {
        let piece = Piece {
            id: UploadId::from_random(7),
            offset: 5 << 20,
            length: MAX_PIECE,
        };
        let line = piece.line();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(Piece::parse(line.as_bytes()), Ok(piece));
    }

    #[test]
    fn what_is_no_piece_is_refused() {
        let good = r#"{"id":"a-b_9","offset":0,"length":1}"#;
        assert!(Piece::parse(good.as_bytes()).is_ok());
        for bad in [
            String::new(),
            "{}".into(),
            good.replace("a-b_9", ""),
            good.replace("a-b_9", "a/../b"),
            good.replace("a-b_9", &"x".repeat(65)),
            good.replace(":1", ":-1"),
            good.replace(":1", ":8388609"),
            good.replace(":0", ":18446744073709551615"),
            good.replace("}", ",\"more\":1}"),
            format!("{good}{}", " ".repeat(MAX_LINE)),
        ] {
            assert!(Piece::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
