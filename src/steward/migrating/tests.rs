use super::*;
use crate::core::network::kept::Kept;
use crate::core::update::record::Record;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

struct Data(PathBuf);

impl Drop for Data {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Data {
    fn new() -> Data {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mimamori-migrating-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Data(path)
    }

    fn with(self, name: &str, text: &str) -> Data {
        fs::write(self.0.join(name), text).unwrap();
        self
    }

    fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.0.join(name)).ok()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name).expect(name)).expect(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names = Vec::from_iter(names);
        names.sort();
        names
    }
}

fn add_band(file: &mut Map<String, Value>) {
    file.entry("band").or_insert(json!("auto"));
}

fn add_rank(file: &mut Map<String, Value>) {
    for network in file["networks"].as_array_mut().into_iter().flatten() {
        network["rank"] = json!(1);
    }
}

const STEPS: [Migration; 2] = [
    Migration {
        to: 2,
        file: "network.json",
        add: add_band,
    },
    Migration {
        to: 3,
        file: "network.json",
        add: add_rank,
    },
];

const NETWORKS: &str = r#"{"country":"JP","networks":[{"ssid":"home","passphrase":"hush hush"}]}"#;

#[test]
fn todays_files_get_their_number_and_stay_as_they_are() {
    let data = Data::new().with("network.json", NETWORKS);
    bring_forward(&data.0);
    assert_eq!(data.text(FILE).as_deref(), Some("1\n"));
    assert_eq!(data.text("network.json").as_deref(), Some(NETWORKS));
    assert_eq!(data.names(), ["network.json", "settings-version"]);
    bring_forward(&data.0);
    assert_eq!(data.text(FILE).as_deref(), Some("1\n"));
}

#[test]
fn every_step_is_taken_once_and_the_old_content_kept() {
    let data = Data::new().with("network.json", NETWORKS).with(FILE, "1\n");
    bring_to(&data.0, 3, &STEPS);
    let file = data.json("network.json");
    assert_eq!(file["band"], "auto");
    assert_eq!(file["networks"][0]["rank"], 1);
    assert_eq!(file["networks"][0]["passphrase"], "hush hush");
    assert_eq!(data.text(FILE).as_deref(), Some("3\n"));
    assert_eq!(
        data.text("network.json.before-2").as_deref(),
        Some(NETWORKS)
    );
    assert_eq!(data.json("network.json.before-3")["band"], "auto");
    assert_eq!(
        data.json("network.json.before-3")["networks"][0]["rank"],
        Value::Null
    );
    use std::os::unix::fs::PermissionsExt;
    for name in [
        "network.json",
        "network.json.before-2",
        "network.json.before-3",
    ] {
        let mode = fs::metadata(data.0.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name} has pass phrases in it");
    }
    let names = data.names();
    bring_to(&data.0, 3, &STEPS);
    assert_eq!(data.names(), names);
}

#[test]
fn a_cut_of_the_power_between_two_steps_costs_nothing() {
    // After the second step's file, before the number.
    let data = Data::new().with("network.json", NETWORKS).with(FILE, "1\n");
    bring_to(&data.0, 3, &STEPS);
    let done = data.text("network.json");
    fs::write(data.0.join(FILE), "1\n").unwrap();
    bring_to(&data.0, 3, &STEPS);
    assert_eq!(data.text("network.json"), done);
    assert_eq!(
        data.text("network.json.before-2").as_deref(),
        Some(NETWORKS)
    );
    assert_eq!(data.text(FILE).as_deref(), Some("3\n"));
}

#[test]
fn the_settings_of_a_newer_version_are_left_alone() {
    let data = Data::new().with("network.json", NETWORKS).with(FILE, "9\n");
    bring_to(&data.0, 3, &STEPS);
    assert_eq!(data.text("network.json").as_deref(), Some(NETWORKS));
    assert_eq!(data.text(FILE).as_deref(), Some("9\n"));
    assert_eq!(data.names(), ["network.json", "settings-version"]);
}

#[test]
fn a_broken_file_keeps_nothing_back() {
    let data = Data::new().with("network.json", "{").with(FILE, "\0\0");
    bring_to(&data.0, 3, &STEPS);
    assert_eq!(data.text("network.json").as_deref(), Some("{"));
    assert_eq!(data.text(FILE).as_deref(), Some("3\n"));
    let nothing = Data::new();
    bring_to(&nothing.0, 3, &STEPS);
    assert_eq!(nothing.names(), ["settings-version"]);
    bring_to(Path::new("/nonexistent"), 3, &STEPS);
}

#[test]
fn a_version_that_is_rolled_back_to_reads_what_a_newer_one_left_and_keeps_it() {
    let data = Data::new().with("network.json", NETWORKS).with(FILE, "1\n");
    bring_to(&data.0, 3, &STEPS);
    // This program's own reader, which knows neither step.
    let mut kept = Kept::read(&fs::read(data.0.join("network.json")).unwrap()).unwrap();
    let known = Kept::read(NETWORKS.as_bytes()).unwrap();
    assert_eq!(kept.settings, known.settings);
    // It writes, and the newer one is started again.
    kept.options = true;
    fs::write(data.0.join("network.json"), kept.bytes()).unwrap();
    assert_eq!(data.json("network.json")["band"], "auto");
}

#[test]
fn a_network_that_only_a_newer_version_can_join_does_not_hide_the_others() {
    let later = r#"{"networks":[{"ssid":"lab","passphrase":{"certificate":"x"}},{"ssid":"home"}]}"#;
    let kept = Kept::read(later.as_bytes()).unwrap();
    let names = Vec::from_iter(kept.settings.networks.iter().map(|each| each.ssid.as_str()));
    assert_eq!(names, ["home"]);
}

#[test]
fn what_a_newer_version_noted_of_updates_is_read() {
    let record = r#"{"slots":{"a":{"version":"1.0.0","proven":true,"digest":"x","signed_by":"k"}},
        "channel":"beta","last":{"result":"updated","version":"2.0.0","from":"1.0.0","reason":"","at":5,"took":9}}"#;
    let record = Record::read(record.as_bytes()).unwrap();
    assert_eq!(record.last.unwrap().version.as_deref(), Some("2.0.0"));
}
