//! Whether the camera can be reached: its own page on this machine, and a network.

use crate::proto::set_up::{ACCESS_POINT, USB};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For the page to answer: the emulated board takes a second when it is busy.
const PAGE: Duration = Duration::from_secs(4);

/// The first of the ports on which the page answers.
pub async fn page(ports: &[u16]) -> Option<u16> {
    for port in ports {
        match timeout(PAGE, ask(*port)).await {
            Ok(Ok(true)) => return Some(*port),
            _ => continue,
        }
    }
    None
}

/// Whether it answers with a page.
async fn ask(port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    Ok(head.starts_with(b"HTTP/1.") && &head[8..10] == b" 2")
}

/// Whether an interface that leads elsewhere has an address that somebody gave it: not
/// the set-up network, not the USB cable, which are there whatever happens.
pub fn network(root: &Path) -> bool {
    let own = [IpAddr::V4(ACCESS_POINT), IpAddr::V4(USB)];
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.into_iter().any(|each| {
        let given = !each.is_loopback() && !each.is_link_local() && !own.contains(&each.ip());
        given && has_carrier(root, &each.name)
    })
}

fn has_carrier(root: &Path, name: &str) -> bool {
    let path = root.join("sys/class/net").join(name).join("carrier");
    std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answering(answer: &'static str) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 500]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        port
    }

    #[tokio::test]
    async fn only_a_page_counts() {
        let good = answering("HTTP/1.1 200 OK\r\n\r\n").await;
        let bad = answering("HTTP/1.1 503 Service Unavailable\r\n\r\n").await;
        let odd = answering("220 mail").await;
        assert_eq!(page(&[bad, odd, good]).await, Some(good));
        // Nobody listens there any more.
        assert_eq!(page(&[bad, odd, good]).await, None);
    }
}
