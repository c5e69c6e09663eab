//! Who gets in and who does not: claim, log-in, sessions, tokens, guests' links, guesses.

// A time to begin with may be the real one.
#![allow(clippy::disallowed_methods)]

use mimamori::core::access::digest::Random;
use mimamori::core::access::place::Place;
use mimamori::core::access::record::Record;
use mimamori::core::access::sessions::IDLE;
use mimamori::core::access::{
    Access, Admission, CLAIM_WINDOW, Claim, Grant, Job, LINK_LIFE, Moment, Outcome, Output,
    Refused, Right, Visit, Who,
};
use mimamori::proto::auth::secret::Secret;
use mimamori::proto::auth::{Credentials, MAX_PASSWORD, Shown};
use std::net::IpAddr;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
const CLOCK: u64 = 1_800_000_000;

/// A camera's access, with a stand-in for what hashes, and for the card.
struct Door {
    access: Access,
    at: Moment,
    kept: Option<Vec<u8>>,
    card: Result<(), String>,
    revoked: usize,
    random: u64,
}

fn phc(password: &str) -> String {
    format!("hash of {password}")
}

impl Door {
    fn new() -> Door {
        Door::with(None)
    }

    fn with(record: Option<&[u8]>) -> Door {
        let now = Instant::now();
        Door::starting(Moment { now, clock: CLOCK }, record)
    }

    fn starting(at: Moment, record: Option<&[u8]>) -> Door {
        let dummy = "hash of nothing".to_owned();
        Door {
            access: Access::new(at, Ok(record), at.now, dummy, [9; 32]),
            at,
            kept: record.map(<[u8]>::to_vec),
            card: Ok(()),
            revoked: 0,
            random: 0,
        }
    }

    /// With an owner whose password is "owner's word".
    fn owned() -> Door {
        let mut door = Door::new();
        door.claim(Place::Local, "owner's word").unwrap();
        door
    }

    /// The same camera after the program has started anew.
    fn restarted(&self) -> Door {
        Door::starting(self.at, self.kept.as_deref())
    }

    fn random(&mut self) -> Random {
        self.random += 1;
        let mut random = [7; 32];
        random[..8].copy_from_slice(&self.random.to_be_bytes());
        random
    }

    fn visit(&self, from: &str, place: Place) -> Visit {
        Visit {
            at: self.at,
            from: from.parse::<IpAddr>().unwrap(),
            place,
            agent: "Browser".into(),
        }
    }

    fn home(&self) -> Visit {
        self.visit("192.168.1.5", Place::Local)
    }

    /// Does what is asked until nothing is left; how the job went.
    fn run(&mut self, job: Job) -> Result<Outcome, Refused> {
        self.drain(Some(job)).expect("a job that ends")
    }

    fn drain(&mut self, wanted: Option<Job>) -> Option<Result<Outcome, Refused>> {
        let mut found = None;
        loop {
            match self.access.poll_output(self.at) {
                Output::Verify {
                    job,
                    phc: kept,
                    password,
                } => {
                    let right = kept == phc(password.expose());
                    self.access.handle_verified(self.at, job, right);
                }
                Output::Hash { job, password } => {
                    let hashed = phc(password.expose());
                    self.access.handle_hashed(self.at, job, hashed);
                }
                Output::Save(bytes) => {
                    if self.card.is_ok() {
                        self.kept = Some(bytes);
                    }
                    self.access.handle_saved(self.card.clone());
                }
                Output::Done { job, outcome } if Some(job) == wanted => found = Some(outcome),
                Output::Done { .. } => {}
                Output::Revoked => self.revoked += 1,
                Output::Timeout(_) => return found,
            }
        }
    }

    fn claim(&mut self, place: Place, password: &str) -> Result<Secret, Refused> {
        let (visit, random) = (self.visit("192.168.1.5", place), self.random());
        let job = self
            .access
            .claim(visit, "", Secret::new(password), random)?;
        self.run(job).map(session)
    }

