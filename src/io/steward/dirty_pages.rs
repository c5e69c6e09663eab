//! How much written data the kernel keeps in memory before it goes to the card, bounded
//! while an update is written.

use std::path::{Path, PathBuf};

/// By default the kernel gathers a fifth of the memory (90 MB of the Zero's) and then
/// writes it in one go, for which a card at 10 MB/s takes nine seconds in which nobody
/// else gets to it, and a cut of the power leaves that much half done. 4 MiB are four
/// tenths of a second, and still eight of a card's erase blocks.
const MOST: u64 = 4 << 20;
/// From here on it writes without being asked, so that the limit above is seldom met.
const BEGIN: u64 = 1 << 20;

/// For as long as this is there; then it is as it was.
#[derive(Debug)]
pub struct Bounded {
    folder: PathBuf,
    before: Vec<(&'static str, String)>,
}

impl Bounded {
    pub fn new(root: &Path) -> Bounded {
        let folder = root.join("proc/sys/vm");
        let names = [
            ("dirty_bytes", "dirty_ratio"),
            ("dirty_background_bytes", "dirty_background_ratio"),
        ];
        // One of each pair counts, and the other one is zero.
        let counts = |name: &'static str| {
            let text = std::fs::read_to_string(folder.join(name)).ok()?;
            let number: u64 = text.trim().parse().ok().filter(|number| *number > 0)?;
            Some((name, number.to_string()))
        };
        let before = names.into_iter();
        let before = before.filter_map(|(bytes, ratio)| counts(bytes).or_else(|| counts(ratio)));
        let bounded = Bounded {
            before: before.collect(),
            folder,
        };
        bounded.write("dirty_background_bytes", &BEGIN.to_string());
        bounded.write("dirty_bytes", &MOST.to_string());
        bounded
    }

    /// Goes without it where it can't be had.
    fn write(&self, name: &str, value: &str) {
        let path = self.folder.join(name);
        if path.exists()
            && let Err(error) = std::fs::write(&path, value)
        {
            log::warn!("{}: {error}", path.display());
        }
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        for (name, value) in &self.before {
            self.write(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_comes_back() {
        let root = std::env::temp_dir().join(format!("mimamori-dirty-{}", std::process::id()));
        let folder = root.join("proc/sys/vm");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, value) in [
            ("dirty_bytes", "0\n"),
            ("dirty_ratio", "20\n"),
            ("dirty_background_bytes", "65536\n"),
            ("dirty_background_ratio", "0\n"),
        ] {
            std::fs::write(folder.join(name), value).unwrap();
        }
        let value = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let bounded = Bounded::new(&root);
        assert_eq!(value("dirty_bytes"), MOST.to_string());
        assert_eq!(value("dirty_background_bytes"), BEGIN.to_string());
        drop(bounded);
        assert_eq!(value("dirty_ratio"), "20");
        assert_eq!(value("dirty_background_bytes"), "65536");
        std::fs::remove_dir_all(&root).unwrap();
        // Where there is none of it, as in a container.
        drop(Bounded::new(&root));
    }
}
