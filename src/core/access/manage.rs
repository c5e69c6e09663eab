//! What the owner gives and takes back, and what everybody may do with their own.

use super::digest::{self, Digest, Random};
use super::record::{Link, MAX_LINKS, MAX_TOKENS, Token};
use super::sessions::{Moment, Visit};
use super::{Access, By, Grant, Job, Outcome, Refused, Right, Who};
use crate::proto::auth::check_name;
use crate::proto::auth::secret::Secret;
use std::time::Duration;

/// Shortest and longest life of a guest's link.
pub const LINK_LIFE: [Duration; 2] = [
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 24 * 3600),
];

impl Access {
    /// A guest opens their link.
    pub fn visit_link(
        &mut self,
        visit: &Visit,
        link: &Secret,
        random: Random,
    ) -> Result<Outcome, Refused> {
        self.pass_time(visit.at);
        self.sound()?;
        let hash = Digest::of(link);
        let mut links = self.record.links.iter();
        let found =
            links.find(|link| link.hash == hash && !super::lists::is_over(link, visit.at.clock));
        let id = found.ok_or(Refused::WrongToken)?.hash.id();
        self.changed = true;
        Ok(self.begin_session(visit.at, visit, Who::Guest(id), &random))
    }

    /// Ends the session that the grant came with.
    pub fn log_out(&mut self, at: Moment, grant: &Grant) -> Result<Job, Refused> {
        self.pass_time(at);
        match grant.by {
            By::Session(hash) => self.end_sessions(|session| session.hash == hash),
            _ => Err(Refused::LoggedOut),
        }
    }

    /// Ends one session: the owner anybody's, others one of their own.
    pub fn end_session(&mut self, at: Moment, grant: &Grant, id: &str) -> Result<Job, Refused> {
        self.pass_time(at);
        let (right, who) = (self.still(at, grant), self.whose(at, grant));
        let may = |session: &super::record::Session| {
            right == Right::Own || Some(&session.who) == who.as_ref()
        };
        self.end_sessions(|session| session.hash.id() == id && may(session))
    }

    /// Log out everywhere: the owner ends everybody's sessions, others their own; this one too.
    pub fn end_all_sessions(&mut self, at: Moment, grant: &Grant) -> Result<Job, Refused> {
        self.pass_time(at);
        match (self.still(at, grant), self.whose(at, grant)) {
            (Right::Own, _) => self.end_sessions(|_| true),
            (_, Some(who)) => self.end_sessions(|session| session.who == who),
            _ => Err(Refused::LoggedOut),
        }
    }

    pub fn remove_viewer(&mut self, at: Moment, grant: &Grant, name: &str) -> Result<Job, Refused> {
        self.only_owner(at, grant)?;
        let viewers = &mut self.record.viewers;
        let position = viewers.iter().position(|viewer| viewer.name == name);
        viewers.remove(position.ok_or(Refused::Unknown)?);
        let gone = Who::Viewer(name.into());
        self.record.sessions.retain(|session| session.who != gone);
        Ok(self.taken_back())
    }

    pub fn add_token(
        &mut self,
        at: Moment,
        grant: &Grant,
        name: &str,
        right: Right,
        random: &Random,
    ) -> Result<Job, Refused> {
        self.only_owner(at, grant)?;
        let taken = self.record.tokens.iter().any(|token| token.name == name);
        check_new(name, taken, self.record.tokens.len(), MAX_TOKENS)?;
        if right == Right::None {
            return Err(Refused::Invalid("a token without a right is none".into()));
        }
        let secret = digest::secret(digest::TOKEN, random);
        let hash = Digest::of(&secret);
        self.record.tokens.push(Token {
            name: name.into(),
            hash,
            right,
            made: at.clock,
        });
        Ok(self.made(hash, secret))
    }

