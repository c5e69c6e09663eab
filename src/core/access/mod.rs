//! Who gets in, and who may what.
//!
//! [`Access`] is asked with what a request shows and says a [`Grant`]. Passwords take the
//! Zero a third of a second to look at, so that is asked of io ([`Output::Verify`],
//! [`Output::Hash`]) and comes back as an event; what is to be kept leaves as
//! [`Output::Save`], and only when it is kept the one who asked hears of it.
//!
//! Nobody gets in by default: not to a camera without an owner, not to one whose record is
//! damaged.

mod answers;
pub mod digest;
pub mod grant;
mod lists;
mod manage;
mod passwords;
pub mod place;
mod proven;
pub mod record;
mod rules;
pub mod sessions;
pub mod throttle;

pub use grant::{By, Grant, Refused, Right, Who};
pub use manage::LINK_LIFE;
pub use sessions::{Moment, Visit};

use crate::proto::auth::secret::Secret;
use crate::proto::auth::{Credentials, Shown};
use digest::{Digest, Random};
use passwords::Pending;
use place::Place;
use proven::Proven;
use record::Record;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use throttle::Throttle;

/// A camera without an owner can be claimed so long after its power came.
pub const CLAIM_WINDOW: Duration = Duration::from_secs(30 * 60);

/// Something that takes a while; names it until its [`Output::Done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job(pub u64);

/// What the camera's access wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Is that the password of this PHC string? Answered by [`Access::handle_verified`].
    Verify {
        job: Job,
        phc: String,
        password: Secret,
    },
    /// Make a PHC string of it. Answered by [`Access::handle_hashed`].
    Hash { job: Job, password: Secret },
    /// Put this in the record's place. Answered by [`Access::handle_saved`]; there is no
    /// second one before.
    Save(Vec<u8>),
    Done {
        job: Job,
        outcome: Result<Outcome, Refused>,
    },
    /// Somebody may less than before: ask [`Access::still`] for whoever watches.
    Revoked,
    /// Nothing more until then, or until something happens.
    Timeout(Option<Instant>),
}

/// How a job went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new session. Its id goes into a cookie that lives as long.
    LoggedIn {
        session: Secret,
        life: Duration,
    },
    /// A password was shown with a request, and was right.
    Granted(Grant),
    /// A token or a guest's link: shown now and never again.
    Made {
        id: String,
        secret: Secret,
    },
    Kept,
}

/// The answer to a request's credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    Now(Grant),
    /// A password is to be looked at first: [`Outcome::Granted`] follows.
    Later(Job),
}

/// Whom the camera belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    Claimed,
    /// And for how long it may still be claimed; zero: not without new power.
    Open(Duration),
}

/// All that decides over who gets in.
#[derive(Debug)]
pub struct Access {
    record: Record,
    damaged: Option<String>,
    /// A PHC string of no account: looked at for names that don't exist, so that these take
    /// as long.
    dummy: String,
    powered: Instant,
    last: Moment,
    throttle: Throttle,
    proven: Proven,
    jobs: BTreeMap<Job, Pending>,
    next_job: u64,
    outputs: VecDeque<Output>,
    /// The record has changed since it was last given out.
    changed: bool,
    saving: bool,
    /// Told when the next save, or the one that is under way, is done.
    after_next: Vec<(Job, Outcome)>,
    after_this: Vec<(Job, Outcome)>,
}

