//! AES-128 in counter mode from a table, for a core without AES instructions.
//!
//! A round of AES is sixteen looks into one table of 1 KiB (Daemen and Rijmen, "AES
//! proposal: Rijndael", 5.2.1); the three other tables are this one rotated, which
//! costs an ARM nothing. The `aes` crate computes bit by bit instead, in constant
//! time, and needs four times as many instructions on an ARM1176: more than all the
//! rest that is done for a viewer.
//!
//! The price: which lines of the table are in the cache depends on key and data, so
//! whoever can time it exactly could learn about the key. What that is worth here:
//! these keys encrypt one viewer's video for as long as that viewer watches, and no
//! other key is used with this code (DTLS has its own). An attacker would have to run
//! code on the camera's one core, beside the program, and then could take the key more
//! easily; from the network, a packet's time of sending says next to nothing of single
//! table reads, and the published attacks need millions of exact timings under one
//! key. So processors with AES instructions use those, and only 32-bit ARM uses this.

/// Blocks whose counter differs in the last byte only.
const RUN: usize = 256;
const BLOCK: usize = 16;
const ROUNDS: usize = 10;

type State = [u32; 4];

/// A key made ready. Words are little-endian: a column's first byte is the lowest.
pub(super) struct Aes128Table {
    round_keys: [State; ROUNDS + 1],
}

impl Aes128Table {
    /// FIPS 197, 5.2.
    pub fn new(key: &[u8; 16]) -> Self {
        let mut round_keys = [[0; 4]; ROUNDS + 1];
        round_keys[0] = words(key);
        let mut constant = 1;
        for round in 1..=ROUNDS {
            let before = round_keys[round - 1];
            let mut word = substitute(before[3].rotate_right(8)) ^ u32::from(constant);
            for (column, key) in round_keys[round].iter_mut().enumerate() {
                word ^= before[column];
                *key = word;
            }
            constant = double(constant);
        }
        Aes128Table { round_keys }
    }

    /// Combines `input` with the keystream that begins at `counter`, a big-endian
    /// number. `output` is at least as long.
    pub fn apply_keystream(&self, counter: &[u8; 16], input: &[u8], output: &mut [u8]) {
        let output = &mut output[..input.len()];
        let mut counter = u128::from_be_bytes(*counter);
        let (mut input, mut output) = (input, output);
        while !input.is_empty() {
            let first = (counter % RUN as u128) as usize;
            let len = input.len().min((RUN - first) * BLOCK);
            let (now, later) = input.split_at(len);
            let (out, out_later) = output.split_at_mut(len);
            self.apply_run(&counter.to_be_bytes(), now, out);
            (input, output) = (later, out_later);
            counter = counter.wrapping_add((RUN - first) as u128);
        }
    }

    /// For blocks whose counters differ in the last byte only: what does not depend
    /// on it is computed once. That is the first round but for one look into the
    /// table, and the second but for four.
    fn apply_run(&self, counter: &[u8; 16], input: &[u8], output: &mut [u8]) {
        let start = Start::new(&self.round_keys, counter);
        let mut last = counter[15];
        let mut blocks = input.chunks_exact(BLOCK);
        let mut places = output.chunks_exact_mut(BLOCK);
        for (block, place) in blocks.by_ref().zip(places.by_ref()) {
            let stream = self.finish(start.third_round(last));
            last = last.wrapping_add(1);
            combine(block, &stream, place);
        }
        if !blocks.remainder().is_empty() {
            let stream = self.finish(start.third_round(last));
            let stream = stream.iter().flat_map(|word| word.to_le_bytes());
            let bytes = blocks.remainder().iter().zip(stream);
            for (place, (byte, key)) in places.into_remainder().iter_mut().zip(bytes) {
                *place = byte ^ key;
            }
        }
    }

    /// The rounds from the third on.
    #[inline(always)]
    fn finish(&self, state: State) -> State {
        let keys = &self.round_keys;
        let state = round(round(state, &keys[3]), &keys[4]);
        let state = round(round(state, &keys[5]), &keys[6]);
        let state = round(round(state, &keys[7]), &keys[8]);
        last_round(round(state, &keys[9]), &keys[10])
    }
}

/// The state ahead of the third round, without what the counter's last byte adds.
struct Start {
    /// The first column after the first round, and the second round's columns.
    first: u32,
    second: State,
    key: u8,
}

