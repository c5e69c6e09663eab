//! Checks of what the steward reads of updates: bundles, the engine's words, the board's
//! words, its own record, and pieces on their way.

use mimamori::core::update::record::Record;
use mimamori::proto::update::board::{self, Start};
use mimamori::proto::update::bundle::{self, MAX_HEAD};
use mimamori::proto::update::complaint::Heard;
use mimamori::proto::update::crash;
use mimamori::proto::update::piece::Piece;

const ROOM: u64 = 48 << 20;

/// However a bundle's head arrives, it is judged the same, and soon.
pub fn bundle(data: &[u8]) {
    let size = data.len() as u64;
    let whole = bundle::look(data, size, ROOM);
    assert_ne!(whole, Ok(None), "all of it is there");
    if let Ok(Some(contents)) = &whole {
        assert!(contents.image <= ROOM && contents.image <= size);
    }
    let most = data.len().min(MAX_HEAD);
    let decided = (0..=most).find_map(|length| {
        let looked = bundle::look(&data[..length], size, ROOM);
        (looked != Ok(None)).then_some(looked)
    });
    // Decided early is decided for good.
    assert_eq!(decided, Some(whole));
}

/// Whatever the engine, the kernel or the card says: it is shown without control
/// characters, and short.
pub fn updating(data: &[u8]) {
    let mut heard = Heard::default();
    for line in data.split(|byte| *byte == b'\n') {
        heard.line(line);
    }
    let words = heard.words();
    assert!(words.chars().count() < 300 && !words.contains(char::is_control));

    let text = String::from_utf8_lossy(data);
    let start = Start::read(&text);
    assert!(!start.on_trial() || start.slot == start.trying);
    if let Some(version) = board::version(&text) {
        assert!(version.len() <= 64 && !version.contains(char::is_control));
    }
    let words = crash::words(&text);
    assert!(words.chars().count() < 200 && !words.contains(char::is_control));
    assert!(crash::stamp(&text).chars().count() <= 120);

    if let Ok(record) = Record::read(data) {
        assert_eq!(Record::read(&record.bytes()), Ok(record));
    }
    if let Ok(piece) = Piece::parse(data) {
        assert_eq!(Piece::parse(piece.line().as_bytes()), Ok(piece));
    }
}
