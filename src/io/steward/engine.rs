//! The update engine, SWUpdate, as a child that is given the bundle through its standard
//! input: it checks the signature before it writes anything, writes the slot as the bytes
//! come, reads everything back, and tells U-Boot.

use super::children;
use crate::proto::update::board::Slot;
use crate::proto::update::complaint::{Heard, MAX_LINE};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdin};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How far it stands back for the camera's program, which has 0.
const NICENESS: i32 = 10;
/// Of ioprio_set(2): the class of those who get the card when nobody else wants it.
const IDLE: libc::c_long = 3 << 13;
const WHO_PROCESS: libc::c_long = 1;
/// Of its memory, in bytes; it needs a tenth of that.
const MEMORY: libc::rlim_t = 512 << 20;
/// For the last words, once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The kernel ends the others first.
const OUT_OF_MEMORY_SCORE: &str = "500";

/// How it is called.
#[derive(Clone, Debug)]
pub struct Order {
    pub program: PathBuf,
    /// Whose bundles are taken.
    pub keys: PathBuf,
    /// Nothing older is taken.
    pub floor: String,
    /// The board and its revision, `name:revision`.
    pub hardware: String,
    /// Its sockets are there, and what it unpacks; nobody else may look in.
    pub folder: PathBuf,
    pub slot: Slot,
}

impl Order {
    fn arguments(&self) -> Vec<String> {
        let keys = self.keys.display().to_string();
        let arguments = [
            "-v",
            // Without the word it takes another one, and says that all is well.
            "-B",
            "uboot",
            // Marks of its own have no place among U-Boot's words.
            "-M",
            "-m",
            "-k",
            &keys,
            "-e",
            self.slot.selection(),
            "-H",
            &self.hardware,
            "--cert-purpose",
            "codeSigning",
            "-N",
            &self.floor,
            // The board has no /dev/stdin.
            "-i",
            "/proc/self/fd/0",
        ];
        arguments.map(String::from).into()
    }
}

/// The running engine; dropping it kills it.
#[derive(Debug)]
pub struct Engine {
    child: Child,
    group: Option<libc::pid_t>,
    heard: JoinHandle<Heard>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// By its own account.
    pub success: bool,
    pub heard: Heard,
}

impl Engine {
    /// Starts it; the bundle goes into what comes back besides.
    pub fn start(order: &Order) -> io::Result<(Engine, ChildStdin)> {
        make_folder(&order.folder)?;
        let (read, write) = io::pipe()?;
        let mut command =
            children::command(&order.program.display().to_string(), &order.arguments());
        command
            .env("TMPDIR", &order.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::from(OwnedFd::from(write.try_clone()?)))
            .stderr(Stdio::from(OwnedFd::from(write)))
            .process_group(0);
        // SAFETY: between fork and exec, and these are mere system calls.
        unsafe { command.pre_exec(stand_back) };
        let mut child = command.spawn()?;
        // Its copies of the pipe's end would keep the pipe open.
        drop(command);
        let stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let group = child.id().map(|id| id as libc::pid_t);
        if let Some(id) = group {
            let _ = std::fs::write(format!("/proc/{id}/oom_score_adj"), OUT_OF_MEMORY_SCORE);
        }
        let read = pipe::Receiver::from_owned_fd(read.into())?;
        let engine = Engine {
            child,
            group,
            heard: tokio::spawn(listen(read)),
        };
        Ok((engine, stdin))
    }

    /// Waits for its end. Can be dropped and called again until it has returned.
    pub async fn ended(&mut self) -> End {
        let status = self.child.wait().await;
        // It has children of its own, which may outlive it, with the pipe open.
        self.kill();
        let heard = match timeout(LAST_WORDS, &mut self.heard).await {
            Ok(Ok(heard)) => heard,
            _ => Heard::default(),
        };
        let success = status.is_ok_and(|status| status.success());
        End { success, heard }
    }

    pub fn kill(&mut self) {
        if let Some(group) = self.group {
            // SAFETY: a mere system call. The group's number is the child's own, and is
            // nobody else's as long as one of the group is left.
            unsafe { libc::kill(-group, libc::SIGKILL) };
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill();
        self.heard.abort();
    }
}

fn make_folder(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    // What an engine that was killed has left.
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

/// What can't be had is gone without: a slower picture is better than no update.
fn stand_back() -> io::Result<()> {
    let memory = libc::rlimit {
        rlim_cur: MEMORY,
        rlim_max: MEMORY,
    };
    // SAFETY: mere system calls; the structure outlives its own.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS);
        libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0 as libc::c_long, IDLE);
        libc::setrlimit(libc::RLIMIT_AS, &raw const memory);
    }
    Ok(())
}

/// To the end of its words, which are our log's, too.
async fn listen(read: pipe::Receiver) -> Heard {
    let mut heard = Heard::default();
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut read).take(MAX_LINE as u64);
        match limited.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return heard,
            Ok(_) => {}
        }
        let words = line.trim_ascii_end();
        heard.line(words);
        let words = String::from_utf8_lossy(words);
        match words.starts_with("[ERROR]") {
            true => log::warn!("swupdate: {}", words.escape_debug()),
            false => log::debug!("swupdate: {}", words.escape_debug()),
        }
    }
}
