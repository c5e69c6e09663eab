//! The camera's private key, parsed once.
//!
//! dimpl parses it anew for each connection, which means computing the public key
//! from it: on an ARM1176 that takes longer than the signature.

use dimpl::crypto::{Buf, HashAlgorithm, KeyProvider, SignatureAlgorithm, rust_crypto};
use dimpl::{CryptoError, CryptoOperation};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey;
use sha2::{Digest, Sha256, Sha384};
use std::fmt;
use std::sync::{Mutex, PoisonError};

#[derive(Debug)]
pub(super) struct Keys;

/// The key asked for last, and its DER encoding: a program has one.
static LAST: Mutex<Option<(Vec<u8>, SigningKey)>> = Mutex::new(None);

impl KeyProvider for Keys {
    fn load_private_key(
        &self,
        der: &[u8],
    ) -> Result<Box<dyn dimpl::crypto::SigningKey>, CryptoError> {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((last_der, key)) = &*last
            && last_der == der
        {
            return Ok(Box::new(Key(key.clone())));
        }
        let Ok(key) = SigningKey::from_pkcs8_der(der) else {
            return rust_crypto::default_provider()
                .key_provider
                .load_private_key(der);
        };
        *last = Some((der.to_vec(), key.clone()));
        Ok(Box::new(Key(key)))
    }
}

/// An ECDSA key on P-256.
struct Key(SigningKey);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

impl dimpl::crypto::SigningKey for Key {
    fn sign(&mut self, data: &[u8], hash: HashAlgorithm, out: &mut Buf) -> Result<(), CryptoError> {
        let signature: Result<Signature, _> = match hash {
            HashAlgorithm::SHA256 => self.0.sign_prehash(&Sha256::digest(data)),
            HashAlgorithm::SHA384 => self.0.sign_prehash(&Sha384::digest(data)),
            _ => return Err(CryptoError::OperationFailed(CryptoOperation::Sign)),
        };
        let signature =
            signature.map_err(|_| CryptoError::OperationFailed(CryptoOperation::Sign))?;
        out.clear();
        out.extend_from_slice(signature.to_der().as_bytes());
        Ok(())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256, HashAlgorithm::SHA384]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATES: [&[u8]; 2] = [
        include_bytes!("../../../tests/data/camera.cert.der"),
        include_bytes!("../../../tests/data/browser.cert.der"),
    ];
    const KEYS: [&[u8]; 2] = [
        include_bytes!("../../../tests/data/camera.key.der"),
        include_bytes!("../../../tests/data/browser.key.der"),
    ];

    /// Does a signature made with a key fit a certificate?
    fn fits(key: &[u8], certificate: &[u8]) -> bool {
        let mut signature = Buf::new();
        Keys.load_private_key(key)
            .unwrap()
            .sign(b"said", HashAlgorithm::SHA256, &mut signature)
            .unwrap();
        rust_crypto::default_provider()
            .signature_verification
            .verify_signature(
                certificate,
                b"said",
                &signature,
                HashAlgorithm::SHA256,
                SignatureAlgorithm::ECDSA,
            )
            .is_ok()
    }

    #[test]
    fn each_key_signs_for_its_certificate_whichever_came_last() {
        for _ in 0..2 {
            for (key, certificate) in KEYS.iter().zip(CERTIFICATES) {
                assert!(fits(key, certificate));
                assert!(fits(key, certificate));
            }
        }
        assert!(!fits(KEYS[0], CERTIFICATES[1]));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(Keys.load_private_key(b"no key").is_err());
        assert!(fits(KEYS[0], CERTIFICATES[0]));
    }
}
