use super::*;

const GOOD: &str = "[wifi]\nssid = \"home\"\npassphrase = \"hush hush\"\ncountry = \"jp\"\n\
                    [camera]\nname = \"Front-Door\"\n[video]\nwidth = 640\n";

fn read(text: &str) -> CardSettings {
    parse(text.as_bytes(), "f").unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

/// The first error's text.
fn refused(bytes: &[u8]) -> String {
    let errors = parse(bytes, "f").expect_err("is taken");
    let text = errors[0].to_string();
    for error in &errors {
        let shown = error.to_string();
        assert!(!shown.contains("hush"), "shows a secret: {shown}");
    }
    text
}

fn passphrase(settings: &CardSettings) -> Option<&str> {
    let network = settings.network.as_ref()?;
    network.passphrase.as_ref().map(Passphrase::as_str)
}

#[test]
fn all_that_it_says_arrives() {
    let settings = read(GOOD);
    let network = settings.network.as_ref().unwrap();
    assert_eq!(network.ssid.as_str(), "home");
    assert_eq!(passphrase(&settings), Some("hush hush"));
    assert!(!network.proven && !network.hidden);
    assert_eq!(settings.country.as_ref().unwrap().as_str(), "JP");
    assert_eq!(settings.name.as_deref(), Some("front-door"));
    assert_eq!(settings.options.to_string(), "[video]\nwidth = 640\n");
}

#[test]
fn the_delivered_file_says_nothing_and_its_lines_are_right_without_their_hash() {
    let delivered = include_str!("../../../buildroot/board/rpi0w/mimamori.toml");
    assert_eq!(read(delivered), CardSettings::default());
    let uncommented: String = delivered
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let settings = read(&uncommented);
    assert!(settings.network.is_some() && settings.name.is_some());
}

#[test]
fn what_editors_do_is_forgiven() {
    let crlf = GOOD.replace('\n', "\r\n");
    let quotes = GOOD
        .replace("\"hush", "\u{201c}hush")
        .replace("hush\"", "hush\u{201d}");
    let spaces = GOOD.replace(" = ", "\u{a0}=\u{3000}");
    let bom = format!("\u{feff}{GOOD}");
    for text in [crlf, quotes, spaces, bom, GOOD.trim_end().into()] {
        assert_eq!(passphrase(&read(&text)), Some("hush hush"), "{text}");
    }
    let units: Vec<u16> = format!("\u{feff}{GOOD}").encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for bytes in [little, big] {
        assert_eq!(passphrase(&parse(&bytes, "f").unwrap()), Some("hush hush"));
    }
}

#[test]
fn every_kind_of_damage_is_named() {
    for (text, words) in [
        ("[wifi]\nssid = \"home", "f:2:"),
        ("[wifi]\nssid = \"home\"\npassphrase = \"hush hush", "f:3:"),
        ("[wifi]\nssid = home", "text needs quotes"),
        ("[wifi]\nssid = \"a\"\nssid = \"b\"", "duplicate key"),
        ("[wifi]\nsid = \"a\"", "did you mean ssid?"),
        (
            "[wifi]\nssid = \"a\"\npassword = \"hush hush\"",
            "did you mean passphrase?",
        ),
        ("ssid = \"a\"", "it belongs below [wifi]"),
        ("[wifi]\nname = \"a\"", "it belongs below [camera]"),
        (
            "[wifi]\npassphrase = \"hush hush\"",
            "the network's name is missing",
        ),
        (
            "[wifi]\nssid = \"a\"\npassphrase = \"hush\"",
            "f:3:14: wifi.passphrase: a pass phrase has",
        ),
        ("[wifi]\nssid = \"a\"\npassphrase = 12345678", "in quotes"),
        (
            "[wifi]\nssid = \"0123456789012345678901234567890123\"",
            "1 to 32 bytes",
        ),
        ("[wifi]\nssid = \"a\"\nhidden = \"yes\"", "true or false"),
        ("[wifi]\nssid = \"a\"\ncountry = \"Japan\"", "two letters"),
        (
            "[camera]\nname = \"my camera\"",
            "letters, digits and hyphens",
        ),
        ("wifi = 1", "a section [wifi]"),
        ("[video]\nwidth = 641", "an even number"),
        ("[wify]\nssid = \"a\"", "did you mean wifi?"),
        ("passphrase hush", "this line"),
    ] {
        let shown = refused(text.as_bytes());
        assert!(shown.contains(words), "{text}: {shown}");
    }
    assert!(refused(b"\x7fELF\x01\x01\x00\xfe\xff").contains("not UTF-8"));
    assert!(refused(b"[wifi]\nssid = \"caf\xe9\"").starts_with("f:2:12"));
    assert!(refused(b"\xff\xfe\x00").contains("UTF-16"));
    assert!(refused(&vec![b'#'; FILE_LIMIT + 1]).contains("64 KiB"));
    assert!(refused(&[0; 512]).starts_with("f:1:"));
    assert_eq!(read(""), CardSettings::default());
}

#[test]
fn a_fleets_server_is_read_and_shown_without_its_token() {
    let text = "[fleet]\nurl = \"http://hawkbit.lan:8080/\"\ntenant = \"garden\"\ngateway_token = \"hush\"\n";
    let settings = read(text);
    let fleet = settings.fleet.unwrap();
    assert_eq!(
        fleet.lines(""),
        "url=http://hawkbit.lan:8080\ntenant=garden\ngateway_token=hush\n"
    );
    assert_eq!(format!("{fleet:?}"), "Fleet(http://hawkbit.lan:8080)");
    assert!(settings.options.is_empty());
    let blanked = settings.blanked.unwrap();
    assert_eq!(
        blanked,
        text.replace("\"hush\"", "\"\" # kept in the camera")
    );
    assert_eq!(read("[fleet]\n").fleet, None);
    for (text, words) in [
        ("[fleet]\nurl = \"server\"", "server's address is needed"),
        (
            "[fleet]\nurl = \"http://a\\\"b\"",
            "server's address is needed",
        ),
        (
            "[fleet]\nurl = \"http://a@b\"",
            "server's address is needed",
        ),
        ("[fleet]\nurl = \"https://server\"", "needs certificate"),
        (
            "[fleet]\nurl = \"http://a\"\ntenant = \"a b\"",
            "letters, digits",
        ),
        (
            "[fleet]\nurl = \"http://a\"\ntoken = \"hush hush\"",
            "f:3:9: fleet.token: at most",
        ),
        ("[fleet]\nurl = \"http://a\"\ntoken = 5", "in quotes"),
        (
            "[fleet]\nurl = \"http://a\"\ntoken = \"hush\"\ngateway_token = \"hush\"",
            "either token or gateway_token",
        ),
        ("[fleet]\ncertificate = \"hush\"", "a certificate in PEM"),
        ("[fleet]\nadress = \"http://a\"", "known here are url"),
        ("fleet = 1", "a section [fleet]"),
    ] {
        let shown = refused(text.as_bytes());
        assert!(shown.contains(words), "{text}: {shown}");
    }
}

#[test]
fn the_pass_phrase_is_blanked_and_all_else_stays() {
    let once = read(GOOD).blanked.unwrap();
    assert!(!once.contains("hush"));
    assert_eq!(
        once,
        GOOD.replace("\"hush hush\"", "\"\" # kept in the camera")
    );
    let again = read(&once);
    assert_eq!((passphrase(&again), again.blanked.clone()), (None, None));
    assert_eq!(again.network.unwrap().ssid.as_str(), "home");

    let crlf = read(&format!("\u{feff}{}", GOOD.replace('\n', "\r\n")));
    assert_eq!(crlf.blanked.unwrap(), once.replace('\n', "\r\n"));
    let inline = "wifi = { ssid = \"a\", passphrase = 'hush hush' }";
    let blanked = read(inline).blanked.unwrap();
    assert_eq!(blanked, "wifi = { ssid = \"a\", passphrase = \"\" }");
    let long = "[wifi]\nssid = \"a\"\npassphrase = \"\"\"hush\\\n hush\"\"\" # mine\n";
    let blanked = read(long).blanked.unwrap();
    assert_eq!(blanked, "[wifi]\nssid = \"a\"\npassphrase = \"\" # mine\n");
}
