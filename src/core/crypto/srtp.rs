//! SRTP ciphers (RFC 3711, RFC 7714) with their key schedules kept.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use std::fmt;
use str0m::crypto::{AeadAes128Gcm, AeadAes128GcmCipher, AeadAes256GcmCipher};
use str0m::crypto::{Aes128CmSha1_80Cipher, CryptoError, SrtpProvider, SupportedAeadAes128Gcm};
use str0m::crypto::{SupportedAeadAes256Gcm, SupportedAes128CmSha1_80};

#[derive(Debug)]
pub(super) struct Srtp;

impl SrtpProvider for Srtp {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &Srtp
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Srtp
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Srtp
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        let aes = Aes128::new_from_slice(key).expect("str0m gives a 16-byte key");
        encrypt_block(&aes, input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        let aes = Aes256::new_from_slice(key).expect("str0m gives a 32-byte key");
        encrypt_block(&aes, input, output);
    }
}

impl SupportedAes128CmSha1_80 for Srtp {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        Box::new(CounterMode::new(&key))
    }
}

impl SupportedAeadAes128Gcm for Srtp {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Gcm(Aes128Gcm::new(&key.into())))
    }
}

impl SupportedAeadAes256Gcm for Srtp {
    fn create_cipher(&self, key: [u8; 32], _encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Gcm(Aes256Gcm::new(&key.into())))
    }
}

fn encrypt_block(aes: &impl BlockCipherEncrypt, input: &[u8], output: &mut [u8]) {
    let (len, block) = (aes_block_len(aes), &mut output[..]);
    block[..len].copy_from_slice(&input[..len]);
    let block = (&mut block[..len]).try_into().expect("one AES block");
    aes.encrypt_block(block);
}

fn aes_block_len(_: &impl BlockCipherEncrypt) -> usize {
    16
}

/// AES-128 in counter mode (RFC 3711, 4.1.1).
#[cfg(target_arch = "arm")]
struct CounterMode(super::aes_table::Aes128Table);

#[cfg(target_arch = "arm")]
impl CounterMode {
    fn new(key: &[u8; 16]) -> Self {
        CounterMode(super::aes_table::Aes128Table::new(key))
    }

    fn apply(&self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.0.apply_keystream(iv, input, output);
        Ok(())
    }
}

/// AES-128 in counter mode (RFC 3711, 4.1.1).
#[cfg(not(target_arch = "arm"))]
struct CounterMode(Aes128);

#[cfg(not(target_arch = "arm"))]
impl CounterMode {
    fn new(key: &[u8; 16]) -> Self {
        CounterMode(Aes128::new(key.into()))
    }

    fn apply(&self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        use ctr::cipher::{InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
        let keystream =
            ctr::CtrCore::<&Aes128, ctr::flavors::Ctr128BE>::inner_iv_init(&self.0, iv.into());
        StreamCipherCoreWrapper::from_core(keystream)
            .try_apply_keystream_inout(
                InOutBuf::new(input, &mut output[..input.len()])
                    .map_err(|_| CryptoError::Other("SRTP buffer lengths differ".into()))?,
            )
            .map_err(|_| CryptoError::Other("SRTP packet too long".into()))
    }
}

impl Aes128CmSha1_80Cipher for CounterMode {
    fn encrypt(
        &mut self,
        iv: &[u8; 16],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.apply(iv, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 16],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.apply(iv, input, output)
    }
}

impl fmt::Debug for CounterMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CounterMode")
    }
}

/// AES-GCM (RFC 7714) with either key length.
struct Gcm<C>(C);

impl<C: AeadInOut> Gcm<C> {
    fn seal(
        &self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        let (text, tag_place) = output.split_at_mut(input.len());
        let buffer = InOutBuf::new(input, text).map_err(|_| refused("seal"))?;
        let nonce = iv.as_slice().try_into().map_err(|_| refused("seal"))?;
        let tag = self
            .0
            .encrypt_inout_detached(nonce, aad, buffer)
            .map_err(|_| refused("seal"))?;
        tag_place[..tag.len()].copy_from_slice(&tag);
        Ok(())
    }

    fn open(
        &self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let Some(len) = input.len().checked_sub(AeadAes128Gcm::TAG_LEN) else {
            return Err(refused("open a short packet"));
        };
        let (text, tag) = input.split_at(len);
        let buffer = InOutBuf::new(text, &mut output[..len]).map_err(|_| refused("open"))?;
        let nonce = iv.as_slice().try_into().map_err(|_| refused("open"))?;
        let tag = tag.try_into().map_err(|_| refused("open"))?;
        let aad = aads.concat();
        self.0
            .decrypt_inout_detached(nonce, &aad, buffer, tag)
            .map_err(|_| refused("open"))?;
        Ok(len)
    }
}

fn refused(what: &str) -> CryptoError {
    CryptoError::Other(format!("AES-GCM could not {what}"))
}

impl<C> fmt::Debug for Gcm<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gcm")
    }
}

impl AeadAes128GcmCipher for Gcm<Aes128Gcm> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.seal(iv, aad, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        self.open(iv, aads, input, output)
    }
}

impl AeadAes256GcmCipher for Gcm<Aes256Gcm> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.seal(iv, aad, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        self.open(iv, aads, input, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3711, B.2: the first blocks of the AES-CM keystream.
    #[test]
    fn counter_mode_matches_rfc_3711() {
        let key = 0x2B7E151628AED2A6ABF7158809CF4F3Cu128.to_be_bytes();
        let iv = 0xF0F1F2F3F4F5F6F7F8F9FAFBFCFD0000u128.to_be_bytes();
        let mut out = [0; 32];
        CounterMode::new(&key)
            .apply(&iv, &[0; 32], &mut out)
            .unwrap();
        assert_eq!(
            out[..16],
            0xE03EAD0935C95E80E166B16DD92B4EB4u128.to_be_bytes()
        );
        assert_eq!(
            out[16..],
            0xD23513162B02D0F72A43A2FE4A5F97ABu128.to_be_bytes()
        );
    }

    #[test]
    fn gcm_opens_what_it_sealed_and_refuses_what_was_changed() {
        let gcm = Gcm(Aes256Gcm::new(&[3; 32].into()));
        let mut sealed = [0; 5 + 16];
        gcm.seal(&[1; 12], b"header", b"hello", &mut sealed)
            .unwrap();
        let mut opened = [0; 5];
        assert_eq!(
            gcm.open(&[1; 12], &[b"head", b"er"], &sealed, &mut opened)
                .unwrap(),
            5
        );
        assert_eq!(&opened, b"hello");
        sealed[2] ^= 1;
        assert!(
            gcm.open(&[1; 12], &[b"header"], &sealed, &mut opened)
                .is_err()
        );
        assert!(
            gcm.open(&[1; 12], &[b"header"], &sealed[..4], &mut opened)
                .is_err()
        );
    }
}
