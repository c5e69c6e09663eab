//! One frame as RTP payloads, made once for all viewers.

use crate::proto::frame::Frame;
use crate::proto::rtp_h264;
use std::cell::{OnceCell, RefCell};
use std::sync::Arc;
use std::time::Instant;

/// A frame, packetised when the first viewer needs it: most frames of a camera pass
/// while nobody watches. Viewers share the payloads; each adds its own header.
#[derive(Debug)]
pub struct Packets {
    pub captured: Instant,
    pub keyframe: bool,
    /// The frame's length.
    pub bytes: usize,
    /// Until it is cut.
    whole: RefCell<Option<Arc<[u8]>>>,
    payloads: OnceCell<Vec<Arc<[u8]>>>,
}

impl Packets {
    pub fn new(frame: &Frame) -> Packets {
        Packets {
            captured: frame.captured,
            keyframe: frame.keyframe,
            bytes: frame.data.len(),
            whole: RefCell::new(Some(frame.data.clone())),
            payloads: OnceCell::new(),
        }
    }

    pub fn payloads(&self) -> &[Arc<[u8]>] {
        self.payloads.get_or_init(|| {
            let whole = self.whole.take();
            whole.map_or_else(Vec::new, |frame| rtp_h264::packetize(&frame))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_cut_when_it_is_needed_and_once() {
        #[allow(clippy::disallowed_methods)]
        let captured = Instant::now();
        let data: Arc<[u8]> = [0, 0, 0, 1, 0x65, 1, 2, 3].into();
        let frame = Frame {
            data: data.clone(),
            captured,
            keyframe: true,
        };
        let packets = Packets::new(&frame);
        drop(frame);
        assert_eq!((packets.bytes, Arc::strong_count(&data)), (8, 2), "kept");
        let first = packets.payloads()[0].clone();
        assert_eq!(*first, [0x65, 1, 2, 3]);
        assert!(Arc::ptr_eq(&first, &packets.payloads()[0]));
        assert_eq!(Arc::strong_count(&data), 1, "given back");
    }
}
