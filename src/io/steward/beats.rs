//! The socket on which the camera's server gives its signs of life.

use crate::proto::heartbeat::{Beat, MAX_BYTES};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use tokio::net::UnixDatagram;

/// The socket, which is removed when this is dropped.
#[derive(Debug)]
pub struct Beats {
    path: PathBuf,
    socket: UnixDatagram,
}

impl Beats {
    /// Listens at `path`, for root and for the members of the group `group`.
    pub fn listen(path: &Path, group: Option<u32>) -> io::Result<Beats> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixDatagram::bind(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o660))?;
        if group.is_some() {
            chown(path, None, group)?;
        }
        Ok(Beats {
            path: path.into(),
            socket,
        })
    }

    /// The next one; what else comes is passed over. Cancel-safe.
    pub async fn next(&self) -> Beat {
        // One byte more: what is longer is cut off by the kernel, and must not pass.
        let mut datagram = [0; MAX_BYTES + 1];
        loop {
            match self.socket.recv(&mut datagram).await {
                Ok(length) => {
                    if let Some(beat) = Beat::parse(&datagram[..length]) {
                        return beat;
                    }
                }
                Err(error) => {
                    log::warn!("signs of life can't be heard: {error}");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Beats {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::heartbeat::Pulse;

    #[tokio::test]
    async fn only_signs_of_life_are_heard() {
        let path = std::env::temp_dir().join(format!("beats-{}", std::process::id()));
        let beats = Beats::listen(&path, None).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        let beat = Beat {
            camera: Pulse::Lost,
            frames: 1,
            viewers: 0,
        };
        let padded = format!("{}X={}", beat.datagram(), "x".repeat(MAX_BYTES));
        for datagram in ["", "READY=1", &padded, &beat.datagram()] {
            sender.send_to(datagram.as_bytes(), &path).await.unwrap();
        }
        assert_eq!(beats.next().await, beat);
        drop(beats);
        assert!(!path.exists());
    }
}
