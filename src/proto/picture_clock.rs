//! A clock that a program can read back from the picture.
//!
//! The test picture carries the wall-clock moment at which it was drawn as a
//! strip of black and white blocks along its top edge, so that a browser can
//! read it from a canvas and measure the delay from lens to screen.
//!
//! **Geometry**, in fractions of the picture, so that any scale reads alike: the
//! strip is [`ROWS`] rows of [`COLUMNS`] blocks. A block is 1/32 of the width wide
//! and 1/24 of the height high; the strip spans the whole width and the top 1/12.
//! The centre of block `i` (row `i / 32`, column `i % 32`) lies at
//!
//! ```text
//! x = (i % 32 + 0.5) / 32 * width        y = (floor(i / 32) + 0.5) / 24 * height
//! ```
//!
//! **Value**: a block is a one if it is white: the mean of its middle half (or
//! only its centre pixel) is brighter than the middle between black and white,
//! 128 in RGB. Blocks in order are 64 bits, the most significant first: 48 bits of
//! milliseconds since the Unix epoch, then 16 bits of checksum over those six
//! bytes, CRC-16/IBM-3740 (polynomial 0x1021, start 0xffff, not reflected, no
//! final XOR). A reader that finds another checksum has met a torn or blurred
//! picture and takes the next.
//!
//! In JavaScript, with `bits` an array of 64 zeros and ones:
//!
//! ```text
//! const ms = bits.slice(0, 48).reduce((n, b) => n * 2 + b, 0);
//! let crc = 0xffff;
//! for (const b of bits.slice(0, 48)) {
//!   const top = (crc >> 15) ^ b;
//!   crc = ((crc << 1) & 0xffff) ^ (top ? 0x1021 : 0);
//! }
//! const good = crc === bits.slice(48).reduce((n, b) => n * 2 + b, 0);
//! ```

/// Rows of the strip.
pub const ROWS: usize = 2;
/// Blocks in one row: at 320 pixels a block is 10 wide, larger than the 8x8
/// and smaller transforms that could blur it into its neighbours.
pub const COLUMNS: usize = 32;
/// Blocks in all.
pub const BLOCKS: usize = ROWS * COLUMNS;
/// The height of one row is that of the picture divided by this.
pub const ROW_DIVISOR: usize = 24;

/// Largest time that fits: 48 bits of milliseconds, about the year 10889.
pub const MAX_MS: u64 = (1 << TIME_BITS) - 1;

const TIME_BITS: u32 = 48;
const CHECK_BITS: u32 = 16;

/// The blocks (true is white) for a moment in Unix milliseconds, modulo 2^48.
pub fn encode(ms: u64) -> [bool; BLOCKS] {
    let ms = ms & MAX_MS;
    let word = (ms << CHECK_BITS) | u64::from(checksum(ms));
    std::array::from_fn(|i| word >> (BLOCKS - 1 - i) & 1 == 1)
}

/// The moment in Unix milliseconds that the blocks say; `None` if there are not
/// [`BLOCKS`] of them or the checksum differs.
pub fn decode(blocks: &[bool]) -> Option<u64> {
    if blocks.len() != BLOCKS {
        return None;
    }
    let word = blocks.iter().fold(0u64, |w, b| (w << 1) | u64::from(*b));
    let ms = word >> CHECK_BITS;
    (word as u16 == checksum(ms)).then_some(ms)
}

/// The pixels of one block: `(left, top, right, bottom)`, right and bottom
/// exclusive, in a picture of that size.
///
/// # Panics
/// If `block` is not below [`BLOCKS`].
pub fn block_area(block: usize, width: usize, height: usize) -> (usize, usize, usize, usize) {
    assert!(block < BLOCKS);
    let (row, column) = (block / COLUMNS, block % COLUMNS);
    (
        column * width / COLUMNS,
        row * height / ROW_DIVISOR,
        (column + 1) * width / COLUMNS,
        (row + 1) * height / ROW_DIVISOR,
    )
}

/// CRC-16/IBM-3740 over the 48 bits of `ms`, most significant first.
fn checksum(ms: u64) -> u16 {
    (0..TIME_BITS).rev().fold(0xffff, |crc: u16, bit| {
        let top = (crc >> 15) ^ (ms >> bit & 1) as u16;
        (crc << 1) ^ if top == 1 { 0x1021 } else { 0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote() {
        for ms in [0, 1, 1_790_000_000_123, MAX_MS] {
            assert_eq!(decode(&encode(ms)), Some(ms));
        }
    }

    #[test]
    fn time_beyond_48_bits_wraps() {
        assert_eq!(decode(&encode(MAX_MS + 6)), Some(5));
    }

    #[test]
    fn checksum_is_the_published_crc() {
        // The catalogue's check value is over "123456789"; six of its bytes here.
        let ms = b"123456".iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        assert_eq!(checksum(ms), reference_crc(b"123456"));
        assert_eq!(reference_crc(b"123456789"), 0x29b1);
    }

    #[test]
    fn any_single_or_double_flip_is_noticed() {
        let good = encode(1_790_000_000_123);
        for i in 0..BLOCKS {
            for j in i..BLOCKS {
                let mut bad = good;
                bad[i] = !bad[i];
                if j != i {
                    bad[j] = !bad[j];
                }
                assert_eq!(decode(&bad), None, "flips at {i} and {j}");
            }
        }
    }

    #[test]
    fn a_picture_without_strip_reads_as_nothing() {
        assert_eq!(decode(&[false; BLOCKS]), None);
        assert_eq!(decode(&[true; BLOCKS]), None);
        assert_eq!(decode(&[]), None);
    }

    #[test]
    fn blocks_tile_the_top_twelfth() {
        for (w, h) in [(320, 240), (1280, 720), (1920, 1080), (642, 362)] {
            let area: usize = (0..BLOCKS)
                .map(|b| block_area(b, w, h))
                .map(|(l, t, r, b)| (r - l) * (b - t))
                .sum();
            assert_eq!(area, w * (h * ROWS / ROW_DIVISOR));
        }
    }

    fn reference_crc(bytes: &[u8]) -> u16 {
        let mut crc = 0xffffu16;
        for b in bytes {
            crc ^= u16::from(*b) << 8;
            for _ in 0..8 {
                let carry = crc & 0x8000 != 0;
                crc <<= 1;
                if carry {
                    crc ^= 0x1021;
                }
            }
        }
        crc
    }
}
