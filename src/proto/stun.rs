//! A STUN server's answer to a plain Binding request (RFC 8489).

use std::net::SocketAddr;

/// The answer to a Binding request that carries no USERNAME (a client asking for
/// its own address, not ICE), or `None` if the datagram is anything else.
///
/// Never longer than the request plus 44 bytes, so it cannot amplify.
pub fn answer_binding(_datagram: &[u8], _source: SocketAddr) -> Option<Vec<u8>> {
    todo!()
}
