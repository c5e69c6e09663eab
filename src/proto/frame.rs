//! One encoded picture on its way from the camera to the viewers.

use std::sync::Arc;
use std::time::Instant;

/// One access unit (ITU-T H.264, 3.1) in Annex B form.
///
/// Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The NAL units, each behind a start code. A keyframe carries its SPS and
    /// PPS in front of the IDR slices.
    pub data: Arc<[u8]>,
    /// When the sensor delivered the picture, on the monotonic clock.
    pub captured: Instant,
    /// True for an IDR with its parameter sets in front: decoding can start here.
    pub keyframe: bool,
}
