//! wpa_supplicant's control sockets: one for commands, one for what it says unasked.

use crate::proto::wpa::{self, MAX_MESSAGE, Notice};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixDatagram;
use tokio::time::timeout;

/// For a reply; adding an interface takes longest.
const REPLY: Duration = Duration::from_secs(10);

/// A connection to one of wpa_supplicant's sockets.
#[derive(Debug)]
pub struct Wpa {
    socket: UnixDatagram,
    own: PathBuf,
}

impl Wpa {
    /// `own`: where our end is; whatever is there is removed.
    pub fn connect(socket: &Path, own: PathBuf) -> io::Result<Wpa> {
        let _ = std::fs::remove_file(&own);
        let ours = UnixDatagram::bind(&own)?;
        let wpa = Wpa { socket: ours, own };
        wpa.socket.connect(socket)?;
        Ok(wpa)
    }

    /// The reply to a command, whatever it says.
    pub async fn ask(&self, command: &str) -> io::Result<Vec<u8>> {
        let exchange = async {
            self.socket.send(command.as_bytes()).await?;
            let mut reply = vec![0; MAX_MESSAGE];
            let length = self.socket.recv(&mut reply).await?;
            reply.truncate(length);
            Ok(reply)
        };
        timeout(REPLY, exchange).await?
    }

    /// An error unless the reply says that it is done.
    pub async fn tell(&self, command: &str) -> io::Result<()> {
        let reply = self.ask(command).await?;
        if reply.trim_ascii_end() == b"OK" {
            return Ok(());
        }
        // Only the command's name: what follows may be a secret.
        let name = command.split(' ').next().unwrap_or_default();
        let reply = String::from_utf8_lossy(&reply);
        Err(io::Error::other(format!(
            "wpa_supplicant: {name}: {}",
            reply.trim_end()
        )))
    }

    /// Makes a network of these values; its number.
    pub async fn add_network(&self, values: &[(&str, String)]) -> io::Result<u32> {
        let reply = self.ask("ADD_NETWORK").await?;
        let number = String::from_utf8_lossy(&reply).trim_end().parse();
        let number: u32 = number.map_err(|_| io::Error::other("wpa_supplicant: ADD_NETWORK"))?;
        for (name, value) in values {
            self.tell(&format!("SET_NETWORK {number} {name} {value}"))
                .await?;
        }
        Ok(number)
    }

    /// Wants to hear what happens, by [`Self::next`]; such a connection takes no commands.
    pub async fn attach(&self) -> io::Result<()> {
        self.tell("ATTACH").await
    }

    /// Can be dropped and called again.
    pub async fn next(&self) -> io::Result<Option<Notice>> {
        let mut message = [0; MAX_MESSAGE];
        let length = self.socket.recv(&mut message).await?;
        Ok(wpa::notice(&message[..length]))
    }

    /// Forgets what was said and not yet heard.
    pub fn skip(&self) {
        let mut message = [0; MAX_MESSAGE];
        while self.socket.try_recv(&mut message).is_ok() {}
    }
}

impl Drop for Wpa {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.own);
    }
}
