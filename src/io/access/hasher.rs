//! The thread that looks at passwords: Argon2id (RFC 9106), slow on purpose.
//!
//! The event loop has frames to send every few milliseconds; a password takes ten times
//! as long. So this is a thread of its own, with a lower priority than the picture's.

use super::{Event, Events};
use crate::proto::auth::secret::{Secret, same};
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// OWASP's smallest memory with its passes for that (m = 7 MiB, t = 5, p = 1): the Zero has
/// 512 MiB in all, and what does not fit its 16 kB of cache costs it more than what counts.
pub const MEMORY_KIB: u32 = 7 * 1024;
pub const PASSES: u32 = 5;
const LANES: u32 = 1;

/// Most that is taken from a PHC string that was made elsewhere: it came with the card.
const MOST_MEMORY_KIB: u32 = 16 * 1024;
const MOST_PASSES: u32 = 16;

/// Bytes of a hash and of its salt (RFC 9106, 4).
const HASH: usize = 32;
const SALT: usize = 16;

/// Passwords that wait; the core gives out fewer.
const QUEUE: usize = 8;
/// Above 0 is less than what sends the picture gets.
const NICE: libc::c_int = 10;

/// The running thread; it ends when this is dropped.
#[derive(Debug)]
pub struct Hasher {
    tasks: SyncSender<Task>,
    events: Events,
}

#[derive(Debug)]
enum Task {
    Verify {
        job: u64,
        phc: String,
        password: Secret,
    },
    Hash {
        job: u64,
        password: Secret,
    },
}

impl Hasher {
    pub fn start(events: Events) -> io::Result<Hasher> {
        let (sender, tasks) = sync_channel(QUEUE);
        let of_thread = events.clone();
        std::thread::Builder::new()
            .name("passwords".to_owned())
            .spawn(move || run(&tasks, &of_thread))?;
        Ok(Hasher {
            tasks: sender,
            events,
        })
    }

    /// Answered by [`Event::Verified`] or [`Event::Failed`].
    pub fn verify(&self, job: u64, phc: String, password: Secret) {
        self.give(job, Task::Verify { job, phc, password });
    }

    /// Answered by [`Event::Hashed`] or [`Event::Failed`].
    pub fn hash(&self, job: u64, password: Secret) {
        self.give(job, Task::Hash { job, password });
    }

    fn give(&self, job: u64, task: Task) {
        if self.tasks.try_send(task).is_err() {
            log::warn!("too many passwords are waiting");
            let _ = self.events.send(Event::Failed { job });
        }
    }
}

/// A PHC string as [`Hasher::hash`] makes them, of no password: what is looked at for a
/// name that does not exist takes as long.
pub fn dummy() -> Result<String, getrandom::Error> {
    let (mut salt, mut hash) = ([0; SALT], [0; HASH]);
    getrandom::fill(&mut salt)?;
    getrandom::fill(&mut hash)?;
    Ok(phc(&salt, &hash).unwrap_or_default())
}

/// True for a PHC string that this camera can look at.
pub fn is_usable(phc: &str) -> bool {
    parse(phc).is_some()
}

fn run(tasks: &Receiver<Task>, events: &Events) {
    // SAFETY: no pointers; 0 is the calling thread on Linux.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } != 0 {
        log::debug!("priority: {}", io::Error::last_os_error());
    }
    while let Ok(task) = tasks.recv() {
        // Nobody listens any more when the program ends.
        if events.send(carry_out(task)).is_err() {
            return;
        }
    }
}

fn carry_out(task: Task) -> Event {
    match task {
        Task::Verify { job, phc, password } => match verify(&phc, &password) {
            Some(right) => Event::Verified { job, right },
            None => Event::Failed { job },
        },
        Task::Hash { job, password } => match make(&password) {
            Some(phc) => Event::Hashed { job, phc },
            None => Event::Failed { job },
        },
    }
}

/// `None`: not to be said. A string that can't be read is nobody's password.
fn verify(phc: &str, password: &Secret) -> Option<bool> {
    let Some((params, salt, expected)) = parse(phc) else {
        log::warn!("a password's hash can't be read");
        return Some(false);
    };
    let found = hash(params, &salt, password)?;
    Some(same(&found, &expected))
}

fn make(password: &Secret) -> Option<String> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt)
        .inspect_err(|error| log::error!("no random numbers: {error}"))
        .ok()?;
    let hash = hash(params(), &salt, password)?;
    phc(&salt, &hash)
}

fn params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH)).expect("constants that fit")
}

/// `None` if there is no memory for it: a full camera must not end over a password.
fn hash(params: Params, salt: &[u8], password: &Secret) -> Option<[u8; HASH]> {
    let mut memory: Vec<Block> = Vec::new();
    let blocks = params.block_count();
    if memory.try_reserve_exact(blocks).is_err() {
        log::warn!("no memory to look at a password");
        return None;
    }
    memory.resize(blocks, Block::default());
    let mut hash = [0; HASH];
    let password = password.expose().as_bytes();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password, salt, &mut hash, &mut memory)
        .inspect_err(|error| log::warn!("a password can't be hashed: {error}"))
        .ok()?;
    Some(hash)
}

