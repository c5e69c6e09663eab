//! The sequence parameter set (ITU-T H.264, 7.3.2.1.1).

use super::annexb::{NAL_SPS, nal_type};

/// What the rest of the program needs to know of a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sps {
    /// `profile_idc`, constraint flags and `level_idc`: the three bytes of
    /// `profile-level-id` (RFC 6184, 8.1), for example 0x42e01f.
    pub profile_level_id: u32,
    /// Pixels after cropping.
    pub width: u32,
    /// Pixels after cropping.
    pub height: u32,
    /// Frames per second from the VUI, where it is there and sensible (1 to 240).
    pub fps: Option<f32>,
}

/// Why an SPS was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpsError {
    /// The NAL unit ends too early.
    Truncated,
    /// Not a NAL unit of type 7.
    NotSps,
    /// A value outside of what the standard allows.
    OutOfRange(&'static str),
}

impl std::fmt::Display for SpsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SpsError::Truncated => f.write_str("the SPS ends too early"),
            SpsError::NotSps => f.write_str("not an SPS"),
            SpsError::OutOfRange(what) => write!(f, "{what} of the SPS is out of range"),
        }
    }
}

impl std::error::Error for SpsError {}

/// Macroblocks along one side: the square root of 8 * MaxFS of level 6.2 (A.3.1).
const MAX_SIDE: u32 = 1055;
/// Macroblocks of a frame: MaxFS of level 6.2 (table A-1).
const MAX_FRAME: u32 = 139_264;
const EXTENDED_SAR: u32 = 255;

/// Reads an SPS NAL unit (without start code, with emulation prevention).
///
/// Reading ends at the VUI's timing; what is behind it is not looked at.
pub fn parse(nal: &[u8]) -> Result<Sps, SpsError> {
    if nal_type(nal) != NAL_SPS {
        return Err(SpsError::NotSps);
    }
    let mut bits = Bits::new(&nal[1..]);
    let profile_level_id = bits.bits(24)?;
    bits.ue_up_to(31, "seq_parameter_set_id")?;
    let chroma = Chroma::read(&mut bits, profile_level_id >> 16)?;
    skip_reference_rules(&mut bits)?;
    let (width, height) = read_size(&mut bits, chroma)?;
    let fps = match bits.flag()? {
        true => read_vui_fps(&mut bits)?,
        false => None,
    };
    Ok(Sps {
        profile_level_id,
        width,
        height,
        fps,
    })
}

/// ChromaArrayType: 0 monochrome or separate planes, 1 4:2:0, 2 4:2:2, 3 4:4:4.
#[derive(Clone, Copy)]
struct Chroma(u32);

impl Chroma {
    /// Reads the part that only the high profiles have.
    fn read(bits: &mut Bits<'_>, profile_idc: u32) -> Result<Chroma, SpsError> {
        const HIGH: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
        if !HIGH.contains(&profile_idc) {
            return Ok(Chroma(1));
        }
        let format = bits.ue_up_to(3, "chroma_format_idc")?;
        let separate_planes = format == 3 && bits.flag()?;
        bits.ue_up_to(6, "bit_depth_luma_minus8")?;
        bits.ue_up_to(6, "bit_depth_chroma_minus8")?;
        bits.flag()?; // qpprime_y_zero_transform_bypass_flag
        if bits.flag()? {
            skip_scaling_lists(bits, if format == 3 { 12 } else { 8 })?;
        }
        Ok(Chroma(if separate_planes { 0 } else { format }))
    }

    /// SubWidthC and SubHeightC (table 6-1).
    fn subsampling(self) -> (u32, u32) {
        match self.0 {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        }
    }
}

/// 7.3.2.1.1.1
fn skip_scaling_lists(bits: &mut Bits<'_>, lists: usize) -> Result<(), SpsError> {
    for list in 0..lists {
        if !bits.flag()? {
            continue;
        }
        let mut last = 8;
        for _ in 0..if list < 6 { 16 } else { 64 } {
            let delta = bits.se_within(-128, 127, "delta_scale")?;
            last = (last + delta + 256) % 256;
            if last == 0 {
                break; // the rest of the list repeats the last value
            }
        }
    }
    Ok(())
}

