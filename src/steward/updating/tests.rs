//! The whole way of a bundle, with stand-ins for the engine, U-Boot's tools and the
//! restart: shell scripts in a folder that plays the board.

use super::*;
use crate::core::update::session::{INSTALLING, SILENCE};
use crate::proto::heartbeat::{Beat, Pulse};
use crate::proto::steward;
use crate::proto::update::bundle::sample::{NAMES, bundle};
use crate::proto::update::piece::{Piece, UploadId};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Writes what it is given, and has U-Boot try slot B.
const GOOD: &str = "cat >$ROOT/dev/mmcblk0p3; echo B >$ROOT/env/try";

struct House {
    root: PathBuf,
    tools: Tools,
    updating: Updating,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn script(root: &Path, name: &str, text: &str) -> PathBuf {
    let path = root.join(name);
    let text = format!("#!/bin/sh\nROOT={}\n{text}\n", root.display());
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn put(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A board that runs version 1.0.0 from slot A.
fn house(name: &str, engine: &str) -> House {
    let name = format!("mimamori-updating-{name}-{}", std::process::id());
    let root = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&root);
    for folder in ["run/mimamori", "data", "dev", "env"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    start_from(&root, "A", "", "1.0.0");
    put(&root, "etc/mimamori/update-floor", "0.1.0\n");
    put(&root, "etc/hwrevision", "rpi0w 1.0\n");
    put(&root, "sys/class/block/mmcblk0p2/size", "98304\n");
    put(&root, "sys/class/block/mmcblk0p3/size", "98304\n");
    put(&root, "dev/mmcblk0p3", "what was there before");
    put(&root, "env/slot", "A\n");
    let engine = format!("echo \"$@\" >$ROOT/called; echo $TMPDIR >>$ROOT/called\n{engine}");
    let set = "while IFS== read -r name value; do
  echo \"$name=$value\" >>$ROOT/told
  if [ -n \"$value\" ]; then echo \"$value\" >$ROOT/env/$name; else rm -f $ROOT/env/$name; fi
done";
    let tools = Tools {
        engine: script(&root, "swupdate", &engine),
        print_environment: script(&root, "fw_printenv", "cat $ROOT/env/$2"),
        set_environment: script(&root, "fw_setenv", set),
        restart: script(&root, "restart", "touch $ROOT/restarted"),
        page: Vec::new(),
    };
    let updating = Updating::begin(&Paths::below(&root), tools.clone(), None).unwrap();
    House {
        root,
        tools,
        updating,
    }
}

fn start_from(root: &Path, slot: &str, words: &str, version: &str) {
    put(
        root,
        "proc/cmdline",
        &format!("quiet mimamori.slot={slot} {words}\n"),
    );
    put(
        root,
        "proc/sys/kernel/random/boot_id",
        &format!("{slot}{words}"),
    );
    put(root, "etc/os-release", &format!("VERSION_ID={version}\n"));
}

impl House {
    /// Lets the steward run meanwhile.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                event = self.updating.wait() => self.updating.turn(event),
            }
        }
    }

    async fn until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..400 {
            let facts = self.updating.facts();
            if holds(&facts) {
                return facts;
            }
            self.during(tokio::time::sleep(Duration::from_millis(50)))
                .await;
        }
        panic!("{what}: {}", self.updating.facts());
    }

    async fn in_state(&mut self, state: &str) -> Value {
        self.until(state, |facts| facts["state"] == state).await
    }

    fn announce(&mut self, bundle: &[u8]) -> Result<UploadId, Refused> {
        let said = self.updating.announce(bundle.len() as u64)?;
        Ok(UploadId::new(said["id"].as_str().unwrap()).unwrap())
    }

    /// Announces `length` bytes at `offset` and sends the ones that are there.
    async fn send(
        &mut self,
        id: &UploadId,
        offset: u64,
        length: u64,
        bytes: &[u8],
    ) -> Result<u64, Refused> {
        let line = Piece {
            id: id.clone(),
            offset,
            length,
        }
        .line();
        let socket = self.root.join("run/mimamori/bundle");
        let exchange = async move {
            let mut stream = UnixStream::connect(socket).await.unwrap();
            stream.write_all(line.as_bytes()).await.unwrap();
            // Refused, it takes no more.
            let _ = stream.write_all(bytes).await;
            if (bytes.len() as u64) < length {
                let _ = stream.shutdown().await;
            }
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            steward::answer(&answer)
        };
        let said = self.during(exchange).await?;
        Ok(said["offset"].as_u64().unwrap())
    }

