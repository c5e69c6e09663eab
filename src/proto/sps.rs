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
        const HIGH: [u32; 13] = [
            100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135,
        ];
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
#[path = "sps_tests.rs"]
mod tests;
