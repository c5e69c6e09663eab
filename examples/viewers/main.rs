//! A crowd of browsers made of str0m, for measuring a camera: each joins by WHEP,
//! receives the video over real UDP sockets, and reports as Chromium does (bandwidth
//! estimates, receiver reports). DTLS 1.3 and, as with Chromium, AES-CM for SRTP.
//!
//!     cargo run --example viewers -- 127.0.0.1:8080
//!
//! Commands on standard input, answers on standard output: `join` (answered by
//! `joined MILLISECONDS` once the first picture has come) and `count` (answered by
//! `packets RECEIVED LOST`, over all viewers so far). The end of the input ends it.

#![allow(clippy::disallowed_methods)]

mod dtls;

use mimamori::core::crypto;
use std::error::Error;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use str0m::bwe::Bitrate;
use str0m::change::SdpAnswer;
use str0m::config::{CryptoProvider, DtlsCert, DtlsVersion};
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

type Failure = Box<dyn Error + Send + Sync>;

/// Chromium sends its estimate of the bandwidth about that often.
const ESTIMATES: Duration = Duration::from_millis(220);
const ESTIMATE: Bitrate = Bitrate::mbps(3);

/// Longest time from the request to the first picture.
const PATIENCE: Duration = Duration::from_secs(60);
/// str0m waits for days when nothing is due; a socket can't.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What all viewers have received.
#[derive(Default)]
struct Totals {
    packets: AtomicU64,
    lost: AtomicU64,
}

fn main() -> Result<(), Failure> {
    let camera: SocketAddr = std::env::args()
        .nth(1)
        .ok_or("usage: viewers ADDRESS:PORT")?
        .parse()?;
    let totals = Arc::new(Totals::default());
    for command in std::io::stdin().lock().lines() {
        match command?.as_str() {
            "join" => {
                let begin = Instant::now();
                join(camera, totals.clone())?;
                println!("joined {}", begin.elapsed().as_millis());
            }
            "count" => println!(
                "packets {} {}",
                totals.packets.load(Relaxed),
                totals.lost.load(Relaxed)
            ),
            other => return Err(format!("unknown command {other:?}").into()),
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// Returns when the first picture is there.
fn join(camera: SocketAddr, totals: Arc<Totals>) -> Result<(), Failure> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let rtc = negotiate(camera, socket.local_addr()?)?;
    let (shown, first_picture) = channel();
    std::thread::spawn(move || {
        if let Err(e) = watch(rtc, &socket, &shown, &totals) {
            eprintln!("a viewer failed: {e}");
        }
    });
    Ok(first_picture.recv_timeout(PATIENCE)?)
}

/// A connection that has had its answer.
fn negotiate(camera: SocketAddr, here: SocketAddr) -> Result<Rtc, Failure> {
    let crypto = CryptoProvider {
        dtls_provider: &dtls::Dtls,
        ..(*crypto::provider()).clone()
    };
    let mut config = RtcConfig::new()
        .set_crypto_provider(Arc::new(crypto))
        .set_dtls_cert(DtlsCert {
            certificate: include_bytes!("../../tests/data/browser.cert.der").to_vec(),
            private_key: include_bytes!("../../tests/data/browser.key.der").to_vec(),
        })
        .set_dtls_version(DtlsVersion::Dtls13)
        .set_rtp_mode(true)
        .clear_codecs();
    for (pt, profile) in [(96, 0x42001f), (98, 0x42e01f), (100, 0x4d001f)] {
        config
            .codec_config()
            .add_h264(pt.into(), Some((pt + 1).into()), true, profile);
    }
    let mut rtc = config.build(Instant::now());
    rtc.add_local_candidate(Candidate::host(here, Protocol::Udp)?);
    let mut change = rtc.sdp_api();
    change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
    let (offer, pending) = change.apply().ok_or("nothing to offer")?;
    let answer = post(camera, &offer.to_sdp_string())?;
    let answer = SdpAnswer::from_sdp_string(&answer)?;
    rtc.sdp_api().accept_answer(pending, answer)?;
    Ok(rtc)
}

/// WHEP's one request.
fn post(camera: SocketAddr, offer: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(camera)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = offer.len();
    write!(
        stream,
        "POST /whep HTTP/1.1\r\nHost: {camera}\r\nContent-Type: application/sdp\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{offer}"
    )?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    match response.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 201") => Ok(body.to_string()),
        _ => Err(format!("the camera refused: {response}").into()),
    }
}

fn watch(
    mut rtc: Rtc,
    socket: &UdpSocket,
    shown: &Sender<()>,
    totals: &Totals,
) -> Result<(), Failure> {
    let here = socket.local_addr()?;
    let mut buffer = vec![0; 2000];
    let mut next_sequence = None;
    let mut estimated = Instant::now();
    while rtc.is_alive() {
        let timeout = loop {
            match rtc.poll_output()? {
                Output::Timeout(timeout) => break timeout,
                Output::Transmit(transmit) => {
                    socket.send_to(&transmit.contents, transmit.destination)?;
                }
                Output::Event(Event::RtpPacket(packet)) => {
                    let number = *packet.seq_no;
                    let expected = next_sequence.unwrap_or(number);
                    totals.packets.fetch_add(1, Relaxed);
                    totals
                        .lost
                        .fetch_add(number.saturating_sub(expected), Relaxed);
                    next_sequence = Some(expected.max(number + 1));
                    if packet.header.marker {
                        let _ = shown.send(());
                    }
                    if estimated.elapsed() > ESTIMATES {
                        estimated = Instant::now();
                        let mut api = rtc.direct_api();
                        if let Some(stream) = api.stream_rx(&packet.header.ssrc) {
                            stream.request_remb(ESTIMATE);
                        }
                    }
                }
                Output::Event(_) => {}
            }
        };
        let wait = timeout.saturating_duration_since(Instant::now());
        socket.set_read_timeout(Some(wait.clamp(Duration::from_millis(1), LONGEST_WAIT)))?;
        match socket.recv_from(&mut buffer) {
            Ok((len, from)) => {
                let packet = Receive::new(Protocol::Udp, from, here, &buffer[..len])?;
                rtc.handle_input(Input::Receive(Instant::now(), packet))?;
            }
            Err(e) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&e.kind()) => {}
            Err(e) => return Err(e.into()),
        }
        rtc.handle_input(Input::Timeout(Instant::now()))?;
    }
    Err("the connection has ended".into())
}