    fn log_in(&mut self, visit: Visit, name: &str, password: &str) -> Result<Secret, Refused> {
        let random = self.random();
        let password = Secret::new(password);
        let job = self.access.log_in(visit, name, password, None, random)?;
        self.run(job).map(session)
    }

    fn owner(&mut self) -> Grant {
        let session = self.log_in(self.home(), "", "owner's word").unwrap();
        self.by_session(&session)
    }

    fn by_session(&mut self, session: &Secret) -> Grant {
        self.admit(Shown::Session(session.clone())).unwrap()
    }

    fn admit(&mut self, shown: Shown) -> Result<Grant, Refused> {
        self.admit_from(self.home(), shown, false)
    }

    fn admit_from(&mut self, visit: Visit, shown: Shown, foreign: bool) -> Result<Grant, Refused> {
        let credentials = Credentials { shown, foreign };
        match self.access.admit(&visit, &credentials)? {
            Admission::Now(grant) => Ok(grant),
            Admission::Later(job) => match self.run(job)? {
                Outcome::Granted(grant) => Ok(grant),
                other => panic!("{other:?}"),
            },
        }
    }

    fn made(&mut self, job: Result<Job, Refused>) -> (String, Secret) {
        match self.run(job.unwrap()) {
            Ok(Outcome::Made { id, secret }) => (id, secret),
            other => panic!("{other:?}"),
        }
    }

    fn add_viewer(&mut self, name: &str, password: &str) -> Result<Outcome, Refused> {
        let owner = self.owner();
        let password = Secret::new(password);
        let job = self.access.set_viewer(self.at, &owner, name, password)?;
        self.run(job)
    }
}

fn session(outcome: Outcome) -> Secret {
    match outcome {
        Outcome::LoggedIn { session, .. } => session,
        other => panic!("{other:?}"),
    }
}

fn basic(name: &str, password: &str) -> Shown {
    Shown::Password {
        name: name.into(),
        password: Secret::new(password),
    }
}

#[test]
fn a_fresh_camera_shows_nothing_and_the_first_one_near_has_it() {
    let mut door = Door::new();
    assert_eq!(
        door.access.claim_state(door.at.now),
        Claim::Open(CLAIM_WINDOW)
    );
    assert_eq!(door.admit(Shown::Nothing), Ok(Grant::NOTHING));
    assert_eq!(door.admit(basic("owner", "")), Err(Refused::Unclaimed));
    assert_eq!(door.log_in(door.home(), "", "x"), Err(Refused::Unclaimed));
    assert_eq!(
        door.claim(Place::Far, "a fine word"),
        Err(Refused::ClaimFar)
    );
    let session = door.claim(Place::Near, "a fine word").unwrap();
    assert_eq!(door.by_session(&session).right, Right::Own);
    assert_eq!(
        door.claim(Place::Near, "another word"),
        Err(Refused::Claimed)
    );
    assert_eq!(door.access.claim_state(door.at.now), Claim::Claimed);
    let mut again = door.restarted();
    assert_eq!(
        again.claim(Place::Near, "another word"),
        Err(Refused::Claimed)
    );
    assert_eq!(again.by_session(&session).right, Right::Own);
}

#[test]
fn after_half_an_hour_nobody_can_claim_it() {
    let mut door = Door::new();
    door.at = door.at.after(CLAIM_WINDOW - Duration::from_secs(1));
    let left = Claim::Open(Duration::from_secs(1));
    assert_eq!(door.access.claim_state(door.at.now), left);
    door.at = door.at.after(Duration::from_secs(1));
    assert_eq!(
        door.claim(Place::Near, "a fine word"),
        Err(Refused::ClaimOver)
    );
    assert_eq!(door.kept, None);
}

