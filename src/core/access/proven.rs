//! Passwords that programs show with every request, and that were right lately.

use super::Who;
use super::digest::{Digest, Random};
use crate::proto::auth::secret::Secret;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So long a password that was right is not looked at again.
const PROVEN_FOR: Duration = Duration::from_secs(600);
const MAX_PROVEN: usize = 16;

/// Passwords of requests that were right lately.
#[derive(Debug)]
pub(super) struct Proven {
    /// What is kept is worth nothing without it, and it ends with the program.
    key: Random,
    right: VecDeque<(Digest, Who, u64, Instant)>,
}

impl Proven {
    pub fn new(key: Random) -> Proven {
        Proven {
            key,
            right: VecDeque::new(),
        }
    }

    pub fn digest(&self, name: &str, password: &Secret) -> Digest {
        let parts = [&self.key, name.as_bytes(), password.expose().as_bytes()];
        Digest::of_parts(&parts)
    }

    pub fn find(&self, now: Instant, key: Digest) -> Option<(Who, u64)> {
        let mut right = self.right.iter();
        let found = right.find(|(digest, .., until)| *digest == key && *until > now);
        found.map(|(_, who, changes, _)| (who.clone(), *changes))
    }

    pub fn add(&mut self, now: Instant, key: Digest, who: Who, changes: u64) {
        self.right
            .retain(|(digest, .., until)| *digest != key && *until > now);
        if self.right.len() == MAX_PROVEN {
            self.right.pop_front();
        }
        self.right.push_back((key, who, changes, now + PROVEN_FOR));
    }
}
