//! Last words to a client.
//!
//! Closing a TCP socket with unread bytes in it sends a reset, and the reset can
//! overtake the answer. So: say it, close our side, read away what still comes,
//! for a limited time.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Writes `bytes`, then [`see_off`]. Takes `limit` for each at most.
pub async fn say(mut stream: TcpStream, bytes: &[u8], limit: Duration) {
    if let Ok(Ok(())) = timeout(limit, stream.write_all(bytes)).await {
        see_off(stream, limit).await;
    }
}

/// Closes our side and waits up to `limit` for the client to close its own.
pub async fn see_off(mut stream: TcpStream, limit: Duration) {
    let drain = async {
        stream.shutdown().await?;
        let mut scrap = vec![0; 2048];
        while stream.read(&mut scrap).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whatever came of it: there is nobody left to tell.
    let _ = timeout(limit, drain).await;
}
