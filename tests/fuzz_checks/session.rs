//! The whole core against hostile conversations.
//!
//! The input is a play: acts end with [`ACT_END`], the first byte of each names what
//! happens (see [`play`]), the next which browser or session does it.

use super::common::{Browser, CAMERA, House, Link, MS, SECOND};
use mimamori::core::bitrate::BitrateBounds;
use mimamori::core::stage::StageSettings;
use serde_json::json;
use std::time::Duration;

const ACT_END: u8 = 0x1e;
/// Longer plays show nothing new.
const MAX_ACTS: usize = 40;
const BROWSERS: usize = 3;
const MAX_VIEWERS: usize = 2;
/// Nobody who has gone silent is kept for longer.
const GONE_AFTER: Duration = Duration::from_secs(21);
const SDP: (&str, &str) = ("content-type", "application/sdp");

/// Nothing panics, nothing is without an end, places are not exceeded, and when
/// everybody has fallen silent nobody is left.
pub fn session(data: &[u8]) {
    let mut house = House::with(StageSettings {
        max_viewers: MAX_VIEWERS,
        bitrate: BitrateBounds {
            floor: 200_000,
            start: 300_000,
            ceiling: 400_000,
        },
        port: 8080,
        announce: vec!["203.0.113.5:40000".parse().expect("an address")],
    });
    house.camera.fps = 5;
    for act in data.split(|byte| *byte == ACT_END).take(MAX_ACTS) {
        play(&mut house, act);
        assert!(viewers(&mut house) <= MAX_VIEWERS as u64);
    }
    if viewers(&mut house) > 0 {
        silence(&mut house);
    }
    assert_eq!(viewers(&mut house), 0, "somebody was forgotten");
}

fn viewers(house: &mut House) -> u64 {
    house.status()["viewers"].as_u64().expect("a number")
}

fn silence(house: &mut House) {
    house.camera.paused = true;
    for n in 0..house.browsers.len() {
        let address = house.browsers[n].address;
        house.browsers[n].given_up = true;
        house.network.set_link(address, |link| link.cut = true);
    }
    house.run(GONE_AFTER);
}

fn play(house: &mut House, act: &[u8]) {
    let [kind, who, rest @ ..] = act else {
        return;
    };
    let n = usize::from(*who) % BROWSERS;
    // Made late: each makes keys, which takes longer than most acts.
    while house.browsers.len() <= n {
        house.browser(Link::GOOD);
    }
    let text = String::from_utf8_lossy(rest);
    match kind {
        b'T' => house.say_text(n, &text),
        b'A' => answer(house, n, &text.replace("MID", &mid(house, n))),
        b'X' => {
            if let Some(sdp) = real_answer(house, n) {
                answer(house, n, &damaged(&sdp, &text));
            }
        }
        b'P' => post(house, &text),
        b'O' => {
            let sdp = fresh(house, n).offer();
            post(house, &damaged(&sdp, &text));
        }
        b'R' => request(house, &text),
        b'U' => datagram(house, n, rest),
        b'M' => echo(house, n, rest),
        b'C' => call(house, n),
        b'K' => house.say_text(n, r#"{"what":"hangup"}"#),
        b'I' => addresses(house, &text),
        b'G' => house.hub.handle_camera_lost(text.into()),
        b'H' => house.hub.handle_camera(house.camera.info()),
        b'W' => house.run(u32::from(rest.first().copied().unwrap_or(1)) * 4 * MS),
        _ => {}
    }
    house.drain();
}

fn fresh(house: &mut House, n: usize) -> &mut Browser {
    house.renew(n);
    &mut house.browsers[n]
}

/// A true call up to flowing media.
fn call(house: &mut House, n: usize) {
    house.say_text(n, r#"{"what":"call","options":{"trickle_ice":true}}"#);
    if let Some(sdp) = real_answer(house, n) {
        answer(house, n, &sdp);
    }
    house.run(300 * MS);
}

fn real_answer(house: &mut House, n: usize) -> Option<String> {
    let offer = house.last_offer(n)?;
    Some(fresh(house, n).answer(&offer))
}

fn answer(house: &mut House, n: usize, sdp: &str) {
    let message = json!({"what": "answer", "data": {"type": "answer", "sdp": sdp}});
    house.say(n, message);
}

fn mid(house: &House, n: usize) -> String {
    let offer = house.last_offer(n).unwrap_or_default();
    let mid = offer.lines().find_map(|line| line.strip_prefix("a=mid:"));
    mid.unwrap_or("0").to_owned()
}

/// The SDP with some lines replaced: each line of `edits` is a character that names
/// the place and what shall stand there instead, several lines behind `\`.
fn damaged(sdp: &str, edits: &str) -> String {
    let mut lines: Vec<String> = sdp.lines().map(str::to_owned).collect();
    for edit in edits.lines().take(8) {
        let mut characters = edit.chars();
        let Some(place) = characters.next() else {
            continue;
        };
        let at = (place as usize).wrapping_sub(usize::from(b'0')) % lines.len();
        lines[at] = characters.as_str().replace('\\', "\r\n");
    }
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

fn post(house: &mut House, sdp: &str) {
    let answer = house.request("POST", "/whep", &[SDP], sdp);
    assert!(
        [201, 400, 406, 413, 503].contains(&answer.status),
        "{}",
        answer.status
    );
}

/// The first line is the method and the path, the rest is the body. `RESOURCE` stands
/// for the newest one.
fn request(house: &mut House, text: &str) {
    let (line, body) = text.split_once('\n').unwrap_or((text, ""));
    let (method, path) = line.split_once(' ').unwrap_or((line, "/whep"));
    let path = path.replace("RESOURCE", &house.resource);
    let kind = match method {
        "PATCH" => "application/trickle-ice-sdpfrag",
        _ => "application/sdp",
    };
    let answer = house.request(method, &path, &[("content-type", kind)], body);
    assert!((200..600).contains(&answer.status));
}

fn datagram(house: &mut House, n: usize, contents: &[u8]) {
    let source = house.browsers[n].address;
    let camera = CAMERA.parse().expect("an address");
    house
        .hub
        .handle_datagram(house.now, source, camera, contents);
}

/// What the browser sent some datagrams ago, once more, with bytes changed.
fn echo(house: &mut House, n: usize, changes: &[u8]) {
    let [back, changes @ ..] = changes else {
        return;
    };
    let source = house.browsers[n].address;
    let Some(mut contents) = house.network.sent_by(source, usize::from(*back)) else {
        return;
    };
    for change in changes.chunks_exact(2).take(8) {
        let at = usize::from(change[0]) % contents.len();
        contents[at] ^= change[1];
    }
    datagram(house, n, &contents);
}

fn addresses(house: &mut House, text: &str) {
    let list = text.split(' ').take(8).filter_map(|ip| ip.parse().ok());
    house.hub.handle_addresses(house.now, list.collect());
    house.drain();
    house.run(SECOND / 20);
}
