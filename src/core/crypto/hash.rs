//! SHA-1, SHA-256 and HMAC-SHA1.

use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::cell::RefCell;
use str0m::crypto::{Sha1HmacProvider, Sha1Provider, Sha256Provider};

/// Length of an SRTP authentication key (RFC 3711, 8.2).
const SRTP_AUTH_KEY: usize = 20;

/// Places in the cache of keyed HMAC states. Each viewer uses four keys (SRTP and
/// SRTCP, both ways); a miss costs two SHA-1 blocks, nothing else.
const CACHE: usize = 64;

#[derive(Debug)]
pub(super) struct Hash;

impl Sha1Provider for Hash {
    fn sha1(&self, data: &[u8]) -> [u8; 20] {
        Sha1::digest(data).into()
    }
}

impl Sha256Provider for Hash {
    fn sha256(&self, data: &[u8]) -> [u8; 32] {
        Sha256::digest(data).into()
    }
}

impl Sha1HmacProvider for Hash {
    fn sha1_hmac(&self, key: &[u8], payloads: &[&[u8]]) -> [u8; 20] {
        let mut mac = match <&[u8; SRTP_AUTH_KEY]>::try_from(key) {
            Ok(key) => keyed_from_cache(key),
            Err(_) => keyed(key),
        };
        payloads.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

type Keyed = Hmac<Sha1>;
type Cache = [Option<([u8; SRTP_AUTH_KEY], Keyed)>; CACHE];

thread_local! {
    static KEYED: RefCell<Box<Cache>> = RefCell::new(Box::new([const { None }; CACHE]));
}

/// str0m hands in the SRTP key with each packet, so the state is found by key.
fn keyed_from_cache(key: &[u8; SRTP_AUTH_KEY]) -> Keyed {
    KEYED.with_borrow_mut(|cache| {
        // The keys are random: any of their bits spread well.
        let place = &mut cache[key[0] as usize % CACHE];
        match place {
            Some((cached, mac)) if cached == key => mac.clone(),
            _ => {
                let mac = keyed(key);
                *place = Some((*key, mac.clone()));
                mac
            }
        }
    })
}

fn keyed(key: &[u8]) -> Keyed {
    Keyed::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202, test case 1 (a 20-byte key: the cached path) and 2 (a short key).
    #[test]
    fn hmac_sha1_matches_rfc_2202() {
        let expected = "b617318655057264e28bc0b6fb378c8ef146be00";
        for _ in 0..2 {
            assert_eq!(
                hex(&Hash.sha1_hmac(&[0x0b; 20], &[b"Hi ", b"There"])),
                expected
            );
        }
        let short = Hash.sha1_hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&short), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    }

    #[test]
    fn keys_that_share_a_cache_place_do_not_mix() {
        let (mut a, mut b) = ([7u8; 20], [7u8; 20]);
        (a[19], b[19]) = (1, 2);
        let first = Hash.sha1_hmac(&a, &[b"x"]);
        assert_ne!(first, Hash.sha1_hmac(&b, &[b"x"]));
        assert_eq!(first, Hash.sha1_hmac(&a, &[b"x"]));
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }
}