    async fn send_all(&mut self, id: &UploadId, bundle: &[u8]) -> Result<u64, Refused> {
        let size = bundle.len() as u64;
        self.send(id, 0, size, bundle).await
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.root.join(name)).unwrap_or_default()
    }

    fn record(&self) -> Record {
        Record::read(self.read("data/update.json").as_bytes()).unwrap()
    }

    /// Starts anew, as U-Boot would have it.
    fn start(&mut self, slot: &str, words: &str, version: &str) {
        start_from(&self.root, slot, words, version);
        let _ = fs::remove_file(self.root.join("restarted"));
        self.again();
    }

    /// A steward that begins anew.
    fn again(&mut self) {
        let paths = Paths::below(&self.root);
        // The old one ends first, and takes its lock and its socket with it.
        let other = paths.root.join("run/other");
        fs::create_dir_all(&other).unwrap();
        let elsewhere = Paths {
            run: other,
            root: "/nonexistent".into(),
            data: "/nonexistent".into(),
            ..paths.clone()
        };
        self.updating = Updating::begin(&elsewhere, self.tools.clone(), None).unwrap();
        self.updating = Updating::begin(&paths, self.tools.clone(), None).unwrap();
    }

    /// The other slot holds version 0.9.0, which has run.
    fn know_other(&mut self) {
        let version = "0.9.0".to_owned();
        let proven = true;
        let slot = crate::proto::update::board::Slot::B;
        let first = board::first_bytes(&self.updating.paths, slot);
        let digest = board::digest(&first);
        let known = Some(Known {
            version,
            proven,
            digest,
        });
        self.updating.record.set_known(slot, known);
    }
}

#[tokio::test]
async fn a_bundle_is_written_to_the_other_slot_tried_and_kept() {
    let bundle = bundle(NAMES, 1000);
    let mut house = house("good", GOOD);
    let page = TcpListener::bind("127.0.0.1:0").await.unwrap();
    house.tools.page = vec![page.local_addr().unwrap().port()];
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = page.accept().await {
            let _ = stream.read(&mut [0; 500]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        }
    });
    house.again();
    assert_eq!(house.updating.facts()["state"], "idle");
    let id = house.announce(&bundle).unwrap();
    let refused = house.announce(&bundle).unwrap_err();
    assert_eq!(refused.status, Some(409));
    assert_eq!(house.updating.facts()["state"], "receiving");
    house.updating.camera = Camera::Running;
    let size = bundle.len() as u64;
    for (offset, end) in [(0, 100), (100, 1500), (1500, bundle.len())] {
        let part = &bundle[offset..end];
        let taken = house
            .send(&id, offset as u64, part.len() as u64, part)
            .await;
        assert_eq!(taken, Ok(end as u64));
    }
    house.in_state("restarting").await;
    assert_eq!(house.announce(&bundle).unwrap_err().status, Some(409));
    assert_eq!(fs::read(house.root.join("dev/mmcblk0p3")).unwrap(), bundle);
    let called = house.read("called");
    for words in [
        "-B uboot",
        "-e stable,b",
        "-H rpi0w:1.0",
        "-N 0.1.0",
        "-i /proc/self/fd/0",
        "run/mimamori/update.d",
    ] {
        assert!(called.contains(words), "{called}");
    }
    // Who has missed the answer to the last piece learns that all is there.
    assert_eq!(house.send(&id, size, 0, b"").await, Ok(size));
    let root = house.root.clone();
    house
        .until("a restart", |_| root.join("restarted").exists())
        .await;
    let before = house.record().attempt.unwrap().before.unwrap();
    assert_eq!(before.camera, Camera::Running);
    assert_eq!(before.page, house.tools.page.first().copied());

    house.start("B", "mimamori.try=B mimamori.tries=1", "1.2.3-rc1");
    let facts = house.updating.facts();
    assert_eq!(facts["state"], "trial");
    assert_eq!(facts["trial"]["waits_for"][0], "program");
    assert_eq!(house.announce(&bundle).unwrap_err().status, Some(409));
    assert_eq!(house.updating.roll_back().unwrap_err().status, Some(409));
    for frames in 1.. {
        let beat = Beat {
            camera: Pulse::Running,
            frames,
            viewers: 0,
        };
        house.updating.handle_beat(beat, Some(Pulse::Running));
        if house.updating.facts()["state"] == "idle" {
            break;
        }
        assert!(frames < 40, "{}", house.updating.facts());
        house
            .during(tokio::time::sleep(Duration::from_secs(1)))
            .await;
    }
    let facts = house.updating.facts();
    assert_eq!(facts["last"]["result"], "updated");
    assert_eq!(facts["last"]["version"], "1.2.3-rc1");
    assert_eq!(facts["last"]["from"], "1.0.0");
    assert_eq!(facts["other"]["version"], "1.0.0");
    assert_eq!(facts["can_roll_back"], true);
    assert_eq!(house.read("told"), "slot=B\ntry=\ntries=\nfailed=\n");
    // U-Boot's words from before are still there for a steward that begins anew.
    house.again();
    assert_eq!(house.updating.facts()["state"], "idle");
}

