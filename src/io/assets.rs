//! The page's files, compiled in.

/// One file of the page.
#[derive(Debug)]
pub struct Asset {
    /// As in the URL.
    pub path: &'static str,
    pub content_type: &'static str,
    pub bytes: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const PNG: &str = "image/png";

macro_rules! asset {
    ($path:expr, $file:literal, $content_type:expr) => {
        Asset {
            path: $path,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../web/", $file)),
        }
    };
    ($file:literal, $content_type:expr) => {
        asset!(concat!("/", $file), $file, $content_type)
    };
}

/// Every file there is. Each must stay under the gate's read-ahead
/// ([`super::splice::AHEAD`]).
pub static ASSETS: &[Asset] = &[
    asset!("/", "index.html", HTML),
    asset!("style.css", CSS),
    asset!("favicon.svg", SVG),
    asset!("apple-touch-icon.png", PNG),
    asset!("api.js", SCRIPT),
    asset!("bundle.js", SCRIPT),
    asset!("clock_strip.js", SCRIPT),
    asset!("connection.js", SCRIPT),
    asset!("controls.js", SCRIPT),
    asset!("follow.js", SCRIPT),
    asset!("full_screen.js", SCRIPT),
    asset!("last_picture.js", SCRIPT),
    asset!("main.js", SCRIPT),
    asset!("panel.js", SCRIPT),
    asset!("player.js", SCRIPT),
    asset!("reconnect.js", SCRIPT),
    asset!("/setup", "setup.html", HTML),
    asset!("setup.html", HTML),
    asset!("setup.css", CSS),
    asset!("setup.js", SCRIPT),
    asset!("setup_text.js", SCRIPT),
    asset!("setup_words.js", SCRIPT),
    asset!("snapshot.js", SCRIPT),
    asset!("stats.js", SCRIPT),
    asset!("text.js", SCRIPT),
    asset!("/update", "update.html", HTML),
    asset!("update.html", HTML),
    asset!("update.css", CSS),
    asset!("update.js", SCRIPT),
    asset!("update_text.js", SCRIPT),
    asset!("update_words.js", SCRIPT),
    asset!("upload.js", SCRIPT),
    asset!("words.js", SCRIPT),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/web");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            // What only the tests' JavaScript engine reads.
            if name == "package.json" || name == "index.html" {
                continue;
            }
            let path = format!("/{name}");
            assert!(
                ASSETS.iter().any(|asset| asset.path == path),
                "{name} is not in the table"
            );
        }
    }

    #[test]
    fn every_file_fits_the_read_ahead_and_has_a_path_of_its_own() {
        for (index, asset) in ASSETS.iter().enumerate() {
            // Room for the head in front of it.
            assert!(
                asset.bytes.len() + 4096 < crate::io::splice::AHEAD,
                "{}",
                asset.path
            );
            assert!(asset.path.starts_with('/'));
            assert!(ASSETS[..index].iter().all(|other| other.path != asset.path));
        }
    }
}