impl Access {
    /// `record`: what was kept, `None` if nothing was, or why that is not known. `powered`: when the board got its
    /// power. `dummy`: a PHC string as new ones are made. `random`: for this start only.
    pub fn new(
        at: Moment,
        record: Result<Option<&[u8]>, String>,
        powered: Instant,
        dummy: String,
        random: Random,
    ) -> Access {
        let read = record.and_then(|kept| kept.map(Record::read).transpose());
        let (record, damaged) = match read {
            Ok(record) => (record.unwrap_or_default(), None),
            Err(why) => (Record::default(), Some(why)),
        };
        let mut throttle = Throttle::default();
        let mut by_age: Vec<_> = record.sessions.iter().collect();
        by_age.sort_by_key(|session| session.seen);
        by_age
            .iter()
            .for_each(|session| throttle.know(session.from));
        Access {
            record,
            damaged,
            dummy,
            powered,
            last: at,
            throttle,
            proven: Proven::new(random),
            jobs: BTreeMap::new(),
            next_job: 1,
            outputs: VecDeque::new(),
            changed: false,
            saving: false,
            after_next: Vec::new(),
            after_this: Vec::new(),
        }
    }

    /// Why nobody gets in, if the record could not be read.
    pub fn damage(&self) -> Option<&str> {
        self.damaged.as_deref()
    }

    pub fn claim_state(&self, now: Instant) -> Claim {
        if self.record.owner.is_some() || self.damaged.is_some() {
            return Claim::Claimed;
        }
        let powered_for = now.saturating_duration_since(self.powered);
        Claim::Open(CLAIM_WINDOW.saturating_sub(powered_for))
    }

    /// Who is in the camera's own network may watch unasked.
    pub fn is_open_to_local_network(&self) -> bool {
        self.record.open_to_local_network
    }

    /// What a request may with what it shows. Showing nothing, or a session that has
    /// ended, is no error: then the grant is [`Right::None`], or what the owner has opened
    /// to all. What was shown on purpose and is wrong is refused.
    pub fn admit(
        &mut self,
        visit: &Visit,
        credentials: &Credentials,
    ) -> Result<Admission, Refused> {
        self.pass_time(visit.at);
        self.sound()?;
        match &credentials.shown {
            Shown::Nothing => Ok(Admission::Now(self.unasked(visit, credentials.foreign))),
            Shown::Session(id) => {
                let found = self.find_session(&Digest::of(id), visit.at.clock);
                let grant = found.unwrap_or_else(|| self.unasked(visit, credentials.foreign));
                Ok(Admission::Now(grant))
            }
            Shown::Token(token) => self.find_token(token).map(Admission::Now),
            Shown::Password { name, password } => {
                // Where a program knows only names and passwords, a token stands for either.
                if password.expose().starts_with(digest::TOKEN) {
                    self.find_token(password).map(Admission::Now)
                } else if name.starts_with(digest::TOKEN) && password.is_empty() {
                    self.find_token(&Secret::new(name)).map(Admission::Now)
                } else {
                    self.admit_password(visit, name, password, credentials.foreign)
                }
            }
        }
    }

    /// What that grant is worth now.
    pub fn still(&self, at: Moment, grant: &Grant) -> Right {
        let holds = match &grant.by {
            By::Nothing => false,
            By::LocalNetwork => self.record.open_to_local_network,
            By::Session(hash) => {
                let mut sessions = self.record.sessions.iter();
                sessions.any(|session| session.hash == *hash && self.lives(session, at.clock))
            }
            By::Token(hash) => self.record.tokens.iter().any(|token| token.hash == *hash),
            By::Password { who, changes } => {
                let account = self.record.account_of(who);
                account.is_some_and(|account| account.changes == *changes)
            }
        };
        if holds { grant.right } else { Right::None }
    }

    /// What to do next; call again until [`Output::Timeout`].
    pub fn poll_output(&mut self, at: Moment) -> Output {
        self.pass_time(at);
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if self.changed && !self.saving {
            self.changed = false;
            self.saving = true;
            self.after_this = std::mem::take(&mut self.after_next);
            return Output::Save(self.record.bytes());
        }
        let sessions = self.record.sessions.iter().map(sessions::ends);
        let links = self.record.links.iter().map(|link| link.expires);
        let soonest = sessions.chain(links).min();
        let wait = soonest.map(|end| Duration::from_secs(end.saturating_sub(at.clock).max(1)));
        Output::Timeout(wait.and_then(|wait| at.now.checked_add(wait)))
    }

