//! Everything that has to do with passwords, which io looks at.

use super::digest::{Digest, Random};
use super::place::Place;
use super::record::{Account, MAX_VIEWERS};
use super::rules::check_new;
use super::sessions::{Moment, Visit};
use super::{Access, Admission, By, Claim, Grant, Job, Output, Refused, Right, Who};
use crate::proto::auth::secret::Secret;

/// Passwords that are looked at or waiting for it.
const MAX_JOBS: usize = 6;
/// Those of addresses from which nobody has logged in before.
const MAX_STRANGERS_JOBS: usize = 2;

/// What a job is about.
#[derive(Debug)]
pub(super) enum Pending {
    Claim {
        visit: Visit,
        name: String,
        random: Random,
    },
    LogIn {
        visit: Visit,
        account: Option<(Who, u64)>,
        random: Random,
        before: Option<Digest>,
    },
    Admit {
        visit: Visit,
        account: Option<(Who, u64)>,
        key: Digest,
        foreign: bool,
    },
    /// The old password is being looked at.
    Change {
        visit: Visit,
        account: (Who, u64),
        new: Secret,
        random: Random,
    },
    /// The new one is being hashed.
    Changed {
        visit: Visit,
        account: (Who, u64),
        random: Random,
    },
    Viewer {
        name: String,
    },
}

impl Access {
    /// The first one in the camera's network becomes its owner.
    pub fn claim(
        &mut self,
        visit: Visit,
        name: &str,
        password: Secret,
        random: Random,
    ) -> Result<Job, Refused> {
        self.sound()?;
        match self.claim_state(visit.at.now) {
            Claim::Claimed => return Err(Refused::Claimed),
            Claim::Open(_) if visit.place < Place::Local => return Err(Refused::ClaimFar),
            Claim::Open(left) if left.is_zero() => return Err(Refused::ClaimOver),
            Claim::Open(_) => {}
        }
        let name = if name.is_empty() { "owner" } else { name }.to_owned();
        check_new(&name, &password)?;
        // One at a time: the first whose password is hashed has it.
        let mut jobs = self.jobs.values();
        if jobs.any(|pending| matches!(pending, Pending::Claim { .. })) {
            return Err(Refused::Busy);
        }
        let pending = Pending::Claim {
            visit,
            name,
            random,
        };
        self.hash(pending, password)
    }

    /// A password of the owner's that was set before the first start, as a PHC string.
    pub fn adopt(&mut self, phc: String) -> Result<(), Refused> {
        self.sound()?;
        if self.record.owner.is_some() {
            return Err(Refused::Claimed);
        }
        self.record.owner = Some(account("owner", phc, 0));
        self.changed = true;
        Ok(())
    }

    /// `name`: empty for the owner's. `before`: a session that the browser has already; it
    /// ends, so that nobody can have planted it (session fixation).
    pub fn log_in(
        &mut self,
        visit: Visit,
        name: &str,
        password: Secret,
        before: Option<&Secret>,
        random: Random,
    ) -> Result<Job, Refused> {
        self.pass_time(visit.at);
        self.sound()?;
        if self.record.owner.is_none() {
            return Err(Refused::Unclaimed);
        }
        let (account, phc) = self.account_or_dummy(name);
        let pending = Pending::LogIn {
            visit,
            account,
            random,
            before: before.map(Digest::of),
        };
        self.verify(pending, phc, password)
    }

    /// Whoever is logged in changes their own password. All their sessions end; a new one
    /// begins.
    pub fn change_password(
        &mut self,
        visit: Visit,
        grant: &Grant,
        old: Secret,
        new: Secret,
        random: Random,
    ) -> Result<Job, Refused> {
        self.pass_time(visit.at);
        self.sound()?;
        let who = self.whose(visit.at, grant).ok_or(Refused::LoggedOut)?;
        let account = self.record.account_of(&who).ok_or(Refused::NotAllowed)?;
        check_new(&account.name, &new)?;
        let (phc, account) = (account.password.clone(), (who, account.changes));
        let pending = Pending::Change {
            visit,
            account,
            new,
            random,
        };
        self.verify(pending, phc, old)
    }

