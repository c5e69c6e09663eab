//! A floor uses only what lies below it (see the documentation of the library).

use std::fs;
use std::path::{Path, PathBuf};

const CLOCKS: [&str; 2] = ["Instant::now", "SystemTime::now"];
const DESCRIPTORS: [&str; 8] = [
    "crate::io",
    "super::super::io",
    "tokio",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
];

#[test]
fn proto_has_no_clock_no_descriptor_and_nothing_from_above() {
    assert_free_of(
        "src/proto",
        &[
            &CLOCKS[..],
            &DESCRIPTORS,
            &["crate::core", "crate::event_loop"],
        ],
    );
}

#[test]
fn core_has_no_clock_and_no_descriptor() {
    assert_free_of(
        "src/core",
        &[&CLOCKS[..], &DESCRIPTORS, &["crate::event_loop"]],
    );
}

#[test]
fn io_knows_nothing_of_the_core() {
    assert_free_of(
        "src/io",
        &[&["crate::core", "crate::event_loop", "super::super::core"]],
    );
}

/// Looks at the code only: not at comments, nor at a file's tests, which come last.
fn assert_free_of(folder: &str, banned: &[&[&str]]) {
    let files = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    assert!(!files.is_empty(), "{folder} has no files");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"));
        for (number, line) in code.enumerate() {
            let line = line.split("//").next().unwrap();
            for word in banned.iter().copied().flatten() {
                let place = format!("{}:{}", file.display(), number + 1);
                assert!(
                    !line.contains(word),
                    "{place}: {word} does not belong on this floor"
                );
            }
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                rust_files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}
