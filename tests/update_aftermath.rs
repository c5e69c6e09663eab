//! What a start makes of what was before it: trials, the way back and its reason, power
//! that went in the middle.

use mimamori::core::update::aftermath::{Found, Next, judge};
use mimamori::core::update::record::{Attempt, Known, LIMIT, Outcome, Record, Stage};
use mimamori::core::update::trial::{Before, Camera};
use mimamori::proto::update::board::{Slot, Start};

const AT: u64 = 1_800_000_000;
const BEFORE: Before = Before {
    camera: Camera::Running,
    network: true,
    page: Some(80),
};

fn started(slot: Slot, trying: Option<Slot>, failed: Option<Slot>) -> Found<'static> {
    Found {
        start: Start {
            slot: Some(slot),
            trying,
            failed,
        },
        version: if slot == Slot::A { "1.0.0" } else { "2.0.0" },
        digest: "d1",
        boot: "this",
        crash: None,
        at: AT,
    }
}

/// From slot A to slot B.
fn attempt(stage: Stage) -> Record {
    Record {
        attempt: Some(Attempt {
            stage,
            slot: Slot::B,
            from: Some("1.0.0".into()),
            to: Some("2.0.0".into()),
            before: Some(BEFORE),
            starts: u32::from(stage == Stage::Trial),
            reason: None,
            boot: "before".into(),
            crash: "Kept at the start of 2020".into(),
        }),
        ..Record::default()
    }
}

fn known(version: &str) -> Known {
    Known {
        version: version.into(),
        proven: true,
        digest: "d1".into(),
    }
}

fn last(record: &Record) -> (Outcome, &str) {
    assert_eq!(record.attempt, None);
    let last = record.last.as_ref().unwrap();
    assert_eq!(last.at, AT);
    (last.result, &last.reason)
}

#[test]
fn a_start_without_anything_before_it_only_notes_what_runs() {
    let mut record = Record::default();
    assert_eq!(
        judge(&mut record, &started(Slot::A, None, None)),
        Next::Nothing
    );
    assert_eq!(record.known(Slot::A), Some(&known("1.0.0")));
    assert_eq!((record.known(Slot::B), &record.last), (None, &None));
    let mut nothing = Record::default();
    let pc = Found {
        start: Start::default(),
        ..started(Slot::A, None, None)
    };
    assert_eq!(judge(&mut nothing, &pc), Next::Nothing);
    assert_eq!(nothing, Record::default());
}

#[test]
fn a_trial_is_held_with_what_there_was_before() {
    for stage in [Stage::Restarting, Stage::Trial] {
        let mut record = attempt(stage);
        let found = started(Slot::B, Some(Slot::B), None);
        assert_eq!(judge(&mut record, &found), Next::Trial(BEFORE));
        let attempt = record.attempt.as_ref().unwrap();
        assert_eq!(attempt.stage, Stage::Trial);
        assert!(!record.known(Slot::B).unwrap().proven);
        // What the slots hold is known again.
        record.kept(Slot::B, known("2.0.0"), "this", AT);
        assert_eq!(last(&record), (Outcome::Updated, ""));
        assert!(record.known(Slot::B).unwrap().proven);
        // A steward that begins anew holds no second trial.
        assert_eq!(judge(&mut record, &found), Next::Nothing);
    }
}

#[test]
fn a_trial_of_which_nothing_is_known_is_held_all_the_same() {
    let mut record = Record::default();
    let next = judge(&mut record, &started(Slot::B, Some(Slot::B), None));
    let Next::Trial(before) = next else {
        panic!("{next:?}");
    };
    assert_eq!((before.camera, before.network), (Camera::None, false));
    assert!(before.page.is_some());
    let mut seen = Record {
        seen: Some(BEFORE),
        ..Record::default()
    };
    let next = judge(&mut seen, &started(Slot::B, Some(Slot::B), None));
    assert_eq!(next, Next::Trial(BEFORE));
    assert_eq!(record.attempt.unwrap().to.as_deref(), Some("2.0.0"));
}

#[test]
fn a_steward_that_ends_again_and_again_gives_up() {
    let mut record = attempt(Stage::Restarting);
    let found = started(Slot::B, Some(Slot::B), None);
    for _ in 0..5 {
        assert!(matches!(judge(&mut record, &found), Next::Trial(_)));
    }
    assert!(matches!(judge(&mut record, &found), Next::GiveUp(_)));
}

#[test]
fn a_trial_that_was_given_up_and_not_restarted_stays_given_up() {
    let mut record = attempt(Stage::Trial);
    record.attempt.as_mut().unwrap().reason = Some("no picture".into());
    let found = started(Slot::B, Some(Slot::B), None);
    let mut again = record.clone();
    again.attempt.as_mut().unwrap().boot = "this".into();
    assert_eq!(judge(&mut again, &found), Next::GiveUp("no picture".into()));
    // Started once more, because U-Boot could not be told: it is judged once more.
    assert_eq!(judge(&mut record, &found), Next::Trial(BEFORE));
}

