//! The file with what is wrong, a line each, that the camera's server shows.

use super::files;
use std::io;
use std::path::Path;

/// So much of what others have noted is kept, in bytes.
const LIMIT: usize = 4096;

/// Takes out what we had noted before, and puts in what is to be there now.
pub fn replace(path: &Path, before: &[String], now: &[String]) -> io::Result<()> {
    let old = files::read(path, LIMIT)?.unwrap_or_default();
    let old = String::from_utf8_lossy(&old);
    let others = old
        .lines()
        .filter(|line| !before.iter().any(|ours| one_line(ours) == *line));
    let now = now.iter().map(|ours| one_line(ours));
    let lines = others.map(String::from).chain(now);
    let text: String = lines.map(|line| line + "\n").collect();
    files::replace(path, "problems.new", text.as_bytes(), 0o644)
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_noted_stays() {
        let folder = std::env::temp_dir().join(format!("mimamori-notes-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("problems");
        let ours = ["a\nb".to_owned(), "c".to_owned()];
        std::fs::write(&path, "theirs\n").unwrap();
        replace(&path, &[], &ours).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs\na b\nc\n");
        replace(&path, &ours, &ours[1..]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs\nc\n");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
