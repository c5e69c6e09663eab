//! Who may in, as it is shown to them: without anything that opens.

use super::record::Link;
use super::sessions::{self, Moment};
use super::{Access, By, Grant, Right, Who};
use serde::Serialize;
use std::net::IpAddr;

/// A clock that is so much earlier than a link was made is wrong, in seconds.
const CLOCK_IS_WRONG: u64 = 24 * 3600;

/// Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lists {
    pub right: Right,
    /// Whose session it is that asks.
    pub who: Option<Who>,
    pub sessions: Vec<ShownSession>,
    /// The rest is for the owner only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<Others>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownSession {
    pub id: String,
    pub who: Who,
    pub began: u64,
    /// To a day.
    pub seen: u64,
    pub ends: u64,
    pub from: IpAddr,
    pub agent: String,
    /// The one that asks.
    pub this: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Others {
    pub owner: String,
    pub viewers: Vec<String>,
    pub tokens: Vec<ShownToken>,
    pub links: Vec<ShownLink>,
    pub open_to_local_network: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownToken {
    pub id: String,
    pub name: String,
    pub right: Right,
    pub made: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownLink {
    pub id: String,
    pub name: String,
    pub made: u64,
    pub expires: u64,
}

impl Access {
    /// What somebody may know of who gets in: the owner all, others their own sessions.
    pub fn lists(&self, at: Moment, grant: &Grant) -> Lists {
        let (right, who) = (self.still(at, grant), self.whose(at, grant));
        let shown = |session: &&super::record::Session| {
            right == Right::Own || Some(&session.who) == who.as_ref()
        };
        let sessions = self.record.sessions.iter().filter(shown);
        let show = |session: &super::record::Session| ShownSession {
            id: session.hash.id(),
            who: session.who.clone(),
            began: session.began,
            seen: session.seen,
            ends: sessions::ends(session),
            from: session.from,
            agent: session.agent.clone(),
            this: grant.by == By::Session(session.hash),
        };
        Lists {
            right,
            sessions: sessions.map(show).collect(),
            others: (right == Right::Own).then(|| self.others()),
            who,
        }
    }

    fn others(&self) -> Others {
        let record = &self.record;
        let owner = record.owner.as_ref();
        let tokens = record.tokens.iter().map(|token| ShownToken {
            id: token.hash.id(),
            name: token.name.clone(),
            right: token.right,
            made: token.made,
        });
        let links = record.links.iter().map(|link| ShownLink {
            id: link.hash.id(),
            name: link.name.clone(),
            made: link.made,
            expires: link.expires,
        });
        Others {
            owner: owner.map(|owner| owner.name.clone()).unwrap_or_default(),
            viewers: record.viewers.iter().map(|v| v.name.clone()).collect(),
            tokens: tokens.collect(),
            links: links.collect(),
            open_to_local_network: record.open_to_local_network,
        }
    }
}

/// True for a link that has expired. While the clock is clearly wrong nobody knows, so it
/// does not open anything.
pub(super) fn is_over(link: &Link, clock: u64) -> bool {
    clock >= link.expires || clock.saturating_add(CLOCK_IS_WRONG) < link.made
}
