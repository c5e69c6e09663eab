//! HTTPS on the port of HTTP: a connection's first byte decides.
//!
//! TLS 1.3 only, which every browser of the last years and every player speaks. A
//! handshake costs the Zero more than anything else that a stranger can ask for, so only
//! a few are under way at once, each within a time limit.

pub mod certificate;
mod provider;
mod records;

use certificate::Pair;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use provider::provider;

/// The first byte of a TLS record that holds a handshake (RFC 8446, 5.1); no method of HTTP
/// begins with it.
const HANDSHAKE: u8 = 0x16;
/// Handshakes under way at once. Each is half a frame's time of work and then waits.
const AT_ONCE: usize = 4;
/// Sessions that a client may take up again, which spares it the signature: a browser
/// fetches a page in a dozen connections.
const SESSIONS: usize = 64;

/// What is needed to speak TLS.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificate: Arc<Current>,
    places: Arc<Semaphore>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Why there is no conversation. Neither is answered.
#[derive(Debug)]
pub enum NoGreeting {
    /// Closed, or silent until the time limit.
    Nothing,
    /// TLS, but not to be understood; the reason is for the log.
    Handshake(String),
}

impl Tls {
    /// The error says what is wrong with certificate or key.
    pub fn new(pair: &Pair) -> Result<Tls, String> {
        let certificate = Arc::new(Current(Mutex::new(certified(pair)?)));
        let config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|error| error.to_string())?;
        let resolver: Arc<dyn ResolvesServerCert> = certificate.clone();
        let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
        config.ignore_client_order = true;
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        config.send_tls13_tickets = 1;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate,
            places: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Another certificate from the next connection on.
    pub fn replace(&self, pair: &Pair) -> Result<(), String> {
        let new = certified(pair)?;
        *self
            .certificate
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }
}

/// Waits for a connection's first byte, and for the handshake if it is TLS. Without `tls`
/// everything is plain.
pub async fn greet(
    stream: TcpStream,
    tls: Option<&Tls>,
    limit: Duration,
) -> Result<Stream, NoGreeting> {
    let Some(tls) = tls else {
        return Ok(Stream::Plain(stream));
    };
    let greeting = async {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1) if first[0] == HANDSHAKE => {}
            Ok(1) => return Ok(Stream::Plain(stream)),
            _ => return Err(NoGreeting::Nothing),
        }
        let failed = |why: String| NoGreeting::Handshake(why);
        let place = tls.places.acquire().await;
        let _place = place.map_err(|error| failed(error.to_string()))?;
        let accepted = tls.acceptor.accept(stream).await;
        let stream = accepted.map_err(|error| failed(error.to_string()))?;
        Ok(Stream::Tls(Box::new(stream)))
    };
    match timeout(limit, greeting).await {
        Ok(greeted) => greeted,
        Err(_) => Err(NoGreeting::Nothing),
    }
}

/// A connection, with or without TLS.
#[derive(Debug)]
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub fn is_tls(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    /// What is below, for the options of the socket.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
        }
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().local_addr()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Stream::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Stream::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}

/// The certificate in force.
#[derive(Debug)]
struct Current(Mutex<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }
}

fn certified(pair: &Pair) -> Result<Arc<CertifiedKey>, String> {
    let chain = pair.chain.iter().cloned().map(CertificateDer::from);
    let key = PrivateKeyDer::Pkcs8(pair.key.clone().into());
    let key = provider().key_provider.load_private_key(key);
    let key = key.map_err(|error| error.to_string())?;
    Ok(Arc::new(CertifiedKey::new(chain.collect(), key)))
}

#[cfg(test)]
mod tests;
