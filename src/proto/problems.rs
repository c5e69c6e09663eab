//! What went wrong when the system started, in words for the camera's owner: a file
//! with a line for each, written by the start scripts.

/// Bytes of the file that are read; what starts the system has few things to say.
pub const MAX_BYTES: usize = 4096;
const MAX_PROBLEMS: usize = 8;
/// Characters of one.
const MAX_LENGTH: usize = 300;

/// The problems that a file names, each once, without what no page should show.
pub fn parse(file: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(&file[..file.len().min(MAX_BYTES)]);
    let mut problems: Vec<String> = Vec::new();
    for line in text.lines() {
        let plain = line.chars().filter(|c| !c.is_control());
        let problem: String = plain.take(MAX_LENGTH).collect();
        let problem = problem.trim();
        let known = problems.iter().any(|known| known == problem);
        if !problem.is_empty() && !known && problems.len() < MAX_PROBLEMS {
            problems.push(problem.into());
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_problem_and_is_told_once() {
        assert_eq!(parse(b"one\ntwo\n\n one \r\n"), ["one", "two"]);
        assert!(parse(b"").is_empty());
    }

    #[test]
    fn what_is_no_text_or_too_much_of_it_does_no_harm() {
        assert_eq!(parse(b"a\x1b[2Jb\x00\xff"), ["a[2Jb\u{fffd}"]);
        assert_eq!(parse(&[b'x'; 10_000])[0].len(), MAX_LENGTH);
        let many: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert_eq!(parse(many.as_bytes()).len(), MAX_PROBLEMS);
        // Cut in the middle of a character.
        let mut long = "é\n".repeat(MAX_BYTES);
        long.insert_str(0, "xxx");
        assert_eq!(parse(long.as_bytes()).len(), 3);
    }
}
