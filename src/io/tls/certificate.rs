//! The certificate of the camera's HTTPS: made once, kept with its key, or the owner's own.
//!
//! It is nobody's signed but the camera's, so browsers warn once. What it can do is stay the
//! same: then who has looked at it once knows the camera again. So it is made anew only if the
//! camera has another name; addresses come and go.

use crate::io::identity;
use crate::io::steward::files;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::Generate;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::der::asn1::Ia5String;
use x509_cert::der::oid::db::rfc5280::ID_KP_SERVER_AUTH;
use x509_cert::der::{DateTime, DecodePem, Encode, EncodePem};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate};

/// In the state directory, mode 0600: certificate and key as PEM in one file.
pub const FILE_NAME: &str = "https.pem";
const NEW: &str = "https.pem.new";
/// Longest file, in bytes: a chain of four and a key.
pub const LIMIT: usize = 64 << 10;
/// Most certificates in a chain of the owner's.
const CHAIN: usize = 4;
/// Most names and addresses of one certificate.
const NAMES: usize = 32;

/// 2020-01-01 and 2049-12-31, in seconds since 1970. A board that does not know the time has
/// a certificate all the same, and so has a client that doesn't; after 2049 another
/// notation of dates begins, which not all read (RFC 5280, 4.1.2.5).
const VALID: [u64; 2] = [1_577_836_800, 2_524_521_600];

/// A chain of certificates and the first one's key.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// X.509, DER, the camera's own first.
    pub chain: Vec<Vec<u8>>,
    /// PKCS#8, DER; ECDSA on P-256.
    pub key: Vec<u8>,
}

/// Keeps the key out of logs.
impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

impl Pair {
    /// SHA-256 of the first certificate, as browsers show it.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.chain.first().map_or(&[][..], Vec::as_slice));
        let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }
}

/// The kept certificate if it has these names, or a new one. The owner's own stays whatever
/// its names are. Where it can't be written, it lives as long as the program.
pub fn load_or_create(
    directory: &Path,
    names: &[String],
    addresses: &[IpAddr],
) -> Result<Pair, String> {
    let path = directory.join(FILE_NAME);
    match files::read(&path, LIMIT) {
        Ok(Some(pem)) => match parse(&pem) {
            Ok(pair) if !is_own_make(&pair) || has_names(&pair, names) => return Ok(pair),
            Ok(_) => log::info!("the camera has another name: a new certificate for HTTPS"),
            Err(why) => log::warn!("{}: {why}; making a new one", path.display()),
        },
        Ok(None) => {}
        Err(error) => log::warn!("{}: {error}; making a new one", path.display()),
    }
    let (pair, pem) = create(names, addresses)?;
    match keep(directory, &pem) {
        Ok(()) => log::info!("certificate for HTTPS: {}", pair.fingerprint()),
        Err(error) => log::warn!("{} can't be written: {error}", path.display()),
    }
    Ok(pair)
}

/// Puts the owner's own certificate and key in the place of what is kept.
pub fn keep(directory: &Path, pem: &str) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(directory)?;
    files::replace(&directory.join(FILE_NAME), NEW, pem.as_bytes(), 0o600)
}

/// Reads certificates and a key as PEM, in any order; the error is for the owner.
pub fn parse(pem: &[u8]) -> Result<Pair, String> {
    if pem.len() > LIMIT {
        return Err(format!("certificate and key have {LIMIT} bytes at most"));
    }
    let text = str::from_utf8(pem).map_err(|_| "certificate and key have to be PEM")?;
    let chain = certificates(text)?;
    let first = chain.first().ok_or("there is no certificate in it")?;
    if text.contains("BEGIN RSA PRIVATE KEY") || text.contains("BEGIN ENCRYPTED PRIVATE KEY") {
        return Err("the key has to be an ECDSA key on P-256, in PKCS#8 without a password".into());
    }
    let key = identity::block(text, "PRIVATE KEY").ok_or("there is no PRIVATE KEY in it")?;
    let key = SigningKey::from_pkcs8_pem(key)
        .map_err(|_| "the key has to be an ECDSA key on P-256, in PKCS#8")?;
    let of_key = key.verifying_key().to_public_key_der().ok();
    let of_certificate = first.tbs_certificate().subject_public_key_info().to_der();
    match (of_key, of_certificate) {
        (Some(a), Ok(b)) if a.as_bytes() == b => {}
        _ => return Err("the key is not the first certificate's".into()),
    }
    let ders: Result<_, _> = chain.iter().map(Encode::to_der).collect();
    Ok(Pair {
        chain: ders.map_err(|_| "the certificate can't be written")?,
        key: key
            .to_pkcs8_der()
            .map_err(|_| "the key can't be written")?
            .as_bytes()
            .to_vec(),
    })
}