/// From `log2_max_frame_num_minus4` to `gaps_in_frame_num_value_allowed_flag`.
fn skip_reference_rules(bits: &mut Bits<'_>) -> Result<(), SpsError> {
    bits.ue_up_to(12, "log2_max_frame_num_minus4")?;
    match bits.ue_up_to(2, "pic_order_cnt_type")? {
        0 => {
            bits.ue_up_to(12, "log2_max_pic_order_cnt_lsb_minus4")?;
        }
        1 => {
            bits.flag()?; // delta_pic_order_always_zero_flag
            bits.se()?; // offset_for_non_ref_pic
            bits.se()?; // offset_for_top_to_bottom_field
            let cycle = bits.ue_up_to(255, "num_ref_frames_in_pic_order_cnt_cycle")?;
            for _ in 0..cycle {
                bits.se()?; // offset_for_ref_frame
            }
        }
        _ => {}
    }
    bits.ue_up_to(16, "max_num_ref_frames")?;
    bits.flag()?;
    Ok(())
}

/// Width and height in pixels, after cropping (7.4.2.1.1).
fn read_size(bits: &mut Bits<'_>, chroma: Chroma) -> Result<(u32, u32), SpsError> {
    let columns = 1 + bits.ue_up_to(MAX_SIDE - 1, "pic_width_in_mbs_minus1")?;
    let units = 1 + bits.ue_up_to(MAX_SIDE - 1, "pic_height_in_map_units_minus1")?;
    let frames_only = bits.flag()?;
    let fields = if frames_only { 1 } else { 2 };
    if !frames_only {
        bits.flag()?; // mb_adaptive_frame_field_flag
    }
    bits.flag()?; // direct_8x8_inference_flag
    let rows = units * fields;
    if rows > MAX_SIDE || columns * rows > MAX_FRAME {
        return Err(SpsError::OutOfRange("the frame size"));
    }
    let (width, height) = (columns * 16, rows * 16);
    if !bits.flag()? {
        return Ok((width, height));
    }
    let (sub_width, sub_height) = chroma.subsampling();
    let across = bits.crop_pair(sub_width)?;
    let down = bits.crop_pair(sub_height * fields)?;
    match (width.checked_sub(across), height.checked_sub(down)) {
        (Some(width @ 1..), Some(height @ 1..)) => Ok((width, height)),
        _ => Err(SpsError::OutOfRange("the cropping rectangle")),
    }
}

/// Annex E.1.1 up to the timing.
fn read_vui_fps(bits: &mut Bits<'_>) -> Result<Option<f32>, SpsError> {
    // aspect_ratio_info
    if bits.flag()? && bits.bits(8)? == EXTENDED_SAR {
        bits.bits(32)?;
    }
    // overscan_info
    if bits.flag()? {
        bits.flag()?;
    }
    // video_signal_type, with its colour_description
    if bits.flag()? {
        bits.bits(4)?;
        if bits.flag()? {
            bits.bits(24)?;
        }
    }
    // chroma_loc_info
    if bits.flag()? {
        bits.ue_up_to(5, "chroma_sample_loc_type_top_field")?;
        bits.ue_up_to(5, "chroma_sample_loc_type_bottom_field")?;
    }
    if !bits.flag()? {
        return Ok(None);
    }
    let units_in_tick = bits.bits(32)?;
    let time_scale = bits.bits(32)?;
    // A frame lasts two ticks: the clock counts fields (E.2.1).
    let fps = f64::from(time_scale) / (2.0 * f64::from(units_in_tick));
    Ok((1.0..=240.0).contains(&fps).then_some(fps as f32))
}

/// Bits of a NAL unit's payload, emulation prevention bytes taken out (7.3.1).
struct Bits<'a> {
    rest: std::slice::Iter<'a, u8>,
    /// The byte that is being read; its next bit is the highest of `left` bits.
    byte: u8,
    left: u32,
    /// Zero bytes since the last other one.
    zeros: u32,
}

impl<'a> Bits<'a> {
    fn new(payload: &'a [u8]) -> Self {
        Bits {
            rest: payload.iter(),
            byte: 0,
            left: 0,
            zeros: 0,
        }
    }