#[test]
fn of_two_that_claim_at_once_one_wins() {
    let mut door = Door::new();
    let (home, near) = (door.home(), door.visit("10.91.0.2", Place::Near));
    let word = || Secret::new("a fine word");
    let first = door.access.claim(home, "", word(), [1; 32]).unwrap();
    let second = door.access.claim(near, "", word(), [2; 32]);
    assert_eq!(second, Err(Refused::Busy));
    assert!(door.run(first).is_ok());
}

#[test]
fn a_damaged_record_is_nobodys_invitation() {
    for bytes in [&b""[..], b"{}", b"\0\0\0\0"] {
        let mut door = Door::with(Some(bytes));
        assert!(door.access.damage().is_some());
        assert_eq!(door.access.claim_state(door.at.now), Claim::Claimed);
        let claim = door.claim(Place::Near, "a fine word");
        assert!(matches!(claim, Err(Refused::Damaged(_))), "{claim:?}");
        let admitted = door.admit(Shown::Nothing);
        assert!(matches!(admitted, Err(Refused::Damaged(_))), "{admitted:?}");
        assert!(door.access.adopt(phc("x")).is_err());
    }
}

#[test]
fn a_password_may_be_set_beforehand() {
    let mut door = Door::new();
    door.access.adopt(phc("from the card")).unwrap();
    door.drain(None);
    assert!(door.kept.is_some());
    assert_eq!(door.access.adopt(phc("again")), Err(Refused::Claimed));
    assert!(door.log_in(door.home(), "owner", "from the card").is_ok());
}

#[test]
fn nobody_is_told_whether_name_or_password_was_wrong() {
    let mut door = Door::owned();
    door.add_viewer("Oma", "oma's word").unwrap();
    for (name, password) in [
        ("", "no"),
        ("Oma", "no"),
        ("Opa", "oma's word"),
        ("oma", "oma's word"),
    ] {
        let visit = door.visit("192.168.1.77", Place::Local);
        let random = [1; 32];
        let job = door
            .access
            .log_in(visit, name, Secret::new(password), None, random);
        // A name that does not exist takes as long: io is asked all the same.
        let Output::Verify {
            job: asked, phc, ..
        } = door.access.poll_output(door.at)
        else {
            panic!("nothing is looked at");
        };
        assert!(phc.starts_with("hash of"));
        assert_eq!(Ok(asked), job);
        // Not even a match with the stand-in's password lets anybody in.
        door.access.handle_verified(door.at, asked, name == "Opa");
        assert_eq!(door.run(asked), Err(Refused::WrongPassword), "{name}");
    }
}

#[test]
fn easy_passwords_are_not_taken() {
    let long = "x1".repeat(MAX_PASSWORD);
    for bad in [
        "",
        "short",
        "password",
        "Password123!",
        "12345678",
        "aaaaaaaaaa",
        "mimamori1",
        "mt_abcdefghi",
        "with\nnewline",
        &long,
    ] {
        let mut door = Door::new();
        let refused = door.claim(Place::Near, bad);
        assert!(matches!(refused, Err(Refused::Invalid(_))), "{bad:?}");
    }
    let mut door = Door::owned();
    let same = door.add_viewer("Grandmother", "grandmother");
    assert!(matches!(same, Err(Refused::Invalid(_))));
    for good in [
        "\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{5408}\u{8a00}\u{8449}\u{3067}",
        "correct horse",
    ] {
        assert!(Door::new().claim(Place::Near, good).is_ok(), "{good:?}");
    }
}