#[tokio::test]
async fn a_trial_that_fails_leaves_its_reason_for_the_old_version() {
    let bundle = bundle(NAMES, 1000);
    let mut house = house("fails", GOOD);
    let id = house.announce(&bundle).unwrap();
    house.updating.camera = Camera::Running;
    house.send_all(&id, &bundle).await.unwrap();
    house.in_state("restarting").await;
    house.start("B", "mimamori.try=B", "1.2.3-rc1");
    house
        .updating
        .handle_complaint("the program gives no sign of life", true);
    let root = house.root.clone();
    house
        .until("a restart", |_| root.join("restarted").exists())
        .await;
    assert_eq!(house.read("told"), "try=\ntries=\nfailed=B\n");
    house.start("A", "mimamori.try= mimamori.failed=B", "1.0.0");
    let facts = house.updating.facts();
    assert_eq!(facts["last"]["result"], "rolled_back");
    assert_eq!(facts["last"]["reason"], "the program gives no sign of life");
    assert_eq!(facts["last"]["version"], "1.2.3-rc1");
    // What did not prove itself is nothing to go back to.
    assert_eq!(facts["other"]["version"], "1.2.3-rc1");
    assert_eq!(house.updating.roll_back().unwrap_err().status, Some(409));
}

#[tokio::test]
async fn what_the_engine_refuses_is_told_and_changes_nothing() {
    let bundle = bundle(NAMES, 1000);
    let words = "[ERROR] : SWUPDATE failed [0] ERROR : Authentication of all signatures failed";
    let mut house = house(
        "refuses",
        &format!("head -c 900 >/dev/null; echo '{words}'; exit 1"),
    );
    house.know_other();
    let id = house.announce(&bundle).unwrap();
    let refused = house.send_all(&id, &bundle).await;
    // It may say so only after it has taken the last byte.
    if let Err(refused) = refused {
        assert_eq!(refused.status, Some(422));
    }
    let facts = house.in_state("idle").await;
    assert_eq!(facts["last"]["result"], "refused");
    let reason = facts["last"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("a key that this camera does not trust"),
        "{reason}"
    );
    let late = house.send(&id, 0, 1, b"x").await.unwrap_err();
    assert_eq!((late.status, late.why.as_str()), (Some(422), reason));
    // Nothing was written, so the way back is still there.
    assert_eq!(facts["other"]["version"], "0.9.0");
    assert_eq!(facts["can_roll_back"], true);
    house.announce(&bundle).unwrap();
}

#[tokio::test]
async fn an_engine_that_dies_in_the_middle_leaves_a_slot_that_is_unknown() {
    let mut bundle = bundle(NAMES, 600_000);
    bundle.resize(700_000, 1);
    let dies = "head -c 300000 >$ROOT/dev/mmcblk0p3; kill -9 $$";
    let mut house = house("dies", dies);
    house.know_other();
    let id = house.announce(&bundle).unwrap();
    let refused = house.send_all(&id, &bundle).await.unwrap_err();
    assert_eq!(refused.status, Some(422));
    let facts = house.in_state("idle").await;
    assert_eq!(facts["last"]["result"], "failed");
    assert_eq!(facts["other"]["version"], Value::Null);
    assert_eq!(house.updating.roll_back().unwrap_err().status, Some(409));
}