fn certificates(text: &str) -> Result<Vec<Certificate>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(block) = identity::block(rest, "CERTIFICATE") {
        if found.len() == CHAIN {
            return Err(format!("{CHAIN} certificates are the most"));
        }
        let certificate = Certificate::from_pem(block);
        found.push(certificate.map_err(|_| "one of the certificates can't be read")?);
        let end = block.as_ptr() as usize + block.len() - rest.as_ptr() as usize;
        rest = &rest[end..];
    }
    Ok(found)
}

/// A new pair, and its file.
fn create(names: &[String], addresses: &[IpAddr]) -> Result<(Pair, String), String> {
    let key = SigningKey::try_generate().map_err(|e| format!("no random numbers: {e}"))?;
    let pem = build(&key, names, addresses).map_err(|e| format!("no certificate: {e}"))?;
    let key = key.to_pkcs8_pem(LineEnding::LF);
    let pem = pem + key.map_err(|_| "the key can't be written")?.as_str();
    parse(pem.as_bytes()).map(|pair| (pair, pem))
}

fn build(
    key: &SigningKey,
    names: &[String],
    addresses: &[IpAddr],
) -> x509_cert::builder::Result<String> {
    let public = key.verifying_key().to_public_key_der()?;
    let serial = SerialNumber::new(&Sha256::digest(public.as_bytes())[..16])?;
    let [from, to] = VALID.map(|s| DateTime::from_unix_duration(Duration::from_secs(s)));
    let validity = Validity::new(
        Time::try_from(from?.to_system_time())?,
        Time::try_from(to?.to_system_time())?,
    );
    let profile = SelfSigned {
        subject: Name::from_str(SUBJECT)?,
        names: SubjectAltName(general_names(names, addresses)),
    };
    let spki = SubjectPublicKeyInfoOwned::from_key(key.verifying_key())?;
    let builder = CertificateBuilder::new(profile, serial, validity, spki)?;
    let certificate = builder.build::<_, DerSignature>(key)?;
    Ok(certificate.to_pem(LineEnding::LF)?)
}

const SUBJECT: &str = "CN=mimamori";

fn general_names(names: &[String], addresses: &[IpAddr]) -> Vec<GeneralName> {
    let names = names.iter().filter_map(|name| Ia5String::new(name).ok());
    let names = names.map(GeneralName::DnsName);
    let addresses = addresses
        .iter()
        .map(|ip| GeneralName::from(ip.to_canonical()));
    names.chain(addresses).take(NAMES).collect()
}

/// True for one that [`create`] has made.
fn is_own_make(pair: &Pair) -> bool {
    let (Some(certificate), Ok(name)) = (first(pair), Name::from_str(SUBJECT)) else {
        return false;
    };
    let tbs = certificate.tbs_certificate();
    *tbs.subject() == name && *tbs.issuer() == name
}

fn has_names(pair: &Pair, names: &[String]) -> bool {
    let Some(certificate) = first(pair) else {
        return false;
    };
    let found = certificate
        .tbs_certificate()
        .get_extension::<SubjectAltName>();
    let Ok(Some((_, found))) = found else {
        return false;
    };
    let wanted = general_names(names, &[]);
    wanted.iter().all(|name| found.0.contains(name))
}

fn first(pair: &Pair) -> Option<Certificate> {
    use x509_cert::der::Decode;
    Certificate::from_der(pair.chain.first()?).ok()
}

struct SelfSigned {
    subject: Name,
    names: SubjectAltName,
}

impl BuilderProfile for SelfSigned {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let end_entity = BasicConstraints {
            ca: false,
            path_len_constraint: None,
        };
        let use_of_key = KeyUsage(KeyUsages::DigitalSignature.into());
        let server = ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH]);
        let subject = tbs.subject();
        Ok(vec![
            end_entity.to_extension(subject, &[])?,
            use_of_key.to_extension(subject, &[])?,
            server.to_extension(subject, &[])?,
            self.names.to_extension(subject, &[])?,
        ])
    }
}
