//! What is asked at `/api/update`: a bundle is sent by tus 1.0.0 (<https://tus.io>),
//! which lets a client go on after a broken connection.
//!
//! Of the protocol there is what a camera needs: the core, `creation` and `termination`.
//! What a request asks is read here once, for the gate (which takes the pieces) and for
//! the pages (which take everything else).

use super::piece::{MAX_PIECE, Piece, UploadId};
use crate::proto::host;
use crate::proto::http::Answer;
use crate::proto::steward::Refused;
use serde_json::{Value, json};

/// What those are told who want to update a program that has no steward.
pub const NO_STEWARD: &str = "This program does not run on a camera's own system: it is updated \
    as other programs of this computer are.";

/// Where it all is.
pub const PATH: &str = "/api/update";
/// The owner wants the other slot's version back.
pub const ROLL_BACK: &str = "/api/update/roll-back";
/// The one version of the protocol that is spoken.
pub const VERSION: &str = "1.0.0";
/// A number of 15 digits is exact wherever it is read, in JavaScript too.
const MAX_DIGITS: usize = 15;

/// The part of a request that says what it asks.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// Names in lower case.
    pub headers: &'a [(String, String)],
    /// The body's length in bytes, if it is known before the body is read.
    pub length: Option<u64>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// How the camera is: its version, its slots, what it does, how the last update went.
    Facts,
    /// What the protocol's server can do.
    Options,
    /// A bundle of that many bytes wants to come.
    Announce {
        size: u64,
    },
    /// How much of this upload is here.
    Offset {
        id: UploadId,
    },
    /// A piece of the bundle, in this request's body.
    Piece(Piece),
    /// This upload will not go on.
    Abandon {
        id: UploadId,
    },
    RollBack,
}

/// True for what [`read`] is for.
pub fn serves(path: &str) -> bool {
    path.strip_prefix(PATH)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a request asks, or the answer at once. `HEAD` may come as `GET`: the HTTP server
/// leaves the body out.
pub fn read(asked: &Asked<'_>) -> Result<Wish, Answer> {
    if !host::same_origin(asked.headers) {
        return Err(refused(
            403,
            "Pages of other sites can't update the camera.",
        ));
    }
    if asked.field("x-http-method-override")?.is_some() {
        let words = "X-HTTP-Method-Override is not understood here: use the method itself.";
        return Err(refused(400, words));
    }
    match asked.path.strip_prefix(PATH) {
        Some("") => asked.of_all(),
        Some("/roll-back") => asked.roll_back(),
        Some(rest) => asked.of_upload(rest),
        None => Err(refused(404, "There is no such upload.")),
    }
}

impl Asked<'_> {
    fn of_all(&self) -> Result<Wish, Answer> {
        match self.method {
            "GET" | "HEAD" => Ok(Wish::Facts),
            "OPTIONS" => Ok(Wish::Options),
            "POST" => self.announce(),
            _ => Err(not_here("GET, HEAD, POST, OPTIONS")),
        }
    }

    fn roll_back(&self) -> Result<Wish, Answer> {
        match self.method {
            "POST" => Ok(Wish::RollBack),
            _ => Err(not_here("POST")),
        }
    }

    fn of_upload(&self, rest: &str) -> Result<Wish, Answer> {
        if self.method == "OPTIONS" {
            return Ok(Wish::Options);
        }
        let id = rest.strip_prefix('/').and_then(UploadId::new);
        let id = id.ok_or_else(|| refused(404, "There is no such upload."))?;
        match self.method {
            "GET" | "HEAD" | "PATCH" | "DELETE" => self.check_version()?,
            _ => return Err(not_here("HEAD, PATCH, DELETE, OPTIONS")),
        }
        match self.method {
            "PATCH" => self.piece(id).map(Wish::Piece),
            "DELETE" => Ok(Wish::Abandon { id }),
            _ => Ok(Wish::Offset { id }),
        }
    }

    fn announce(&self) -> Result<Wish, Answer> {
        self.check_version()?;
        if self.field("upload-defer-length")?.is_some() {
            return Err(refused(
                400,
                "The bundle's length has to be known: send Upload-Length.",
            ));
        }
        if self.length.is_some_and(|length| length > 0) {
            let words = "The bundle does not come with POST: send it in pieces, with PATCH.";
            return Err(refused(400, words));
        }
        match self.number("upload-length")? {
            Some(0) => Err(refused(400, "An empty file is no update bundle.")),
            Some(size) => Ok(Wish::Announce { size }),
            None => Err(refused(
                400,
                "How long is the bundle? Send Upload-Length, in bytes.",
            )),
        }
    }

    fn piece(&self, id: UploadId) -> Result<Piece, Answer> {
        let kind = self.field("content-type")?.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/offset+octet-stream") {
            let words = "A piece of a bundle is of type application/offset+octet-stream.";
            return Err(refused(415, words));
        }
        let offset = self.number("upload-offset")?;
        let offset = offset
            .ok_or_else(|| refused(400, "Where does the piece belong? Send Upload-Offset."))?;
        match self.length {
            None => Err(refused(411, "Send the piece with a Content-Length.")),
            Some(0) => Err(refused(400, "The piece is empty.")),
            Some(length) if length > MAX_PIECE => {
                let most = MAX_PIECE >> 20;
                let words = format!("A piece has {most} MiB at most: send the bundle in several.");
                Err(refused(413, &words))
            }
            Some(length) => Ok(Piece { id, offset, length }),
        }
    }

    fn check_version(&self) -> Result<(), Answer> {
        if self.field("tus-resumable")? == Some(VERSION) {
            return Ok(());
        }
        let words = "Bundles are taken by tus 1.0.0: send Tus-Resumable: 1.0.0.";
        let mut answer = refused(412, words);
        answer.headers.push(("Tus-Version", VERSION.into()));
        Err(answer)
    }

    /// The one field of that (lower-case) name.
    fn field(&self, name: &str) -> Result<Option<&str>, Answer> {
        let mut all = self.headers.iter().filter(|(n, _)| n == name);
        let first = all.next().map(|(_, value)| value.as_str());
        if all.next().is_some() {
            return Err(refused(400, &format!("{name} is given twice.")));
        }
        Ok(first)
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Answer> {
        let Some(value) = self.field(name)? else {
            return Ok(None);
        };
        let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        if !digits {
            let words = format!("{name} is not a number of bytes.");
            return Err(refused(400, &words));
        }
        // So long that no card is large enough.
        let number = value.parse().ok().filter(|_| value.len() <= MAX_DIGITS);
        let too_large = || refused(413, &format!("{name} is more than any bundle has."));
        number.map(Some).ok_or_else(too_large)
    }
}

