//! The group of pictures since the last keyframe, kept for whoever joins next.

use super::packets::Packets;
use std::rc::Rc;

/// Most bytes kept: two seconds at 8 Mbit/s. A longer group is given up, and a
/// joining viewer waits for the next keyframe instead.
const MAX_BYTES: usize = 2 << 20;

/// Most frames kept: a browser decodes as many in about half a second.
const MAX_FRAMES: usize = 120;

/// Frames from the last keyframe on; empty if there was none or they were too many.
#[derive(Debug, Default)]
pub struct Gop {
    frames: Vec<Rc<Packets>>,
    bytes: usize,
}

impl Gop {
    pub fn push(&mut self, packets: Rc<Packets>) {
        if packets.keyframe {
            self.clear();
        } else if self.frames.is_empty() {
            return;
        }
        self.bytes += packets.bytes;
        self.frames.push(packets);
        if self.bytes > MAX_BYTES || self.frames.len() > MAX_FRAMES {
            self.clear();
        }
    }

    /// Forgets everything: the stream has a gap or another format.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }

    pub fn frames(&self) -> &[Rc<Packets>] {
        &self.frames
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::frame::Frame;
    use std::time::Instant;

    fn packets(keyframe: bool, bytes: usize) -> Rc<Packets> {
        #[allow(clippy::disallowed_methods)]
        let captured = Instant::now();
        Rc::new(Packets::new(&Frame {
            data: vec![0; bytes].into(),
            captured,
            keyframe,
        }))
    }

    #[test]
    fn starts_with_a_keyframe_and_starts_over_with_the_next() {
        let mut gop = Gop::default();
        gop.push(packets(false, 10));
        assert!(gop.frames().is_empty());
        gop.push(packets(true, 100));
        gop.push(packets(false, 10));
        assert_eq!((gop.frames().len(), gop.bytes()), (2, 110));
        gop.push(packets(true, 90));
        assert_eq!((gop.frames().len(), gop.bytes()), (1, 90));
    }

    #[test]
    fn gives_up_a_group_that_grows_too_long() {
        let mut gop = Gop::default();
        gop.push(packets(true, MAX_BYTES));
        gop.push(packets(false, 1));
        gop.push(packets(false, 1));
        assert_eq!((gop.frames().len(), gop.bytes()), (0, 0));
    }
}