#[test]
fn ten_thousand_guesses_do_not_get_in_and_do_not_keep_the_owner_out() {
    let mut door = Door::owned();
    let (mut tried, mut refused, mut next) = (0, 0, 0u32);
    let start = door.at;
    while tried + refused < 10_000 {
        next = (next + 1) % 500;
        let from = format!("203.0.{}.{}", next / 250, next % 250);
        let visit = door.visit(&from, Place::Far);
        match door.log_in(visit, "owner", &format!("guess {tried}")) {
            Err(Refused::WrongPassword) => tried += 1,
            Err(Refused::Wait(_)) => refused += 1,
            other => panic!("{other:?}"),
        }
        door.at = door.at.after(Duration::from_secs(1));
        if next == 0 {
            // At home, and from afar where they have been before: at once.
            assert!(door.log_in(door.home(), "", "owner's word").is_ok());
        }
    }
    let hours = (door.at.clock - start.clock) as f64 / 3600.0;
    assert!(
        tried < 300,
        "{tried} of 10,000 were looked at in {hours:.1} h"
    );
    let stranger = door.visit("192.168.1.99", Place::Local);
    assert!(door.log_in(stranger, "", "owner's word").is_ok());
}

#[test]
fn guesses_at_once_are_few() {
    let mut door = Door::owned();
    let mut asked = 0;
    for n in 0..100 {
        let visit = door.visit(&format!("203.0.113.{n}"), Place::Far);
        let guess = Secret::new("guess guess");
        match door.access.log_in(visit, "", guess, None, [1; 32]) {
            Ok(_) => asked += 1,
            refused => assert_eq!(refused, Err(Refused::Busy)),
        }
    }
    assert_eq!(asked, 2);
    // The owner's own place is kept free.
    assert!(door.log_in(door.home(), "", "owner's word").is_ok());
}

#[test]
fn a_log_in_makes_a_new_session_and_ends_the_planted_one() {
    let mut door = Door::owned();
    let planted = door.log_in(door.home(), "", "owner's word").unwrap();
    let random = door.random();
    let word = Secret::new("owner's word");
    let job = door
        .access
        .log_in(door.home(), "", word, Some(&planted), random);
    let fresh = session(door.run(job.unwrap()).unwrap());
    assert_ne!(fresh, planted);
    assert_eq!(door.by_session(&planted), Grant::NOTHING);
    assert_eq!(door.by_session(&fresh).right, Right::Own);
    // One that was never given out is worth nothing either.
    assert_eq!(
        door.by_session(&Secret::new("a".repeat(43))),
        Grant::NOTHING
    );
}

#[test]
fn viewers_watch_and_no_more_until_they_are_taken_out() {
    let mut door = Door::owned();
    assert_eq!(door.add_viewer("Oma", "oma's word"), Ok(Outcome::Kept));
    let oma = door.log_in(door.home(), "Oma", "oma's word").unwrap();
    let grant = door.by_session(&oma);
    assert_eq!(grant.right, Right::Watch);
    let at = door.at;
    let word = Secret::new("opa's word");
    let not = Err(Refused::NotAllowed);
    assert_eq!(door.access.set_viewer(at, &grant, "Opa", word), not);
    assert_eq!(
        door.access.add_token(at, &grant, "t", Right::Own, &[1; 32]),
        not
    );
    assert_eq!(door.access.add_link(at, &grant, "l", HOUR, &[1; 32]), not);
    assert_eq!(door.access.remove_viewer(at, &grant, "Oma"), not);
    assert_eq!(door.access.open_to_local_network(at, &grant, true), not);
    let lists = door.access.lists(at, &grant);
    assert_eq!((lists.sessions.len(), lists.others), (1, None));
    let owner = door.owner();
    let revoked = door.revoked;
    let job = door.access.remove_viewer(at, &owner, "Oma").unwrap();
    assert_eq!(door.run(job), Ok(Outcome::Kept));
    assert!(door.revoked > revoked);
    assert_eq!(door.access.still(at, &grant), Right::None);
    assert_eq!(door.by_session(&oma), Grant::NOTHING);
    assert_eq!(door.restarted().by_session(&oma), Grant::NOTHING);
}

