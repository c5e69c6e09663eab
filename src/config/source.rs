//! The text of a configuration file: made readable for a TOML parser, and every
//! place in it found again for an error message.

use super::FILE_LIMIT;
use std::fmt;
use std::ops::Range;

/// The TOML parser nests a table for each dot of a key, and 30,000 of them
/// exhaust the stack. Counted wherever they stand: eight URLs have fewer.
const MAX_DOTS_PER_LINE: usize = 100;
/// Characters of a value shown in a message.
const SHOWN: usize = 40;

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file's name, as it was given.
    pub file: String,
    /// From 1; 0 if it is no line's fault.
    pub line: usize,
    /// From 1, in characters; 0 if it is no line's fault.
    pub column: usize,
    /// The offending key with its section, for example `video.width`; empty if
    /// it is no key's fault.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl ConfigError {
    pub(super) fn of_file(file: &str, message: String) -> ConfigError {
        ConfigError {
            file: file.into(),
            line: 0,
            column: 0,
            key: String::new(),
            message,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            _ => write!(
                f,
                "{}:{}:{}: {}",
                self.file, self.line, self.column, self.message
            ),
        }
    }
}

impl std::error::Error for ConfigError {}

pub(super) fn too_long() -> String {
    format!(
        "longer than {} KiB: not a configuration file",
        FILE_LIMIT >> 10
    )
}

pub(super) fn not_utf8(name: &str, bytes: &[u8], valid_up_to: usize) -> ConfigError {
    let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let good = String::from_utf8_lossy(&bytes[..valid_up_to]);
    let (line, column) = position(&good, good.len());
    ConfigError {
        line,
        column,
        ..ConfigError::of_file(
            name,
            format!(
                "{} text; save the file as UTF-8",
                if utf16 { "UTF-16" } else { "not UTF-8" }
            ),
        )
    }
}

/// A file's text with its name.
pub(super) struct Source {
    pub name: String,
    /// Normalised: each character of the original is still one character on the
    /// same line, but for the byte-order mark and carriage returns.
    pub text: String,
}

impl Source {
    /// Errors are about the text as a whole.
    pub fn new(text: &str, name: &str) -> Result<Source, ConfigError> {
        if text.len() > FILE_LIMIT {
            return Err(ConfigError::of_file(name, too_long()));
        }
        let source = Source {
            name: name.into(),
            text: normalise(text),
        };
        match too_deep(&source.text) {
            Some(offset) => Err(source.error(offset, "", "too many dots".into())),
            None => Ok(source),
        }
    }

    pub fn error(&self, offset: usize, key: &str, message: String) -> ConfigError {
        let (line, column) = position(&self.text, offset);
        ConfigError {
            file: self.name.clone(),
            line,
            column,
            key: key.into(),
            message,
        }
    }

    /// The text of a value, short enough for a message.
    pub fn shown(&self, span: Range<usize>) -> String {
        shown(self.text.get(span).unwrap_or_default())
    }

    /// The whole line at `offset`, short enough for a message.
    pub fn line_at(&self, offset: usize) -> String {
        let (line, _) = position(&self.text, offset);
        shown(self.text.lines().nth(line - 1).unwrap_or_default().trim())
    }
}

fn shown(text: &str) -> String {
    let mut line = text.chars().take_while(|c| *c != '\n');
    let mut short: String = line.by_ref().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// Line and column of a byte, both from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// What editors and web pages do to a file, undone. Inside strings that begin
/// and end with plain quotes, and in comments, everything stays.
fn normalise(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '#' => copy(&mut out, rest, line_end(rest)),
            '"' | '\'' if rest.starts_with(&c.to_string().repeat(3)) => {
                let closing = c.to_string().repeat(3);
                let end = rest[3..].find(&closing).map_or(rest.len(), |at| at + 6);
                copy(&mut out, rest, end)
            }
            _ if plain_quote(c).is_some() => string(&mut out, rest, c),
            '\u{a0}' | '\u{3000}' | '\u{202f}' => {
                out.push(' ');
                c.len_utf8()
            }
            _ => copy(&mut out, rest, c.len_utf8()),
        };
        rest = &rest[taken..];
    }
    out
}

fn copy(out: &mut String, rest: &str, length: usize) -> usize {
    out.push_str(&rest[..length]);
    length
}

