//! Programs that run for the steward, and are started again when they end.

use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until, timeout};

/// Before one that has ended is started again: at first, and at most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Who ran so long did not end for being wrong.
const GOOD_RUN: Duration = Duration::from_secs(60);
/// For one that sets something and ends.
const SHORT: Duration = Duration::from_secs(10);
/// For one to end when it is asked to.
const GOODBYE: Duration = Duration::from_secs(3);

/// One such program; dropping it kills it.
#[derive(Debug)]
pub struct Servant {
    program: &'static str,
    arguments: Vec<String>,
    child: Option<Child>,
    started: Instant,
    /// Not before then.
    again: Instant,
    wait: Duration,
}

impl Servant {
    pub fn start(program: &'static str, arguments: Vec<String>) -> Servant {
        let mut servant = Servant {
            program,
            arguments,
            child: None,
            started: Instant::now(),
            again: Instant::now(),
            wait: FIRST_WAIT,
        };
        servant.spawn();
        servant
    }

    /// Never ends: waits for the program's end and starts it again. Can be dropped and
    /// called again.
    pub async fn keep(&mut self) {
        loop {
            if let Some(child) = &mut self.child {
                let ended = child.wait().await;
                let code = ended.ok().and_then(|status| status.code());
                log::warn!("{} has ended (code {code:?})", self.program);
                self.child = None;
                self.plan();
            }
            sleep_until(self.again).await;
            self.spawn();
        }
    }

    pub async fn stop(mut self) {
        if let Some(child) = self.child.take() {
            end(child).await;
        }
    }

    fn plan(&mut self) {
        let now = Instant::now();
        if now - self.started > GOOD_RUN {
            self.wait = FIRST_WAIT;
        }
        self.again = now + self.wait;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }

    fn spawn(&mut self) {
        self.started = Instant::now();
        self.child = match command(self.program, &self.arguments).spawn() {
            Ok(child) => Some(child),
            Err(error) => {
                log::error!("{}: {error}", self.program);
                self.plan();
                None
            }
        };
    }
}

/// With our log, and ended when it is dropped, or when we are killed.
pub fn command(program: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // SAFETY: between fork and exec, and prctl is a mere system call.
    unsafe {
        command.pre_exec(|| {
            match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM as libc::c_ulong) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    command
}

/// Runs a program that ends soon.
pub async fn run(program: &str, arguments: &[&str]) -> std::io::Result<()> {
    let arguments: Vec<String> = arguments.iter().map(|text| (*text).into()).collect();
    let status = timeout(SHORT, command(program, &arguments).status()).await??;
    match status.success() {
        true => Ok(()),
        false => Err(std::io::Error::other(format!("{program}: {status}"))),
    }
}

/// Asks it to end, and makes it.
pub async fn end(mut child: Child) {
    if let Some(id) = child.id() {
        // SAFETY: our own child, which has not been waited for.
        unsafe { libc::kill(id as libc::pid_t, libc::SIGTERM) };
    }
    if timeout(GOODBYE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}
