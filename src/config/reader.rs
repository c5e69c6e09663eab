//! From TOML to [`FileConfig`], with every error placed.

use super::source::{ConfigError, Source, nearest};
use super::values::{self, Needed};
use super::{BITRATE, FPS, FileConfig, HEIGHT, IceServer, MAX_VIEWERS, WIDTH};
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Errors reported at most; who has more reads none of them.
const MAX_ERRORS: usize = 50;
const MAX_ALSO_LISTEN: usize = 4;
const MAX_ANNOUNCED: usize = 8;
const MAX_HOST_NAMES: usize = 32;
const MAX_ICE_SERVERS: usize = 8;
const MAX_ICE_URLS: usize = 8;

/// Name and keys of a section; the first is the top of the file.
pub(super) type Section = (&'static str, &'static [&'static str]);

pub(super) const SECTIONS: [Section; 4] = [
    (
        "",
        &[
            "listen",
            "also_listen",
            "camera",
            "max_viewers",
            "announce",
            "host_names",
            "state_directory",
            "log",
            "video",
            "bitrate",
            "ice_servers",
        ],
    ),
    ("video", &["width", "height", "fps"]),
    ("bitrate", &["floor", "start", "ceiling"]),
    ("ice_servers", &["urls", "username", "credential"]),
];

/// See [`super::parse`]; with `skip_unknown`, see [`super::parse_known`].
pub(super) fn parse(
    text: &str,
    name: &str,
    skip_unknown: bool,
) -> Result<FileConfig, Vec<ConfigError>> {
    let source = Source::new(text, name).map_err(|e| vec![e])?;
    let (document, syntax) = DeTable::parse_recoverable(&source.text);
    let mut reader = Reader::new(&source, &SECTIONS);
    reader.skip_unknown = skip_unknown;
    // A broken line leaves guesses in the document, not worth a second message.
    let config = if syntax.is_empty() {
        reader.document(document.get_ref())
    } else {
        reader.syntax(&syntax);
        FileConfig::default()
    };
    reader.end(!syntax.is_empty())?;
    Ok(config)
}

pub(super) type Value<'t, 'i> = &'t Spanned<DeValue<'i>>;

pub(super) struct Reader<'s> {
    pub source: &'s Source,
    sections: &'static [Section],
    /// Lines of the file are not shown: they may hold a secret.
    pub discreet: bool,
    /// Keys that are not known are no error.
    skip_unknown: bool,
    errors: Vec<ConfigError>,
}

impl<'s> Reader<'s> {
    pub fn new(source: &'s Source, sections: &'static [Section]) -> Reader<'s> {
        Reader {
            source,
            sections,
            discreet: false,
            skip_unknown: false,
            errors: Vec::new(),
        }
    }

    /// All errors, if there are any. What a parser finds in the rest of a `broken`
    /// line follows from its first.
    pub fn end(self, broken: bool) -> Result<(), Vec<ConfigError>> {
        let mut errors = self.errors;
        errors.sort_by_key(|e| (e.line, e.column));
        if broken {
            errors.dedup_by_key(|e| e.line);
        }
        errors.truncate(MAX_ERRORS);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    pub fn document(&mut self, top: &DeTable<'_>) -> FileConfig {
        self.known_keys("", top);
        let mut config = FileConfig {
            listen: self.text("listen", top.get("listen"), values::listen),
            also_listen: self.list("also_listen", top, MAX_ALSO_LISTEN, values::listen),
            camera: self.text("camera", top.get("camera"), values::camera),
            max_viewers: self.number("max_viewers", top.get("max_viewers"), MAX_VIEWERS),
            announce: self.list("announce", top, MAX_ANNOUNCED, values::announced),
            host_names: self.list("host_names", top, MAX_HOST_NAMES, values::host_name),
            ice_servers: self.ice_servers(top.get("ice_servers")),
            state_directory: self.text(
                "state_directory",
                top.get("state_directory"),
                values::state_directory,
            ),
            log: self.text("log", top.get("log"), values::log_filter),
            ..FileConfig::default()
        };
        if let Some(video) = self.section("video", top) {
            config.width = self.even("video.width", video.get("width"), WIDTH);
            config.height = self.even("video.height", video.get("height"), HEIGHT);
            config.fps = self.number("video.fps", video.get("fps"), FPS);
        }
        if let Some(bitrate) = self.section("bitrate", top) {
            config.bitrate_floor = self.number("bitrate.floor", bitrate.get("floor"), BITRATE);
            config.bitrate_start = self.number("bitrate.start", bitrate.get("start"), BITRATE);
            config.bitrate_ceiling =
                self.number("bitrate.ceiling", bitrate.get("ceiling"), BITRATE);
            self.ordered(bitrate, &config);
        }
        config
    }

    /// Floor, start and ceiling, as far as they are given.
    fn ordered(&mut self, bitrate: &DeTable<'_>, config: &FileConfig) {
        let given = [
            ("floor", config.bitrate_floor),
            ("start", config.bitrate_start),
            ("ceiling", config.bitrate_ceiling),
        ];
        let mut lower: Option<(&str, u32)> = None;
        for (key, value) in given {
            let Some(value) = value else { continue };
            match (lower, bitrate.get(key)) {
                (Some((name, limit)), Some(at)) if value < limit => self.refuse(
                    &format!("bitrate.{key}"),
                    at,
                    format!("at least {limit} is needed, the {name} above which it lies"),
                ),
                _ => lower = Some((key, value)),
            }
        }
    }

    fn ice_servers(&mut self, value: Option<Value<'_, '_>>) -> Vec<IceServer> {
        let Some(value) = value else {
            return Vec::new();
        };
        let needed = "[[ice_servers]] with urls below it is needed";
        match value.get_ref() {
            // [ice_servers] with single brackets: clear enough.
            DeValue::Table(one) => self.ice_server(value, one).into_iter().collect(),
            DeValue::Array(many) if many.len() <= MAX_ICE_SERVERS => many
                .iter()
                .filter_map(|entry| match entry.get_ref() {
                    DeValue::Table(table) => self.ice_server(entry, table),
                    _ => {
                        self.refuse("ice_servers", entry, needed.into());
                        None
                    }
                })
                .collect(),
            DeValue::Array(_) => {
                self.refuse(
                    "ice_servers",
                    value,
                    format!("at most {MAX_ICE_SERVERS} are possible"),
                );
                Vec::new()
            }
            _ => {
                self.refuse("ice_servers", value, needed.into());
                Vec::new()
            }
        }
    }

    fn ice_server(&mut self, at: Value<'_, '_>, table: &DeTable<'_>) -> Option<IceServer> {
        self.known_keys("ice_servers", table);
        let before = self.errors.len();
        let urls = match table.get("urls") {
            Some(one) if one.get_ref().is_str() => self
                .text("ice_servers.urls", Some(one), values::ice_url)
                .into_iter()
                .collect(),
            _ => self.list("ice_servers.urls", table, MAX_ICE_URLS, values::ice_url),
        };
        let server = IceServer {
            username: self.secret("ice_servers.username", table.get("username")),
            credential: self.secret("ice_servers.credential", table.get("credential")),
            urls,
        };
        if self.errors.len() > before {
            return None;
        }
        let turn = server.urls.iter().any(|url| url.starts_with("turn"));
        let complete = server.username.is_some() && server.credential.is_some();
        let missing = match (server.urls.is_empty(), turn && !complete) {
            (true, _) => "urls = [\"stun:...\"] is needed in it",
            (_, true) => "a turn: URL needs username and credential too",
            _ => return Some(server),
        };
        let start = at.span().start;
        self.error(start, "ice_servers", format!("ice_servers: {missing}"));
        None
    }

    /// The section of that name; an error if it is something else.
    fn section<'t, 'i>(&mut self, name: &str, top: &'t DeTable<'i>) -> Option<&'t DeTable<'i>> {
        let value = top.get(name)?;
        let DeValue::Table(table) = value.get_ref() else {
            self.refuse(name, value, format!("a section [{name}] is needed"));
            return None;
        };
        self.known_keys(name, table);
        Some(table)
    }

    fn even(
        &mut self,
        key: &str,
        value: Option<Value<'_, '_>>,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let number = self.number(key, value, range)?;
        if number % 2 != 0 {
            self.refuse(key, value?, "an even number is needed".into());
            return None;
        }
        Some(number)
    }

    fn number(
        &mut self,
        key: &str,
        value: Option<Value<'_, '_>>,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let value = value?;
        let number = match value.get_ref() {
            DeValue::Integer(n) => u32::from_str_radix(n.as_str(), n.radix()).ok(),
            _ => None,
        };
        if let Some(number) = number.filter(|n| range.contains(n)) {
            return Some(number);
        }
        let quotes = if value.get_ref().is_str() {
            ", without quotes"
        } else {
            ""
        };
        let (low, high) = range.into_inner();
        self.refuse(
            key,
            value,
            format!("a number from {low} to {high} is needed{quotes}"),
        );
        None
    }

    pub fn text<T>(
        &mut self,
        key: &str,
        value: Option<Value<'_, '_>>,
        read: impl Fn(&str) -> Result<T, Needed>,
    ) -> Option<T> {
        let value = value?;
        let result = match value.get_ref() {
            DeValue::String(text) => read(text),
            _ => Err(needed_in_quotes(&read)),
        };
        result
            .map_err(|needed| self.refuse(key, value, needed))
            .ok()
    }

    /// As [`Reader::text`], but never shown.
    fn secret(&mut self, key: &str, value: Option<Value<'_, '_>>) -> Option<String> {
        let value = value?;
        let result = match value.get_ref() {
            DeValue::String(text) => values::header_text(text),
            _ => Err(needed_in_quotes(&values::header_text)),
        };
        result
            .map_err(|needed| self.error(value.span().start, key, format!("{key}: {needed}")))
            .ok()
    }

    /// `key` may name its section; the last part is looked up in `table`.
    fn list<T>(
        &mut self,
        key: &str,
        table: &DeTable<'_>,
        limit: usize,
        read: impl Fn(&str) -> Result<T, Needed>,
    ) -> Vec<T> {
        let Some(value) = table.get(key.rsplit('.').next().unwrap_or(key)) else {
            return Vec::new();
        };
        let DeValue::Array(entries) = value.get_ref() else {
            let needed = "a list in [ ] is needed, each entry in quotes";
            self.refuse(key, value, needed.into());
            return Vec::new();
        };
        if entries.len() > limit {
            self.refuse(key, value, format!("at most {limit} are possible"));
            return Vec::new();
        }
        entries
            .iter()
            .filter_map(|entry| self.text(key, Some(entry), &read))
            .collect()
    }

    pub fn known_keys(&mut self, section: &str, table: &DeTable<'_>) {
        if self.skip_unknown {
            return;
        }
        let known = keys_of(self.sections, section);
        let unknown = |key: &&Spanned<_>| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            !known.contains(&name.as_ref())
        };
        for key in table.keys().filter(unknown).take(4 * MAX_ERRORS) {
            let name = key.get_ref().as_ref();
            let start = key.span().start;
            let shown = self.source.shown(key.span());
            let message = format!(
                "unknown key {shown}: {}",
                meant(self.sections, section, name)
            );
            self.error(start, &qualified(section, name), message);
        }
    }

    pub fn syntax(&mut self, errors: &[toml::de::Error]) {
        for error in errors.iter().take(4 * MAX_ERRORS) {
            let start = error.span().map_or(0, |span| span.start);
            let line = self.source.line_at(start);
            let message = match unquoted(&line, error.message()) {
                true => "text needs quotes".into(),
                false => error.message().replace('\n', ", "),
            };
            let shown = match (self.discreet, line.split_once('=')) {
                (false, _) => line,
                (true, Some((key, _))) => key.trim().into(),
                (true, None) => "this line".into(),
            };
            self.error(start, "", format!("{shown}: {message}"));
        }
    }

    pub fn refuse(&mut self, key: &str, value: Value<'_, '_>, needed: Needed) {
        let shown = self.source.shown(value.span());
        self.error(
            value.span().start,
            key,
            format!("{key} = {shown}: {needed}"),
        );
    }

    pub fn error(&mut self, offset: usize, key: &str, message: String) {
        // Finding a place takes time in proportion to the file.
        if self.errors.len() < 4 * MAX_ERRORS {
            self.errors.push(self.source.error(offset, key, message));
        }
    }
}

