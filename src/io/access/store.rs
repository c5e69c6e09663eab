//! The file in which it is kept who may in.
//!
//! A card may take a second to have written something, so it is written on a thread of its own.

use super::{Event, Events};
use crate::io::steward::files;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// In the state directory, mode 0600.
pub const FILE_NAME: &str = "access.json";
const NEW: &str = "access.json.new";

/// The running thread; it ends when this is dropped, once it has written what it was given.
#[derive(Debug)]
pub struct Store {
    records: SyncSender<Vec<u8>>,
    events: Events,
}

/// What is kept, at most `limit` bytes and one more; `None` if nothing ever was.
pub fn read(directory: &Path, limit: usize) -> Result<Option<Vec<u8>>, String> {
    files::read(&directory.join(FILE_NAME), limit).map_err(|error| error.to_string())
}

impl Store {
    pub fn start(directory: &Path, events: Events) -> io::Result<Store> {
        let path = directory.join(FILE_NAME);
        let (sender, records) = sync_channel(1);
        let of_thread = events.clone();
        std::thread::Builder::new()
            .name("access".to_owned())
            .spawn(move || run(&path, &records, &of_thread))?;
        Ok(Store {
            records: sender,
            events,
        })
    }

    /// Answered by [`Event::Saved`]; one at a time.
    pub fn save(&self, record: Vec<u8>) {
        if self.records.try_send(record).is_err() {
            let why = "the last one is still being written".to_owned();
            let _ = self.events.send(Event::Saved(Err(why)));
        }
    }
}

fn run(path: &Path, records: &Receiver<Vec<u8>>, events: &Events) {
    while let Ok(record) = records.recv() {
        let saved = save(path, &record).map_err(|error| error.to_string());
        if let Err(why) = &saved {
            log::error!("{} can't be written: {why}", path.display());
        }
        if events.send(Event::Saved(saved)).is_err() {
            return;
        }
    }
}

fn save(path: &Path, record: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(directory)?;
    }
    files::replace(path, NEW, record, 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use tokio::sync::mpsc;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("mimamori-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[tokio::test]
    async fn a_record_is_read_as_it_was_saved_and_by_nobody_else() {
        let folder = folder("access");
        assert_eq!(read(&folder, 10), Ok(None));
        let (events, mut heard) = mpsc::unbounded_channel();
        let store = Store::start(&folder, events).unwrap();
        for record in ["one", "another"] {
            store.save(record.into());
            assert_eq!(heard.recv().await, Some(Event::Saved(Ok(()))));
            assert_eq!(read(&folder, 10), Ok(Some(record.into())));
        }
        let mode = fs::metadata(folder.join(FILE_NAME)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert!(!folder.join(NEW).exists());
        // More than may be: one byte says so.
        assert_eq!(read(&folder, 3).unwrap().unwrap().len(), 4);
        drop(store);
        assert_eq!(heard.recv().await, None);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn what_can_t_be_written_is_told_and_leaves_the_old_one() {
        let folder = folder("access-bad");
        fs::create_dir_all(folder.join(NEW)).unwrap();
        fs::write(folder.join(FILE_NAME), "old").unwrap();
        let (events, mut heard) = mpsc::unbounded_channel();
        let store = Store::start(&folder, events).unwrap();
        store.save("new".into());
        assert!(matches!(heard.recv().await, Some(Event::Saved(Err(_)))));
        assert_eq!(read(&folder, 10), Ok(Some("old".into())));
        // A folder in its place is no record, and not as if there were none.
        fs::remove_file(folder.join(FILE_NAME)).unwrap();
        fs::create_dir(folder.join(FILE_NAME)).unwrap();
        assert!(read(&folder, 10).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
