//! Checks of the configuration file's reader.

use mimamori::config::{self, BITRATE, Environment, FPS, HEIGHT, MAX_VIEWERS, WIDTH};
use mimamori::options::Options;

/// What is taken is within its limits, and what is not is named with its place.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match config::parse(&text, "m.toml") {
        Ok(file) => {
            let config = config::assemble(file, &Options::default(), &Environment::default());
            let rates = config.bitrate;
            assert!(rates.floor <= rates.start && rates.start <= rates.ceiling);
            assert!(BITRATE.contains(&rates.floor) && BITRATE.contains(&rates.ceiling));
            assert!(MAX_VIEWERS.contains(&(config.max_viewers as u32)));
            let format = config.camera.format;
            assert!(WIDTH.contains(&format.width) && HEIGHT.contains(&format.height));
            assert!(FPS.contains(&format.fps));
            assert!(config.announce.len() <= 8 && config.ice_servers.len() <= 8);
            assert!(config.host_names.len() <= 32);
        }
        Err(errors) => {
            assert!((1..=50).contains(&errors.len()), "{} errors", errors.len());
            // Files of any system: CR, LF or both end a line.
            let lines = text.split(['\n', '\r']).count();
            for error in errors {
                assert!(error.line <= lines, "{error}: of {lines}");
                assert!(
                    !error.message.is_empty() && error.message.len() < 2000,
                    "{error}"
                );
                assert!(!error.to_string().contains('\n'), "{error}");
            }
        }
    }
}
