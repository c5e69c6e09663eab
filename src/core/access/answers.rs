//! What happens when io has looked at a password, or hashed one.

use super::digest::{self, Digest, Random};
use super::passwords::{Pending, account, password_grant};
use super::record::MAX_VIEWERS;
use super::sessions::{self, ABSOLUTE, Moment, Visit};
use super::{Access, Job, Outcome, Output, Refused, Who};

impl Access {
    /// Io has looked at a password.
    pub fn handle_verified(&mut self, at: Moment, job: Job, right: bool) {
        self.pass_time(at);
        let Some(pending) = self.jobs.remove(&job) else {
            return;
        };
        let (visit, account) = match &pending {
            Pending::LogIn { visit, account, .. } | Pending::Admit { visit, account, .. } => {
                (visit, account.clone())
            }
            Pending::Change { visit, account, .. } => (visit, Some(account.clone())),
            _ => return self.fail(job, Refused::Busy),
        };
        // Not the account as it was then: it may be gone or have another password by now.
        let same = |(who, changes): &(Who, u64)| {
            let now = self.record.account_of(who);
            now.is_some_and(|account| account.changes == *changes)
        };
        let Some((who, changes)) = account.filter(|account| right && same(account)) else {
            return self.fail(job, Refused::WrongPassword);
        };
        let owner = who == Who::Owner;
        self.throttle.right(visit.from, visit.place, owner);
        match pending {
            Pending::LogIn {
                visit,
                random,
                before,
                ..
            } => {
                let sessions = &mut self.record.sessions;
                let had = sessions.len();
                sessions.retain(|session| Some(session.hash) != before);
                if sessions.len() < had {
                    self.revoke();
                }
                let outcome = self.begin_session(at, &visit, who, &random);
                self.changed = true;
                // Not held up by a card that is full: the owner has to get in to mend that.
                self.finish(job, Ok(outcome));
            }
            Pending::Admit { key, foreign, .. } => {
                self.proven.add(at.now, key, who.clone(), changes);
                let grant = password_grant(who, changes, foreign);
                self.finish(job, Ok(Outcome::Granted(grant)));
            }
            Pending::Change {
                visit, new, random, ..
            } => {
                let account = (who, changes);
                let pending = Pending::Changed {
                    visit,
                    account,
                    random,
                };
                self.jobs.insert(job, pending);
                self.outputs.push_back(Output::Hash { job, password: new });
            }
            _ => {}
        }
    }

    /// Io has hashed a password.
    pub fn handle_hashed(&mut self, at: Moment, job: Job, phc: String) {
        self.pass_time(at);
        match self.jobs.remove(&job) {
            Some(Pending::Claim {
                visit,
                name,
                random,
            }) => {
                if self.record.owner.is_some() {
                    return self.fail(job, Refused::Claimed);
                }
                self.record.owner = Some(account(&name, phc, 0));
                self.throttle.know(visit.from);
                let outcome = self.begin_session(at, &visit, Who::Owner, &random);
                self.keep(job, outcome);
            }
            Some(Pending::Changed {
                visit,
                account: (who, changes),
                random,
            }) => {
                if !self.set_password(&who, changes, phc) {
                    return self.fail(job, Refused::WrongPassword);
                }
                let outcome = self.begin_session(at, &visit, who, &random);
                self.keep(job, outcome);
            }
            Some(Pending::Viewer { name }) => {
                let who = Who::Viewer(name.clone());
                let known = self.record.account_of(&who).map(|account| account.changes);
                match known {
                    Some(changes) => {
                        self.set_password(&who, changes, phc);
                    }
                    // Others may have come between.
                    None if self.record.viewers.len() >= MAX_VIEWERS => {
                        return self.fail(job, Refused::Full(MAX_VIEWERS));
                    }
                    // What somebody of that name had open before they were taken out is shut.
                    None => self
                        .record
                        .viewers
                        .push(account(&name, phc, self.last.clock)),
                }
                self.keep(job, Outcome::Kept);
            }
            _ => {}
        }
    }

    /// Io could not look at it, or hash it.
    pub fn handle_failed(&mut self, job: Job) {
        match self.jobs.remove(&job) {
            Some(Pending::LogIn { visit, .. } | Pending::Admit { visit, .. })
            | Some(Pending::Change { visit, .. }) => {
                self.throttle.take_back(visit.from, visit.place);
            }
            Some(_) => {}
            None => return,
        }
        self.fail(job, Refused::Busy);
    }

    fn set_password(&mut self, who: &Who, changes: u64, phc: String) -> bool {
        let record = &mut self.record;
        let account = match who {
            Who::Owner => record.owner.as_mut(),
            Who::Viewer(name) => record.viewers.iter_mut().find(|v| v.name == *name),
            Who::Guest(_) => None,
        };
        let Some(account) = account.filter(|account| account.changes == changes) else {
            return false;
        };
        account.password = phc;
        account.changes += 1;
        record.sessions.retain(|session| session.who != *who);
        self.revoke();
        true
    }

    pub(super) fn begin_session(
        &mut self,
        at: Moment,
        visit: &Visit,
        who: Who,
        random: &Random,
    ) -> Outcome {
        let session = digest::secret(digest::SESSION, random);
        let visit = Visit {
            at,
            ..visit.clone()
        };
        let hash = Digest::of(&session);
        sessions::add(&mut self.record.sessions, hash, who, &visit);
        Outcome::LoggedIn {
            session,
            life: ABSOLUTE,
        }
    }

    fn fail(&mut self, job: Job, refused: Refused) {
        self.finish(job, Err(refused));
    }

    fn finish(&mut self, job: Job, outcome: Result<Outcome, Refused>) {
        self.outputs.push_back(Output::Done { job, outcome });
    }
}