fn line_end(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

/// A one-line string that begins with the quote `open`. Returns its length in
/// `rest`.
fn string(out: &mut String, rest: &str, open: char) -> usize {
    let plain = plain_quote(open).unwrap_or(open);
    let inside = &rest[open.len_utf8()..line_end(rest)];
    let strict = (open == plain)
        .then(|| closing(inside, plain, |c| c == plain))
        .flatten();
    let close = strict.or_else(|| closing(inside, plain, |c| plain_quote(c) == Some(plain)));
    out.push(plain);
    let Some(close) = close else {
        // Unclosed: the TOML parser will say so.
        out.push_str(inside);
        return open.len_utf8() + inside.len();
    };
    out.push_str(&inside[..close]);
    out.push(plain);
    let quote = inside[close..].chars().next().map_or(0, char::len_utf8);
    open.len_utf8() + close + quote
}

/// Where the string ends, past backslash escapes in double quotes.
fn closing(inside: &str, plain: char, is_quote: impl Fn(char) -> bool) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' && plain == '"' {
            escaped = true;
        } else if is_quote(c) {
            return Some(at);
        }
    }
    None
}

/// The quote of TOML that a typographic one stands for.
fn plain_quote(c: char) -> Option<char> {
    match c {
        '"' | '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{ff02}' => Some('"'),
        '\'' | '\u{2018}'..='\u{201b}' | '\u{ff07}' => Some('\''),
        _ => None,
    }
}

/// The first line whose keys might nest too deep.
fn too_deep(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let comment = line.trim_start().starts_with('#');
        if !comment && line.matches('.').count() > MAX_DOTS_PER_LINE {
            return Some(start);
        }
        start += line.len();
    }
    None
}

/// The candidate that a misspelt `word` most likely meant.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', ' '], "_");
    let word: Vec<char> = plain(word).chars().take(64).collect();
    let beginning: String = word.iter().collect();
    candidates
        .into_iter()
        .map(|candidate| {
            let target = plain(candidate);
            let prefix = beginning.len() >= 3 && target.starts_with(&beginning);
            let distance = distance(&word, &target.chars().collect::<Vec<_>>());
            (if prefix { distance.min(1) } else { distance }, candidate)
        })
        .filter(|(distance, candidate)| *distance <= ((candidate.len() + 1) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's edit distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typographic_quotes_become_plain_ones_where_they_are_quotes() {
        for (before, after) in [
            ("a = \u{201c}x\u{201d}", "a = \"x\""),
            ("a = \u{201e}x\u{201c}", "a = \"x\""),
            ("a = \"x\u{201d}", "a = \"x\""),
            ("a = \u{201d}x\"", "a = \"x\""),
            (
                "a = \u{2018}x\u{2019} # it\u{2019}s",
                "a = 'x' # it\u{2019}s",
            ),
            (
                "a = \"it\u{2019}s \u{201c}y\u{201d}\"",
                "a = \"it\u{2019}s \u{201c}y\u{201d}\"",
            ),
            ("a = \"\\\"\u{201c}\"", "a = \"\\\"\u{201c}\""),
            ("\u{feff}a\u{a0}= 1\r\nb = 2\r", "a = 1\nb = 2\n"),
            ("a = \"\"\"x\u{201c}\n\"\"\"", "a = \"\"\"x\u{201c}\n\"\"\""),
            ("a = \"open", "a = \"open"),
            ("'", "'"),
        ] {
            assert_eq!(normalise(before), after, "{before}");
        }
    }

    #[test]
    fn normalising_is_idempotent_and_keeps_lines() {
        let text = "\u{feff}# \u{201c}\r\na = [\u{201c}b\u{201d}, 'c\u{2019}]\r\n\r\n\"";
        let once = normalise(text);
        assert_eq!(normalise(&once), once);
        assert_eq!(once.matches('\n').count(), text.matches('\n').count());
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(position("", 0), (1, 1));
        assert_eq!(position("ab\ncd", 4), (2, 2));
        assert_eq!(position("\u{65e5}\u{672c} x", 7), (1, 4));
        assert_eq!(position("\u{65e5}", 1), (1, 1));
        assert_eq!(position("a\n", 99), (2, 1));
    }

    #[test]
    fn the_nearest_word_is_the_meant_one() {
        let keys = ["listen", "max_viewers", "state_directory", "log"];
        for (word, meant) in [
            ("lisen", Some("listen")),
            ("max-viewers", Some("max_viewers")),
            ("MaxViewers", Some("max_viewers")),
            ("state_dir", Some("state_directory")),
            ("logs", Some("log")),
            ("password", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), meant, "{word}");
        }
    }
}