    /// The owner adds a viewer, or gives one a new password, which ends their sessions.
    pub fn set_viewer(
        &mut self,
        at: Moment,
        grant: &Grant,
        name: &str,
        password: Secret,
    ) -> Result<Job, Refused> {
        self.only_owner(at, grant)?;
        check_new(name, &password)?;
        let known = self.record.account(name).map(|(who, _)| who);
        if known == Some(Who::Owner) {
            return Err(Refused::Invalid("that is the owner's name".into()));
        }
        if known.is_none() && self.record.viewers.len() >= MAX_VIEWERS {
            return Err(Refused::Full(MAX_VIEWERS));
        }
        self.hash(Pending::Viewer { name: name.into() }, password)
    }

    /// For a request with a name and a password (HTTP Basic).
    pub(super) fn admit_password(
        &mut self,
        visit: &Visit,
        name: &str,
        password: &Secret,
        foreign: bool,
    ) -> Result<Admission, Refused> {
        if self.record.owner.is_none() {
            return Err(Refused::Unclaimed);
        }
        let key = self.proven.digest(name, password);
        if let Some((who, changes)) = self.proven.find(visit.at.now, key) {
            let grant = password_grant(who, changes, foreign);
            if self.still(visit.at, &grant) > Right::None {
                return Ok(Admission::Now(grant));
            }
        }
        let (account, phc) = self.account_or_dummy(name);
        let pending = Pending::Admit {
            visit: visit.clone(),
            account,
            key,
            foreign,
        };
        let job = self.verify(pending, phc, password.clone())?;
        Ok(Admission::Later(job))
    }

    fn account_or_dummy(&self, name: &str) -> (Option<(Who, u64)>, String) {
        match self.record.account(name) {
            Some((who, account)) => (Some((who, account.changes)), account.password.clone()),
            None => (None, self.dummy.clone()),
        }
    }

    /// Asks io to look at a password, if this address may try one now.
    fn verify(&mut self, pending: Pending, phc: String, password: Secret) -> Result<Job, Refused> {
        let (Pending::LogIn { visit, .. }
        | Pending::Admit { visit, .. }
        | Pending::Change { visit, .. }) = &pending
        else {
            return Err(Refused::Busy);
        };
        let strange = |pending: &&Pending| match pending {
            Pending::LogIn { visit, .. } | Pending::Admit { visit, .. } => {
                !self.throttle.is_known(visit.from)
            }
            _ => false,
        };
        let strangers = self.jobs.values().filter(strange).count();
        let known = self.throttle.is_known(visit.from);
        let full = self.jobs.len() >= MAX_JOBS || (!known && strangers >= MAX_STRANGERS_JOBS);
        if full {
            return Err(Refused::Busy);
        }
        let tried = self.throttle.try_one(visit.at.now, visit.from, visit.place);
        tried.map_err(Refused::Wait)?;
        let job = self.job();
        self.jobs.insert(job, pending);
        self.outputs
            .push_back(Output::Verify { job, phc, password });
        Ok(job)
    }

    fn hash(&mut self, pending: Pending, password: Secret) -> Result<Job, Refused> {
        if self.jobs.len() >= MAX_JOBS {
            return Err(Refused::Busy);
        }
        let job = self.job();
        self.jobs.insert(job, pending);
        self.outputs.push_back(Output::Hash { job, password });
        Ok(job)
    }
}

/// A browser remembers a name and a password and adds them by itself, as it does a cookie:
/// from another site's page that is enough to watch, which such a page can't see unless it
/// knows them, and for nothing else.
pub(super) fn password_grant(who: Who, changes: u64, foreign: bool) -> Grant {
    let right = match who {
        Who::Owner if !foreign => Right::Own,
        _ => Right::Watch,
    };
    Grant {
        right,
        by: By::Password { who, changes },
    }
}

pub(super) fn account(name: &str, password: String, changes: u64) -> Account {
    Account {
        name: name.into(),
        password,
        changes,
    }
}
