use super::*;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{
    CipherSuite, ClientConfig, DigitallySignedStruct, Error, HandshakeKind, NamedGroup,
    SignatureScheme,
};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;
use tokio_rustls::client;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::SubjectAltName;

const LIMIT: Duration = Duration::from_secs(5);

/// Another one each time: the tests run at the same time.
fn folder(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("mimamori-{name}-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn pair() -> Pair {
    let folder = folder("tls-pair");
    let names = names(&["mimamori.local", "mimamori"]);
    let pair = certificate::load_or_create(&folder, &names, &["10.91.0.1".parse().unwrap()]);
    fs::remove_dir_all(&folder).unwrap();
    pair.unwrap()
}

/// Knows one certificate, and looks at the signature of the handshake.
#[derive(Debug)]
struct Knows(Vec<u8>);

impl ServerCertVerifier for Knows {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match end_entity.as_ref() == self.0 {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(Error::General("another certificate".into())),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("not TLS 1.3".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = Certificate::from_der(certificate).unwrap();
        let spki = certificate.tbs_certificate().subject_public_key_info();
        let key = VerifyingKey::from_public_key_der(&spki.to_der().unwrap()).unwrap();
        let signature = Signature::from_der(signed.signature()).unwrap();
        key.verify_prehash(&Sha256::digest(message), &signature)
            .map(|()| HandshakeSignatureValid::assertion())
            .map_err(|_| Error::General("a wrong signature".into()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

fn client(pair: &Pair, change: impl Fn(&mut rustls::crypto::CryptoProvider)) -> TlsConnector {
    let mut crypto = provider();
    change(&mut crypto);
    let config = ClientConfig::builder_with_provider(Arc::new(crypto))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Knows(pair.chain[0].clone())))
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// A server for one connection at a time that sends back what it hears, in capitals.
async fn serve(tls: Option<Tls>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let tls = tls.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = greet(tcp, tls.as_ref(), LIMIT).await else {
                    return;
                };
                let mut heard = Vec::new();
                let mut chunk = [0; 4096];
                while !heard.ends_with(b"\n") {
                    match stream.read(&mut chunk).await {
                        Ok(length) if length > 0 => heard.extend_from_slice(&chunk[..length]),
                        _ => return,
                    }
                }
                heard.make_ascii_uppercase();
                stream.write_all(&heard).await.unwrap();
                stream.shutdown().await.unwrap();
            });
        }
    });
    address
}

async fn talk(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), words: &[u8]) -> Vec<u8> {
    stream.write_all(words).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

async fn connect(
    connector: &TlsConnector,
    address: SocketAddr,
) -> io::Result<client::TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("mimamori.local").unwrap();
    connector.connect(name, tcp).await
}

#[tokio::test]
async fn the_first_byte_decides() {
    let pair = pair();
    let address = serve(Some(Tls::new(&pair).unwrap())).await;
    let mut plain = TcpStream::connect(address).await.unwrap();
    assert_eq!(talk(&mut plain, b"get / http\n").await, b"GET / HTTP\n");
    let mut tls = connect(&client(&pair, |_| {}), address).await.unwrap();
    assert_eq!(talk(&mut tls, b"get / http\n").await, b"GET / HTTP\n");
    // Without a certificate everything is HTTP, and what is none is for HTTP to refuse.
    let address = serve(None).await;
    let mut plain = TcpStream::connect(address).await.unwrap();
    assert_eq!(
        talk(&mut plain, b"\x16\x03\x01a\n").await,
        b"\x16\x03\x01A\n"
    );
}

#[tokio::test]
async fn each_cipher_and_each_key_exchange_works_with_much_to_say() {
    let pair = pair();
    let address = serve(Some(Tls::new(&pair).unwrap())).await;
    let mut much = b"abcdefgh".repeat(20_000);
    much.push(b'\n');
    let chacha = CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;
    let aes = CipherSuite::TLS13_AES_128_GCM_SHA256;
    for (cipher, group) in [
        (chacha, NamedGroup::X25519),
        (aes, NamedGroup::X25519),
        (chacha, NamedGroup::secp256r1),
    ] {
        let connector = client(&pair, |crypto| {
            crypto.cipher_suites.retain(|suite| suite.suite() == cipher);
            crypto.kx_groups.retain(|kx| kx.name() == group);
        });
        let mut tls = connect(&connector, address).await.unwrap();
        let agreed = tls.get_ref().1;
        assert_eq!(agreed.negotiated_cipher_suite().unwrap().suite(), cipher);
        assert_eq!(
            agreed.negotiated_key_exchange_group().unwrap().name(),
            group
        );
        let answer = talk(&mut tls, &much).await;
        assert_eq!(answer, much.to_ascii_uppercase());
    }
    let mut tls = connect(
        &client(&pair, |crypto| crypto.cipher_suites.reverse()),
        address,
    )
    .await
    .unwrap();
    let agreed = tls.get_ref().1.negotiated_cipher_suite().unwrap();
    assert_eq!(agreed.suite(), chacha, "the server's choice");
    assert_eq!(talk(&mut tls, b"a\n").await, b"A\n");
}

#[tokio::test]
async fn a_second_connection_takes_the_session_up() {
    let pair = pair();
    let address = serve(Some(Tls::new(&pair).unwrap())).await;
    let connector = client(&pair, |_| {});
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut tls = connect(&connector, address).await.unwrap();
        assert_eq!(talk(&mut tls, b"a\n").await, b"A\n");
        assert_eq!(tls.get_ref().1.handshake_kind(), Some(expected));
    }
}

