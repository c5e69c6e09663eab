use super::*;
use dimpl::{Config, Dtls, DtlsCertificate, Output};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// A directory that goes away with its test.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Temporary {
        let path =
            std::env::temp_dir().join(format!("mimamori-identity-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Temporary(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_identity_outlives_a_restart() {
    let dir = Temporary::new("restart");
    let below = dir.0.join("a/b");
    let first = load_or_create(&below).unwrap();
    assert_eq!(load_or_create(&below).unwrap(), first);
    let names: Vec<_> = fs::read_dir(&below)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, [FILE_NAME]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&below.join(FILE_NAME)), 0o600);
    assert_eq!(mode(&below), 0o700);
}

#[test]
fn two_cameras_differ_in_key_and_serial_number() {
    let serial = |pem: &str| {
        let certificate = Certificate::from_pem(block(pem, "CERTIFICATE").unwrap()).unwrap();
        certificate.tbs_certificate().serial_number().clone()
    };
    let ((a, a_pem), (b, b_pem)) = (create().unwrap(), create().unwrap());
    assert_ne!(a.private_key_der, b.private_key_der);
    assert_ne!(serial(&a_pem), serial(&b_pem));
}

#[test]
fn the_certificate_is_valid_whatever_the_clock_says() {
    let (_, pem) = create().unwrap();
    let certificate = Certificate::from_pem(block(&pem, "CERTIFICATE").unwrap()).unwrap();
    let tbs = certificate.tbs_certificate();
    let validity = tbs.validity();
    assert_eq!(validity.not_before.to_unix_duration().as_secs(), 0);
    assert_eq!(validity.not_after.to_date_time().year(), 2106);
    assert_eq!(tbs.subject().to_string(), "CN=mimamori");
    assert_eq!(tbs.issuer(), tbs.subject());
    assert_eq!(tbs.version(), x509_cert::Version::V3);
}

#[test]
fn a_damaged_file_is_replaced() {
    let dir = Temporary::new("damaged");
    let path = dir.0.join(FILE_NAME);
    let (_, mine) = create().unwrap();
    let (_, other) = create().unwrap();
    let mixed =
        block(&mine, "CERTIFICATE").unwrap().to_string() + block(&other, "PRIVATE KEY").unwrap();
    let half = &mine[..mine.len() / 2];
    let damaged: [&[u8]; 5] = [
        b"",
        b"\xff\0\xff",
        half.as_bytes(),
        mixed.as_bytes(),
        &[b'-'; 99_999],
    ];
    for contents in damaged {
        fs::write(&path, contents).unwrap();
        let new = load_or_create(&dir.0).unwrap();
        assert_eq!(load_or_create(&dir.0).unwrap(), new);
    }
}

#[test]
fn any_changed_byte_is_noticed_or_harmless() {
    let (identity, pem) = create().unwrap();
    for at in (0..pem.len()).step_by(5) {
        let mut bytes = pem.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        if let Some(read) = parse(&String::from_utf8(bytes).unwrap()) {
            // Only the certificate's own fields can change unnoticed.
            assert_eq!(read.private_key_der, identity.private_key_der);
        }
    }
}

#[test]
fn a_directory_that_cannot_be_written_does_not_stop_the_start() {
    let dir = Temporary::new("unwritable");
    let file = dir.0.join("file");
    fs::write(&file, "").unwrap();
    let identity = load_or_create(&file.join("below")).unwrap();
    assert!(!identity.certificate_der.is_empty());
    // A directory where the file should be: neither readable nor replaceable.
    fs::create_dir(dir.0.join(FILE_NAME)).unwrap();
    assert!(load_or_create(&dir.0).is_ok());
}

#[test]
fn what_a_crash_left_behind_is_no_obstacle() {
    let dir = Temporary::new("crash");
    fs::write(dir.0.join(format!("{FILE_NAME}.new")), "half").unwrap();
    let identity = load_or_create(&dir.0).unwrap();
    assert_eq!(load_or_create(&dir.0).unwrap(), identity);
}

#[test]
fn debug_output_does_not_show_the_key() {
    let (identity, _) = create().unwrap();
    assert_eq!(format!("{identity:?}"), "Identity { .. }");
}

#[test]
fn dtls_1_2_and_1_3_connect_with_it() {
    for new in [Dtls::new_12, Dtls::new_13, Dtls::new_auto] {
        let (ours, _) = create().unwrap();
        let (theirs, _) = create().unwrap();
        let seen = handshake(new, &ours, &theirs);
        assert_eq!(seen, [theirs.certificate_der, ours.certificate_der]);
    }
}

type New = fn(Arc<Config>, DtlsCertificate, Instant) -> Dtls;

/// The peer's certificate as server and client saw it.
fn handshake(new: New, server: &Identity, client: &Identity) -> [Vec<u8>; 2] {
    let mut now = Instant::now();
    let config = Arc::new(Config::default());
    let mut ends = [server, client].map(|identity| {
        let certificate = DtlsCertificate {
            certificate: identity.certificate_der.clone(),
            private_key: identity.private_key_der.clone(),
        };
        new(config.clone(), certificate, now)
    });
    ends[1].set_active(true);
    let mut seen = [Vec::new(), Vec::new()];
    let mut connected = [false; 2];
    for _ in 0..50 {
        for end in 0..2 {
            ends[end].handle_timeout(now).unwrap();
            let mut packets = Vec::new();
            let mut buffer = vec![0; 2048];
            loop {
                match ends[end].poll_output(&mut buffer) {
                    Output::Packet(packet) => packets.push(packet.to_vec()),
                    Output::PeerCert(der) => seen[end] = der.to_vec(),
                    Output::Connected => connected[end] = true,
                    Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                    Output::Timeout(_) => break,
                    _ => {}
                }
            }
            for packet in packets {
                ends[1 - end].handle_packet(&packet).unwrap();
            }
        }
        if connected == [true; 2] {
            return seen;
        }
        now += Duration::from_millis(20);
    }
    panic!("no handshake: {connected:?}");
}