    /// The record is kept, or why not.
    pub fn handle_saved(&mut self, result: Result<(), String>) {
        self.saving = false;
        for (job, outcome) in std::mem::take(&mut self.after_this) {
            let outcome = match &result {
                Ok(()) => Ok(outcome),
                Err(why) => Err(Refused::NotKept(why.clone())),
            };
            self.outputs.push_back(Output::Done { job, outcome });
        }
    }

    /// With nothing shown. A page of another site is not the person who sits before it.
    fn unasked(&self, visit: &Visit, foreign: bool) -> Grant {
        let open = self.record.open_to_local_network && self.record.owner.is_some();
        if open && !foreign && visit.place >= Place::Local {
            return Grant {
                right: Right::Watch,
                by: By::LocalNetwork,
            };
        }
        Grant::NOTHING
    }

    fn find_session(&mut self, hash: &Digest, clock: u64) -> Option<Grant> {
        let mut sessions = self.record.sessions.iter_mut();
        let session = sessions.find(|session| session.hash == *hash)?;
        self.changed |= sessions::see(session, clock);
        let right = match session.who {
            Who::Owner => Right::Own,
            Who::Viewer(_) | Who::Guest(_) => Right::Watch,
        };
        let grant = Grant {
            right,
            by: By::Session(*hash),
        };
        let at = Moment { clock, ..self.last };
        (self.still(at, &grant) > Right::None).then_some(grant)
    }

    fn find_token(&self, token: &Secret) -> Result<Grant, Refused> {
        let hash = Digest::of(token);
        let mut tokens = self.record.tokens.iter();
        let found = tokens.find(|token| token.hash == hash);
        let found = found.ok_or(Refused::WrongToken)?;
        Ok(Grant {
            right: found.right,
            by: By::Token(hash),
        })
    }

    /// True for a session that has not ended and whose account or link is still there.
    fn lives(&self, session: &record::Session, clock: u64) -> bool {
        let owned = match &session.who {
            Who::Guest(link) => {
                let link = self.record.link(link);
                link.is_some_and(|link| !lists::is_over(link, clock))
            }
            who => self.record.account_of(who).is_some(),
        };
        owned && sessions::is_alive(session, clock)
    }

    fn sound(&self) -> Result<(), Refused> {
        let damage = self.damaged.clone().map(Refused::Damaged);
        damage.map_or(Ok(()), Err)
    }

    /// Follows the clock, and forgets what has ended.
    fn pass_time(&mut self, at: Moment) {
        let sessions = &mut self.record.sessions;
        let set = sessions::follow_clock(sessions, self.last, at);
        let same_second = self.last.clock == at.clock;
        self.last = at;
        self.changed |= set && !self.record.sessions.is_empty();
        if same_second {
            return;
        }
        let ended = |session: &&record::Session| !self.lives(session, at.clock);
        let ended: Vec<_> = self.record.sessions.iter().filter(ended).collect();
        if !ended.is_empty() {
            let ended: Vec<_> = ended.into_iter().map(|session| session.hash).collect();
            let sessions = &mut self.record.sessions;
            sessions.retain(|session| !ended.contains(&session.hash));
            self.revoke();
        }
        let links = self.record.links.len();
        self.record.links.retain(|link| link.expires > at.clock);
        self.changed |= self.record.links.len() < links;
    }

    /// The record has changed so that somebody may less.
    fn revoke(&mut self) {
        self.changed = true;
        if !self.outputs.contains(&Output::Revoked) {
            self.outputs.push_back(Output::Revoked);
        }
    }

    /// The record has changed for that job, which is told when it is kept.
    fn keep(&mut self, job: Job, outcome: Outcome) {
        self.changed = true;
        self.after_next.push((job, outcome));
    }

    fn job(&mut self) -> Job {
        self.next_job += 1;
        Job(self.next_job - 1)
    }
}
