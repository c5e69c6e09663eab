//! The command line.

use crate::config::{self, Config, Environment, MAX_VIEWERS, nearest};
use crate::io::camera::CameraChoice;
use lexopt::{Arg, ValueExt};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Something in the command line or the configuration is wrong.
pub const EXIT_USAGE: u8 = 2;

pub const HELP: &str = "\
Turns a camera into a WebRTC camera that many browsers can watch.

Usage: mimamori [OPTIONS]
       mimamori steward [--root DIR]

The steward is the part of the camera's own system that needs root's rights:
network, clock, watchdog. It is for init to start; DIR stands before all its
paths, for trying it.

Options:
  --config FILE       read this TOML file; what the command line says wins
  --listen ADDR:PORT  listen here, TCP and UDP [default: 0.0.0.0:8080,
                      which means every address, IPv4 and IPv6]
  --camera CAMERA     auto, test, /dev/videoN or FILE.h264 [default: auto]
  --max-viewers N     how many may watch at once, 1 to 64 [default: 8]
  --skip-unknown      pass over keys of FILE that this version does not know, as
                      those of a newer one
  --check-config      say whether options and file are right, and stop
  --help              show this and stop
  --version           show the version and stop
";

const LONG_OPTIONS: [&str; 8] = [
    "config",
    "listen",
    "camera",
    "max-viewers",
    "skip-unknown",
    "check-config",
    "help",
    "version",
];

/// What the command line sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub config: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub camera: Option<CameraChoice>,
    pub max_viewers: Option<u32>,
    pub skip_unknown: bool,
    pub check_config: bool,
}

/// What the program is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Run with this configuration.
    Run(Box<Config>),
    /// Be the steward; its paths begin here.
    Steward(PathBuf),
    /// Print and stop.
    Exit {
        /// 0, or [`EXIT_USAGE`].
        code: u8,
        /// For standard output.
        out: String,
        /// For standard error.
        err: String,
    },
}

/// Reads the arguments (without the program's name) and the file they name.
pub fn interpret(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Outcome {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.next_if(|first| first == STEWARD).is_some() {
        return steward(arguments);
    }
    let options = match parse(arguments) {
        Ok(Request::Run(options)) => options,
        Ok(Request::Help) => return printed(HELP.into()),
        Ok(Request::Version) => {
            return printed(format!("mimamori {}\n", env!("CARGO_PKG_VERSION")));
        }
        Err(mut lines) => {
            lines.push("mimamori --help lists the options".into());
            return refused(&lines);
        }
    };
    match config::load(&options, environment) {
        Ok(_) if options.check_config => {
            let name = options.config.as_ref().map(|path| path.display());
            printed(match name {
                Some(name) => format!("{name}: OK\n"),
                None => "options: OK\n".into(),
            })
        }
        Ok(config) => Outcome::Run(Box::new(config)),
        Err(errors) => refused(&errors),
    }
}

/// The word that makes the program the steward.
const STEWARD: &str = "steward";

fn steward(arguments: impl IntoIterator<Item = OsString>) -> Outcome {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut root = PathBuf::from("/");
    loop {
        let read = match parser.next() {
            Ok(None) => return Outcome::Steward(root),
            Ok(Some(Arg::Long("root"))) => value(&mut parser, "--root DIR").map(PathBuf::from),
            Ok(Some(other)) => Err(other.unexpected().to_string()),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(path) => root = path,
            Err(error) => return refused(&[error, "mimamori --help shows the usage".into()]),
        }
    }
}

/// What the arguments ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Run(Options),
    Help,
    Version,
}

/// Reads the arguments. Each error is one line; the last of repeated options
/// counts.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, Vec<String>> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut options = Options::default();
    let mut errors = Vec::new();
    loop {
        match next(&mut parser, &mut options) {
            Ok(Step::More) => {}
            Ok(Step::Done) if errors.is_empty() => return Ok(Request::Run(options)),
            Ok(Step::Done) => return Err(errors),
            Ok(Step::Asked(request)) => return Ok(request),
            Err(error) => errors.push(error),
        }
    }
}

enum Step {
    More,
    Done,
    Asked(Request),
}

fn next(parser: &mut lexopt::Parser, options: &mut Options) -> Result<Step, String> {
    let Some(argument) = parser.next().map_err(|e| e.to_string())? else {
        return Ok(Step::Done);
    };
    match argument {
        Arg::Long("config") => options.config = Some(value(parser, "--config FILE")?.into()),
        Arg::Long("listen") => {
            let text = text(parser, "--listen ADDR:PORT")?;
            options.listen = Some(config::listen(&text).map_err(wrong("--listen", &text))?);
        }
        Arg::Long("camera") => {
            let text = text(parser, "--camera CAMERA")?;
            options.camera = Some(config::camera(&text).map_err(wrong("--camera", &text))?);
        }
        Arg::Long("max-viewers") => {
            let text = text(parser, "--max-viewers N")?;
            options.max_viewers = Some(viewers(&text)?);
        }
        Arg::Long("skip-unknown") => options.skip_unknown = true,
        Arg::Long("check-config") => options.check_config = true,
        Arg::Long("help") | Arg::Short('h') => return Ok(Step::Asked(Request::Help)),
        Arg::Long("version") | Arg::Short('V') => return Ok(Step::Asked(Request::Version)),
        Arg::Long(name) => return Err(unknown(name)),
        Arg::Short(letter) => return Err(format!("-{letter}: unknown option")),
        Arg::Value(value) => {
            let shown = value.to_string_lossy().into_owned();
            return Err(format!("{shown}: an option that begins with -- is needed"));
        }
    }
    Ok(Step::More)
}

fn value(parser: &mut lexopt::Parser, usage: &str) -> Result<OsString, String> {
    parser
        .value()
        .map_err(|_| format!("{usage}: the value is missing"))
}

fn text(parser: &mut lexopt::Parser, usage: &str) -> Result<String, String> {
    value(parser, usage)?
        .string()
        .map_err(|_| format!("{usage}: the value is not UTF-8"))
}

fn wrong<'a>(option: &'a str, text: &'a str) -> impl Fn(String) -> String + 'a {
    move |needed| format!("{option} {text}: {needed}")
}

fn viewers(text: &str) -> Result<u32, String> {
    let (low, high) = MAX_VIEWERS.into_inner();
    text.parse()
        .ok()
        .filter(|n| MAX_VIEWERS.contains(n))
        .ok_or_else(|| format!("--max-viewers {text}: a number from {low} to {high} is needed"))
}

fn unknown(name: &str) -> String {
    match nearest(name, LONG_OPTIONS) {
        Some(candidate) => format!("--{name}: unknown option; did you mean --{candidate}?"),
        None => format!("--{name}: unknown option"),
    }
}

fn printed(out: String) -> Outcome {
    Outcome::Exit {
        code: 0,
        out,
        err: String::new(),
    }
}

fn refused(lines: &[impl std::fmt::Display]) -> Outcome {
    Outcome::Exit {
        code: EXIT_USAGE,
        out: String::new(),
        err: lines.iter().map(|line| format!("{line}\n")).collect(),
    }
}
