//! The DTLS certificate: made once, kept in one file, the same after a restart.
//!
//! Browsers compare its fingerprint with the one in the SDP (RFC 8122); nobody
//! looks at name, issuer or dates. ECDSA P-256, because an RSA key takes an
//! ARMv6 five seconds.

use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::Generate;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::der::{DateTime, DecodePem, Encode, EncodePem};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};
use x509_cert::{TbsCertificate, der};

/// In the state directory: certificate and key as PEM, mode 0600. One file, so
/// that pulled power cannot leave a key with another key's certificate.
pub const FILE_NAME: &str = "dtls.pem";

/// A file longer than this is not ours.
const FILE_LIMIT: u64 = 16 << 10;
/// 2106-02-07, the last second that fits into 32 bits.
const NOT_AFTER: Duration = Duration::from_secs(u32::MAX as u64);

/// A certificate with its private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// X.509, self-signed, DER.
    pub certificate_der: Vec<u8>,
    /// PKCS#8, DER.
    pub private_key_der: Vec<u8>,
}

/// Keeps the key out of logs.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// No certificate, not even one in memory.
#[derive(Debug)]
pub enum IdentityError {
    /// The kernel gives no random numbers.
    Random(String),
    /// The certificate could not be built.
    Build(x509_cert::builder::Error),
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityError::Random(e) => write!(f, "no random numbers for a key: {e}"),
            IdentityError::Build(e) => write!(f, "the DTLS certificate cannot be made: {e}"),
        }
    }
}

impl std::error::Error for IdentityError {}

impl<E: Into<x509_cert::builder::Error>> From<E> for IdentityError {
    fn from(error: E) -> IdentityError {
        IdentityError::Build(error.into())
    }
}

/// The kept identity, or a new one.
///
/// A missing or damaged file is replaced. If it cannot be written, the new
/// identity lives as long as the program; viewers do not notice.
pub fn load_or_create(dir: &Path) -> Result<Identity, IdentityError> {
    let path = dir.join(FILE_NAME);
    match read(&path) {
        Ok(identity) => return Ok(identity),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => log::warn!("{}: {e}; making a new one", path.display()),
    }
    let (identity, pem) = create()?;
    match write(dir, pem.as_bytes()) {
        Ok(()) => log::info!("new DTLS certificate in {}", path.display()),
        Err(e) => log::warn!(
            "{} cannot be written: {e}; the DTLS certificate will change with the next start",
            path.display()
        ),
    }
    Ok(identity)
}

fn read(path: &Path) -> io::Result<Identity> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut pem = String::new();
    File::open(path)?
        .take(FILE_LIMIT)
        .read_to_string(&mut pem)?;
    parse(&pem).ok_or_else(|| io::Error::other("not a certificate with its key"))
}

/// Certificate and key, if they are one pair.
fn parse(pem: &str) -> Option<Identity> {
    let certificate = Certificate::from_pem(block(pem, "CERTIFICATE")?).ok()?;
    let key = SigningKey::from_pkcs8_pem(block(pem, "PRIVATE KEY")?).ok()?;
    let of_certificate = certificate.tbs_certificate().subject_public_key_info();
    let of_key = key.verifying_key().to_public_key_der().ok()?;
    if of_certificate.to_der().ok()? != of_key.as_bytes() {
        return None;
    }
    Some(Identity {
        certificate_der: certificate.to_der().ok()?,
        private_key_der: key.to_pkcs8_der().ok()?.as_bytes().to_vec(),
    })
}

pub(super) fn block<'a>(pem: &'a str, label: &str) -> Option<&'a str> {
    let end_mark = format!("-----END {label}-----");
    let start = pem.find(&format!("-----BEGIN {label}-----"))?;
    let end = start + pem[start..].find(&end_mark)? + end_mark.len();
    Some(&pem[start..end])
}

/// A new identity, and its file.
fn create() -> Result<(Identity, String), IdentityError> {
    let key = SigningKey::try_generate().map_err(|e| IdentityError::Random(e.to_string()))?;
    let public = key.verifying_key().to_public_key_der()?;
    // Firefox wants serial numbers to differ between certificates, and a hash of
    // a random key does.
    let serial = SerialNumber::new(&Sha256::digest(public.as_bytes())[..16])?;
    let from = Time::try_from(DateTime::from_unix_duration(Duration::ZERO)?.to_system_time())?;
    let to = Time::try_from(DateTime::from_unix_duration(NOT_AFTER)?.to_system_time())?;
    let builder = CertificateBuilder::new(
        SelfSigned(Name::from_str("CN=mimamori")?),
        serial,
        Validity::new(from, to),
        SubjectPublicKeyInfoOwned::from_key(key.verifying_key())?,
    )?;
    let certificate = builder.build::<_, DerSignature>(&key)?;
    let pem = certificate.to_pem(LineEnding::LF)?
        + key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| der::Error::from(der::ErrorKind::Failed))?
            .as_str();
    parse(&pem)
        .map(|identity| (identity, pem))
        .ok_or_else(|| der::Error::from(der::ErrorKind::Failed).into())
}

struct SelfSigned(Name);

impl BuilderProfile for SelfSigned {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.0.clone()
    }

    fn build_extensions(
        &self,
        _key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        // One extension makes it version 3, which every stack reads.
        let end_entity = BasicConstraints {
            ca: false,
            path_len_constraint: None,
        };
        Ok(vec![end_entity.to_extension(tbs.subject(), &[])?])
    }
}

/// All of it or nothing, also when the power is pulled.
fn write(dir: &Path, contents: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let temporary = dir.join(format!("{FILE_NAME}.new"));
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(FILE_NAME))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests;