impl Start {
    fn new(round_keys: &[State; ROUNDS + 1], counter: &[u8; 16]) -> Start {
        let counter = words(counter);
        let mut state: State = std::array::from_fn(|i| counter[i] ^ round_keys[0][i]);
        let key = (round_keys[0][3] >> 24) as u8;
        // The byte in question is looked up for the first column only.
        state[3] &= 0x00ff_ffff;
        let state = round(state, &round_keys[1]);
        let first = state[0] ^ TABLE[0].rotate_left(24);
        // Each of that column's bytes is looked up for another column.
        let mut second = round([0, state[1], state[2], state[3]], &round_keys[2]);
        second[0] ^= TABLE[0];
        second[3] ^= TABLE[0].rotate_left(8);
        second[2] ^= TABLE[0].rotate_left(16);
        second[1] ^= TABLE[0].rotate_left(24);
        Start { first, second, key }
    }

    #[inline(always)]
    fn third_round(&self, last: u8) -> State {
        let first = self.first ^ TABLE[usize::from(last ^ self.key)].rotate_left(24);
        [
            self.second[0] ^ look(first, 0),
            self.second[1] ^ look(first, 3),
            self.second[2] ^ look(first, 2),
            self.second[3] ^ look(first, 1),
        ]
    }
}

// Column by column, without loops or closures: they would stay what they are when the
// program is compiled for size, and keep the state in memory.

/// SubBytes, ShiftRows, MixColumns and AddRoundKey (FIPS 197, 5.1).
#[inline(always)]
fn round([a, b, c, d]: State, key: &State) -> State {
    [
        key[0] ^ look(a, 0) ^ look(b, 1) ^ look(c, 2) ^ look(d, 3),
        key[1] ^ look(b, 0) ^ look(c, 1) ^ look(d, 2) ^ look(a, 3),
        key[2] ^ look(c, 0) ^ look(d, 1) ^ look(a, 2) ^ look(b, 3),
        key[3] ^ look(d, 0) ^ look(a, 1) ^ look(b, 2) ^ look(c, 3),
    ]
}

/// What the byte in a row adds to its new column.
#[inline(always)]
fn look(column: u32, row: u32) -> u32 {
    TABLE[usize::from(byte(column, row))].rotate_left(8 * row)
}

/// As [`round`], without MixColumns.
#[inline(always)]
fn last_round([a, b, c, d]: State, key: &State) -> State {
    [
        key[0] ^ last_look(a, 0) ^ last_look(b, 1) ^ last_look(c, 2) ^ last_look(d, 3),
        key[1] ^ last_look(b, 0) ^ last_look(c, 1) ^ last_look(d, 2) ^ last_look(a, 3),
        key[2] ^ last_look(c, 0) ^ last_look(d, 1) ^ last_look(a, 2) ^ last_look(b, 3),
        key[3] ^ last_look(d, 0) ^ last_look(a, 1) ^ last_look(b, 2) ^ last_look(c, 3),
    ]
}

#[inline(always)]
fn last_look(column: u32, row: u32) -> u32 {
    u32::from(SBOX[usize::from(byte(column, row))]) << (8 * row)
}

/// A block's 16 bytes with as much of the keystream.
#[inline(always)]
fn combine(block: &[u8], stream: &State, place: &mut [u8]) {
    place[0..4].copy_from_slice(&(column(block, 0) ^ stream[0]).to_le_bytes());
    place[4..8].copy_from_slice(&(column(block, 1) ^ stream[1]).to_le_bytes());
    place[8..12].copy_from_slice(&(column(block, 2) ^ stream[2]).to_le_bytes());
    place[12..16].copy_from_slice(&(column(block, 3) ^ stream[3]).to_le_bytes());
}

#[inline(always)]
fn column(block: &[u8], i: usize) -> u32 {
    u32::from_le_bytes([
        block[4 * i],
        block[4 * i + 1],
        block[4 * i + 2],
        block[4 * i + 3],
    ])
}

#[inline(always)]
fn byte(column: u32, row: u32) -> u8 {
    (column >> (8 * row)) as u8
}

fn substitute(word: u32) -> u32 {
    u32::from_le_bytes(word.to_le_bytes().map(|byte| SBOX[usize::from(byte)]))
}

fn words(block: &[u8; 16]) -> State {
    let (words, _) = block.as_chunks::<4>();
    std::array::from_fn(|i| u32::from_le_bytes(words[i]))
}

/// FIPS 197, 5.1.1.
static SBOX: [u8; 256] = sbox();
/// SubBytes and MixColumns of a byte in the first row.
static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let (sbox, mut table, mut i) = (sbox(), [0; 256], 0);
    while i < 256 {
        let (once, twice) = (sbox[i], double(sbox[i]));
        table[i] = u32::from_le_bytes([twice, once, once, twice ^ once]);
        i += 1;
    }
    table
}