    pub fn remove_token(&mut self, at: Moment, grant: &Grant, id: &str) -> Result<Job, Refused> {
        self.only_owner(at, grant)?;
        let tokens = &mut self.record.tokens;
        let position = tokens.iter().position(|token| token.hash.id() == id);
        tokens.remove(position.ok_or(Refused::Unknown)?);
        Ok(self.taken_back())
    }

    /// `life`: within [`LINK_LIFE`].
    pub fn add_link(
        &mut self,
        at: Moment,
        grant: &Grant,
        name: &str,
        life: Duration,
        random: &Random,
    ) -> Result<Job, Refused> {
        self.only_owner(at, grant)?;
        let taken = self.record.links.iter().any(|link| link.name == name);
        check_new(name, taken, self.record.links.len(), MAX_LINKS)?;
        let [shortest, longest] = LINK_LIFE;
        if life < shortest || life > longest {
            let words = "a guest's link lives for 5 minutes to 30 days";
            return Err(Refused::Invalid(words.into()));
        }
        let secret = digest::secret(digest::LINK, random);
        let hash = Digest::of(&secret);
        self.record.links.push(Link {
            name: name.into(),
            hash,
            made: at.clock,
            expires: at.clock + life.as_secs(),
        });
        Ok(self.made(hash, secret))
    }

    pub fn remove_link(&mut self, at: Moment, grant: &Grant, id: &str) -> Result<Job, Refused> {
        self.only_owner(at, grant)?;
        let links = &mut self.record.links;
        let position = links.iter().position(|link| link.hash.id() == id);
        links.remove(position.ok_or(Refused::Unknown)?);
        let gone = Who::Guest(id.into());
        self.record.sessions.retain(|session| session.who != gone);
        Ok(self.taken_back())
    }

    /// Lets everybody in the camera's own network watch, or no longer.
    pub fn open_to_local_network(
        &mut self,
        at: Moment,
        grant: &Grant,
        open: bool,
    ) -> Result<Job, Refused> {
        self.only_owner(at, grant)?;
        self.record.open_to_local_network = open;
        Ok(self.taken_back())
    }

    pub(super) fn only_owner(&mut self, at: Moment, grant: &Grant) -> Result<(), Refused> {
        self.pass_time(at);
        self.sound()?;
        match self.still(at, grant) {
            Right::Own => Ok(()),
            Right::Watch => Err(Refused::NotAllowed),
            Right::None => Err(Refused::LoggedOut),
        }
    }

    /// Whose grant it is; nobody's for tokens and what needs none.
    pub(super) fn whose(&self, at: Moment, grant: &Grant) -> Option<Who> {
        if self.still(at, grant) == Right::None {
            return None;
        }
        match &grant.by {
            By::Session(hash) => {
                let mut sessions = self.record.sessions.iter();
                let session = sessions.find(|session| session.hash == *hash);
                session.map(|session| session.who.clone())
            }
            By::Password { who, .. } => Some(who.clone()),
            By::Nothing | By::LocalNetwork | By::Token(_) => None,
        }
    }

    fn end_sessions(
        &mut self,
        which: impl Fn(&super::record::Session) -> bool,
    ) -> Result<Job, Refused> {
        let before = self.record.sessions.len();
        self.record.sessions.retain(|session| !which(session));
        if self.record.sessions.len() == before {
            return Err(Refused::Unknown);
        }
        Ok(self.taken_back())
    }

    fn taken_back(&mut self) -> Job {
        self.revoke();
        let job = self.job();
        self.keep(job, Outcome::Kept);
        job
    }

    fn made(&mut self, hash: Digest, secret: Secret) -> Job {
        let job = self.job();
        let id = hash.id();
        self.keep(job, Outcome::Made { id, secret });
        job
    }
}

fn check_new(name: &str, taken: bool, have: usize, most: usize) -> Result<(), Refused> {
    check_name(name).map_err(Refused::Invalid)?;
    if taken {
        return Err(Refused::Invalid("there is one of that name already".into()));
    }
    if have >= most {
        return Err(Refused::Full(most));
    }
    Ok(())
}