#[test]
fn a_new_password_ends_what_the_old_one_opened() {
    let mut door = Door::owned();
    let session = door.log_in(door.home(), "", "owner's word").unwrap();
    let by_password = door.admit(basic("owner", "owner's word")).unwrap();
    assert_eq!(by_password.right, Right::Own);
    let grant = door.by_session(&session);
    let change = |door: &mut Door, old: &str| {
        let (visit, random) = (door.home(), door.random());
        let (old, new) = (Secret::new(old), Secret::new("a better word"));
        let job = door.access.change_password(visit, &grant, old, new, random);
        door.run(job.unwrap())
    };
    assert_eq!(change(&mut door, "wrong"), Err(Refused::WrongPassword));
    assert_eq!(door.by_session(&session).right, Right::Own);
    let fresh = self::session(change(&mut door, "owner's word").unwrap());
    assert_eq!(door.by_session(&fresh).right, Right::Own);
    for old in [&grant, &by_password] {
        assert_eq!(door.access.still(door.at, old), Right::None);
    }
    assert_eq!(door.by_session(&session), Grant::NOTHING);
    let old = door.admit(basic("owner", "owner's word"));
    assert_eq!(old, Err(Refused::WrongPassword));
    assert!(door.admit(basic("owner", "a better word")).is_ok());
}

#[test]
fn a_password_that_is_shown_each_time_is_looked_at_once() {
    let mut door = Door::owned();
    for _ in 0..50 {
        assert_eq!(
            door.admit(basic("", "owner's word")).unwrap().right,
            Right::Own
        );
    }
    let shown = Credentials {
        shown: basic("", "owner's word"),
        foreign: false,
    };
    let home = door.home();
    let known = door.access.admit(&home, &shown);
    assert!(matches!(known, Ok(Admission::Now(_))));
    door.at = door.at.after(Duration::from_secs(601));
    let home = door.home();
    let later = door.access.admit(&home, &shown);
    assert!(matches!(later, Ok(Admission::Later(_))));
}

#[test]
fn other_sites_pages_may_watch_with_a_password_and_nothing_else() {
    let mut door = Door::owned();
    let owner = door.owner();
    let job = door
        .access
        .open_to_local_network(door.at, &owner, true)
        .unwrap();
    door.run(job).unwrap();
    let home = door.home();
    let foreign = door.admit_from(home.clone(), basic("", "owner's word"), true);
    assert_eq!(foreign.unwrap().right, Right::Watch);
    // Not even what is open to everybody at home: it is the page that asks.
    let nothing = door.admit_from(home.clone(), Shown::Nothing, true);
    assert_eq!(nothing, Ok(Grant::NOTHING));
    let own = door.admit_from(home, Shown::Nothing, false).unwrap();
    assert_eq!(own.right, Right::Watch);
    let far = door.visit("203.0.113.1", Place::Far);
    assert_eq!(
        door.admit_from(far, Shown::Nothing, false),
        Ok(Grant::NOTHING)
    );
    let job = door
        .access
        .open_to_local_network(door.at, &owner, false)
        .unwrap();
    door.run(job).unwrap();
    assert_eq!(door.access.still(door.at, &own), Right::None);
}

#[test]
fn tokens_open_until_they_are_taken_back() {
    let mut door = Door::owned();
    let owner = door.owner();
    let random = door.random();
    let job = door
        .access
        .add_token(door.at, &owner, "recorder", Right::Watch, &random);
    let (id, token) = door.made(job);
    for shown in [
        Shown::Token(token.clone()),
        basic("anything", token.expose()),
        basic(token.expose(), ""),
    ] {
        assert_eq!(door.admit(shown).unwrap().right, Right::Watch);
    }
    let again = door
        .access
        .add_token(door.at, &owner, "recorder", Right::Own, &random);
    assert!(matches!(again, Err(Refused::Invalid(_))));
    let none = door
        .access
        .add_token(door.at, &owner, "other", Right::None, &random);
    assert!(matches!(none, Err(Refused::Invalid(_))));
    let kept = String::from_utf8(door.kept.clone().unwrap()).unwrap();
    assert!(!kept.contains(token.expose()), "only its digest is kept");
    let grant = door.restarted().admit(Shown::Token(token.clone())).unwrap();
    let job = door.access.remove_token(door.at, &owner, &id).unwrap();
    door.run(job).unwrap();
    assert_eq!(door.access.still(door.at, &grant), Right::None);
    assert_eq!(door.admit(Shown::Token(token)), Err(Refused::WrongToken));
    let unknown = door.access.remove_token(door.at, &owner, &id);
    assert_eq!(unknown, Err(Refused::Unknown));
}

