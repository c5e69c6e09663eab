//! What connections hand to the event loop.

use crate::proto::frame::Frame;
use crate::proto::http::{Answer, Request};
use crate::proto::session_id::SessionId;
use std::net::SocketAddr;
use tokio::sync::{mpsc, oneshot};

/// One thing that a connection wants from the loop.
#[derive(Debug)]
pub enum Inbound {
    /// A signalling WebSocket has opened. Text for it goes to `outbox`; when the
    /// outbox is dropped, the connection closes the socket.
    Opened {
        session: SessionId,
        peer: SocketAddr,
        outbox: mpsc::Sender<String>,
    },
    /// One text message of that WebSocket.
    Text { session: SessionId, text: String },
    /// It is gone, whoever closed it.
    Closed { session: SessionId },
    /// An HTTP request for the core, from the pages thread, which waits a limited
    /// time for the answer.
    Http {
        request: Request,
        reply: oneshot::Sender<Answer>,
    },
    /// Somebody wants the raw Annex B stream; the receiver's end is a socket.
    Watch { frames: mpsc::Sender<Frame> },
}

/// The loop's letter box. Bounded: a flood makes its own connections wait.
pub type InboundSender = mpsc::Sender<Inbound>;