#[tokio::test]
async fn a_success_of_which_u_boot_knows_nothing_is_none() {
    let bundle = bundle(NAMES, 1000);
    let mut house = house("no-switch", "cat >$ROOT/dev/mmcblk0p3");
    let id = house.announce(&bundle).unwrap();
    house.send_all(&id, &bundle).await.unwrap();
    let facts = house.in_state("idle").await;
    assert_eq!(facts["last"]["result"], "failed");
    let reason = facts["last"]["reason"].as_str().unwrap();
    assert!(reason.contains("U-Boot was not told"), "{reason}");
    assert!(!house.root.join("restarted").exists());
}

#[tokio::test]
async fn nonsense_is_refused_before_the_engine_is_started() {
    let mut house = house("nonsense", GOOD);
    let [description, signature, image] = NAMES;
    for (bytes, words) in [
        (vec![7; 5000], "not an update bundle"),
        (bundle([description, image, signature], 1000), "not signed"),
        (bundle(NAMES, 0xffff_ffff), "larger than a slot"),
        (bundle(NAMES, 9000), "cut off"),
        (bundle(NAMES, 1000)[..500].to_vec(), "cut off"),
    ] {
        let id = house.announce(&bytes).unwrap();
        let refused = house.send_all(&id, &bytes).await.unwrap_err();
        assert_eq!(refused.status, Some(422));
        assert!(refused.why.contains(words), "{}", refused.why);
        assert_eq!(house.updating.facts()["last"]["result"], "refused");
    }
    assert_eq!(house.read("called"), "");
}

#[tokio::test]
async fn a_broken_connection_is_taken_up_where_it_broke_off() {
    let bundle = bundle(NAMES, 1000);
    let size = bundle.len() as u64;
    let mut house = house("broken", GOOD);
    let id = house.announce(&bundle).unwrap();
    // Once in the head, once behind it.
    for (begin, end) in [(0, 77), (77, 1900)] {
        let sent = &bundle[begin..end];
        let taken = house
            .send(&id, begin as u64, size - begin as u64, sent)
            .await;
        assert_eq!(taken, Ok(end as u64));
        let wrong = house
            .send(&id, begin as u64, 5, b"12345")
            .await
            .unwrap_err();
        assert_eq!((wrong.status, wrong.offset), (Some(409), Some(end as u64)));
    }
    assert_eq!(house.updating.facts()["received"], 1900);
    let taken = house.send(&id, 1900, size - 1900, &bundle[1900..]).await;
    assert_eq!(taken, Ok(size));
    house.in_state("restarting").await;
    assert_eq!(fs::read(house.root.join("dev/mmcblk0p3")).unwrap(), bundle);
}

#[tokio::test]
async fn an_upload_can_be_given_up_and_its_engine_ends() {
    let bundle = bundle(NAMES, 1000);
    let mut house = house("abandon", "echo $$ >$ROOT/pid; cat >/dev/null");
    let id = house.announce(&bundle).unwrap();
    house.send(&id, 0, 1800, &bundle[..1800]).await.unwrap();
    let root = house.root.clone();
    house
        .until("the engine", |_| root.join("pid").exists())
        .await;
    let other = UploadId::from_random(1);
    assert_eq!(
        house.updating.abandon(&other).unwrap_err().status,
        Some(410)
    );
    house.updating.abandon(&id).unwrap();
    assert_eq!(house.updating.facts()["state"], "idle");
    let late = house.send(&id, 1800, 5, b"12345").await.unwrap_err();
    assert_eq!(late.status, Some(410));
    let process = format!("/proc/{}/cmdline", house.read("pid").trim());
    house
        .until("the engine's end", |_| {
            fs::read(&process).unwrap_or_default().is_empty()
        })
        .await;
    house.announce(&bundle).unwrap();
}

#[tokio::test]
async fn silence_ends_an_upload() {
    let bundle = bundle(NAMES, 1000);
    let mut house = house("silence", "cat >/dev/null");
    let id = house.announce(&bundle).unwrap();
    house.send(&id, 0, 1800, &bundle[..1800]).await.unwrap();
    let now = Instant::now();
    house
        .updating
        .settle(now + SILENCE - Duration::from_secs(5));
    assert_eq!(house.updating.facts()["state"], "receiving");
    house.updating.settle(now + SILENCE);
    assert_eq!(house.updating.facts()["last"]["result"], "failed");
    let late = house.send(&id, 1800, 5, b"12345").await.unwrap_err();
    assert_eq!(late.status, Some(410));
}

