//! The one upload that there can be: its offset, its time limits, and what becomes of
//! one that has ended.

use crate::proto::steward::Refused;
use crate::proto::update::piece::{Piece, UploadId};
use std::time::{Duration, Instant};

/// An upload of which nothing comes for so long is given up: another one may begin.
pub const SILENCE: Duration = Duration::from_secs(120);
/// For all of its bytes: what takes longer, at 20 kB/s, fits into no slot.
pub const RECEIVING: Duration = Duration::from_secs(3600);
/// For the engine once it has the last byte: it reads everything back, at 2 MB/s even
/// where the card is slow.
pub const INSTALLING: Duration = Duration::from_secs(300);
/// What a bundle has besides the image: description, signature, padding.
pub const ENVELOPE: u64 = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Receiving,
    /// All is there, and the engine looks at it.
    Installing,
    /// It is installed.
    Done,
}

#[derive(Debug)]
struct Session {
    id: UploadId,
    size: u64,
    received: u64,
    phase: Phase,
    /// A piece is on its way.
    busy: bool,
    begun: Instant,
    /// The last byte, or the end of receiving.
    heard: Instant,
}

/// The upload, and how the one before it ended.
#[derive(Debug, Default)]
pub struct Uploads {
    current: Option<Session>,
    ended: Option<(UploadId, Refused)>,
}

impl Uploads {
    /// A bundle of `size` bytes is to come, into a slot of `room` bytes. `id`: what it
    /// will be called.
    pub fn announce(
        &mut self,
        now: Instant,
        id: UploadId,
        size: u64,
        room: u64,
    ) -> Result<(), Refused> {
        if self.current.is_some() {
            return Err(Refused::new(409, "Another update is under way."));
        }
        if size == 0 {
            return Err(Refused::new(422, "An empty file is no update bundle."));
        }
        if size > room.saturating_add(ENVELOPE) {
            let why = format!(
                "The bundle has {size} bytes, more than fit into a slot of this camera's card ({room})."
            );
            return Err(Refused::new(413, &why));
        }
        self.ended = None;
        self.current = Some(Session {
            id,
            size,
            received: 0,
            phase: Phase::Receiving,
            busy: false,
            begun: now,
            heard: now,
        });
        Ok(())
    }

    /// A piece is announced; if this is an error, none of it is to be taken.
    pub fn begin(&mut self, now: Instant, piece: &Piece) -> Result<(), Refused> {
        let session = match &mut self.current {
            Some(session) if session.id == piece.id => session,
            _ => return Err(self.gone(&piece.id)),
        };
        let at = |status, why: &str| Refused {
            offset: Some(session.received),
            ..Refused::new(status, why)
        };
        if session.busy {
            return Err(at(409, "Another piece of the bundle is still on its way."));
        }
        if piece.offset != session.received {
            return Err(at(409, "That is not where the bundle goes on."));
        }
        if session.size - session.received < piece.length {
            return Err(at(413, "That is more than was announced."));
        }
        session.heard = now;
        session.busy = session.phase == Phase::Receiving;
        Ok(())
    }

    /// How an upload ended that there is none of any more.
    fn gone(&self, id: &UploadId) -> Refused {
        match &self.ended {
            Some((ended, why)) if ended == id => why.clone(),
            _ => Refused::new(410, "There is no such upload any more."),
        }
    }

    /// Some bytes of the piece were taken.
    pub fn take(&mut self, now: Instant, bytes: u64) {
        if let Some(session) = &mut self.current {
            session.received = session.size.min(session.received + bytes);
            session.heard = now;
        }
    }

    /// No more comes of the piece. Returns the offset; nothing, if there is no upload.
    pub fn end_piece(&mut self, now: Instant) -> Option<u64> {
        let session = self.current.as_mut()?;
        session.busy = false;
        if session.received == session.size && session.phase == Phase::Receiving {
            session.phase = Phase::Installing;
            session.heard = now;
        }
        Some(session.received)
    }

    /// The engine says that it is installed. It may do so before the padding behind the
    /// bundle's last member has come: that is then taken as read.
    pub fn installed(&mut self) {
        if let Some(session) = &mut self.current {
            session.received = session.size;
            session.phase = Phase::Done;
        }
    }

    /// Somebody gives it up.
    pub fn abandon(&mut self, id: &UploadId) -> Result<(), Refused> {
        match &self.current {
            Some(session) if session.id != *id => Err(self.gone(id)),
            None => Err(self.gone(id)),
            Some(session) if session.phase == Phase::Receiving => {
                self.end(Refused::new(410, "The upload was given up."));
                Ok(())
            }
            Some(_) => Err(Refused::new(
                409,
                "The bundle is there already, and is being installed.",
            )),
        }
    }

    /// It ends, for this reason; whoever goes on sending is told.
    pub fn end(&mut self, why: Refused) {
        if let Some(session) = self.current.take() {
            self.ended = Some((session.id, why));
        }
    }

    /// How the last one ended.
    pub fn last_end(&self) -> Refused {
        let last = self.ended.as_ref().map(|(_, why)| why.clone());
        last.unwrap_or_else(|| Refused::new(410, "There is no such upload any more."))
    }

    /// Why it has to be given up now, if its time is over.
    pub fn overdue(&self, now: Instant) -> Option<&'static str> {
        let session = self.current.as_ref()?;
        match session.phase {
            Phase::Receiving if now >= session.begun + RECEIVING => {
                Some("The bundle did not arrive within an hour.")
            }
            Phase::Receiving if !session.busy && now >= session.heard + SILENCE => {
                Some("No more of the bundle came for two minutes.")
            }
            Phase::Installing if now >= session.heard + INSTALLING => {
                Some("The installation took too long.")
            }
            _ => None,
        }
    }

    /// When to ask [`Self::overdue`] next.
    pub fn deadline(&self) -> Option<Instant> {
        let session = self.current.as_ref()?;
        match session.phase {
            Phase::Receiving if session.busy => Some(session.begun + RECEIVING),
            Phase::Receiving => Some((session.heard + SILENCE).min(session.begun + RECEIVING)),
            Phase::Installing => Some(session.heard + INSTALLING),
            Phase::Done => None,
        }
    }

    pub fn id(&self) -> Option<&UploadId> {
        self.current.as_ref().map(|session| &session.id)
    }

    /// Bytes that are there, and all that there will be.
    pub fn progress(&self) -> Option<(u64, u64)> {
        let session = self.current.as_ref()?;
        Some((session.received, session.size))
    }

    pub fn is_receiving(&self) -> bool {
        matches!(&self.current, Some(session) if session.phase == Phase::Receiving)
    }

    pub fn is_installing(&self) -> bool {
        matches!(&self.current, Some(session) if session.phase == Phase::Installing)
    }
}
