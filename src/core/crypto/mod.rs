//! The cryptography under WebRTC, chosen for a core without AES instructions.
//!
//! str0m takes its cryptography from a provider. This one is RustCrypto
//! throughout (no C library to cross-compile, no start-up self test), and keeps
//! what the generic providers compute anew for each packet: the AES key schedule
//! and the two padded HMAC keys. AES for the video is the exception on 32-bit ARM,
//! see `aes_table`.

#[cfg(any(target_arch = "arm", test))]
mod aes_table;
mod dtls;
mod hash;
mod keys;
mod srtp;

use std::sync::Arc;
use str0m::crypto::CryptoProvider;

/// The provider for every [`str0m::Rtc`] of this program. Made once: DTLS
/// validates its configuration at a price, which all viewers share, and which is
/// paid here, when the program starts, and not by the first viewer.
pub fn provider() -> Arc<CryptoProvider> {
    if let Err(error) = dtls::config() {
        log::error!("{error}");
    }
    static SRTP: srtp::Srtp = srtp::Srtp;
    static HASH: hash::Hash = hash::Hash;
    static DTLS: dtls::Dtls = dtls::Dtls;
    Arc::new(CryptoProvider {
        srtp_provider: &SRTP,
        sha1_hmac_provider: &HASH,
        sha1_provider: &HASH,
        sha256_provider: &HASH,
        dtls_provider: &DTLS,
    })
}
