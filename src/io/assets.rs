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

/// Every file there is. Each must stay under the gate's read-ahead
/// ([`super::splice::AHEAD`]).
pub static ASSETS: &[Asset] = &[Asset {
    path: "/",
    content_type: HTML,
    bytes: include_bytes!("../../web/index.html"),
}];

#[cfg(test)]
mod tests {
    use super::*;

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
