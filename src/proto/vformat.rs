//! UV4L's numbered video formats.

use super::camera::VideoFormat;

/// What UV4L gives where a client names no format, or an unknown one.
pub const DEFAULT: VideoFormat = VideoFormat {
    width: 1280,
    height: 720,
    fps: 30,
};

/// `(number, width, height, frames per second)`, in the order of the numbers.
const TABLE: [(u32, u32, u32, u32); 22] = [
    (5, 320, 240, 15),
    (10, 320, 240, 30),
    (20, 352, 288, 30),
    (25, 640, 480, 15),
    (30, 640, 480, 30),
    (35, 800, 480, 30),
    (40, 960, 720, 30),
    (50, 1024, 768, 30),
    (55, 1280, 720, 15),
    (60, 1280, 720, 30),
    (63, 1280, 720, 60),
    (65, 1280, 768, 15),
    (70, 1280, 768, 30),
    (75, 1536, 768, 30),
    (80, 1280, 960, 30),
    (90, 1600, 768, 30),
    (95, 1640, 1232, 15),
    (97, 1640, 1232, 30),
    (98, 1792, 896, 15),
    (99, 1792, 896, 30),
    (100, 1920, 1080, 15),
    (105, 1920, 1080, 30),
];

/// The format behind a UV4L `vformat` number, or `None` for an unknown one.
pub fn lookup(number: u32) -> Option<VideoFormat> {
    let row = TABLE.iter().find(|row| row.0 == number)?;
    Some(VideoFormat {
        width: row.1,
        height: row.2,
        fps: row.3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written from the protocol document, not from the table above.
    const DOCUMENT: &str = "5 320x240@15 · 10 320x240@30 · 20 352x288@30 · 25 640x480@15 · \
        30 640x480@30 · 35 800x480@30 · 40 960x720@30 · 50 1024x768@30 · 55 1280x720@15 · \
        60 1280x720@30 · 63 1280x720@60 · 65 1280x768@15 · 70 1280x768@30 · 75 1536x768@30 · \
        80 1280x960@30 · 90 1600x768@30 · 95 1640x1232@15 · 97 1640x1232@30 · 98 1792x896@15 · \
        99 1792x896@30 · 100 1920x1080@15 · 105 1920x1080@30";

    #[test]
    fn every_number_of_the_protocol_document_is_known() {
        let mut known = 0;
        for entry in DOCUMENT.split(" · ") {
            let (number, format) = entry.trim().split_once(' ').unwrap();
            let found = lookup(number.parse().unwrap()).unwrap();
            assert_eq!(found.to_string(), format, "vformat {number}");
            known += 1;
        }
        assert_eq!(known, TABLE.len());
    }

    #[test]
    fn other_numbers_are_unknown() {
        for number in [0, 1, 61, 62, 106, u32::MAX] {
            assert_eq!(lookup(number), None, "{number}");
        }
    }

    #[test]
    fn the_default_is_number_60() {
        assert_eq!(lookup(60), Some(DEFAULT));
    }
}
