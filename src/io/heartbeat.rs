//! Signs of life for whoever supervises the server: systemd, or our steward. Sent from
//! the event loop only, so that they stop when it does.

use crate::proto::heartbeat::Beat;
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(2);

/// Nobody need listen; a supervisor may begin later, and begin anew.
#[derive(Debug)]
pub struct Heartbeat {
    to: Option<(UnixDatagram, SocketAddr)>,
    due: Instant,
}

impl Heartbeat {
    /// `socket`: what `NOTIFY_SOCKET` says: a path, or `@` and an abstract name.
    pub fn new(socket: Option<OsString>) -> Heartbeat {
        let to = socket.and_then(|name| match address(&name) {
            Ok(to) => Some(to),
            Err(error) => {
                log::warn!("NOTIFY_SOCKET {}: {error}", name.display());
                None
            }
        });
        Heartbeat {
            to,
            due: Instant::now(),
        }
    }

    /// When the next one is due; never, if nobody wants any.
    pub fn due(&self) -> Option<Instant> {
        self.to.as_ref().map(|_| self.due)
    }

    /// Sends one if it is due. Where nobody takes it, it is lost: the next one comes.
    pub fn beat(&mut self, now: Instant, beat: impl FnOnce() -> Beat) {
        let Some((socket, address)) = &self.to else {
            return;
        };
        if now < self.due {
            return;
        }
        self.due = now + INTERVAL;
        let _ = socket.send_to_addr(beat().datagram().as_bytes(), address);
    }
}

fn address(name: &OsString) -> std::io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(hidden) => SocketAddr::from_abstract_name(hidden)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // A supervisor that stands still must not hold the server up.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::heartbeat::Pulse;

    const BEAT: Beat = Beat {
        camera: Pulse::Running,
        frames: 7,
        viewers: 1,
    };

    #[test]
    fn it_beats_in_its_rhythm_and_whoever_begins_later_hears_it() {
        let path = std::env::temp_dir().join(format!("beat-{}", std::process::id()));
        let mut heartbeat = Heartbeat::new(Some(path.clone().into()));
        let begin = Instant::now() + INTERVAL;
        heartbeat.beat(begin, || BEAT);
        let supervisor = UnixDatagram::bind(&path).unwrap();
        supervisor.set_nonblocking(true).unwrap();
        heartbeat.beat(begin + INTERVAL / 2, || BEAT);
        let mut heard = [0; 1024];
        assert!(supervisor.recv(&mut heard).is_err());
        heartbeat.beat(begin + INTERVAL, || BEAT);
        let length = supervisor.recv(&mut heard).unwrap();
        assert_eq!(Beat::parse(&heard[..length]), Some(BEAT));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn without_a_supervisor_nothing_is_due() {
        assert_eq!(Heartbeat::new(None).due(), None);
        assert_eq!(Heartbeat::new(Some("x".repeat(500).into())).due(), None);
    }
}
