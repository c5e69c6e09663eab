use super::*;
use crate::proto::wifi::{Network, Passphrase, Ssid};

const FILE: &str = "[wifi]\r\nssid = \"home\"\r\npassphrase = \"hush hush\"\r\ncountry = \"JP\"\r\n\
                    [camera]\r\nname = \"porch\"\r\n[video]\r\nwidth = 640\r\n";

/// A card, /data and the delivered settings in a folder that goes away with it.
struct Board {
    folder: PathBuf,
    card: Card,
    store: Store,
}

impl Board {
    fn new(name: &str) -> Board {
        let folder = std::env::temp_dir().join(format!("mimamori-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        for each in ["boot", "data"] {
            std::fs::create_dir_all(folder.join(each)).unwrap();
        }
        std::fs::write(folder.join("delivered"), "listen = \"0.0.0.0:8080\"\n").unwrap();
        let data = |name: &str| folder.join("data").join(name);
        Board {
            card: Card {
                folder: folder.join("boot"),
                mount: None,
            },
            store: Store {
                networks: data("network.json"),
                name: data("hostname"),
                fleet: data("fleet.conf"),
                fleet_certificate: data("fleet-ca.pem"),
                options: data("mimamori.toml"),
                delivered: folder.join("delivered"),
            },
            folder,
        }
    }

    fn put(&self, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.on_card(), bytes).unwrap();
    }

    fn on_card(&self) -> PathBuf {
        self.card.folder.join(FILE_NAME)
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.on_card()).unwrap()
    }

    /// A start of the camera.
    async fn start(&self) -> (Kept, Intake) {
        let (mut kept, lost) = self.store.load();
        assert_eq!(lost, None);
        let intake = take_in(&self.card, &self.store, &mut kept).await;
        assert_eq!(self.store.load().0, kept, "what is used is what is kept");
        (kept, intake)
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn network(ssid: &str, passphrase: &str) -> Network {
    Network {
        ssid: Ssid::new(ssid).unwrap(),
        passphrase: Passphrase::new(passphrase).ok(),
        hidden: false,
        proven: false,
    }
}

#[tokio::test]
async fn a_file_is_taken_in_once_and_its_secret_moves() {
    let board = Board::new("once");
    board.put(FILE);
    let (kept, intake) = board.start().await;
    assert_eq!(intake.problems, Vec::<String>::new());
    assert!(intake.renamed && intake.options);
    assert_eq!(kept.settings.networks, [network("home", "hush hush")]);
    assert_eq!(kept.settings.country.as_ref().unwrap().as_str(), "JP");
    assert_eq!(
        std::fs::read_to_string(&board.store.name).unwrap(),
        "porch\n"
    );
    let options = std::fs::read_to_string(&board.store.options).unwrap();
    let config = config::parse(&options, "f").unwrap();
    assert_eq!(
        (config.width, config.listen.unwrap().port()),
        (Some(640), 8080)
    );

    let text = board.text();
    assert_eq!(
        text,
        FILE.replace("\"hush hush\"", "\"\" # kept in the camera")
    );
    let left: Vec<_> = std::fs::read_dir(&board.card.folder).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing else is left there");
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&board.store.networks)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    // What was learnt meanwhile is not undone by an unchanged file.
    let mut learnt = kept.clone();
    learnt.settings.keep(network("page", "other phrase"));
    board.store.save(&learnt).unwrap();
    let (again, intake) = board.start().await;
    assert_eq!(again, learnt);
    assert!(!intake.renamed && !intake.options && intake.problems.is_empty());
    assert_eq!(board.text(), text);

    // Changed, and the pass phrase still blank: the one that is kept goes on.
    board.put(text.replace("porch", "attic"));
    let (changed, intake) = board.start().await;
    assert_eq!(changed.settings.networks, learnt.settings.networks);
    assert!(intake.renamed && !intake.options);
}

#[tokio::test]
async fn a_fleets_server_is_kept_and_its_token_moves() {
    let board = Board::new("fleet");
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let file = format!(
        "[fleet]\nurl = \"https://server:8443/\"\nid = \"porch\"\ntoken = \"hush\"\n\
         certificate = \"\"\"{pem}\"\"\"\n[wifi]\nssid = \"home\"\npassphrase = \"hush hush\"\n"
    );
    board.put(&file);
    let (_, intake) = board.start().await;
    assert_eq!(intake.problems, Vec::<String>::new());
    let conf = || std::fs::read_to_string(&board.store.fleet).unwrap();
    let kept = "url=https://server:8443\nid=porch\ntoken=hush\n";
    assert_eq!(conf(), kept);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&board.store.fleet).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let certificate = std::fs::read_to_string(&board.store.fleet_certificate);
    assert_eq!(certificate.unwrap(), pem);
    let text = board.text();
    assert!(!text.contains("hush"), "{text}");

    // Blank, and the same server: the token goes on. Another server never sees it.
    board.put(text.replace("porch", "attic"));
    board.start().await;
    assert_eq!(conf(), kept.replace("porch", "attic"));
    board.put(text.replace("server:8443", "other"));
    board.start().await;
    assert_eq!(conf(), "url=https://other\nid=porch\n");
    board.put("[wifi]\nssid = \"home\"\n");
    board.start().await;
    assert!(!board.store.fleet.exists() && !board.store.fleet_certificate.exists());
}

