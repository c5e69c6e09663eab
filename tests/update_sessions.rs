//! One upload at a time, which goes on where it broke off, and does not wait for ever.

// A time to begin with may be the real one.
#![allow(clippy::disallowed_methods)]

use mimamori::core::update::session::{ENVELOPE, INSTALLING, RECEIVING, SILENCE, Uploads};
use mimamori::proto::steward::Refused;
use mimamori::proto::update::piece::{Piece, UploadId};
use std::time::{Duration, Instant};

const ROOM: u64 = 48 << 20;
const SIZE: u64 = 1000;

fn id(number: u64) -> UploadId {
    UploadId::from_random(number)
}

fn piece(offset: u64, length: u64) -> Piece {
    let id = id(1);
    Piece { id, offset, length }
}

fn begun(now: Instant) -> Uploads {
    let mut uploads = Uploads::default();
    uploads.announce(now, id(1), SIZE, ROOM).unwrap();
    uploads
}

fn send(uploads: &mut Uploads, now: Instant, offset: u64, length: u64) {
    uploads.begin(now, &piece(offset, length)).unwrap();
    uploads.take(now, length);
    assert_eq!(uploads.end_piece(now), Some(offset + length));
}

fn status(refused: Result<(), Refused>) -> Option<u16> {
    refused.unwrap_err().status
}

#[test]
fn a_bundle_comes_in_pieces_and_is_then_installed() {
    let now = Instant::now();
    let mut uploads = begun(now);
    send(&mut uploads, now, 0, 400);
    assert!(uploads.is_receiving() && !uploads.is_installing());
    send(&mut uploads, now, 400, 600);
    assert!(uploads.is_installing());
    assert_eq!(uploads.progress(), Some((SIZE, SIZE)));
    uploads.installed();
    assert_eq!(uploads.deadline(), None);
}

#[test]
fn a_second_one_has_to_wait() {
    let now = Instant::now();
    let mut uploads = begun(now);
    assert_eq!(status(uploads.announce(now, id(2), SIZE, ROOM)), Some(409));
    uploads.abandon(&id(1)).unwrap();
    uploads.announce(now, id(2), SIZE, ROOM).unwrap();
}

#[test]
fn what_does_not_fit_is_refused_before_a_byte_is_sent() {
    let now = Instant::now();
    let mut uploads = Uploads::default();
    for (size, expected) in [
        (0, Some(422)),
        (ROOM + ENVELOPE + 1, Some(413)),
        (u64::MAX, Some(413)),
    ] {
        assert_eq!(status(uploads.announce(now, id(1), size, ROOM)), expected);
    }
    uploads.announce(now, id(1), ROOM + ENVELOPE, ROOM).unwrap();
}

#[test]
fn it_goes_on_where_it_broke_off_and_nowhere_else() {
    let now = Instant::now();
    let mut uploads = begun(now);
    uploads.begin(now, &piece(0, 500)).unwrap();
    // One piece at a time.
    assert_eq!(status(uploads.begin(now, &piece(0, 500))), Some(409));
    uploads.take(now, 123);
    assert_eq!(uploads.end_piece(now), Some(123));
    for (offset, length, expected) in [(0, 500, 409), (500, 100, 409), (123, 900, 413)] {
        let refused = uploads.begin(now, &piece(offset, length)).unwrap_err();
        assert_eq!(
            (refused.status, refused.offset),
            (Some(expected), Some(123))
        );
    }
    send(&mut uploads, now, 123, SIZE - 123);
    assert!(uploads.is_installing());
}

#[test]
fn silence_ends_it_but_not_a_piece_that_is_on_its_way() {
    let now = Instant::now();
    let mut uploads = begun(now);
    send(&mut uploads, now, 0, 10);
    let late = now + SILENCE;
    assert_eq!(uploads.deadline(), Some(late));
    assert_eq!(uploads.overdue(late - Duration::from_secs(1)), None);
    assert!(uploads.overdue(late).is_some());
    uploads.begin(now, &piece(10, 10)).unwrap();
    assert_eq!(uploads.overdue(late), None);
    assert!(uploads.overdue(now + RECEIVING).is_some());
}

#[test]
fn an_engine_that_does_not_end_is_given_up() {
    let now = Instant::now();
    let mut uploads = begun(now);
    send(&mut uploads, now, 0, SIZE);
    assert_eq!(uploads.overdue(now + SILENCE), None);
    assert!(uploads.overdue(now + INSTALLING).is_some());
}

#[test]
fn who_goes_on_sending_is_told_how_it_ended() {
    let now = Instant::now();
    let mut uploads = begun(now);
    uploads.end(Refused::new(422, "It is not signed."));
    let refused = uploads.begin(now, &piece(0, 1)).unwrap_err();
    assert_eq!(refused, Refused::new(422, "It is not signed."));
    assert_eq!(uploads.abandon(&id(1)).unwrap_err().status, Some(422));
    assert_eq!(uploads.progress(), None);
    // Of another one nothing is known.
    uploads.announce(now, id(2), SIZE, ROOM).unwrap();
    assert_eq!(status(uploads.begin(now, &piece(0, 1))), Some(410));
    assert_eq!(uploads.abandon(&id(1)).unwrap_err().status, Some(410));
}

#[test]
fn what_is_being_installed_is_not_given_up_by_who_sent_it() {
    let now = Instant::now();
    let mut uploads = begun(now);
    send(&mut uploads, now, 0, SIZE);
    assert_eq!(uploads.abandon(&id(1)).unwrap_err().status, Some(409));
    // Asked for nothing more, it says where it is.
    assert_eq!(uploads.begin(now, &piece(SIZE, 0)), Ok(()));
    assert_eq!(uploads.end_piece(now), Some(SIZE));
}
