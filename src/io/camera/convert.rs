//! Webcam pictures into the encoder's planes.

use super::RAW_FORMATS;
use super::picture::Picture;
use super::v4l2::PixelFormat;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const NV12: u32 = RAW_FORMATS[0];
const YUYV: u32 = RAW_FORMATS[1];
const MJPEG: u32 = RAW_FORMATS[2];
/// No webcam picture is larger; what claims to be is refused before memory is
/// taken for it.
const MAX_SIDE: u32 = 4096;

/// Whether pictures of that format can be read here.
pub(super) fn can_read(format: &PixelFormat) -> bool {
    RAW_FORMATS.contains(&format.fourcc)
        && (2..=MAX_SIDE).contains(&format.width)
        && (2..=MAX_SIDE).contains(&format.height)
        && format.stride <= 8 * MAX_SIDE
}

/// Reads one buffer into `picture`. False if it is damaged or too short; the
/// picture may then hold parts of it.
pub(super) fn read(data: &[u8], format: &PixelFormat, picture: &mut Picture) -> bool {
    let (width, height) = (format.width as usize, format.height as usize);
    let stride = format.stride as usize;
    match format.fourcc {
        YUYV => read_yuyv(data, stride.max(2 * width), picture),
        NV12 => read_nv12(data, stride.max(width), height, picture),
        MJPEG => read_mjpeg(data, width, height, picture),
        _ => false,
    }
}

/// Y U Y V for every two pixels; colours of two lines become their mean.
fn read_yuyv(data: &[u8], stride: usize, picture: &mut Picture) -> bool {
    let (width, height) = (picture.width, picture.height);
    if data.len() < stride * (height - 1) + 2 * width {
        return false;
    }
    for row in 0..height / 2 {
        let upper = &data[2 * row * stride..][..2 * width];
        let lower = &data[(2 * row + 1) * stride..][..2 * width];
        for (line, source) in [(2 * row, upper), (2 * row + 1, lower)] {
            let luma = &mut picture.y[line * width..(line + 1) * width];
            for (y, pair) in luma.iter_mut().zip(source.chunks_exact(2)) {
                *y = pair[0];
            }
        }
        let chroma = row * width / 2..(row + 1) * width / 2;
        let (us, vs) = (&mut picture.u[chroma.clone()], &mut picture.v[chroma]);
        let quads = upper.chunks_exact(4).zip(lower.chunks_exact(4));
        for ((u, v), (a, b)) in us.iter_mut().zip(vs).zip(quads) {
            *u = mean(a[1], b[1]);
            *v = mean(a[3], b[3]);
        }
    }
    true
}

/// A plane of luma, then one of U V pairs.
fn read_nv12(data: &[u8], stride: usize, lines: usize, picture: &mut Picture) -> bool {
    let (width, height) = (picture.width, picture.height);
    let chroma_at = stride * lines;
    if data.len() < chroma_at + stride * (height / 2 - 1) + width {
        return false;
    }
    for row in 0..height {
        let source = &data[row * stride..][..width];
        picture.y[row * width..(row + 1) * width].copy_from_slice(source);
    }
    for row in 0..height / 2 {
        let source = &data[chroma_at + row * stride..][..width];
        let at = row * width / 2;
        for (i, pair) in source.chunks_exact(2).enumerate() {
            picture.u[at + i] = pair[0];
            picture.v[at + i] = pair[1];
        }
    }
    true
}

fn read_mjpeg(data: &[u8], width: usize, height: usize, picture: &mut Picture) -> bool {
    let options = DecoderOptions::default()
        .set_max_width(width)
        .set_max_height(height)
        .jpeg_set_out_colorspace(ColorSpace::YCbCr);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    let Ok(pixels) = decoder.decode() else {
        return false;
    };
    let fits = decoder
        .info()
        .is_some_and(|info| (info.width as usize, info.height as usize) == (width, height));
    if !fits || pixels.len() != 3 * width * height {
        return false;
    }
    subsample(&pixels, 3 * width, picture);
    true
}

