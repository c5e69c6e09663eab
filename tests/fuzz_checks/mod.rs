//! What must hold for every input, one function for each fuzz target.
//!
//! Compiled into the fuzz targets (fuzz/src/lib.rs) and into the test that replays
//! their corpus. A check panics where something does not hold.

mod auth;
#[path = "../common/mod.rs"]
mod common;
mod configuration;
mod h264;
mod http;
mod session;
mod signalling;
mod steward;
mod updating;

pub use auth::{access_record, credentials};
pub use configuration::config;
pub use h264::{access_units, annexb, assembler, rtp_h264, sps};
pub use http::{head, update};
pub use session::session;
pub use signalling::{candidate, sdp_fragment, signal, stun};
pub use steward::{card_settings, steward, wpa};
pub use updating::{bundle, updating};

/// A target's name, which is also the name of its file and of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// Every target there is.
pub const TARGETS: &[Target] = &[
    ("annexb", annexb),
    ("access_units", access_units),
    ("sps", sps),
    ("signal", signal),
    ("candidate", candidate),
    ("sdp_fragment", sdp_fragment),
    ("stun", stun),
    ("head", head),
    ("credentials", credentials),
    ("access_record", access_record),
    ("assembler", assembler),
    ("rtp_h264", rtp_h264),
    ("config", config),
    ("session", session),
    ("card_settings", card_settings),
    ("wpa", wpa),
    ("steward", steward),
    ("update", update),
    ("bundle", bundle),
    ("updating", updating),
];

/// Chunk sizes and the like, made from an input: the same input, the same run.
pub struct Dice(u64);

impl Dice {
    pub fn new(data: &[u8]) -> Self {
        let seed = |state: u64, &byte: &u8| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        Dice(data.iter().take(64).fold(0xcbf2_9ce4_8422_2325, seed))
    }

    /// A number from `low` to `high`, both included.
    pub fn roll(&mut self, low: usize, high: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        low + (self.0 >> 33) as usize % (high - low + 1)
    }
}