#[tokio::test]
async fn power_cut_between_data_and_card_leaves_nothing_half_done() {
    let board = Board::new("cut");
    board.put(FILE);
    let (kept, _) = board.start().await;
    let mut learnt = kept.clone();
    learnt.settings.keep(network("home", "hush hush"));
    board.store.save(&learnt).unwrap();
    // As if the card had not been written, and a new file had been begun.
    board.put(FILE);
    std::fs::write(board.card.folder.join("mimamori.new"), "[wi").unwrap();
    std::fs::write(board.folder.join("data/network.new"), "{").unwrap();
    let (again, intake) = board.start().await;
    assert_eq!(again, learnt, "it does not count as a new file");
    assert!(intake.problems.is_empty() && !board.text().contains("hush"));
    assert!(!board.card.folder.join("mimamori.new").exists());
}

#[tokio::test]
async fn what_is_wrong_is_told_and_changes_nothing() {
    let board = Board::new("wrong");
    board.put(FILE);
    let (good, _) = board.start().await;
    let huge = vec![b'#'; 1 << 20];
    let binary: Vec<u8> = (0..4096u32).map(|n| ((n * 7919) >> 3) as u8).collect();
    let twice = "[wifi]\nssid = \"a\"\nssid = \"b\"\n";
    let damaged: [(&[u8], &str); 9] = [
        (&binary, "not UTF-8"),
        (&huge, "64 KiB"),
        (&[0; 4096], "mimamori.toml:1:"),
        (&[0xff; 512], "save the file as UTF-8"),
        (b"[wifi]\nssid = \"home", "mimamori.toml:2:"),
        (twice.as_bytes(), "duplicate key"),
        (b"[wifi]\nsid = \"home\"\n", "did you mean ssid?"),
        (
            b"[wifi]\nssid = \"new\"\npassphrase = \"short\"\n",
            "8 to 63",
        ),
        (
            b"[wifi]\nssid = \"new\"\npassphrase = \"long enough\"\n[video]\nfps = 0\n",
            "1 to 90",
        ),
    ];
    for (bytes, words) in damaged {
        board.put(bytes);
        let (kept, intake) = board.start().await;
        assert!(intake.problems[0].contains(words), "{:?}", intake.problems);
        assert!(intake.problems.len() <= MAX_TOLD + 1);
        assert_eq!(kept, good);
        assert_eq!(
            std::fs::read(board.on_card()).unwrap(),
            bytes,
            "the file is as it was"
        );
    }
    for nothing in [&b""[..], b"\r\n\r\n", b"# only words\n"] {
        board.put(nothing);
        let (kept, intake) = board.start().await;
        assert_eq!(
            (kept.settings, intake.problems.len()),
            (good.settings.clone(), 0)
        );
    }
}

#[tokio::test]
async fn a_card_that_can_not_be_read_is_told() {
    let mut board = Board::new("unreadable");
    let (kept, intake) = board.start().await;
    assert_eq!(
        (kept, intake.problems.len()),
        (Kept::default(), 0),
        "no file is no problem"
    );
    std::fs::create_dir(board.on_card()).unwrap();
    let (_, intake) = board.start().await;
    assert!(
        intake.problems[0].contains("directory"),
        "{:?}",
        intake.problems
    );
    for program in ["/bin/false", "/nonexistent/mount"] {
        board.card.mount = Some(program.into());
        let (_, intake) = board.start().await;
        assert!(intake.problems[0].starts_with("The card's settings can't be read: "));
    }
}

#[tokio::test]
async fn a_card_that_can_not_be_written_keeps_its_secret_and_says_so() {
    let board = Board::new("readonly");
    board.put(FILE);
    // In the way of the new file, and not to be removed.
    let way = board.card.folder.join("mimamori.new");
    std::fs::create_dir(&way).unwrap();
    let (kept, intake) = board.start().await;
    assert_eq!(
        kept.settings.networks.len(),
        1,
        "the settings count all the same"
    );
    assert!(intake.problems[0].starts_with("The pass phrase stays on the card"));
    assert_eq!(board.text(), FILE);
    std::fs::remove_dir(&way).unwrap();
    let (_, intake) = board.start().await;
    assert!(intake.problems.is_empty() && !board.text().contains("hush"));
}

#[tokio::test]
async fn damaged_memory_is_put_aside_and_told() {
    for bytes in [
        &b"{"[..],
        b"",
        b"\0\0\0\0",
        br#"{"networks":[{"ssid":""}]}"#,
    ] {
        let board = Board::new("memory");
        std::fs::write(&board.store.networks, bytes).unwrap();
        let (kept, lost) = board.store.load();
        assert_eq!(kept, Kept::default());
        assert!(lost.unwrap().contains("were lost"));
        assert!(!board.store.networks.exists());
        assert_eq!(board.store.load().1, None, "told once");
    }
}

#[test]
fn the_old_content_is_overwritten() {
    let board = Board::new("overwritten");
    board.put(FILE);
    let old = std::fs::File::open(board.on_card()).unwrap();
    files::replace_secret(&board.on_card(), "new", b"short", 0o600).unwrap();
    assert_eq!(board.text(), "short");
    let mut left = Vec::new();
    std::io::Read::read_to_end(&mut { old }, &mut left).unwrap();
    assert_eq!(left, vec![0; FILE.len()]);
}
