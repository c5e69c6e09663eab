//! The configuration: a TOML file, what the command line changes of it, and
//! defaults for everything.
//!
//! Lies above the floors and may use both.

pub mod card;
mod reader;
mod source;
mod values;

pub use source::ConfigError;
pub(crate) use source::nearest;
pub use values::{Announced, LogFilter};
pub(crate) use values::{camera, listen};

use crate::io::camera::{CameraChoice, CameraSettings};
use crate::options::Options;
use crate::proto::camera::VideoFormat;
use std::fmt;
use std::io::Read;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Every option with its default, for people to copy.
pub const EXAMPLE: &str = include_str!("../mimamori.example.toml");

/// Largest configuration file, in bytes.
pub const FILE_LIMIT: usize = 64 << 10;
pub const MAX_VIEWERS: RangeInclusive<u32> = 1..=64;
/// Pixels, even. The Pi's encoder ends at 1920x1080.
pub const WIDTH: RangeInclusive<u32> = 64..=1920;
/// Pixels, even.
pub const HEIGHT: RangeInclusive<u32> = 64..=1080;
/// Frames per second, as bcm2835-v4l2 takes them.
pub const FPS: RangeInclusive<u32> = 1..=90;
/// Bits per second, as bcm2835-v4l2 takes them.
pub const BITRATE: RangeInclusive<u32> = 25_000..=25_000_000;

/// Everything that can be set, complete and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// TCP and UDP. Unspecified, in either family: every address of both.
    /// Port 0 lets the kernel choose.
    pub listen: SocketAddr,
    /// Further TCP addresses for pages and signalling, such as port 80.
    pub also_listen: Vec<SocketAddr>,
    /// What to ask of the camera; its bitrate is `bitrate.start`.
    pub camera: CameraSettings,
    /// 1 to 64.
    pub max_viewers: usize,
    pub bitrate: Bitrates,
    /// Addresses under which a router or a proxy forwards to this machine.
    pub announce: Vec<Announced>,
    /// For clients; the camera itself needs none.
    pub ice_servers: Vec<IceServer>,
    /// Names, in lower case, under which the camera is asked for, besides its
    /// addresses and its own name.
    pub host_names: Vec<String>,
    /// Where the DTLS certificate is kept.
    pub state_dir: PathBuf,
    /// What to log.
    pub log: LogFilter,
}

/// Bits per second; floor <= start <= ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bitrates {
    /// Never encode with less; a link that cannot take it is told so.
    pub floor: u32,
    /// Before anything is known of the link.
    pub start: u32,
    /// Never encode with more.
    pub ceiling: u32,
}

/// A STUN or TURN server, in the form of the browser's `RTCIceServer`.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub struct IceServer {
    /// `stun:`, `stuns:`, `turn:` or `turns:` URLs; at least one.
    pub urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Keeps the credential out of logs.
impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .field("credential", &self.credential.as_ref().map(|_| "..."))
            .finish()
    }
}

/// What a file says; `None` where it is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileConfig {
    pub listen: Option<SocketAddr>,
    pub also_listen: Vec<SocketAddr>,
    pub camera: Option<CameraChoice>,
    pub max_viewers: Option<u32>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fps: Option<u32>,
    pub bitrate_floor: Option<u32>,
    pub bitrate_start: Option<u32>,
    pub bitrate_ceiling: Option<u32>,
    pub announce: Vec<Announced>,
    pub ice_servers: Vec<IceServer>,
    pub host_names: Vec<String>,
    pub state_directory: Option<PathBuf>,
    pub log: Option<LogFilter>,
}

/// What of the process's surroundings decides a default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `$STATE_DIRECTORY`, as systemd sets it.
    pub state_directory: Option<String>,
    /// `$XDG_STATE_HOME`
    pub xdg_state_home: Option<String>,
    /// `$HOME`
    pub home: Option<String>,
}

impl Environment {
    pub fn of_process() -> Environment {
        Environment {
            state_directory: std::env::var("STATE_DIRECTORY").ok(),
            xdg_state_home: std::env::var("XDG_STATE_HOME").ok(),
            home: std::env::var("HOME").ok(),
        }
    }

