//! The log that the kernel has left behind (overlay/usr/lib/mimamori/last-crash): what
//! it allows to say of an end that nobody was there to explain.

/// So much of the file is looked at, in bytes.
pub const LIMIT: usize = 80 << 10;
/// Longest of the kernel's own words that are shown, in characters.
const LONGEST: usize = 120;

/// What tells one such file from another: its first line, which says when it was kept.
pub fn stamp(file: &str) -> &str {
    let line = file.lines().next().unwrap_or_default();
    let end = line
        .char_indices()
        .nth(LONGEST)
        .map_or(line.len(), |(at, _)| at);
    &line[..end]
}

/// How the system ended that the file is of.
pub fn words(file: &str) -> String {
    let panic = file.lines().rev().find_map(|line| {
        let at = line.find("Kernel panic - not syncing")?;
        Some(&line[at..])
    });
    match panic {
        Some(words) => {
            let words: String = words.replace(char::is_control, " ");
            let words: String = words.chars().take(LONGEST).collect();
            format!("its kernel panicked ({})", words.trim())
        }
        None => "it hung, or ended without a word".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_apart_from_a_hang() {
        let kept = "Kept at the start of 2026-01-01 00:00:01 UTC, as the clock was then.\n";
        let panic = format!("{kept}[ 1.0] a\n[ 2.0] Kernel panic - not syncing: No init found.\n");
        assert!(words(&panic).contains("No init found."));
        assert!(words(kept).contains("hung"));
        assert!(stamp(&panic).contains("00:00:01"));
        assert!(words(&format!("Kernel panic - not syncing: {}", "x".repeat(9000))).len() < 200);
        assert_eq!(stamp(""), "");
        assert!(stamp(&"ä".repeat(9000)).chars().count() <= LONGEST);
    }
}
