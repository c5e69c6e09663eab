//! Replays the fuzz targets' corpus with the ordinary tests: what was once found
//! stays found, on every machine and without a fuzzer.

mod fuzz_checks;

use fuzz_checks::TARGETS;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn fuzz_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The names in a directory, without extensions.
fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|e| panic!("{directory:?}: {e}"));
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names(&fuzz_directory().join("fuzz_targets")), targets);
    assert_eq!(names(&fuzz_directory().join("corpus")), targets);

    let manifest = std::fs::read_to_string(fuzz_directory().join("Cargo.toml")).unwrap();
    for name in &targets {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

#[test]
fn every_input_of_the_corpus_passes_its_check() {
    for (name, check) in TARGETS {
        let directory = fuzz_directory().join("corpus").join(name);
        let mut inputs = 0;
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let data = std::fs::read(&path).unwrap();
            if std::panic::catch_unwind(|| check(&data)).is_err() {
                panic!("{} does not pass", path.display());
            }
            inputs += 1;
        }
        assert!(inputs >= 10, "{name} has only {inputs} inputs");
    }
}

/// Every check must hold for any bytes: these take part without a fuzzer.
#[test]
fn damaged_inputs_of_the_corpus_pass_too() {
    for (name, check) in TARGETS {
        let directory = fuzz_directory().join("corpus").join(name);
        for entry in std::fs::read_dir(&directory).unwrap() {
            let data = std::fs::read(entry.unwrap().path()).unwrap();
            let mut dice = fuzz_checks::Dice::new(&data);
            for _ in 0..4 {
                let mut damaged = data.clone();
                damaged.truncate(dice.roll(0, data.len()));
                if !damaged.is_empty() {
                    let at = dice.roll(0, damaged.len() - 1);
                    damaged[at] ^= 1 << dice.roll(0, 7);
                }
                check(&damaged);
            }
        }
    }
}