/// Y Cb Cr for every pixel, in JPEG's full range, into 4:2:0 in limited range.
fn subsample(pixels: &[u8], stride: usize, picture: &mut Picture) {
    let width = picture.width;
    for row in 0..picture.height {
        let source = pixels[row * stride..].chunks_exact(3);
        let luma = &mut picture.y[row * width..(row + 1) * width];
        for (y, pixel) in luma.iter_mut().zip(source) {
            *y = limited(pixel[0], 219, 16);
        }
    }
    for row in 0..picture.height / 2 {
        for column in 0..width / 2 {
            let upper = 2 * row * stride + 6 * column;
            let four = [upper, upper + 3, upper + stride, upper + stride + 3];
            let sum = |part: usize| {
                four.iter()
                    .map(|p| u32::from(pixels[p + part]))
                    .sum::<u32>()
            };
            let at = row * width / 2 + column;
            picture.u[at] = limited(((sum(1) + 2) / 4) as u8, 224, 16);
            picture.v[at] = limited(((sum(2) + 2) / 4) as u8, 224, 16);
        }
    }
}

fn limited(full: u8, span: u32, offset: u32) -> u8 {
    ((u32::from(full) * span + 127) / 255 + offset) as u8
}

fn mean(a: u8, b: u8) -> u8 {
    (u16::from(a) + u16::from(b)).div_ceil(2) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(fourcc: u32, width: u32, height: u32, stride: u32) -> PixelFormat {
        PixelFormat {
            fourcc,
            width,
            height,
            stride,
        }
    }

    #[test]
    fn yuyv_with_padded_lines() {
        let data = [
            10, 100, 20, 200, 0, 0, //
            30, 110, 40, 210, 0, 0,
        ];
        let mut picture = Picture::new(2, 2);
        assert!(read(&data, &format(YUYV, 2, 2, 6), &mut picture));
        assert_eq!(picture.y, [10, 20, 30, 40]);
        assert_eq!((picture.u[0], picture.v[0]), (105, 205));
    }

    #[test]
    fn nv12_with_padded_lines() {
        let data = [10, 20, 0, 30, 40, 0, 100, 200, 0];
        let mut picture = Picture::new(2, 2);
        assert!(read(&data, &format(NV12, 2, 2, 3), &mut picture));
        assert_eq!(picture.y, [10, 20, 30, 40]);
        assert_eq!((picture.u[0], picture.v[0]), (100, 200));
    }

    #[test]
    fn short_and_senseless_buffers_are_refused() {
        let mut picture = Picture::new(16, 16);
        for fourcc in [YUYV, NV12, MJPEG, 0] {
            let format = format(fourcc, 16, 16, 32);
            assert!(!read(&[], &format, &mut picture));
            assert!(!read(&[0xff; 100], &format, &mut picture));
        }
        assert!(!can_read(&format(YUYV, 0, 16, 0)));
        assert!(!can_read(&format(MJPEG, 1 << 20, 1 << 20, 0)));
        assert!(!can_read(&format(0, 16, 16, 0)));
    }

    #[test]
    fn odd_sizes_lose_their_last_line_and_column() {
        let mut picture = Picture::new(5, 3);
        assert_eq!((picture.width, picture.height), (4, 2));
        assert!(read(&[50; 100], &format(YUYV, 5, 3, 10), &mut picture));
        assert!(read(&[50; 100], &format(NV12, 5, 3, 6), &mut picture));
    }

    #[test]
    fn jpeg_of_another_size_than_promised_is_refused() {
        let mut picture = Picture::new(16, 16);
        assert!(!read(GREY_JPEG, &format(MJPEG, 16, 16, 0), &mut picture));
    }

    #[test]
    fn jpeg_becomes_limited_range() {
        let mut picture = Picture::new(8, 8);
        assert!(read(GREY_JPEG, &format(MJPEG, 8, 8, 0), &mut picture));
        // Full-range 200 is 188 in limited range.
        assert!(
            picture.y.iter().all(|y| y.abs_diff(188) <= 2),
            "{:?}",
            picture.y
        );
        assert!(
            picture
                .u
                .iter()
                .chain(&picture.v)
                .all(|c| c.abs_diff(128) <= 1)
        );
    }

    /// 8x8 pixels of grey 200, colour, baseline.
    const GREY_JPEG: &[u8] = include_bytes!("grey8x8.jpg");
}
