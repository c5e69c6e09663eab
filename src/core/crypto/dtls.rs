//! DTLS 1.2 and 1.3 by dimpl, with one validated configuration for all viewers.

use super::keys::Keys;
use dimpl::crypto::{NamedGroup, rust_crypto};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider};
use str0m::crypto::dtls::{DtlsVersion, ProtocolVersion};

/// When a flight is sent again for the first time, then after twice as long each time.
/// RFC 9147, 5.8.2 lets an application that knows its round trips go below the second:
/// ICE has measured one, and a viewer waits. Browsers begin at 50 ms.
const FIRST_RETRY: Duration = Duration::from_millis(200);

/// 0.2 s doubled that often is more than a viewer is given to connect.
const RETRIES: usize = 6;

#[derive(Debug)]
pub(super) struct Dtls;

impl DtlsProvider for Dtls {
    /// None: the certificate is made once and kept (`io::identity`).
    fn generate_certificate(&self) -> Option<DtlsCert> {
        None
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let config = config()?;
        let dtls = match version {
            DtlsVersion::Dtls12 => dimpl::Dtls::new_12(config, cert.clone(), now),
            DtlsVersion::Dtls13 => dimpl::Dtls::new_13(config, cert.clone(), now),
            _ => dimpl::Dtls::new_auto(config, cert.clone(), now),
        };
        Ok(Box::new(Instance(dtls)))
    }
}

/// Validating runs every cipher and curve once, so it is done once in all.
pub(super) fn config() -> Result<Arc<dimpl::Config>, CryptoError> {
    static CONFIG: OnceLock<Arc<dimpl::Config>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let config = dimpl::Config::builder()
        // ICE has shown that the peer is reachable before DTLS starts.
        .use_server_cookie(false)
        .flight_start_rto(FIRST_RETRY)
        .flight_retries(RETRIES)
        .with_crypto_provider(provider())
        .mtu(str0m::DATAGRAM_MTU_TARGET)
        .build()
        .map_err(|error| CryptoError::Other(format!("DTLS configuration: {error}")))?;
    Ok(CONFIG.get_or_init(|| Arc::new(config)).clone())
}

/// RustCrypto's, with the key kept. Without the key exchange on P-384: no browser
/// needs it, and it costs five times as much as the others.
fn provider() -> dimpl::crypto::CryptoProvider {
    let mut provider = rust_crypto::default_provider();
    provider.key_provider = &Keys;
    let groups = provider.kx_groups;
    let cheap = groups
        .iter()
        .take_while(|group| group.name() != NamedGroup::Secp384r1);
    provider.kx_groups = &groups[..cheap.count()];
    provider
}

struct Instance(dimpl::Dtls);

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dtls")
    }
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buf)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheap_groups_are_there_and_the_dear_one_is_not() {
        let groups: Vec<_> = provider().kx_groups.iter().map(|kx| kx.name()).collect();
        assert_eq!(groups, [NamedGroup::X25519, NamedGroup::Secp256r1]);
    }
}
