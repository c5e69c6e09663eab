//! What the core wants done.

use crate::proto::camera::VideoFormat;
use crate::proto::session_id::SessionId;
use std::time::Instant;
use str0m::net::Transmit;

/// One thing to do; drained from [`super::hub::Hub::poll_output`] until
/// [`Output::Timeout`].
#[derive(Debug)]
pub enum Output {
    /// Send this datagram. It may be dropped: RTX repairs media, ICE and DTLS repeat.
    Transmit(Transmit),
    /// Send this text to a signalling WebSocket.
    Send(SessionId, String),
    /// Close a signalling WebSocket.
    Close(SessionId),
    /// Ask the encoder for a keyframe.
    RequestKeyframe,
    /// Set the encoder's bitrate, bits per second.
    SetBitrate(u32),
    /// Restart the camera in another format.
    SetFormat(VideoFormat),
    /// Nothing more now; call `handle_timeout` at that time. The text names the
    /// reason, for the log.
    Timeout(Instant, &'static str),
}