    fn next_byte(&mut self) -> Result<u8, SpsError> {
        let mut byte = *self.rest.next().ok_or(SpsError::Truncated)?;
        if self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = *self.rest.next().ok_or(SpsError::Truncated)?;
        }
        self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
        Ok(byte)
    }

    fn flag(&mut self) -> Result<bool, SpsError> {
        if self.left == 0 {
            self.byte = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Ok((self.byte >> self.left) & 1 == 1)
    }

    /// `count` is at most 32.
    fn bits(&mut self, count: u32) -> Result<u32, SpsError> {
        let mut value = 0;
        for _ in 0..count {
            value = (value << 1) | u32::from(self.flag()?);
        }
        Ok(value)
    }

    /// ue(v), 0 to 2^32 - 2 (9.1).
    fn ue(&mut self) -> Result<u32, SpsError> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(SpsError::OutOfRange("an exp-Golomb code"));
            }
        }
        Ok(((1 << zeros) - 1) + self.bits(zeros)?)
    }

    fn ue_up_to(&mut self, limit: u32, what: &'static str) -> Result<u32, SpsError> {
        let value = self.ue()?;
        (value <= limit)
            .then_some(value)
            .ok_or(SpsError::OutOfRange(what))
    }

    /// se(v) (9.1.1).
    fn se(&mut self) -> Result<i32, SpsError> {
        let code = i64::from(self.ue()?);
        let size = (code + 1) / 2;
        let value = if code % 2 == 1 { size } else { -size };
        i32::try_from(value).map_err(|_| SpsError::OutOfRange("an exp-Golomb code"))
    }

    fn se_within(&mut self, low: i32, high: i32, what: &'static str) -> Result<i32, SpsError> {
        let value = self.se()?;
        (low..=high)
            .contains(&value)
            .then_some(value)
            .ok_or(SpsError::OutOfRange(what))
    }

    /// Two cropping offsets, summed, in pixels.
    fn crop_pair(&mut self, unit: u32) -> Result<u32, SpsError> {
        let limit = MAX_SIDE * 16;
        let first = self.ue_up_to(limit, "a cropping offset")?;
        let second = self.ue_up_to(limit, "a cropping offset")?;
        Ok((first + second) * unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by libx264 and openh264 from a test picture: width, height, frames per
    /// second (0: not told), the NAL unit, who made it.
    const REAL: &str = "
        1280 720 30 6742c01fd9005005bb0110000003001000000303c0f1832480 x264 baseline
        1920 1080 30 6742c028d900780227e5c044000003000400000300f03c60c920 x264 baseline
        640 480 15 6742c016d900a03db0110000030001000003001e0f162e48 x264 baseline
        1280 720 30 674d401feca02802dd8088000003000800000301e078c18cb0 x264 main
        1920 1080 30 674d4028eca03c0113f2e022000003000200000300781e30632c x264 main
        640 480 15 674d4016eca0501ed80880000003008000000f078b16cb x264 main
        1280 720 30 6764001facd9405005bb0110000003001000000303c0f1831960 x264 high
        1920 1080 30 67640028acd940780227e5c044000003000400000300f03c60c658 x264 high
        640 480 15 67640016acd940a03db0110000030001000003001e0f162d96 x264 high
        640 480 30 67f4001e919b281407b60220000003002000000781e2c5b2c0 x264 high 4:4:4
        640 480 30 6764001eacd940a03db0110000030001000003003c0f162d96 x264 high, jvt
        1920 1080 30 67640028acd94078044fde0220000003002000000783e2c5b2c0 x264 interlaced
        1620 1080 29.97003 67640028acd9406602279e5c04400000fa40003a981898003d090007a13930c01e30632c x264 SAR, HRD
        640 480 30 6764001ef3650280f6c05b20000003002000000781e2c5b2c0 x264 gray
        640 480 0 6742c01e8c680a03da01e1108d40 openh264 baseline
        640 480 0 674d4c1e8c680a03da01e1108d40 openh264 main
        640 480 0 67640c1eac18d01407b403c2211a80 openh264 high
        1280 720 0 6742c01f8c6805005ba01e1108d4 openh264 baseline
        1280 720 0 674d4c1f8c6805005ba01e1108d4 openh264 main
        1280 720 0 67640c1fac18d00a00b7403c2211a8 openh264 high
        1920 1080 0 6742c0288c680780227e5807844235 openh264 baseline
        1920 1080 0 674d4c288c680780227e5807844235 openh264 main
        1920 1080 0 67640c28ac18d00f0044fcb00f08846a openh264 high";

    /// Every line of [`REAL`]: its name, the NAL unit, and what must be read from it.
    fn real() -> impl Iterator<Item = (&'static str, Vec<u8>, Sps)> {
        REAL.trim().lines().map(|line| {
            let fields: Vec<&str> = line.trim().splitn(5, ' ').collect();
            let nal = bytes(fields[3]);
            let fps: f32 = fields[2].parse().unwrap();
            let sps = Sps {
                profile_level_id: u32::from_be_bytes([0, nal[1], nal[2], nal[3]]),
                width: fields[0].parse().unwrap(),
                height: fields[1].parse().unwrap(),
                fps: (fps > 0.0).then_some(fps),
            };
            (line.trim(), nal, sps)
        })
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        digits
            .chunks(2)
            .map(|pair| (pair[0] * 16 + pair[1]) as u8)
            .collect()
    }

    #[test]
    fn real_parameter_sets_are_read() {
        for (line, nal, sps) in real() {
            assert_eq!(parse(&nal), Ok(sps), "{line}");
        }
        assert_eq!(real().count(), 23);
    }

    #[test]
    fn truncated_parameter_sets_are_refused_or_read_alike() {
        for (line, nal, whole) in real() {
            for end in 1..nal.len() {
                match parse(&nal[..end]) {
                    Ok(sps) => assert_eq!(sps, whole, "{line} {end}"),
                    Err(error) => assert_eq!(error, SpsError::Truncated, "{line} {end}"),
                }
            }
        }
    }

    #[test]
    fn other_units_are_refused() {
        for nal in [&[][..], &[0x68, 0xce], &[0x65], &[0x42, 0xc0, 0x1f]] {
            assert_eq!(parse(nal), Err(SpsError::NotSps));
        }
        assert_eq!(parse(&[0x67]), Err(SpsError::Truncated));
        assert_eq!(parse(&[0x27, 0x42, 0xc0]), Err(SpsError::Truncated));
    }

    /// Writes what no encoder at hand makes.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn sps(profile: u32) -> Self {
            Self::default()
                .bits(8, 0x67)
                .bits(8, profile)
                .bits(8, 0)
                .bits(8, 0x1f)
                .ue(0)
        }

        fn bits(mut self, count: u32, value: u32) -> Self {
            self.0
                .extend((0..count).rev().map(|bit| (value >> bit) & 1 == 1));
            self
        }

        fn ue(self, value: u32) -> Self {
            let code = u64::from(value) + 1;
            let length = 64 - code.leading_zeros();
            (1..length)
                .fold(self, |w, _| w.bits(1, 0))
                .bits(length, code as u32)
        }

        fn se(self, value: i32) -> Self {
            self.ue(if value > 0 { value * 2 - 1 } else { value * -2 } as u32)
        }

        /// From `log2_max_frame_num_minus4` to before the size.
        fn references(self) -> Self {
            self.ue(0).ue(2).ue(1).bits(1, 0)
        }

        /// Size in macroblocks, progressive, with cropping.
        fn size(self, width: u32, height: u32, crop: [u32; 4]) -> Self {
            let w = self.ue(width - 1).ue(height - 1).bits(1, 1).bits(2, 0b11);
            crop.into_iter().fold(w, Writer::ue)
        }

        fn parse(self) -> Result<Sps, SpsError> {
            let mut nal = Vec::new();
            for byte in self.bits(1, 1).0.chunks(8) {
                let byte = byte
                    .iter()
                    .enumerate()
                    .fold(0, |sum, (i, &bit)| sum | (u8::from(bit) << (7 - i)));
                if byte <= 3 && nal.ends_with(&[0, 0]) {
                    nal.push(3);
                }
                nal.push(byte);
            }
            parse(&nal)
        }

        fn size_parsed(self) -> Result<(u32, u32), SpsError> {
            self.parse().map(|sps| (sps.width, sps.height))
        }
    }

    #[test]
    fn scaling_lists_are_skipped() {
        let flat = |w: Writer, n: u32| (0..n).fold(w.bits(1, 1), |w, _| w.se(0));
        let short = |w: Writer| w.bits(1, 1).se(-3).se(-5); // ends with a zero
        let w = Writer::sps(100).ue(1).ue(0).ue(0).bits(1, 0).bits(1, 1);
        let w = flat(short(flat(w, 16)), 16).bits(3, 0);
        let w = flat(w, 64).bits(1, 0);
        let w = w.references().size(40, 30, [0; 4]).bits(1, 0);
        assert_eq!(w.size_parsed(), Ok((640, 480)));
    }

    #[test]
    fn picture_order_type_1_is_skipped() {
        let w = Writer::sps(66)
            .ue(0)
            .ue(1)
            .bits(1, 0)
            .se(-7)
            .se(9)
            .ue(2)
            .se(1)
            .se(-100_000);
        let w = w.ue(1).bits(1, 0).size(20, 15, [0; 4]).bits(1, 0);
        assert_eq!(w.size_parsed(), Ok((320, 240)));
    }

    #[test]
    fn cropping_counts_in_chroma_samples() {
        let high = |format: u32| {
            let w = Writer::sps(122).ue(format);
            let w = if format == 3 { w.bits(1, 0) } else { w };
            w.ue(0)
                .ue(0)
                .bits(2, 0)
                .references()
                .size(10, 10, [1, 2, 1, 2])
                .bits(1, 0)
        };
        assert_eq!(high(0).size_parsed(), Ok((157, 157)));
        assert_eq!(high(1).size_parsed(), Ok((154, 154)));
        assert_eq!(high(2).size_parsed(), Ok((154, 157)));
        assert_eq!(high(3).size_parsed(), Ok((157, 157)));
    }

    #[test]
    fn impossible_values_are_refused() {
        let plain = |width, height, crop| {
            Writer::sps(66)
                .references()
                .size(width, height, crop)
                .bits(1, 0)
                .size_parsed()
        };
        assert_eq!(plain(1055, 132, [0; 4]), Ok((16880, 2112)));
        let refused = [
            plain(1056, 1, [0; 4]),
            plain(1, 1056, [0; 4]),
            plain(1055, 133, [0; 4]),
            plain(1, 1, [4, 4, 0, 0]),
            plain(1, 1, [0, 0, 8, 0]),
            plain(1, 1, [u32::MAX - 1, u32::MAX - 1, 0, 0]),
            Writer::sps(66).ue(13).size_parsed(),
            Writer::sps(66).ue(0).ue(3).size_parsed(),
            Writer::sps(66).ue(0).ue(2).ue(17).size_parsed(),
            Writer::sps(100).ue(4).size_parsed(),
            Writer::sps(100).ue(1).ue(7).size_parsed(),
            Writer::sps(66).bits(32, 0).bits(32, 0).size_parsed(),
        ];
        for (case, result) in refused.into_iter().enumerate() {
            assert!(
                matches!(result, Err(SpsError::OutOfRange(_))),
                "{case}: {result:?}"
            );
        }
    }

    #[test]
    fn a_senseless_rate_is_left_out() {
        let rate = |tick: u32, scale: u32| {
            let w = Writer::sps(66).references().size(40, 30, [0; 4]);
            let w = w
                .bits(1, 1)
                .bits(4, 0)
                .bits(1, 1)
                .bits(32, tick)
                .bits(32, scale);
            w.bits(8, 0).parse().unwrap().fps
        };
        assert_eq!(rate(1, 60), Some(30.0));
        assert_eq!(rate(1001, 50_000), Some(24.975_025));
        for (tick, scale) in [(0, 60), (1, 0), (0, 0), (1, u32::MAX), (u32::MAX, 1)] {
            assert_eq!(rate(tick, scale), None, "{scale}/{tick}");
        }
    }
}