fn not_here(allowed: &'static str) -> Answer {
    let mut answer = refused(405, &format!("This address takes {allowed}."));
    answer.headers.push(("Allow", allowed.into()));
    answer
}

/// With a reason in words, as JSON.
pub fn refused(status: u16, why: &str) -> Answer {
    with_facts(status, &json!({ "error": why }))
}

/// As the steward has refused.
pub fn refused_by(refused: &Refused) -> Answer {
    let mut answer = self::refused(refused.status.unwrap_or(503), &refused.why);
    if let Some(offset) = refused.offset {
        answer.headers.push(("Upload-Offset", offset.to_string()));
    }
    answer
}

/// With a JSON body.
pub fn with_facts(status: u16, facts: &Value) -> Answer {
    let mut answer = empty(status);
    answer
        .headers
        .push(("Content-Type", "application/json".into()));
    answer.body = facts.to_string().into_bytes();
    answer
}

/// Without a body.
pub fn empty(status: u16) -> Answer {
    Answer {
        status,
        headers: vec![
            ("Tus-Resumable", VERSION.into()),
            ("Cache-Control", "no-store".into()),
        ],
        body: Vec::new(),
    }
}

/// To [`Wish::Options`]; `most` is the longest bundle that is taken, in bytes, if it is known.
pub fn options(most: Option<u64>) -> Answer {
    let mut answer = empty(204);
    answer.headers.push(("Tus-Version", VERSION.into()));
    answer
        .headers
        .push(("Tus-Extension", "creation,termination".into()));
    if let Some(most) = most {
        answer.headers.push(("Tus-Max-Size", most.to_string()));
    }
    answer
}

/// To [`Wish::Announce`], where it was taken.
pub fn created(id: &UploadId) -> Answer {
    let mut answer = empty(201);
    answer.headers.push(("Location", format!("{PATH}/{id}")));
    answer
}

/// To [`Wish::Offset`] with `size`, or to [`Wish::Piece`] without.
pub fn at_offset(offset: u64, size: Option<u64>) -> Answer {
    let mut answer = empty(if size.is_some() { 200 } else { 204 });
    answer.headers.push(("Upload-Offset", offset.to_string()));
    if let Some(size) = size {
        answer.headers.push(("Upload-Length", size.to_string()));
    }
    answer
}

#[cfg(test)]
mod tests;
