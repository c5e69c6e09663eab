//! DTLS 1.3 as a browser does it: with AES-CM as the first of the SRTP profiles.
//!
//! dimpl lists AES-256-GCM first and can't be told otherwise, and a server takes the
//! first. So the list is turned round in the ClientHello on its way out, and in the
//! hash of the handshake, which both sides must agree on.

use dimpl::crypto::{Buf, HashAlgorithm, HashContext, HashProvider, rust_crypto};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider};
use str0m::crypto::dtls::{DtlsVersion, ProtocolVersion};

/// The extension use_srtp (RFC 5764, 4.1.1) with the profiles 8, 7 and 1, and no MKI.
const GCM_FIRST: &[u8] = &[0, 14, 0, 9, 0, 6, 0, 8, 0, 7, 0, 1, 0];
const AES_CM_FIRST: &[u8] = &[0, 14, 0, 9, 0, 6, 0, 1, 0, 8, 0, 7, 0];

fn turn_round(bytes: &mut [u8]) {
    let found = bytes
        .windows(GCM_FIRST.len())
        .position(|window| window == GCM_FIRST);
    if let Some(at) = found {
        bytes[at..][..AES_CM_FIRST.len()].copy_from_slice(AES_CM_FIRST);
    }
}

#[derive(Debug)]
pub struct Dtls;

impl DtlsProvider for Dtls {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        None
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        _: DtlsVersion,
        _: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        Ok(Box::new(Browser {
            dtls: dimpl::Dtls::new_13(config(), cert.clone(), now),
            // What fits into a datagram fits here.
            output: vec![0; 2048],
        }))
    }
}

fn config() -> Arc<dimpl::Config> {
    static CONFIG: OnceLock<Arc<dimpl::Config>> = OnceLock::new();
    let make = || {
        let mut provider = rust_crypto::default_provider();
        provider.hash_provider = &Hashes;
        let config = dimpl::Config::builder()
            .with_crypto_provider(provider)
            .mtu(str0m::DATAGRAM_MTU_TARGET)
            .build();
        Arc::new(config.expect("a valid configuration"))
    };
    CONFIG.get_or_init(make).clone()
}

#[derive(Debug)]
struct Hashes;

impl HashProvider for Hashes {
    fn create_hash(&self, algorithm: HashAlgorithm) -> Box<dyn HashContext> {
        let inner = rust_crypto::default_provider()
            .hash_provider
            .create_hash(algorithm);
        Box::new(Hash(inner))
    }
}

#[derive(Debug)]
struct Hash(Box<dyn HashContext>);

impl HashContext for Hash {
    fn update(&mut self, data: &[u8]) {
        let mut data = data.to_vec();
        turn_round(&mut data);
        self.0.update(&data);
    }

    fn clone_and_finalize(&self, out: &mut Buf) {
        self.0.clone_and_finalize(out);
    }
}

struct Browser {
    dtls: dimpl::Dtls,
    output: Vec<u8>,
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Browser")
    }
}

impl DtlsInstance for Browser {
    fn set_active(&mut self, active: bool) {
        self.dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.dtls.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let mut copied = |bytes: &[u8]| {
            buf[..bytes.len()].copy_from_slice(bytes);
            turn_round(&mut buf[..bytes.len()]);
            bytes.len()
        };
        match self.dtls.poll_output(&mut self.output) {
            DtlsOutput::Packet(bytes) => {
                let length = copied(bytes);
                DtlsOutput::Packet(&buf[..length])
            }
            DtlsOutput::PeerCert(bytes) => {
                let length = copied(bytes);
                DtlsOutput::PeerCert(&buf[..length])
            }
            DtlsOutput::ApplicationData(bytes) => {
                let length = copied(bytes);
                DtlsOutput::ApplicationData(&buf[..length])
            }
            DtlsOutput::BufferTooSmall { needed } => DtlsOutput::BufferTooSmall { needed },
            DtlsOutput::Timeout(at) => DtlsOutput::Timeout(at),
            DtlsOutput::Connected => DtlsOutput::Connected,
            DtlsOutput::KeyingMaterial(keys, profile) => DtlsOutput::KeyingMaterial(keys, profile),
            DtlsOutput::CloseNotify => DtlsOutput::CloseNotify,
            other => panic!("dimpl has learnt to say {other:?}"),
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.dtls.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.dtls.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.dtls.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.dtls.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.dtls.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.dtls.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.dtls.close()
    }
}
