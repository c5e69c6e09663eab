//! H.264 in software: the stand-in for the Pi's hardware encoder.

use super::limits::level_for;
use super::picture::Picture;
use crate::proto::camera::VideoFormat;
use openh264::encoder::{
    BitRate, Complexity, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Level, Profile,
    RateControlMode, SpsPpsStrategy, UsageType, VuiConfig,
};
use openh264::{OpenH264API, Timestamp};
use openh264_sys2::{
    ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE, ENCODER_OPTION_TRACE_LEVEL,
    SBitrateInfo, SPATIAL_LAYER_0, WELS_LOG_QUIET,
};
use std::time::Duration;

/// Below it nothing can be recognised any more.
const MIN_BITRATE: u32 = 50_000;
/// Keyframes come by themselves this often, in seconds: the hardware encoder's
/// default of 60 frames at its usual 30 per second.
const KEYFRAME_SECONDS: u32 = 2;

/// A constrained-baseline encoder that gives one access unit for every picture, at
/// once: no reordering, no skipped frames.
pub(super) struct Encoder {
    inner: openh264::encoder::Encoder,
    bitrate: u32,
    max_bitrate: u32,
    /// openh264 initialises itself with the first picture.
    initialised: bool,
}

/// One encoded picture, in Annex B form.
pub(super) struct Encoded {
    pub data: Vec<u8>,
    /// An IDR with SPS and PPS in front.
    pub keyframe: bool,
}

impl Encoder {
    /// An encoder for pictures of that size. `bitrate` is in bits per second; it
    /// is clamped to 50 kbit/s and what the level allows.
    ///
    /// # Errors
    /// With openh264's text if it cannot be made.
    pub fn new(format: VideoFormat, bitrate: u32) -> Result<Encoder, String> {
        let level = level_for(format);
        let bitrate = bitrate.clamp(MIN_BITRATE, level.max_bitrate);
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .profile(Profile::Baseline)
            .level(level_of(level.idc))
            .complexity(Complexity::Low)
            .max_frame_rate(FrameRate::from_hz(format.fps as f32))
            .rate_control_mode(RateControlMode::Bitrate)
            .bitrate(BitRate::from_bps(bitrate))
            .skip_frames(false)
            .scene_change_detect(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(
                format.fps * KEYFRAME_SECONDS,
            ))
            .sps_pps_strategy(SpsPpsStrategy::ConstantId)
            .vui(VuiConfig::bt601())
            .num_threads(1);
        let mut inner =
            openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config)
                .map_err(|e| format!("openh264 gives no encoder: {e}"))?;
        silence(&mut inner);
        Ok(Encoder {
            inner,
            bitrate,
            max_bitrate: level.max_bitrate,
            initialised: false,
        })
    }

    /// Takes effect with the next picture.
    pub fn set_bitrate(&mut self, bits_per_second: u32) {
        let bitrate = bits_per_second.clamp(MIN_BITRATE, self.max_bitrate);
        if bitrate != self.bitrate {
            self.bitrate = bitrate;
            if self.initialised {
                self.apply(ENCODER_OPTION_BITRATE, bitrate);
            }
        }
    }

    /// Makes the next picture a keyframe.
    pub fn request_keyframe(&mut self) {
        // The first is one anyway, and openh264 cannot be asked before it.
        if self.initialised {
            self.inner.force_intra_frame();
        }
    }

    /// Encodes one picture; `at` is its time since any fixed moment.
    ///
    /// # Errors
    /// With openh264's text; the encoder should be made anew then.
    pub fn encode(&mut self, picture: &Picture, at: Duration) -> Result<Encoded, String> {
        let millis = u64::try_from(at.as_millis()).unwrap_or(0) & (u64::MAX >> 1);
        let stream = self
            .inner
            .encode_at(picture, Timestamp::from_millis(millis))
            .map_err(|e| format!("openh264 cannot encode: {e}"))?;
        let encoded = Encoded {
            data: stream.to_vec(),
            keyframe: stream.frame_type() == FrameType::IDR,
        };
        if !self.initialised {
            self.initialised = true;
            // It starts with the bitrate itself as the maximum, and would refuse
            // a higher one later.
            self.apply(ENCODER_OPTION_MAX_BITRATE, self.max_bitrate);
            self.apply(ENCODER_OPTION_BITRATE, self.bitrate);
        }
        Ok(encoded)
    }

    fn apply(&mut self, option: ENCODER_OPTION, bits_per_second: u32) {
        let mut info = SBitrateInfo {
            iLayer: SPATIAL_LAYER_0,
            iBitrate: bits_per_second.try_into().unwrap_or(i32::MAX),
        };
        // SAFETY: both options read one SBitrateInfo through the pointer and do
        // not keep it (openh264, welsEncoderExt.cpp, SetOption); the encoder is
        // initialised, which is the only state they need.
        let failed = unsafe {
            self.inner
                .raw_api()
                .set_option(option, (&raw mut info).cast())
        };
        if failed != 0 {
            log::warn!("openh264 refuses {bits_per_second} bit/s (error {failed})");
        }
    }
}

