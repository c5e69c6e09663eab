//! A wrong option or configuration line is named with file, line and column, and
//! with what would be right.

use mimamori::config::{self, Environment, parse};
use mimamori::options::{EXIT_USAGE, Outcome, interpret};
use std::path::PathBuf;

fn errors(text: &str) -> Vec<String> {
    parse(text, "m.toml")
        .expect_err(text)
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The one error of `text` begins with `place` and contains `words`.
#[track_caller]
fn one(text: &str, place: &str, words: &str) {
    let all = errors(text);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert!(all[0].starts_with(place), "{}", all[0]);
    assert!(all[0].contains(words), "{}", all[0]);
    println!("{}", all[0]);
}

#[test]
fn a_number_out_of_range_names_the_range() {
    let expected = "m.toml:2:15: max_viewers = 0: a number from 1 to 64 is needed";
    assert_eq!(errors("# x\nmax_viewers = 0"), [expected]);
    one(
        "max_viewers = 65",
        "m.toml:1:15: max_viewers = 65: ",
        "1 to 64",
    );
    one(
        "max_viewers = -1",
        "m.toml:1:15: max_viewers = -1: ",
        "1 to 64",
    );
    one("max_viewers = 2.5", "m.toml:1:15: ", "1 to 64");
    one(
        "max_viewers = 99999999999999999999",
        "m.toml:1:15: ",
        "1 to 64",
    );
    one("max_viewers = \"8\"", "m.toml:1:15: ", "without quotes");
    one(
        "[video]\nwidth = 641",
        "m.toml:2:9: video.width = 641: ",
        "even",
    );
    one(
        "[video]\nheight = 1082",
        "m.toml:2:10: video.height",
        "64 to 1080",
    );
    one("[video]\nfps = 0", "m.toml:2:7: video.fps = 0: ", "1 to 90");
    one(
        "[bitrate]\nfloor = 24_999",
        "m.toml:2:9: bitrate.floor = 24_999: ",
        "25000",
    );
}

#[test]
fn bitrates_out_of_order_name_the_one_they_contradict() {
    one(
        "[bitrate]\nfloor = 200_000\nstart = 100_000",
        "m.toml:3:9: bitrate.start = 100_000: at least 200000",
        "floor",
    );
    one(
        "[bitrate]\nceiling = 100_000\nfloor = 200_000",
        "m.toml:2:11: bitrate.ceiling",
        "floor",
    );
}

#[test]
fn an_unknown_key_suggests_the_nearest() {
    one(
        "max-viewers = 3",
        "m.toml:1:1: unknown key max-viewers",
        "max_viewers",
    );
    one(
        "\nlissen = ''",
        "m.toml:2:1: unknown key lissen",
        "did you mean listen",
    );
    one("[video]\nwidht = 1", "m.toml:2:1: ", "did you mean width");
    one("[vidoe]\nwidth = 640", "m.toml:1:2: ", "did you mean video");
    one(
        "colour = 1",
        "m.toml:1:1: ",
        "known here are listen, also_listen",
    );
}

#[test]
fn a_key_in_the_wrong_section_is_sent_to_the_right_one() {
    one("width = 640", "m.toml:1:1: ", "below [video]");
    one(
        "[video]\nmax_viewers = 2",
        "m.toml:2:1: ",
        "above the first [section]",
    );
    one("credential = 'x'", "m.toml:1:1: ", "below [[ice_servers]]");
}

#[test]
fn text_without_quotes_and_other_broken_toml_is_shown() {
    one(
        "a = 1\nlisten = 0.0.0.0:8080\n",
        "m.toml:2:",
        "listen = 0.0.0.0:8080: text needs quotes",
    );
    one("camera = auto", "m.toml:1:10: camera = auto: ", "quote");
    one(
        "max_viewers = 1\nmax_viewers = 2",
        "m.toml:2:1: ",
        "duplicate",
    );
    one("max_viewers", "m.toml:1:", "max_viewers");
    one("[video", "m.toml:1:", "[video");
    one("camera = \"auto", "m.toml:1:", "camera");
    one("listen = 8080", "m.toml:1:10: listen = 8080: ", "in quotes");
    one("video = 3", "m.toml:1:9: ", "[video]");
    one("announce = \"1.2.3.4\"", "m.toml:1:12: ", "[ ]");
    one(
        "announce = ['1.2.3.4', 'x']",
        "m.toml:1:24: announce = 'x': ",
        "203.0.113.5",
    );
}

#[test]
fn ice_servers_are_checked() {
    one("[[ice_servers]]", "m.toml:1:1: ", "urls");
    one(
        "[[ice_servers]]\nurls = ['turn:a']",
        "m.toml:1:1: ",
        "credential",
    );
    one(
        "[[ice_servers]]\nurls = ['http:a']",
        "m.toml:2:9: ",
        "stun:",
    );
    one("ice_servers = 3", "m.toml:1:15: ", "[[ice_servers]]");
    one(
        "[ice_servers]\nurl = 'stun:a'\nurls = 'stun:a'",
        "m.toml:2:1: ",
        "urls",
    );
    let secret = "[[ice_servers]]\nurls='turn:a'\nusername='u'\ncredential='hush\t'";
    one(secret, "m.toml:4:12: ", "printable");
    assert!(!errors(secret)[0].contains("hush"));
}

#[test]
fn all_errors_are_told_in_order() {
    let all =
        errors("zoom = 1\nmax_viewers = 0\n[video]\nfps = 0\nwidth = 1\n[bitrate]\nstart = 1");
    let lines: Vec<usize> = parse(
        "zoom = 1\nmax_viewers = 0\n[video]\nfps = 0\nwidth = 1\n[bitrate]\nstart = 1",
        "m.toml",
    )
    .unwrap_err()
    .iter()
    .map(|e| e.line)
    .collect();
    assert_eq!(lines, [1, 2, 4, 5, 7], "{all:#?}");
}

#[test]
fn what_editors_do_to_a_file_is_forgiven_and_lines_stay_right() {
    let good = "\u{feff}camera = \u{201c}test\u{201d}\r\nmax_viewers\u{a0}= 3\r\nlog = \u{2018}warn\u{2019}\r\n";
    let file = parse(good, "m.toml").unwrap();
    assert_eq!(file.max_viewers, Some(3));
    assert_eq!(file.log.unwrap().as_str(), "warn");
    one(
        "\u{feff}camera = \u{201c}test\u{201d}\r\n\r\nlog = \u{201c}loud\u{201d} # \u{201c}\r\n",
        "m.toml:3:7: log = \"loud\": ",
        "debug",
    );
}

#[test]
fn a_file_that_is_none_is_refused_quickly() {
    one(&"#".repeat(config::FILE_LIMIT + 1), "m.toml: ", "64 KiB");
    let deep = [
        "a.".repeat(30_000) + "a = 1",
        format!("[{}a]", "a.".repeat(30_000)),
        // As deep as it gets: brackets and dots up to the limits of both.
        ("a.".repeat(100) + "a={\n").repeat(78) + &"}\n".repeat(78),
        "a=".to_string() + &"[".repeat(60_000),
        "a=".to_string() + &"{a=".repeat(20_000),
        "[".repeat(60_000),
        "\"".repeat(60_001),
        "'''".repeat(20_001),
        "a=1\n".repeat(16_000),
        "\u{201c}".repeat(20_000),
        "x\n".repeat(32_000),
        (0..6_000).map(|i| format!("k{i}=1\n")).collect(),
        (0..2_000)
            .map(|i| format!("[[a.b.c]]\nd.e.f.g.h{i}.j=1\n"))
            .collect(),
    ];
    for text in deep {
        let count = errors(&text).len();
        assert!((1..=50).contains(&count), "{count}");
    }
}

#[test]
fn no_prefix_of_the_example_and_no_changed_byte_panics() {
    let example = config::EXAMPLE;
    for end in (0..example.len()).step_by(3) {
        let _ = parse(&example[..end], "m.toml");
    }
    assert!(example.is_ascii());
    for at in (0..example.len()).step_by(5) {
        for new in ["\u{201c}", "\"", "=", "[", "\0", "."] {
            let changed = [&example[..at], new, &example[at + 1..]].concat();
            let _ = parse(&changed, "m.toml");
        }
    }
}

fn run(arguments: &[&str]) -> Outcome {
    interpret(arguments.iter().map(Into::into), &Environment::default())
}

/// The error output of arguments that are refused.
fn usage(arguments: &[&str]) -> String {
    match run(arguments) {
        Outcome::Exit { code, out, err } => {
            assert_eq!((code, out.as_str()), (EXIT_USAGE, ""), "{err}");
            err
        }
        Outcome::Run(_) | Outcome::Steward(_) => panic!("{arguments:?} were accepted"),
    }
}

/// A file in a directory that goes away with it.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, contents: &[u8]) -> Temporary {
        let directory =
            std::env::temp_dir().join(format!("mimamori-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("m.toml"), contents).unwrap();
        Temporary(directory)
    }

    fn path(&self) -> String {
        self.0.join("m.toml").display().to_string()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_wrong_option_is_named_with_what_would_be_right() {
    for (arguments, words) in [
        (
            vec!["--max-viewers", "0"],
            "--max-viewers 0: a number from 1 to 64",
        ),
        (
            vec!["--max-viewers"],
            "--max-viewers N: the value is missing",
        ),
        (vec!["--listen=80"], "--listen 80: an IP address and a port"),
        (vec!["--camera", "x"], "--camera x: auto, test, a device"),
        (vec!["--max_viewers=3"], "did you mean --max-viewers?"),
        (vec!["--frobnicate"], "--frobnicate: unknown option"),
        (vec!["-x"], "-x: unknown option"),
        (vec!["auto"], "auto: an option that begins with --"),
        (vec!["--check-config=yes"], "check-config"),
        (
            vec!["--config", "/nonexistent/m.toml"],
            "/nonexistent/m.toml: cannot be read",
        ),
        (vec!["--config", "/"], "/: cannot be read"),
        (
            vec!["--config", "/dev/zero"],
            "/dev/zero: longer than 64 KiB",
        ),
    ] {
        let err = usage(&arguments);
        assert!(err.contains(words), "{arguments:?}: {err}");
    }
    let both = usage(&["--max-viewers", "0", "--listen", "x"]);
    assert!(both.contains("--max-viewers") && both.contains("--listen"));
}

#[test]
fn help_and_version_are_printed() {
    for (arguments, words) in [
        (["--help"], "--max-viewers N"),
        (["-h"], "--check-config"),
        (
            ["--version"],
            concat!("mimamori ", env!("CARGO_PKG_VERSION")),
        ),
    ] {
        let Outcome::Exit { code: 0, out, err } = run(&arguments) else {
            panic!("{arguments:?} should stop with success");
        };
        assert!(out.contains(words) && err.is_empty());
    }
}

#[test]
fn check_config_says_ok_or_every_error() {
    let good = Temporary::new("good", config::EXAMPLE.as_bytes());
    assert_eq!(
        run(&["--config", &good.path(), "--check-config"]),
        Outcome::Exit {
            code: 0,
            out: format!("{}: OK\n", good.path()),
            err: String::new()
        }
    );
    let bad = Temporary::new("bad", b"max_viewers = 0\nzoom = 1\n");
    let err = usage(&["--check-config", "--config", &bad.path()]);
    assert_eq!(err.lines().count(), 2, "{err}");
    let known = usage(&["--skip-unknown", "--check-config", "--config", &bad.path()]);
    assert_eq!(known.lines().count(), 1, "{known}");
    assert!(err.starts_with(&format!("{}:1:15: max_viewers = 0", bad.path())));
}

#[test]
fn a_file_in_another_encoding_is_named() {
    let utf16 = Temporary::new("utf16", b"\xff\xfea\0");
    assert!(usage(&["--config", &utf16.path()]).contains(":1:1: UTF-16 text; save"));
    let latin = Temporary::new("latin", b"a = 1\n# caf\xe9\n");
    assert!(usage(&["--config", &latin.path()]).contains(":2:6: not UTF-8 text; save"));
}

#[test]
fn the_program_runs_with_what_file_and_command_line_say() {
    let file = Temporary::new("run", b"camera = 'test'\nmax_viewers = 2\n");
    let arguments = [
        "--config",
        &file.path(),
        "--max-viewers=5",
        "--listen=127.0.0.1:0",
    ];
    let Outcome::Run(config) = run(&arguments) else {
        panic!("should run");
    };
    assert_eq!(config.max_viewers, 5);
    assert_eq!(config.listen, "127.0.0.1:0".parse().unwrap());
    assert_eq!(
        config.camera.choice,
        mimamori::io::camera::CameraChoice::Test
    );
}