#[test]
fn a_guest_watches_until_the_link_expires() {
    let mut door = Door::owned();
    let owner = door.owner();
    let random = door.random();
    for life in [Duration::ZERO, LINK_LIFE[1] + HOUR] {
        let refused = door
            .access
            .add_link(door.at, &owner, "guest", life, &random);
        assert!(matches!(refused, Err(Refused::Invalid(_))));
    }
    let job = door
        .access
        .add_link(door.at, &owner, "guest", HOUR, &random);
    let (_, link) = door.made(job);
    let (visit, random) = (door.visit("203.0.113.5", Place::Far), door.random());
    let guest = session(door.access.visit_link(&visit, &link, random).unwrap());
    let grant = door.by_session(&guest);
    assert_eq!(grant.right, Right::Watch);
    // A link's secret is no token, and a session's no link.
    let token = door.admit(Shown::Token(link.clone()));
    assert_eq!(token, Err(Refused::WrongToken));
    let wrong = door.access.visit_link(&visit, &guest, random);
    assert_eq!(wrong, Err(Refused::WrongToken));
    door.drain(None);
    let Output::Timeout(Some(wake)) = door.access.poll_output(door.at) else {
        panic!("no end is waited for");
    };
    assert_eq!(wake - door.at.now, HOUR);
    door.at = door.at.after(HOUR - Duration::from_secs(1));
    assert_eq!(door.access.still(door.at, &grant), Right::Watch);
    let revoked = door.revoked;
    door.at = door.at.after(Duration::from_secs(1));
    assert_eq!(door.access.still(door.at, &grant), Right::None);
    door.drain(None);
    assert!(door.revoked > revoked);
    let (visit, random) = (door.home(), door.random());
    let late = door.access.visit_link(&visit, &link, random);
    assert_eq!(late, Err(Refused::WrongToken));
}

#[test]
fn a_link_opens_nothing_while_the_clock_is_wrong() {
    let mut door = Door::owned();
    let (owner, random) = (door.owner(), door.random());
    let job = door
        .access
        .add_link(door.at, &owner, "guest", HOUR, &random);
    let (_, link) = door.made(job);
    let at = Moment {
        clock: 1_600_000_000,
        ..door.at
    };
    let mut again = Door::starting(at, door.kept.as_deref());
    let visit = again.home();
    let refused = again.access.visit_link(&visit, &link, random);
    assert_eq!(refused, Err(Refused::WrongToken));
}