#[tokio::test]
async fn another_certificate_holds_from_the_next_connection_on() {
    let (old, new) = (pair(), pair());
    let tls = Tls::new(&old).unwrap();
    let address = serve(Some(tls.clone())).await;
    assert!(connect(&client(&old, |_| {}), address).await.is_ok());
    assert!(connect(&client(&new, |_| {}), address).await.is_err());
    tls.replace(&new).unwrap();
    assert!(connect(&client(&new, |_| {}), address).await.is_ok());
    assert!(connect(&client(&old, |_| {}), address).await.is_err());
}

#[tokio::test]
async fn who_is_silent_or_talks_nonsense_is_let_go() {
    let tls = Tls::new(&pair()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let short = Duration::from_millis(200);
    for said in [
        &b""[..],
        b"\x16",
        b"\x16\x03\x01\x40\x00",
        b"\x16nonsense nonsense",
    ] {
        let mut peer = TcpStream::connect(address).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        peer.write_all(said).await.unwrap();
        let began = tokio::time::Instant::now();
        assert!(greet(tcp, Some(&tls), short).await.is_err(), "{said:?}");
        assert!(began.elapsed() < LIMIT);
    }
    assert_eq!(tls.places.available_permits(), AT_ONCE);
}

#[tokio::test]
async fn only_so_many_shake_hands_at_once() {
    let pair = pair();
    let tls = Tls::new(&pair).unwrap();
    let address = serve(Some(tls.clone())).await;
    let mut silent = Vec::new();
    for _ in 0..AT_ONCE {
        let mut peer = TcpStream::connect(address).await.unwrap();
        peer.write_all(&[HANDSHAKE]).await.unwrap();
        silent.push(peer);
    }
    while tls.places.available_permits() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let connector = client(&pair, |_| {});
    let mut next = Box::pin(connect(&connector, address));
    let waits = timeout(Duration::from_millis(100), &mut next).await;
    assert!(waits.is_err(), "one too many");
    // Plain HTTP has nothing to wait for.
    let mut plain = TcpStream::connect(address).await.unwrap();
    assert_eq!(talk(&mut plain, b"a\n").await, b"A\n");
    drop(silent.pop());
    assert!(next.await.is_ok());
}

#[test]
fn a_certificate_is_kept_until_the_name_changes() {
    let folder = folder("tls-kept");
    let address = ["192.168.1.9".parse().unwrap()];
    let load = |of: &[&str]| certificate::load_or_create(&folder, &names(of), &address).unwrap();
    let first = load(&["mimamori.local"]);
    assert_eq!(load(&["mimamori.local"]), first);
    let other = certificate::load_or_create(&folder, &names(&["mimamori.local"]), &[]);
    assert_eq!(other.unwrap(), first, "addresses come and go");
    let second = load(&["garden.local"]);
    assert_ne!(second, first);
    assert_ne!(second.fingerprint(), first.fingerprint());
    fs::write(folder.join(certificate::FILE_NAME), "damaged").unwrap();
    assert_ne!(load(&["garden.local"]), second);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn it_names_the_camera_and_holds_whatever_the_clock_says() {
    let pair = pair();
    let certificate = Certificate::from_der(&pair.chain[0]).unwrap();
    let tbs = certificate.tbs_certificate();
    let (_, names) = tbs.get_extension::<SubjectAltName>().unwrap().unwrap();
    assert_eq!(names.0.len(), 3);
    let year = |time: x509_cert::time::Time| time.to_date_time().year();
    let validity = tbs.validity();
    assert_eq!(
        (year(validity.not_before), year(validity.not_after)),
        (2020, 2049)
    );
    let print = pair.fingerprint();
    assert_eq!((print.len(), print.matches(':').count()), (95, 31));
    assert!(!format!("{pair:?}").contains("key"));
}

#[test]
fn what_the_owner_uploads_is_looked_at() {
    let folder = folder("tls-own");
    certificate::load_or_create(&folder, &names(&["a.local"]), &[]).unwrap();
    let pem = fs::read_to_string(folder.join(certificate::FILE_NAME)).unwrap();
    let split = pem.find("-----BEGIN PRIVATE KEY").unwrap();
    let (certificate, key) = pem.split_at(split);
    // Key first, and a chain, are as good.
    let chain = format!("{key}{certificate}{certificate}");
    assert_eq!(certificate::parse(chain.as_bytes()).unwrap().chain.len(), 2);
    let other = folder.join("other");
    certificate::load_or_create(&other, &names(&["b.local"]), &[]).unwrap();
    let foreign = fs::read_to_string(other.join(certificate::FILE_NAME)).unwrap();
    let foreign_key = &foreign[foreign.find("-----BEGIN PRIVATE KEY").unwrap()..];
    for (bad, word) in [
        (certificate.to_owned(), "no PRIVATE KEY"),
        (key.to_owned(), "no certificate"),
        (
            format!("{certificate}{foreign_key}"),
            "not the first certificate's",
        ),
        (pem.replace("PRIVATE KEY", "RSA PRIVATE KEY"), "ECDSA"),
        (
            pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
            "password",
        ),
        (certificate.repeat(5) + key, "the most"),
        (pem.replacen("MII", "AAA", 1), "can't be read"),
        ("x".repeat(certificate::LIMIT + 1), "at most"),
        (String::new(), "no certificate"),
    ] {
        let error = certificate::parse(bad.as_bytes()).unwrap_err();
        assert!(error.contains(word), "{error:?} has no {word:?}");
    }
    assert!(certificate::parse(b"\xff\xfe").is_err());
    fs::remove_dir_all(&folder).unwrap();
}
