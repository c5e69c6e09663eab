//! Floor 0: bytes to values and back.
//!
//! May import the standard library and parsing crates. No clock (an
//! [`std::time::Instant`] may be carried, never read), no descriptor, no tokio.

pub mod annexb;
pub mod assembler;
pub mod auth;
pub mod camera;
pub mod candidate;
pub mod frame;
pub mod head;
pub mod heartbeat;
pub mod host;
pub mod http;
pub mod meminfo;
pub mod netlink;
pub mod picture_clock;
pub mod problem_json;
pub mod problems;
pub mod radio;
pub mod refusal;
pub mod rtp_h264;
pub mod sdp_fragment;
pub mod session_id;
pub mod set_time;
pub mod set_up;
pub mod signal;
pub mod sps;
pub mod steward;
pub mod stun;
pub mod update;
pub mod vformat;
pub mod wifi;
pub mod wpa;