    /// Where state is kept unless the configuration says otherwise.
    fn state_dir(&self) -> PathBuf {
        let absolute = |text: &Option<String>| -> Option<PathBuf> {
            let path = PathBuf::from(text.as_deref()?);
            path.is_absolute().then_some(path)
        };
        // systemd joins several with colons.
        let of_service = self
            .state_directory
            .as_ref()
            .and_then(|list| list.split(':').next())
            .map(String::from);
        // An init script's root often has "/" for a home, which is none.
        let home = absolute(&self.home).filter(|home| home != Path::new("/"));
        absolute(&of_service)
            .or_else(|| Some(absolute(&self.xdg_state_home)?.join("mimamori")))
            .or_else(|| Some(home?.join(".local/state/mimamori")))
            .unwrap_or_else(|| "/var/lib/mimamori".into())
    }
}

/// Reads a configuration file's text; `name` is for the errors. All errors that
/// can be told apart are reported, in the order of their lines.
///
/// Forgives CRLF, a byte-order mark, no-break spaces and typographic quotes.
pub fn parse(text: &str, name: &str) -> Result<FileConfig, Vec<ConfigError>> {
    reader::parse(text, name, false)
}

/// Like [`parse`], but keys that are not known are passed over: a camera that went back to
/// an older version finds options of the newer one in its file, and keeps its own.
pub fn parse_known(text: &str, name: &str) -> Result<FileConfig, Vec<ConfigError>> {
    reader::parse(text, name, true)
}

/// The configuration that `options`, the file they name and `environment` make.
pub fn load(options: &Options, environment: &Environment) -> Result<Config, Vec<ConfigError>> {
    let file = match &options.config {
        Some(path) if options.skip_unknown => read_file(path, parse_known)?,
        Some(path) => read_file(path, parse)?,
        None => FileConfig::default(),
    };
    Ok(assemble(file, options, environment))
}

/// Puts the three together: the command line wins over the file.
pub fn assemble(file: FileConfig, options: &Options, environment: &Environment) -> Config {
    let bitrate = bitrates(&file);
    Config {
        listen: options
            .listen
            .or(file.listen)
            .unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 8080))),
        also_listen: file.also_listen,
        camera: CameraSettings {
            choice: options.camera.clone().or(file.camera).unwrap_or_default(),
            format: VideoFormat {
                width: file.width.unwrap_or(1280),
                height: file.height.unwrap_or(720),
                fps: file.fps.unwrap_or(30),
            },
            bitrate: bitrate.start,
        },
        max_viewers: options.max_viewers.or(file.max_viewers).unwrap_or(8) as usize,
        bitrate,
        announce: file.announce,
        ice_servers: file.ice_servers,
        host_names: file.host_names,
        state_dir: file
            .state_directory
            .unwrap_or_else(|| environment.state_dir()),
        log: file.log.unwrap_or_default(),
    }
}

/// A default that contradicts what the file says gives way.
fn bitrates(file: &FileConfig) -> Bitrates {
    const DEFAULT: Bitrates = Bitrates {
        floor: 150_000,
        start: 1_500_000,
        ceiling: 4_000_000,
    };
    let lowest_ceiling = file.bitrate_start.max(file.bitrate_floor).unwrap_or(0);
    let ceiling = file
        .bitrate_ceiling
        .unwrap_or(DEFAULT.ceiling.max(lowest_ceiling));
    let start = file.bitrate_start.unwrap_or_else(|| {
        let lowest = file.bitrate_floor.unwrap_or(0);
        DEFAULT.start.max(lowest).min(ceiling)
    });
    Bitrates {
        floor: file.bitrate_floor.unwrap_or(DEFAULT.floor.min(start)),
        start,
        ceiling,
    }
}

fn read_file(
    path: &Path,
    parse: fn(&str, &str) -> Result<FileConfig, Vec<ConfigError>>,
) -> Result<FileConfig, Vec<ConfigError>> {
    let name = path.display().to_string();
    let failed = |message: String| vec![ConfigError::of_file(&name, message)];
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_LIMIT as u64 + 1).read_to_end(&mut bytes))
        .map_err(|e| failed(format!("cannot be read: {e}")))?;
    if bytes.len() > FILE_LIMIT {
        return Err(failed(source::too_long()));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text, &name),
        Err(e) => Err(vec![source::not_utf8(&name, &bytes, e.valid_up_to())]),
    }
}

#[cfg(test)]
mod tests;
