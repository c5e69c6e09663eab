//! How TLS 1.3 protects its records (RFC 8446, 5.2).

use aes_gcm::aead::{AeadInOut, KeyInit, Nonce as NonceOf, Tag};
use rustls::ConnectionTrafficSecrets;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter,
    Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm,
    UnsupportedOperationError, make_tls13_aad,
};
use rustls::{ContentType, Error, ProtocolVersion};

/// Bytes of the tag that follows what is encrypted; the same for both ciphers.
const TAG: usize = 16;

pub(super) struct ChaCha20Poly1305;

impl Tls13AeadAlgorithm for ChaCha20Poly1305 {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Records::<chacha20poly1305::ChaCha20Poly1305>::new(&key, iv))
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Records::<chacha20poly1305::ChaCha20Poly1305>::new(&key, iv))
    }

    fn key_len(&self) -> usize {
        32
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok(ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv })
    }
}

pub(super) struct Aes128Gcm;

impl Tls13AeadAlgorithm for Aes128Gcm {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Records::<aes_gcm::Aes128Gcm>::new(&key, iv))
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Records::<aes_gcm::Aes128Gcm>::new(&key, iv))
    }

    fn key_len(&self) -> usize {
        16
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok(ConnectionTrafficSecrets::Aes128Gcm { key, iv })
    }
}

/// One direction's records.
struct Records<C> {
    cipher: C,
    iv: Iv,
}

impl<C: KeyInit> Records<C> {
    fn new(key: &AeadKey, iv: Iv) -> Records<C> {
        // rustls makes keys of the length that the algorithm has told.
        let cipher =
            C::new_from_slice(&key.as_ref()[..C::key_size()]).expect("a key of its length");
        Records { cipher, iv }
    }
}

impl<C: AeadInOut> Records<C> {
    fn nonce(&self, sequence: u64) -> Result<NonceOf<C>, Error> {
        let nonce = Nonce::new(&self.iv, sequence);
        NonceOf::<C>::try_from(&nonce.0[..]).map_err(|_| Error::EncryptError)
    }
}

impl<C: AeadInOut + Send + Sync> MessageEncrypter for Records<C> {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        sequence: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let length = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(length);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&message.typ.to_array());
        let (nonce, aad) = (self.nonce(sequence)?, make_tls13_aad(length));
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce, &aad, payload.as_mut().into())
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(&tag);
        Ok(OutboundOpaqueMessage::new(
            ContentType::ApplicationData,
            // Of all TLS 1.3 (RFC 8446, 5.2).
            ProtocolVersion::TLSv1_2,
            payload,
        ))
    }

    /// With the content's type and the tag.
    fn encrypted_payload_len(&self, length: usize) -> usize {
        length + 1 + TAG
    }
}

impl<C: AeadInOut + Send + Sync> MessageDecrypter for Records<C> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let payload = &mut message.payload;
        let length = payload.len().checked_sub(TAG).ok_or(Error::DecryptError)?;
        let (nonce, aad) = (self.nonce(sequence)?, make_tls13_aad(payload.len()));
        let (text, tag) = payload.split_at_mut(length);
        let tag = Tag::<C>::try_from(&tag[..]).map_err(|_| Error::DecryptError)?;
        self.cipher
            .decrypt_inout_detached(&nonce, &aad, text.into(), &tag)
            .map_err(|_| Error::DecryptError)?;
        payload.truncate(length);
        message.into_tls13_unpadded_message()
    }
}