#[tokio::test]
async fn an_engine_that_hangs_is_ended() {
    let bundle = bundle(NAMES, 1000);
    let mut house = house(
        "hangs",
        "cat >/dev/null; echo $$ >$ROOT/pid; exec sleep 1000",
    );
    let id = house.announce(&bundle).unwrap();
    house.send_all(&id, &bundle).await.unwrap();
    house.in_state("installing").await;
    let root = house.root.clone();
    house
        .until("the engine", |_| root.join("pid").exists())
        .await;
    house.updating.settle(Instant::now() + INSTALLING);
    let facts = house.updating.facts();
    assert_eq!(
        (&facts["state"], &facts["last"]["result"]),
        (&json!("idle"), &json!("failed"))
    );
    let process = format!("/proc/{}/cmdline", house.read("pid").trim());
    house
        .until("the engine's end", |_| {
            fs::read(&process).unwrap_or_default().is_empty()
        })
        .await;
}

#[tokio::test]
async fn an_update_waits_for_nobody_and_goes_where_there_is_room() {
    let mut house = house("room", GOOD);
    let lock = Lock::take(&house.root.join("run/mimamori/update.lock")).unwrap();
    assert_eq!(house.updating.announce(5000).unwrap_err().status, Some(409));
    drop(lock);
    let most = house.updating.facts()["max_size"].as_u64().unwrap();
    let large = house.updating.announce(most + 1).unwrap_err();
    assert_eq!(large.status, Some(413));
    house.start("C", "", "1.0.0");
    assert_eq!(house.updating.announce(5000).unwrap_err().status, Some(503));
    let facts = house.updating.facts();
    assert_eq!(
        (&facts["slot"], &facts["max_size"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn the_owner_goes_back_to_what_has_worked() {
    let mut house = house("back", GOOD);
    assert_eq!(house.updating.roll_back().unwrap_err().status, Some(409));
    house.know_other();
    // Somebody else writes there, as a fleet's client does.
    put(&house.root, "dev/mmcblk0p3", "half of a version");
    assert_eq!(house.updating.roll_back().unwrap_err().status, Some(409));
    put(&house.root, "dev/mmcblk0p3", "what was there before");
    house.updating.roll_back().unwrap();
    assert_eq!(house.updating.roll_back().unwrap_err().status, Some(409));
    let root = house.root.clone();
    house
        .until("a restart", |_| root.join("restarted").exists())
        .await;
    assert_eq!(house.read("told"), "try=B\ntries=\nfailed=\n");
    house.start("B", "mimamori.try=B", "0.9.0");
    assert_eq!(house.updating.facts()["state"], "trial");
    let attempt = house.record().attempt.unwrap();
    assert_eq!(attempt.from.as_deref(), Some("1.0.0"));
}

#[tokio::test]
async fn a_steward_that_began_anew_while_it_was_written_says_so() {
    let bundle = bundle(NAMES, 1000);
    let mut house = house("anew", "cat >/dev/null");
    let id = house.announce(&bundle).unwrap();
    house.send(&id, 0, 1800, &bundle[..1800]).await.unwrap();
    house.again();
    let facts = house.in_state("idle").await;
    assert_eq!(facts["last"]["result"], "failed");
    let late = house.send(&id, 1800, 5, b"12345").await.unwrap_err();
    assert_eq!(late.status, Some(410));
}

#[tokio::test]
async fn what_somebody_else_has_installed_is_tried_by_what_was_seen_last() {
    let mut house = house("fleet", GOOD);
    house.updating.camera = Camera::Running;
    house.updating.end();
    house.start("B", "mimamori.try=B", "2.0.0");
    let facts = house.updating.facts();
    assert_eq!(facts["state"], "trial");
    let waits_for = facts["trial"]["waits_for"].as_array().unwrap();
    assert!(waits_for.contains(&json!("camera")), "{waits_for:?}");
    let lock = Lock::take(&house.root.join("run/mimamori/update.lock")).unwrap();
    assert!(lock.is_none(), "nobody else may update meanwhile");
}