#[test]
fn the_old_version_tells_the_reason_that_the_trial_has_left() {
    let mut record = attempt(Stage::Trial);
    record.attempt.as_mut().unwrap().reason = Some("its camera gave no picture".into());
    let found = started(Slot::A, None, Some(Slot::B));
    assert_eq!(judge(&mut record, &found), Next::Nothing);
    assert_eq!(
        last(&record),
        (Outcome::RolledBack, "its camera gave no picture")
    );
    let told = record.last.clone().unwrap();
    assert_eq!(
        (told.version.as_deref(), told.from.as_deref()),
        (Some("2.0.0"), Some("1.0.0"))
    );
    // Only once: U-Boot goes on naming the slot.
    let before = record.clone();
    judge(&mut record, &found);
    assert_eq!(record, before);
}

#[test]
fn without_a_reason_the_kernels_log_is_asked() {
    let panic = "Kept at the start of 2026\n[1.0] Kernel panic - not syncing: No init found.\n";
    let hang = "Kept at the start of 2026\n[1.0] all is well\n";
    let old = "Kept at the start of 2020\n[1.0] Kernel panic - not syncing: long ago\n";
    for (crash, starts, words) in [
        (Some(panic), 0, "No init found"),
        (Some(hang), 0, "hung"),
        (Some(old), 0, "did not come so far"),
        (None, 0, "did not come so far"),
        (None, 2, "before it had proved itself"),
    ] {
        let mut record = attempt(Stage::Restarting);
        record.attempt.as_mut().unwrap().starts = starts;
        let found = Found {
            crash,
            ..started(Slot::A, None, Some(Slot::B))
        };
        assert_eq!(judge(&mut record, &found), Next::Nothing);
        let (result, reason) = last(&record);
        assert_eq!(result, Outcome::RolledBack);
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn a_slot_that_can_not_be_loaded_is_not_tried_again() {
    for mut record in [attempt(Stage::Restarting), Record::default()] {
        let found = started(Slot::A, Some(Slot::B), Some(Slot::B));
        let next = judge(&mut record, &found);
        assert_eq!(next, Next::Tell("try=\ntries=\nfailed=B\n".into()));
        assert_eq!(last(&record).0, Outcome::RolledBack);
    }
}

#[test]
fn power_that_goes_while_it_is_written_changes_nothing() {
    let mut record = attempt(Stage::Writing);
    assert_eq!(
        judge(&mut record, &started(Slot::A, None, None)),
        Next::Nothing
    );
    assert_eq!(last(&record).0, Outcome::Failed);
    // What is half written is not offered as a way back.
    assert_eq!(record.known(Slot::B), None);
}

#[test]
fn a_steward_that_begins_anew_takes_up_the_restart_but_not_the_writing() {
    let found = started(Slot::A, None, None);
    let mut restarting = attempt(Stage::Restarting);
    restarting.attempt.as_mut().unwrap().boot = "this".into();
    assert_eq!(judge(&mut restarting, &found), Next::Restart);
    let mut writing = attempt(Stage::Writing);
    writing.attempt.as_mut().unwrap().boot = "this".into();
    assert_eq!(
        judge(&mut writing, &found),
        Next::Tell("try=\ntries=\n".into())
    );
    assert_eq!(last(&writing).0, Outcome::Failed);
}

#[test]
fn a_failure_of_somebody_elses_update_is_told_once() {
    let mut record = Record::default();
    let found = started(Slot::A, None, Some(Slot::B));
    judge(&mut record, &found);
    assert_eq!(last(&record).0, Outcome::RolledBack);
    record.last = None;
    judge(&mut record, &found);
    assert_eq!(record.last, None);
}

#[test]
fn a_record_is_read_as_it_was_written_and_a_damaged_one_is_none() {
    let mut record = attempt(Stage::Trial);
    record.set_known(Slot::A, Some(known("1.0.0")));
    let bytes = record.bytes();
    assert_eq!(Record::read(&bytes), Ok(record));
    for length in 0..bytes.len() - 1 {
        let cut = Record::read(&bytes[..length]);
        // Only the newline at the end may be missing.
        assert!(cut.is_err() || length + 1 >= bytes.len() - 1, "{length}");
    }
    assert!(Record::read(&vec![b' '; LIMIT + 1]).is_err());
    assert!(Record::read(b"null").is_err());
    // A newer version knows more.
    let newer = br#"{"slots":{"a":{"version":"3","proven":true,"keys":[1]},"c":1},"more":{}}"#;
    let read = Record::read(newer).unwrap();
    assert_eq!(read.known(Slot::A).unwrap().version, "3");
    assert_eq!(Record::read(b"{}"), Ok(Record::default()));
}

#[test]
fn power_that_goes_right_after_u_boot_was_told_takes_nothing_back() {
    // To keep the new version: its steward had no time to note it.
    let mut record = attempt(Stage::Trial);
    let next = judge(&mut record, &started(Slot::B, None, None));
    assert_eq!(next, Next::Nothing);
    assert_eq!(last(&record), (Outcome::Updated, ""));
    assert_eq!(record.known(Slot::B), Some(&known("2.0.0")));
    // To try it: the old steward had no time to note what there was before.
    let mut record = attempt(Stage::Writing);
    record.attempt.as_mut().unwrap().before = None;
    let next = judge(&mut record, &started(Slot::B, Some(Slot::B), None));
    assert!(matches!(next, Next::Trial(_)), "{next:?}");
    assert_eq!(record.attempt.unwrap().from.as_deref(), Some("1.0.0"));
}
