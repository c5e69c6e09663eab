//! How this camera's WebRTC connections are set up.

use super::crypto;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::config::{CryptoProvider, DtlsCert, DtlsVersion};
use str0m::media::{Mid, Pt};
use str0m::rtp::{Extension, ExtensionMap};
use str0m::{Rtc, RtcConfig};

/// Payload types offered: the numbers that Chromium gives H.264 and its RTX.
pub const PT_H264: u8 = 102;
const PT_RTX: u8 = 103;

/// Sent packets kept for retransmission: three quarters of a second at 2 Mbit/s. The
/// payloads are shared by all viewers, so this is some 60 kB a viewer.
pub const SEND_BUFFER: usize = 200;

/// Baseline, constrained, level 3.1: what every browser decodes.
pub const DEFAULT_PROFILE_LEVEL_ID: u32 = 0x42e01f;

/// What all connections share.
#[derive(Clone, Debug)]
pub struct RtcFactory {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
}

impl RtcFactory {
    pub fn new(certificate: DtlsCert) -> Self {
        RtcFactory {
            crypto: crypto::provider(),
            certificate,
        }
    }

    /// A connection that can send one H.264 stream of that profile and level
    /// (RFC 6184, 8.1). Without bandwidth estimation of its own str0m paces nothing: a
    /// frame leaves as one burst (see [`super::link`]).
    pub fn build(&self, now: Instant, profile_level_id: u32) -> Rtc {
        let mut config = RtcConfig::new()
            .set_crypto_provider(self.crypto.clone())
            .set_dtls_cert(self.certificate.clone())
            // With DTLS 1.3 the client's first SRTP profile is taken, which is AES-CM
            // with every browser: the cheapest without AES instructions.
            .set_dtls_version(DtlsVersion::Auto)
            .set_rtp_mode(true)
            .clear_codecs()
            .set_extension_map(extensions())
            // Receiver reports come once a second, too.
            .set_stats_interval(Some(Duration::from_secs(1)))
            .set_send_buffer_video(SEND_BUFFER);
        config
            .codec_config()
            .add_h264(PT_H264.into(), Some(PT_RTX.into()), true, profile_level_id);
        config.build(now)
    }
}

fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    map.set(1, Extension::RtpMid);
    map.set(2, Extension::AbsoluteSendTime);
    map.set(3, Extension::PlayoutDelay);
    map
}

/// The payload type on which the peer takes our H.264, if it does.
pub fn negotiated_payload_type(rtc: &Rtc, mid: Mid) -> Option<Pt> {
    let media = rtc.media(mid)?;
    let main = |pt: &&Pt| rtc.codec_config().params().iter().any(|p| p.pt() == **pt);
    media.remote_pts().iter().find(main).copied()
}
