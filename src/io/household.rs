//! Asks the steward what comes to `/api/network`, `/api/time` and `/api/update`, from the
//! pages' thread.

mod updates;

use crate::proto::http::{Answer, Request};
use crate::proto::steward::{self, Ask, MAX_LINE, Refused};
use crate::proto::update::tus;
use crate::proto::{set_time, set_up};
use serde_json::Value;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For the steward to answer; it does so at once.
const LIMIT: Duration = Duration::from_secs(2);

/// Where the steward is asked.
#[derive(Clone, Debug)]
pub struct Household {
    socket: PathBuf,
}

impl Household {
    pub fn new(socket: &Path) -> Household {
        Household {
            socket: socket.into(),
        }
    }

    pub fn serves(path: &str) -> bool {
        matches!(path, "/api/network" | "/api/time") || tus::serves(path)
    }

    pub fn answer(&self, request: &Request) -> Answer {
        if tus::serves(&request.path) {
            return updates::answer(self, request);
        }
        let asked = match request.path.as_str() {
            "/api/time" => set_time::read(request),
            _ => set_up::read(request),
        };
        match asked {
            // Where there is no steward, somebody else keeps clock and network.
            Ok(Ask::Time { .. }) if !self.socket.exists() => {
                set_up::answer(Ok(serde_json::json!({ "set": false })))
            }
            Ok(Ask::Network) if !self.socket.exists() => {
                set_up::answer(Ok(serde_json::json!({ "radio": false })))
            }
            Ok(ask) => set_up::answer(self.ask(&ask)),
            Err(answer) => answer,
        }
    }

    /// What the steward says to that.
    pub fn ask(&self, ask: &Ask) -> Result<Value, Refused> {
        let nobody = "This camera's network is not for the camera to set up.";
        self.ask_or(ask, nobody)
    }

    fn of_updates(&self, ask: &Ask) -> Result<Value, Refused> {
        self.ask_or(ask, tus::NO_STEWARD)
    }

    /// `nobody` is what is said where there is no steward.
    fn ask_or(&self, ask: &Ask, nobody: &str) -> Result<Value, Refused> {
        let line = self.exchange(ask).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => nobody.to_owned(),
            _ => format!("The camera's steward does not answer: {error}."),
        })?;
        steward::answer(&line)
    }

    fn exchange(&self, ask: &Ask) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(&line)?;
        let mut answer = Vec::new();
        stream.take(MAX_LINE as u64).read_to_end(&mut answer)?;
        Ok(answer)
    }
}
