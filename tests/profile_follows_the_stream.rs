//! The SDP promises exactly what the stream is.

mod common;

use common::{House, Link, MS, SECOND};
use serde_json::json;

const SDP: (&str, &str) = ("content-type", "application/sdp");

/// A house whose camera says that profile and level; `None` keeps its own SPS.
fn house(profile_level_id: u32) -> House {
    let mut house = House::new();
    house.camera.sps[1..4].copy_from_slice(&profile_level_id.to_be_bytes()[1..]);
    house.run(SECOND);
    house
}

/// An SPS of the High profile has more fields: a real one.
fn high() -> House {
    let mut house = House::new();
    house.camera.sps = include_bytes!("../fuzz/corpus/sps/x264-high-1280x720").to_vec();
    house.run(SECOND);
    house
}

fn offered(house: &mut House) -> (usize, String) {
    let n = house.browser(Link::GOOD);
    house.say(n, json!({"what": "call"}));
    let offer = house.last_offer(n).expect("an offer");
    (n, offer)
}

fn profiles(sdp: &str) -> Vec<&str> {
    let ids = sdp.split("profile-level-id=").skip(1);
    ids.map(|rest| &rest[..6]).collect()
}

#[test]
fn the_offer_names_the_profile_and_level_of_the_sps() {
    for id in [
        0x42001f, 0x42c01f, 0x42e01f, 0x42e028, 0x4d001f, 0x4d0028, 0x42800d,
    ] {
        let mut house = house(id);
        let (n, offer) = offered(&mut house);
        assert_eq!(profiles(&offer), [format!("{id:06x}")], "{offer}");
        assert!(offer.contains("packetization-mode=1"), "{offer}");
        house.answer_offer(n);
        house.run(1500 * MS);
        let shown = house.browsers[n].decodable().len();
        assert!(shown > 30, "{id:06x}: {shown} frames");
    }
}

#[test]
fn a_whep_client_is_answered_with_that_profile() {
    for (id, payload_type) in [(0x42001f, 96), (0x42e028, 98), (0x4d0028, 100)] {
        let mut house = house(id);
        let n = house.browser(Link::GOOD);
        let offer = house.browsers[n].offer();
        let answer = house.request("POST", "/whep", &[SDP], &offer);
        assert_eq!(answer.status, 201);
        let sdp = String::from_utf8(answer.body).unwrap();
        let video = format!("m=video 9 UDP/TLS/RTP/SAVPF {payload_type}");
        assert!(sdp.contains(&video), "{id:06x}: {sdp}");
        assert_eq!(profiles(&sdp).len(), 1, "{sdp}");
        assert_eq!(profiles(&sdp)[0][..2], format!("{id:06x}")[..2], "{sdp}");
        house.browsers[n].accept_answer(&sdp);
        house.run(1500 * MS);
        assert!(house.browsers[n].decodable().len() > 30);
    }
}

#[test]
fn a_client_that_cannot_decode_high_is_told_so() {
    let mut house = high();
    let (n, offer) = offered(&mut house);
    assert_eq!(profiles(&offer)[0][..2], *"64", "{offer}");
    house.answer_offer(n);
    let told = house.messages(n).last().unwrap();
    assert_eq!(told["what"], "message", "{told}");
    assert!(told["data"].as_str().unwrap().contains("H.264"), "{told}");
    assert!(house.closed(n));
    assert_eq!(house.status()["viewers"], 0);

    let offer = {
        let n = house.browser(Link::GOOD);
        house.browsers[n].offer()
    };
    assert_eq!(house.request("POST", "/whep", &[SDP], &offer).status, 406);
    assert_eq!(house.status()["viewers"], 0);
}

#[test]
fn a_stream_that_changes_its_profile_is_offered_as_what_it_has_become() {
    let mut house = house(0x42e01f);
    house.camera.sps[1..4].copy_from_slice(&[0x4d, 0x00, 0x28]);
    house.camera.request_keyframe();
    house.run(SECOND);
    let (_, offer) = offered(&mut house);
    assert_eq!(profiles(&offer), ["4d0028"]);
}

#[test]
fn an_sps_that_is_damaged_changes_nothing() {
    let mut house = house(0x4d001f);
    house.camera.sps = vec![0x67, 0xff];
    house.camera.request_keyframe();
    house.run(SECOND);
    let (_, offer) = offered(&mut house);
    assert_eq!(profiles(&offer), ["4d001f"]);
}
