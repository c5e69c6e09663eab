use super::*;

fn from(text: &str) -> Config {
    let file = parse(text, "test.toml").unwrap();
    assemble(file, &Options::default(), &Environment::default())
}

#[test]
fn the_example_is_exactly_the_defaults() {
    assert_eq!(from(EXAMPLE), from(""));
}

#[test]
fn the_example_names_every_key_and_its_comments_are_valid() {
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| {
            let option = line.strip_prefix("# ").filter(|rest| {
                rest.starts_with("[[")
                    || rest
                        .split_once(" = ")
                        .is_some_and(|(key, _)| !key.contains(' '))
            });
            option.unwrap_or(line).to_string() + "\n"
        })
        // Each of these is there twice: empty, and as an example.
        .filter(|line| !line.ends_with(" = []\n"))
        .collect();
    for (section, keys) in reader::SECTIONS {
        for key in keys {
            let there = uncommented.lines().any(|line| {
                line.starts_with(&format!("{key} = ")) || line.trim_matches(['[', ']']) == *key
            });
            assert!(there, "{section} {key}");
        }
    }
    let config = from(&uncommented);
    assert_eq!(config.also_listen, ["0.0.0.0:80".parse().unwrap()]);
    assert_eq!(config.announce.len(), 2);
    assert_eq!(config.ice_servers.len(), 1);
    assert_eq!(config.host_names, ["camera.example.org"]);
    assert_eq!(config.state_dir, Path::new("/var/lib/mimamori"));
}

#[test]
fn an_older_version_reads_its_own_options_beside_a_newer_ones() {
    let text = "listen = \"0.0.0.0:9000\"\nnight_vision = true\n[video]\nwidth = 640\nhdr = 1\n\
                [audio]\ncodec = \"opus\"\n";
    assert_eq!(parse(text, "test.toml").unwrap_err().len(), 3);
    let file = parse_known(text, "test.toml").unwrap();
    assert_eq!(file.listen, "0.0.0.0:9000".parse().ok());
    assert_eq!(file.width, Some(640));
    // What is known has to be right all the same.
    let wrong = format!("{text}[bitrate]\nfloor = \"much\"\n");
    assert_eq!(parse_known(&wrong, "test.toml").unwrap_err().len(), 1);
    assert!(parse_known("listen = \n", "test.toml").is_err());
}

#[test]
fn every_option_of_a_file_arrives() {
    let config = from(
        r#"
        listen = "[::1]:9000"
        also_listen = ["0.0.0.0:80", "[::1]:81"]
        camera = "/dev/video3"
        max_viewers = 64
        announce = ["203.0.113.5"]
        host_names = ["Eye.example"]
        state_directory = "/data"
        log = "debug"
        video = { width = 640, height = 480, fps = 15 }
        [bitrate]
        floor = 100_000
        start = 200_000
        ceiling = 0x100000
        [[ice_servers]]
        urls = "stun:a"
        [[ice_servers]]
        urls = ["turn:b", "turns:c"]
        username = "u"
        credential = "c"
        "#,
    );
    assert_eq!(config.listen, "[::1]:9000".parse().unwrap());
    assert_eq!(
        config.camera,
        CameraSettings {
            choice: CameraChoice::Device("/dev/video3".into()),
            format: VideoFormat {
                width: 640,
                height: 480,
                fps: 15
            },
            bitrate: 200_000,
        }
    );
    assert_eq!(config.max_viewers, 64);
    assert_eq!(config.announce[0].socket(1).to_string(), "203.0.113.5:1");
    assert_eq!(config.host_names, ["eye.example"]);
    assert_eq!(config.state_dir, Path::new("/data"));
    assert_eq!(config.log.as_str(), "debug");
    assert_eq!(
        config.bitrate,
        Bitrates {
            floor: 100_000,
            start: 200_000,
            ceiling: 1 << 20
        }
    );
    assert_eq!(config.ice_servers[0].urls, ["stun:a"]);
    assert_eq!(config.ice_servers[1].urls, ["turn:b", "turns:c"]);
}

#[test]
fn the_command_line_wins_over_the_file() {
    let file = parse(
        "listen = '1.2.3.4:1'\nmax_viewers = 2\ncamera = 'test'",
        "f",
    )
    .unwrap();
    let options = Options {
        listen: Some("5.6.7.8:9".parse().unwrap()),
        camera: Some(CameraChoice::Auto),
        max_viewers: Some(3),
        ..Options::default()
    };
    let config = assemble(file, &options, &Environment::default());
    assert_eq!(config.listen, "5.6.7.8:9".parse().unwrap());
    assert_eq!(config.camera.choice, CameraChoice::Auto);
    assert_eq!(config.max_viewers, 3);
}

#[test]
fn a_default_bitrate_gives_way_to_a_given_one() {
    let rates = |text: &str| {
        let Bitrates {
            floor,
            start,
            ceiling,
        } = from(&format!("[bitrate]\n{text}")).bitrate;
        (floor, start, ceiling)
    };
    assert_eq!(rates(""), (150_000, 1_500_000, 4_000_000));
    assert_eq!(rates("ceiling = 100_000"), (100_000, 100_000, 100_000));
    assert_eq!(rates("start = 50_000"), (50_000, 50_000, 4_000_000));
    assert_eq!(rates("start = 5_000_000"), (150_000, 5_000_000, 5_000_000));
    assert_eq!(
        rates("floor = 9_000_000"),
        (9_000_000, 9_000_000, 9_000_000)
    );
}

#[test]
fn the_state_directory_follows_the_surroundings() {
    let text = |text: &str| Some(text.to_string());
    let mut environment = Environment {
        state_directory: text("/var/lib/cam:/other"),
        xdg_state_home: text("/x"),
        home: text("/home/me"),
    };
    assert_eq!(environment.state_dir(), Path::new("/var/lib/cam"));
    environment.state_directory = text("relative");
    assert_eq!(environment.state_dir(), Path::new("/x/mimamori"));
    environment.xdg_state_home = text("");
    assert_eq!(
        environment.state_dir(),
        Path::new("/home/me/.local/state/mimamori")
    );
    environment.home = text("/");
    assert_eq!(environment.state_dir(), Path::new("/var/lib/mimamori"));
    environment.home = None;
    assert_eq!(environment.state_dir(), Path::new("/var/lib/mimamori"));
}

#[test]
fn a_credential_does_not_reach_logs() {
    let server = IceServer {
        urls: vec!["turn:a".into()],
        username: Some("user".into()),
        credential: Some("hush".into()),
    };
    assert!(!format!("{server:?}").contains("hush"));
    assert!(serde_json::to_string(&server).unwrap().contains("hush"));
}