#[test]
fn sessions_are_listed_and_ended_one_or_all() {
    let mut door = Door::owned();
    door.add_viewer("Oma", "oma's word").unwrap();
    let oma = door.log_in(door.home(), "Oma", "oma's word").unwrap();
    let second = door.log_in(door.home(), "Oma", "oma's word").unwrap();
    let (by_oma, by_second) = (door.by_session(&oma), door.by_session(&second));
    let owner = door.owner();
    let lists = door.access.lists(door.at, &owner);
    let of_owner: Vec<_> = lists
        .sessions
        .iter()
        .filter(|s| s.who == Who::Owner)
        .collect();
    assert_eq!(of_owner.iter().filter(|session| session.this).count(), 1);
    let text = serde_json::to_string(&lists).unwrap();
    assert!(!text.contains("hash of") && text.contains("\"viewers\":[\"Oma\"]"));
    // Not somebody else's.
    let unknown = door.access.end_session(door.at, &by_oma, &of_owner[0].id);
    assert_eq!(unknown, Err(Refused::Unknown));
    let job = door.access.log_out(door.at, &by_oma).unwrap();
    door.run(job).unwrap();
    assert_eq!(door.access.still(door.at, &by_oma), Right::None);
    assert_eq!(door.access.still(door.at, &by_second), Right::Watch);
    let job = door.access.end_all_sessions(door.at, &by_second).unwrap();
    door.run(job).unwrap();
    assert_eq!(door.access.still(door.at, &owner), Right::Own);
    let job = door.access.end_all_sessions(door.at, &owner).unwrap();
    door.run(job).unwrap();
    assert_eq!(door.access.still(door.at, &owner), Right::None);
    assert!(door.access.lists(door.at, &owner).sessions.is_empty());
    let logged_out = door.access.end_all_sessions(door.at, &owner);
    assert_eq!(logged_out, Err(Refused::LoggedOut));
}

#[test]
fn a_full_card_is_told_and_a_log_in_works_all_the_same() {
    let mut door = Door::owned();
    door.card = Err("no room".into());
    let owner = door.owner();
    let random = door.random();
    let job = door
        .access
        .add_token(door.at, &owner, "t", Right::Watch, &random)
        .unwrap();
    assert_eq!(door.run(job), Err(Refused::NotKept("no room".into())));
    door.card = Ok(());
    let job = door
        .access
        .open_to_local_network(door.at, &owner, true)
        .unwrap();
    assert_eq!(door.run(job), Ok(Outcome::Kept));
    assert!(door.restarted().access.is_open_to_local_network());
}

#[test]
fn nothing_is_told_before_it_is_kept() {
    let mut door = Door::owned();
    let owner = door.owner();
    let job = door
        .access
        .open_to_local_network(door.at, &owner, true)
        .unwrap();
    assert_eq!(door.access.poll_output(door.at), Output::Revoked);
    assert!(matches!(door.access.poll_output(door.at), Output::Save(_)));
    // A second change while the first is written waits for its own turn.
    let second = door
        .access
        .open_to_local_network(door.at, &owner, false)
        .unwrap();
    assert_eq!(door.access.poll_output(door.at), Output::Revoked);
    assert!(matches!(
        door.access.poll_output(door.at),
        Output::Timeout(_)
    ));
    door.access.handle_saved(Ok(()));
    let done = |job| Output::Done {
        job,
        outcome: Ok(Outcome::Kept),
    };
    assert_eq!(door.access.poll_output(door.at), done(job));
    assert!(matches!(door.access.poll_output(door.at), Output::Save(_)));
    door.access.handle_saved(Ok(()));
    assert_eq!(door.access.poll_output(door.at), done(second));
}

#[test]
fn what_io_could_not_look_at_costs_no_try() {
    let mut door = Door::owned();
    for _ in 0..50 {
        let visit = door.visit("203.0.113.9", Place::Far);
        let guess = Secret::new("owner's word");
        let job = door.access.log_in(visit, "", guess, None, [1; 32]).unwrap();
        door.access.poll_output(door.at);
        door.access.handle_failed(job);
        assert_eq!(door.run(job), Err(Refused::Busy));
    }
}

#[test]
fn an_idle_session_ends_and_nobody_is_logged_out_by_a_clock_that_is_set() {
    let mut door = Door::owned();
    let session = door.log_in(door.home(), "", "owner's word").unwrap();
    // The board starts in 2026 and learns that it is 2030.
    door.at.clock += 4 * 365 * 24 * 3600;
    assert_eq!(door.by_session(&session).right, Right::Own);
    door.drain(None);
    door.at = door.at.after(IDLE);
    assert_eq!(door.by_session(&session), Grant::NOTHING);
    door.drain(None);
    assert_eq!(
        Record::read(door.kept.as_ref().unwrap()).unwrap().sessions,
        []
    );
}
