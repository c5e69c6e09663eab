//! What the steward does to the running system: its name, and a program's restart.

use super::files;
use std::path::Path;

const LONGEST_NAME: usize = 64;

/// The host's name as the kernel has it.
pub fn name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.unwrap_or_default().trim().into()
}

/// Gives the running system the name in that file, as the start scripts do.
pub fn rename(file: &Path) {
    let name = files::read(file, LONGEST_NAME)
        .ok()
        .flatten()
        .unwrap_or_default();
    let name = name.trim_ascii();
    // SAFETY: the bytes and their number.
    let code = unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) };
    match code {
        0 => log::info!("the camera is called {} now", String::from_utf8_lossy(name)),
        _ => log::error!("the camera's name: {}", std::io::Error::last_os_error()),
    }
}

/// Asks the program with that pid file to end; whoever started it starts it again.
pub fn restart(pid_file: &Path) {
    let text = std::fs::read_to_string(pid_file).unwrap_or_default();
    let Some(id) = text.trim().parse::<libc::pid_t>().ok().filter(|id| *id > 1) else {
        return;
    };
    log::info!("the camera's program starts anew, for its options have changed");
    // SAFETY: a mere system call.
    unsafe { libc::kill(id, libc::SIGTERM) };
}
