//! An uncompressed picture, as the software encoder takes it.

use openh264::formats::YUVSource;

/// Planar YCbCr 4:2:0 (I420), BT.601, limited range; sides even.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub width: usize,
    pub height: usize,
    pub y: Vec<u8>,
    pub u: Vec<u8>,
    pub v: Vec<u8>,
}

impl Picture {
    /// A black picture; odd sides are rounded down.
    pub fn new(width: u32, height: u32) -> Picture {
        let (width, height) = (width as usize & !1, height as usize & !1);
        let quarter = width / 2 * (height / 2);
        Picture {
            width,
            height,
            y: vec![16; width * height],
            u: vec![128; quarter],
            v: vec![128; quarter],
        }
    }

    /// Fills the luma of a rectangle, cut to the picture; right and bottom
    /// exclusive.
    pub fn fill_luma(&mut self, left: usize, top: usize, right: usize, bottom: usize, luma: u8) {
        let (right, bottom) = (right.min(self.width), bottom.min(self.height));
        if left < right {
            for row in top..bottom {
                self.y[row * self.width + left..row * self.width + right].fill(luma);
            }
        }
    }

    /// Fills the colour of a rectangle, to the nearest even pixel.
    pub fn fill_chroma(
        &mut self,
        (left, top, right, bottom): (usize, usize, usize, usize),
        u: u8,
        v: u8,
    ) {
        let stride = self.width / 2;
        let (right, bottom) = ((right / 2).min(stride), (bottom / 2).min(self.height / 2));
        let left = left / 2;
        if left < right {
            for row in top / 2..bottom {
                self.u[row * stride + left..row * stride + right].fill(u);
                self.v[row * stride + left..row * stride + right].fill(v);
            }
        }
    }
}

impl YUVSource for Picture {
    fn dimensions(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.width, self.width / 2, self.width / 2)
    }

    fn y(&self) -> &[u8] {
        &self.y
    }

    fn u(&self) -> &[u8] {
        &self.u
    }

    fn v(&self) -> &[u8] {
        &self.v
    }
}