/// Inverse in GF(2^8), then the affine transformation. `power` runs through all
/// elements but zero as powers of 3, `inverse` through their inverses.
const fn sbox() -> [u8; 256] {
    let mut sbox = [0; 256];
    let (mut power, mut inverse) = (1u8, 1u8);
    loop {
        let spread = inverse
            ^ inverse.rotate_left(1)
            ^ inverse.rotate_left(2)
            ^ inverse.rotate_left(3)
            ^ inverse.rotate_left(4);
        sbox[power as usize] = spread ^ 0x63;
        power ^= double(power);
        inverse = third(inverse);
        if power == 1 {
            break;
        }
    }
    sbox[0] = 0x63;
    sbox
}

/// Times 2 in GF(2^8) (FIPS 197, 4.2.1).
const fn double(byte: u8) -> u8 {
    (byte << 1) ^ if byte >> 7 == 1 { 0x1b } else { 0 }
}

/// Divided by 3, which is times 0xf6.
const fn third(byte: u8) -> u8 {
    let (mut product, mut factor, mut left) = (0, byte, 0xf6u8);
    while left != 0 {
        if left & 1 == 1 {
            product ^= factor;
        }
        factor = double(factor);
        left >>= 1;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::Aes128;
    use aes::cipher::{BlockCipherEncrypt, KeyInit};

    fn keystream(key: u128, counter: u128, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        Aes128Table::new(&key.to_be_bytes()).apply_keystream(
            &counter.to_be_bytes(),
            &vec![0; len],
            &mut out,
        );
        out
    }

    fn by_the_crate(key: u128, counter: u128, len: usize) -> Vec<u8> {
        let aes = Aes128::new(&key.to_be_bytes().into());
        let blocks = (0..).map(|i| {
            let mut block = counter.wrapping_add(i).to_be_bytes().into();
            aes.encrypt_block(&mut block);
            block
        });
        blocks.flatten().take(len).collect()
    }

    /// FIPS 197, appendix B.
    #[test]
    fn one_block_matches_fips_197() {
        let stream = keystream(
            0x2b7e151628aed2a6abf7158809cf4f3c,
            0x3243f6a8885a308d313198a2e0370734,
            16,
        );
        assert_eq!(stream, 0x3925841d02dc09fbdc118597196a0b32u128.to_be_bytes());
    }

    /// RFC 3711, B.2: begin and end of a long keystream.
    #[test]
    fn keystream_matches_rfc_3711() {
        let stream = keystream(
            0x2B7E151628AED2A6ABF7158809CF4F3C,
            0xF0F1F2F3F4F5F6F7F8F9FAFBFCFD0000,
            0xFF02 * 16,
        );
        let block = |i: usize| -> [u8; 16] { stream[i * 16..][..16].try_into().unwrap() };
        assert_eq!(
            block(0),
            0xE03EAD0935C95E80E166B16DD92B4EB4u128.to_be_bytes()
        );
        assert_eq!(
            block(1),
            0xD23513162B02D0F72A43A2FE4A5F97ABu128.to_be_bytes()
        );
        assert_eq!(
            block(2),
            0x41E95B3BB0A2E8DD477901E4FCA894C0u128.to_be_bytes()
        );
        assert_eq!(
            block(0xFEFF),
            0xEC8CDF7398607CB0F2D21675EA9EA1E4u128.to_be_bytes()
        );
        assert_eq!(
            block(0xFF00),
            0x362B7C3C6773516318A077D7FC5073AEu128.to_be_bytes()
        );
        assert_eq!(
            block(0xFF01),
            0x6A2CC3787889374FBEB4C81B17BA6C44u128.to_be_bytes()
        );
    }

    #[test]
    fn random_keys_counters_and_lengths_match_the_aes_crate() {
        let mut random = [0; 34];
        for _ in 0..300 {
            getrandom::fill(&mut random).unwrap();
            let key = u128::from_be_bytes(random[..16].try_into().unwrap());
            let counter = u128::from_be_bytes(random[16..32].try_into().unwrap());
            let len = u16::from_be_bytes(random[32..].try_into().unwrap()) % 5000;
            let expected = by_the_crate(key, counter, len.into());
            assert_eq!(keystream(key, counter, len.into()), expected, "{random:x?}");
        }
    }

    #[test]
    fn the_counter_carries_through_all_bytes() {
        for counter in [0xff, 0xffff, 0xff_fffe, u128::MAX, u128::MAX - 300] {
            assert_eq!(keystream(7, counter, 9000), by_the_crate(7, counter, 9000));
        }
    }

    #[test]
    fn what_lies_behind_the_input_stays() {
        let mut output = [9; 40];
        Aes128Table::new(&[1; 16]).apply_keystream(&[2; 16], &[3; 21], &mut output);
        assert_eq!(output[21..], [9; 19]);
    }
}