/// True if a parser stumbled over `key = text`.
fn unquoted(line: &str, message: &str) -> bool {
    let value = line.split_once('=').map_or("", |(_, value)| value.trim());
    let stumbled = message.starts_with("invalid") || message.contains("must be quoted");
    stumbled && value.starts_with(|c: char| c.is_alphanumeric() || "/~:.".contains(c))
}

fn needed_in_quotes<T>(read: &impl Fn(&str) -> Result<T, Needed>) -> Needed {
    // No option takes a lone zero byte, so this asks the reader what it wants.
    let needed = read("\0").err().unwrap_or_else(|| "text is needed".into());
    format!("{needed}, in quotes")
}

fn keys_of(sections: &'static [Section], section: &str) -> &'static [&'static str] {
    sections
        .iter()
        .find(|(name, _)| *name == section)
        .map_or(&[], |(_, keys)| keys)
}

fn qualified(section: &str, key: &str) -> String {
    let key: String = key.chars().take(64).collect();
    match section {
        "" => key,
        _ => format!("{section}.{key}"),
    }
}

/// What somebody meant who wrote `key` into `section`.
fn meant(sections: &'static [Section], section: &str, key: &str) -> String {
    let elsewhere = sections
        .iter()
        .find(|(name, keys)| *name != section && keys.contains(&key));
    match elsewhere {
        Some(("", _)) => return "it belongs above the first [section]".into(),
        Some((name @ "ice_servers", _)) => return format!("it belongs below [[{name}]]"),
        Some((name, _)) => return format!("it belongs below [{name}]"),
        None => {}
    }
    let known = keys_of(sections, section);
    match nearest(key, known.iter().copied()) {
        Some(candidate) => format!("did you mean {candidate}?"),
        None => format!("known here are {}", known.join(", ")),
    }
}
