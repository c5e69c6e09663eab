//! Reads the configuration, opens the descriptors, builds the appliance, runs it.

#![allow(clippy::disallowed_methods)]

use mimamori::config::{self, Config, Environment};
use mimamori::core::bitrate::BitrateBounds;
use mimamori::core::hub::Hub;
use mimamori::core::rtc::RtcFactory;
use mimamori::core::stage::StageSettings;
use mimamori::core::status::IceServer;
use mimamori::event_loop::{Appliance, Ended, System};
use mimamori::io::addresses::AddressWatch;
use mimamori::io::camera::Camera;
use mimamori::io::gate::{self, GateSettings, Limits};
use mimamori::io::heartbeat::Heartbeat;
use mimamori::io::logs::Logs;
use mimamori::io::problems::Problems;
use mimamori::io::udp::Udp;
use mimamori::io::{identity, pages};
use mimamori::options::{self, Outcome};
use mimamori::steward::{Paths, Steward};
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Where the steward's sockets are, and what the board's start scripts note, on the
/// camera's own system; [`RUN_VARIABLE`] names another folder.
const RUN: &str = "/run/mimamori";
const RUN_VARIABLE: &str = "MIMAMORI_RUN";

/// Letters on their way to the loop; the gate keeps one place for each WebSocket.
const LETTER_BOX: usize = 256;

/// A thread for blocking calls (opening a camera) is not kept for longer.
const IDLE_THREAD: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match options::interpret(std::env::args_os().skip(1), &Environment::of_process()) {
        Outcome::Exit { code, out, err } => {
            let _ = std::io::stdout().write_all(out.as_bytes());
            let _ = std::io::stderr().write_all(err.as_bytes());
            ExitCode::from(code)
        }
        Outcome::Run(config) => {
            start_log(config.log.as_str());
            run(serve(*config))
        }
        Outcome::Steward(root) => {
            start_log("info");
            run(keep_house(root))
        }
    }
}

/// `RUST_LOG` wins over the configuration.
fn start_log(filter: &str) {
    let environment = env_logger::Env::default().default_filter_or(filter);
    env_logger::Builder::from_env(environment).init();
}