fn phc(salt: &[u8], hash: &[u8]) -> Option<String> {
    let made = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params()).ok()?,
        salt: Some(Salt::new(salt).ok()?),
        hash: Some(Output::new(hash).ok()?),
    };
    Some(made.to_string())
}

/// Parameters, salt and hash; only Argon2id, and only what the Zero can do in a while.
fn parse(phc: &str) -> Option<(Params, Vec<u8>, [u8; HASH])> {
    let read = PasswordHash::new(phc).ok()?;
    if read.algorithm != Algorithm::Argon2id.ident() || read.version != Some(0x13) {
        return None;
    }
    let params = Params::try_from(&read).ok()?;
    let small = params.m_cost() <= MOST_MEMORY_KIB
        && params.t_cost() <= MOST_PASSES
        && params.p_cost() <= 4;
    let hash = read.hash?.as_bytes().try_into().ok()?;
    let salt: &[u8] = read.salt.as_ref()?;
    small.then(|| (params, salt.to_vec(), hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    /// Fast ones, as another program may have made them: `argon2 saltsalt -id -k 64 -t 2 -p 1`.
    fn quick(password: &str) -> String {
        let params = Params::new(64, 2, 1, Some(HASH)).unwrap();
        let text = ParamsString::try_from(&params).unwrap();
        let hash = hash(params, b"saltsaltsalt", &Secret::new(password)).unwrap();
        let made = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(0x13),
            params: text,
            salt: Some(Salt::new(b"saltsaltsalt").unwrap()),
            hash: Some(Output::new(&hash).unwrap()),
        };
        made.to_string()
    }

    /// RFC 9106, 5.3 has a secret and associated data, which are not used here; this is from
    /// the reference implementation's own tests (test.c, argon2id, v=19).
    #[test]
    fn hashes_are_argon2id_s() {
        let known = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$\
            nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert_eq!(verify(known, &Secret::new("password")), Some(true));
        assert_eq!(verify(known, &Secret::new("Password")), Some(false));
    }

    #[test]
    fn what_is_no_hash_of_ours_is_nobodys_password() {
        let good = quick("word");
        assert_eq!(verify(&good, &Secret::new("word")), Some(true));
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("v=19$", ""),
            ("m=64", "m=16385"),
            ("m=64", "m=4294967295"),
            ("t=2", "t=17"),
            ("p=1", "p=5"),
            ("$", ""),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert_eq!(verify(&bad, &Secret::new("word")), Some(false), "{bad}");
            assert!(!is_usable(&bad));
        }
        assert_eq!(verify("", &Secret::new("")), Some(false));
    }

    #[test]
    fn the_dummy_looks_like_any_other_and_is_nobodys() {
        let (dummy, other) = (dummy().unwrap(), super::dummy().unwrap());
        assert_ne!(dummy, other);
        assert!(is_usable(&dummy));
        assert!(
            dummy.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"),
            "{dummy}"
        );
        assert!(dummy.len() <= 128);
    }

    #[tokio::test]
    async fn the_thread_answers_and_ends() {
        let (events, mut heard) = mpsc::unbounded_channel();
        let hasher = Hasher::start(events).unwrap();
        hasher.hash(1, Secret::new("a fine word"));
        let Some(Event::Hashed { job: 1, phc }) = heard.recv().await else {
            panic!("no hash");
        };
        assert!(!phc.contains("fine"));
        hasher.verify(2, phc.clone(), Secret::new("a fine word"));
        hasher.verify(3, phc, Secret::new("another word"));
        let right = |job, right| Some(Event::Verified { job, right });
        assert_eq!(heard.recv().await, right(2, true));
        assert_eq!(heard.recv().await, right(3, false));
        drop(hasher);
        assert_eq!(heard.recv().await, None);
    }

    #[tokio::test]
    async fn one_too_many_is_told_at_once() {
        let (events, mut heard) = mpsc::unbounded_channel();
        let hasher = Hasher::start(events).unwrap();
        for job in 0..QUEUE as u64 + 4 {
            hasher.hash(job, Secret::new("a fine word"));
        }
        let (mut failed, mut hashed) = (0, 0);
        for _ in 0..QUEUE + 4 {
            match heard.recv().await {
                Some(Event::Failed { .. }) => failed += 1,
                Some(Event::Hashed { .. }) => hashed += 1,
                other => panic!("{other:?}"),
            }
        }
        // The thread has taken one or more out of the queue meanwhile.
        assert!(failed >= 1 && hashed >= QUEUE, "{failed} and {hashed}");
    }
}