/// openh264 writes to stderr by itself, for one thing a warning that without
/// skipped frames the bitrate is only nearly kept, which is what is wanted here.
fn silence(encoder: &mut openh264::encoder::Encoder) {
    let mut level = WELS_LOG_QUIET;
    // SAFETY: the option reads one int through the pointer and does not keep it,
    // and is the one that may be set before the encoder is initialised (openh264,
    // welsEncoderExt.cpp, SetOption).
    unsafe {
        encoder
            .raw_api()
            .set_option(ENCODER_OPTION_TRACE_LEVEL, (&raw mut level).cast());
    }
}

fn level_of(idc: u8) -> Level {
    match idc {
        0..=31 => Level::Level_3_1,
        32..=40 => Level::Level_4_0,
        _ => Level::Level_4_2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::camera::test_picture::TestPicture;
    use crate::proto::{annexb, sps};

    const VGA: VideoFormat = VideoFormat {
        width: 640,
        height: 480,
        fps: 30,
    };

    fn encode(encoder: &mut Encoder, picture: &mut TestPicture, frames: u64) -> Vec<Encoded> {
        (0..frames)
            .map(|n| {
                picture.draw(n * 33);
                encoder
                    .encode(picture.picture(), Duration::from_millis(n * 33))
                    .unwrap()
            })
            .collect()
    }

    fn bytes(frames: &[Encoded]) -> usize {
        frames.iter().map(|f| f.data.len()).sum()
    }

    #[test]
    fn the_stream_is_what_every_browser_decodes() {
        let mut encoder = Encoder::new(VGA, 1_000_000).unwrap();
        let mut picture = TestPicture::new(VGA);
        let frames = encode(&mut encoder, &mut picture, 2);
        let facts = annexb::facts(&frames[0].data);
        let parsed = sps::parse(facts.sps.unwrap()).unwrap();
        assert_eq!((parsed.width, parsed.height), (640, 480));
        let [profile, constraints, level] = [16, 8, 0].map(|s| parsed.profile_level_id >> s & 0xff);
        assert_eq!((profile, level), (66, 31));
        assert_eq!(constraints & 0x40, 0x40, "constrained baseline");
        assert!(facts.pps.is_some() && facts.idr);
        assert!(!annexb::facts(&frames[1].data).idr);
    }

    #[test]
    fn every_picture_gives_a_frame_and_keyframes_come_every_two_seconds() {
        let mut encoder = Encoder::new(VGA, 200_000).unwrap();
        let mut picture = TestPicture::new(VGA);
        let frames = encode(&mut encoder, &mut picture, 125);
        let keyframes: Vec<_> = (0..frames.len()).filter(|i| frames[*i].keyframe).collect();
        assert_eq!(keyframes, [0, 60, 120]);
        for frame in &frames {
            let facts = annexb::facts(&frame.data);
            assert!(facts.picture);
            assert_eq!(facts.idr, frame.keyframe);
            assert_eq!(facts.sps.is_some(), frame.keyframe);
        }
    }

    #[test]
    fn a_keyframe_comes_when_asked() {
        let mut encoder = Encoder::new(VGA, 1_000_000).unwrap();
        let mut picture = TestPicture::new(VGA);
        encode(&mut encoder, &mut picture, 5);
        encoder.request_keyframe();
        let frames = encode(&mut encoder, &mut picture, 3);
        let keyframes: Vec<_> = frames.iter().map(|f| f.keyframe).collect();
        assert_eq!(keyframes, [true, false, false]);
    }

    #[test]
    fn the_bitrate_can_be_lowered_and_raised_without_a_keyframe() {
        let mut encoder = Encoder::new(VGA, 1_000_000).unwrap();
        let mut picture = TestPicture::new(VGA);
        encode(&mut encoder, &mut picture, 2);
        let mut measure = |bitrate| {
            encoder.set_bitrate(bitrate);
            encode(&mut encoder, &mut picture, 5);
            encoder.request_keyframe();
            let frames = encode(&mut encoder, &mut picture, 59);
            assert!(frames[1..].iter().all(|f| !f.keyframe));
            bytes(&frames) * 8 * 30 / 59
        };
        let (low, high, middle) = (measure(200_000), measure(3_000_000), measure(1_000_000));
        println!("200k: {low}, 3M: {high}, 1M: {middle} bit/s");
        assert!((100_000..400_000).contains(&low), "{low}");
        assert!((2_000_000..4_500_000).contains(&high), "{high}");
        assert!((700_000..1_500_000).contains(&middle), "{middle}");
    }

    #[test]
    fn senseless_bitrates_are_clamped() {
        for bitrate in [0, u32::MAX] {
            let mut encoder = Encoder::new(VGA, bitrate).unwrap();
            let mut picture = TestPicture::new(VGA);
            encode(&mut encoder, &mut picture, 2);
            encoder.set_bitrate(u32::MAX - bitrate);
            assert_eq!(encode(&mut encoder, &mut picture, 2).len(), 2);
        }
    }
}