fn run(role: impl Future<Output = Result<Ended, String>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .thread_keep_alive(IDLE_THREAD)
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(role);
            // A device that does not let go must not keep the program.
            runtime.shutdown_timeout(IDLE_THREAD);
            ended
        }
        Err(error) => Err(format!("the event loop does not start: {error}")),
    };
    match ended {
        Ok(Ended::Shutdown) => ExitCode::SUCCESS,
        Ok(Ended::Failed(reason)) | Err(reason) => {
            log::error!("{reason}");
            eprintln!("mimamori: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// The steward's role: see [`mimamori::steward`].
async fn keep_house(root: PathBuf) -> Result<Ended, String> {
    let shutdown = shutdown().map_err(|error| format!("signals: {error}"))?;
    let mut steward = Steward::new(Paths::below(&root)).await?;
    steward.run(shutdown).await?;
    Ok(Ended::Shutdown)
}

async fn serve(config: Config) -> Result<Ended, String> {
    let shutdown = shutdown().map_err(|error| format!("signals: {error}"))?;
    let (listener, udp) = bind(config.listen)?;
    let (letters, inbound) = tokio::sync::mpsc::channel(LETTER_BOX);
    let socket =
        PagesSocket::new().map_err(|error| format!("a folder for the pages' socket: {error}"))?;
    let run = run_folder();
    let pages = pages::start(&socket.path(), &run.join("steward"), letters.clone())
        .map_err(|error| format!("the pages: {error}"))?;
    let gate = GateSettings {
        pages_socket: socket.path(),
        bundle_socket: run.join("bundle"),
        host_names: config.host_names.clone(),
        limits: Limits::default(),
    };
    let mut listeners = vec![listener];
    listeners.extend(also_listening(&config.also_listen));
    let gate = tokio::spawn(gate::run(listeners, gate, letters));
    let hub = hub(&config, udp.local_addr().port())?;
    let addresses = AddressWatch::new();
    say_where(udp.local_addr(), &addresses);
    let camera = Camera::open(config.camera);
    let system = System {
        problems: Problems {
            // Where the board's start scripts say what went wrong.
            notes: run.join("problems"),
            memory: config.state_dir,
        },
        heartbeat: Heartbeat::new(std::env::var_os("NOTIFY_SOCKET")),
        logs: Logs {
            last_crash: run.join("last-crash"),
        },
    };
    let ended = Appliance::new(hub, camera, udp, addresses, inbound, pages, system)
        .run(shutdown)
        .await;
    gate.abort();
    Ok(ended)
}

fn run_folder() -> PathBuf {
    std::env::var_os(RUN_VARIABLE).map_or_else(|| RUN.into(), PathBuf::from)
}

fn hub(config: &Config, port: u16) -> Result<Hub, String> {
    let identity = identity::load_or_create(&config.state_dir)
        .map_err(|error| format!("the DTLS certificate: {error}"))?;
    let certificate = str0m::config::DtlsCert {
        certificate: identity.certificate_der,
        private_key: identity.private_key_der,
    };
    let config::Bitrates {
        floor,
        start,
        ceiling,
    } = config.bitrate;
    let settings = StageSettings {
        max_viewers: config.max_viewers,
        bitrate: BitrateBounds {
            floor,
            start,
            ceiling,
        },
        port,
        announce: config
            .announce
            .iter()
            .map(|announced| announced.socket(port))
            .collect(),
    };
    let ice_servers = config.ice_servers.iter().map(|server| IceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    });
    let seed = getrandom::u64().map_err(|error| format!("no random numbers: {error}"))?;
    Ok(Hub::new(
        Instant::now(),
        settings,
        RtcFactory::new(certificate),
        ice_servers.collect(),
        seed,
    ))
}

/// One port number for TCP and UDP. If the kernel is to choose it, TCP comes first.
fn bind(listen: SocketAddr) -> Result<(TcpListener, Udp), String> {
    let cannot = |what: &str, error: std::io::Error| {
        format!(
            "can't listen on {what} {listen}: {error}. Is another program using the port? --listen chooses another one"
        )
    };
    let listener = mimamori::io::listener::bind(listen).map_err(|error| cannot("TCP", error))?;
    let port = listener
        .local_addr()
        .map_err(|error| cannot("TCP", error))?
        .port();
    let udp =
        Udp::bind(SocketAddr::new(listen.ip(), port)).map_err(|error| cannot("UDP", error))?;
    Ok((listener, udp))
}

/// What can be had of the further addresses: without them the camera is still reached.
fn also_listening(addresses: &[SocketAddr]) -> impl Iterator<Item = TcpListener> {
    addresses.iter().filter_map(|address| {
        let listener = mimamori::io::listener::bind(*address);
        listener
            .map_err(|error| log::error!("can't listen on TCP {address} too: {error}"))
            .ok()
    })
}

fn say_where(local: SocketAddr, addresses: &AddressWatch) {
    let port = local.port();
    if !local.ip().is_unspecified() {
        return log::info!("watch at http://{local}/");
    }
    for ip in addresses.current() {
        log::info!("watch at http://{}/", SocketAddr::new(ip, port));
    }
}

fn shutdown() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => log::info!("stopping: SIGTERM"),
            _ = interrupt.recv() => log::info!("stopping: SIGINT"),
        }
    })
}

/// A folder of our own for the pages' unix socket, removed at the end.
struct PagesSocket(PathBuf);

impl PagesSocket {
    fn new() -> std::io::Result<PagesSocket> {
        use std::os::unix::fs::DirBuilderExt;
        let base =
            std::env::var_os("RUNTIME_DIRECTORY").or_else(|| std::env::var_os("XDG_RUNTIME_DIR"));
        let base = base.map_or_else(std::env::temp_dir, PathBuf::from);
        let random = getrandom::u64().map_err(std::io::Error::other)?;
        let folder = base.join(format!("mimamori-{}-{random:016x}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(PagesSocket(folder))
    }

    fn path(&self) -> PathBuf {
        self.0.join("pages")
    }
}

impl Drop for PagesSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
