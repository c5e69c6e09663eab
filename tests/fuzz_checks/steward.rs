//! Checks of what the steward reads: the card's file, wpa_supplicant's messages, and
//! what the camera's server asks of it.

use mimamori::config::card::{self, CardSettings};
use mimamori::proto::steward::{self, Ask};
use mimamori::proto::wifi::Network;
use mimamori::proto::wpa::{self, MAX_HEARD};

/// What is taken from a card reads the same without its pass phrase.
pub fn card_settings(data: &[u8]) {
    match card::parse(data, "m.toml") {
        Ok(settings) => {
            let Some(blanked) = &settings.blanked else {
                return;
            };
            let again = card::parse(blanked.as_bytes(), "m.toml").expect("still sound");
            let network = settings.network.clone().map(|network| Network {
                passphrase: None,
                ..network
            });
            let expected = CardSettings {
                network,
                blanked: None,
                ..settings
            };
            assert_eq!(again, expected);
        }
        Err(errors) => {
            assert!((1..=50).contains(&errors.len()), "{} errors", errors.len());
            for error in errors {
                assert!(!error.to_string().contains('\n'), "{error}");
            }
        }
    }
}

/// Whatever is on the air: names are names, and lists end.
pub fn wpa(data: &[u8]) {
    let _ = wpa::notice(data);
    let page = wpa::page(data, 30);
    if page.next.is_none() {
        assert!(page.heard.is_empty());
    }
    let list = wpa::each_once(page.heard);
    assert!(list.len() <= MAX_HEARD);
    for pair in list.windows(2) {
        assert!(pair[0].signal >= pair[1].signal && pair[0].ssid != pair[1].ssid);
    }
    for heard in list {
        let network = Network {
            ssid: heard.ssid,
            passphrase: None,
            hidden: true,
            proven: false,
        };
        for (_, value) in wpa::network_values(&network) {
            assert!(!value.contains(char::is_control));
        }
    }
}

/// A request that is taken is the same when it is sent on, and breaks out of nothing.
pub fn steward(data: &[u8]) {
    let _ = steward::answer(data);
    let Ok(ask) = steward::parse(data) else {
        return;
    };
    let line = serde_json::to_vec(&ask).expect("a line");
    assert!(!line.contains(&b'\n'));
    assert_eq!(steward::parse(&line), Ok(ask.clone()));
    if let Ask::Join {
        ssid,
        passphrase,
        hidden,
        ..
    } = ask
    {
        let network = Network {
            ssid,
            passphrase,
            hidden,
            proven: false,
        };
        for (_, value) in wpa::network_values(&network) {
            assert!(!value.contains(char::is_control) && value.len() <= 66);
        }
    }
}
