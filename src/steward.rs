//! The steward: the one process of the camera's system that is root.
//!
//! It does what the camera's server, which faces the network, must not be able to
//! do itself, and only as far as [`crate::proto::steward::Ask`] has words for it.
//! As in [`crate::event_loop`], `io` and `core` meet here and nowhere else.

mod guarding;
mod intake;
mod migrating;
mod networking;
mod timekeeping;
mod updating;

use crate::io::steward::asks::{Asks, Letter};
use crate::proto::heartbeat::Beat;
use crate::proto::radio::Event;
use crate::proto::steward::{self, Ask};
use crate::proto::wifi::Network;
use guarding::Guarding;
use networking::Networking;
use serde_json::json;
use std::future::Future;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use timekeeping::Timekeeping;
pub use updating::Tools;
use updating::Updating;

/// Where everything is that the steward reads and writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The kernel's folders are below it.
    pub root: PathBuf,
    /// What lasts until the power goes: sockets, notes, the programs' files.
    pub run: PathBuf,
    /// What is kept.
    pub data: PathBuf,
    /// The FAT partition, mounted only while it is read or written.
    pub boot: PathBuf,
    /// Its owning group may ask the steward.
    pub state: PathBuf,
}

impl Paths {
    pub fn below(root: &Path) -> Paths {
        Paths {
            root: root.into(),
            run: root.join("run/mimamori"),
            data: root.join("data"),
            boot: root.join("boot"),
            state: root.join("data/mimamori"),
        }
    }
}

/// Everything that the steward has open.
pub struct Steward {
    paths: Paths,
    asks: Asks,
    guarding: Guarding,
    networking: Networking,
    timekeeping: Timekeeping,
    updating: Updating,
    started: Instant,
}

/// What a turn has waited for.
enum Woken {
    Letter(Letter),
    Guarding(Option<Beat>),
    Network(Option<Event>),
    TimeToKeep,
    Update(updating::Event),
    Shutdown,
}

impl Steward {
    pub async fn new(paths: Paths) -> Result<Steward, String> {
        let says = |path: &Path, error| format!("{}: {error}", path.display());
        std::fs::create_dir_all(&paths.run).map_err(|error| says(&paths.run, error))?;
        let socket = paths.run.join("steward");
        let group = std::fs::metadata(&paths.state).ok().map(|data| data.gid());
        let asks = Asks::listen(&socket, group).map_err(|error| says(&socket, error))?;
        migrating::bring_forward(&paths.data);
        let networking = Networking::begin(&paths).await;
        let updating = Updating::begin(&paths, Tools::default(), group)?;
        // Last: from here on the watchdog has to be petted.
        let guarding = Guarding::new(&paths, group)?;
        Ok(Steward {
            timekeeping: Timekeeping::begin(&paths),
            paths,
            guarding,
            networking,
            updating,
            asks,
            started: Instant::now(),
        })
    }

    /// Runs until `shutdown` completes, or something fails for good.
    pub async fn run(&mut self, shutdown: impl Future<Output = ()>) -> Result<(), String> {
        let mut shutdown = std::pin::pin!(shutdown);
        log::info!("the steward is there, with {}", self.paths.run.display());
        loop {
            let woken = tokio::select! {
                () = shutdown.as_mut() => Woken::Shutdown,
                letter = self.asks.next() => Woken::Letter(letter),
                beat = self.guarding.wait() => Woken::Guarding(beat),
                event = self.networking.wait() => Woken::Network(event),
                () = self.timekeeping.wait() => Woken::TimeToKeep,
                event = self.updating.wait() => Woken::Update(event),
            };
            match woken {
                Woken::Letter(letter) => self.handle_letter(letter),
                Woken::Guarding(beat) => self.guard(beat),
                Woken::Network(event) => {
                    self.networking.turn(event);
                    self.guarding.set_up = self.networking.invites();
                }
                Woken::TimeToKeep => self.timekeeping.keep(),
                Woken::Update(event) => self.updating.turn(event),
                Woken::Shutdown => {
                    self.updating.end();
                    return Ok(());
                }
            }
        }
    }

    fn guard(&mut self, beat: Option<Beat>) {
        self.guarding.on_trial = self.updating.on_trial();
        self.guarding.turn(beat);
        if let Some(beat) = beat {
            self.updating.handle_beat(beat, self.guarding.camera());
        }
        if let Some(complaint) = self.guarding.complaint() {
            self.updating
                .handle_complaint(&complaint.why, complaint.hopeless);
        }
        if self.updating.leaving {
            self.guarding.leave();
        }
    }

    /// Answers at once: whoever asks is itself being waited for.
    fn handle_letter(&mut self, letter: Letter) {
        let answer = match letter.ask {
            Ask::Status => steward::done(json!({
                "version": env!("CARGO_PKG_VERSION"),
                "uptime_seconds": self.started.elapsed().as_secs(),
            })),
            Ask::Network => steward::done(self.networking.facts()),
            Ask::Scan => {
                self.networking.scan();
                steward::done(self.networking.facts())
            }
            Ask::Join {
                ssid,
                passphrase,
                hidden,
                country,
            } => {
                let proven = false;
                let network = Network {
                    ssid,
                    passphrase,
                    hidden,
                    proven,
                };
                self.networking.join(network, country);
                steward::done(self.networking.facts())
            }
            Ask::Time { ms } => match self.timekeeping.hear(Duration::from_millis(ms)) {
                Ok(facts) => steward::done(facts),
                Err(why) => steward::refused(&why),
            },
            Ask::CloseAccessPoint => {
                self.networking.close_access_point();
                steward::done(self.networking.facts())
            }
            Ask::Update => steward::done(self.updating.facts()),
            Ask::Announce { size } => said(self.updating.announce(size)),
            Ask::Abandon { id } => said(self.updating.abandon(&id)),
            Ask::RollBack => said(self.updating.roll_back()),
        };
        let _ = letter.reply.send(answer);
    }
}

fn said(answer: Result<serde_json::Value, steward::Refused>) -> String {
    match answer {
        Ok(facts) => steward::done(facts),
        Err(refused) => refused.line(),
    }
}
