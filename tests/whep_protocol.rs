//! WHEP (draft-ietf-wish-whep, with RFC 9725 where it leans on that), answer by
//! answer.

mod common;

use common::{House, Link, MS, SECOND};
use mimamori::proto::http::Answer;

const SDP: (&str, &str) = ("content-type", "application/sdp");
const FRAGMENT: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let mut found = answer
        .headers
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let value = found.next().map(|(_, value)| value.as_str());
    assert_eq!(found.next(), None, "{name} is there twice");
    value
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// A refusal says why, in the form of RFC 9457.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", text(answer));
    assert_eq!(
        header(answer, "Content-Type"),
        Some("application/problem+json")
    );
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["status"], status);
    assert!(problem["title"].as_str().unwrap().len() > 10, "{problem}");
    assert_readable_everywhere(answer);
}

/// Pages of any origin may read the answer and what it needs of the header.
#[track_caller]
fn assert_readable_everywhere(answer: &Answer) {
    assert_eq!(header(answer, "Access-Control-Allow-Origin"), Some("*"));
    let exposed = header(answer, "Access-Control-Expose-Headers").unwrap();
    for name in ["Location", "Link", "ETag", "Accept-Patch", "Retry-After"] {
        assert!(
            exposed.split(", ").any(|e| e == name),
            "{name} in {exposed}"
        );
    }
}

/// A browser that watches; its resource and the answer to its POST.
fn watcher(house: &mut House) -> (usize, String, Answer) {
    let n = house.browser(Link::GOOD);
    let offer = house.browsers[n].offer();
    let answer = house.request("POST", "/whep", &[SDP], &offer);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    house.browsers[n].accept_answer(&text(&answer));
    let location = header(&answer, "Location").unwrap().to_string();
    (n, location, answer)
}

fn offer(house: &mut House) -> String {
    let n = house.browser(Link::GOOD);
    house.browsers[n].offer()
}

fn attribute<'a>(sdp: &'a str, name: &str) -> &'a str {
    let prefix = format!("a={name}:");
    sdp.lines().find_map(|l| l.strip_prefix(&prefix)).unwrap()
}

// --- POST --------------------------------------------------------------------

#[test]
fn a_post_is_answered_with_everything_a_client_needs() {
    let mut house = House::new();
    let (n, location, answer) = watcher(&mut house);
    assert_eq!(header(&answer, "Content-Type"), Some("application/sdp"));
    assert!(location.starts_with("/whep/"));
    let etag = header(&answer, "ETag").unwrap();
    assert!(
        etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'),
        "a strong entity tag: {etag}"
    );
    assert_eq!(header(&answer, "Accept-Patch"), Some(FRAGMENT.1));
    assert_eq!(
        header(&answer, "Link"),
        Some("<stun:stun.example:3478>; rel=\"ice-server\"")
    );
    assert_readable_everywhere(&answer);
    let sdp = text(&answer);
    assert!(
        sdp.contains("a=sendonly") && sdp.contains("a=candidate:"),
        "{sdp}"
    );
    house.run(1500 * MS);
    assert!(house.browsers[n].decodable().len() > 30);
}

#[test]
fn the_content_type_counts_and_its_parameters_do_not() {
    let mut house = House::new();
    let offer = offer(&mut house);
    for wrong in ["text/plain", "application/json", "", "application/sdpx"] {
        let answer = house.request("POST", "/whep", &[("content-type", wrong)], &offer);
        assert_refused(&answer, 415);
    }
    assert_refused(&house.request("POST", "/whep", &[], &offer), 415);
    let right = [("content-type", "Application/SDP; charset=utf-8")];
    assert_eq!(house.request("POST", "/whep", &right, &offer).status, 201);
}

#[test]
fn what_is_no_offer_is_refused_and_takes_no_place() {
    let mut house = House::new();
    let offer = offer(&mut house);
    let cut = &offer[..offer.len() / 3];
    for garbage in ["", "v=0", "hello", "{}", "v=0\r\nm=video\r\n", "\0\0", cut] {
        assert_refused(&house.request("POST", "/whep", &[SDP], garbage), 400);
    }
    let huge = format!("{offer}{}", "a=x:y\r\n".repeat(6000));
    assert_refused(&house.request("POST", "/whep", &[SDP], &huge), 413);
    assert_eq!(house.status()["viewers"], 0);
}

#[test]
fn an_offer_without_h264_or_only_in_another_profile_is_not_acceptable() {
    let mut house = House::new();
    house.run(SECOND);
    let offer = offer(&mut house);
    let lines = offer.lines().filter(|line| !line.contains("profile-level"));
    let vp8: String = lines.map(|line| format!("{line}\r\n")).collect();
    let vp8 = vp8.replace("H264/90000", "VP8/90000");
    let high = ["42001f", "42e01f", "4d001f"]
        .iter()
        .fold(offer.clone(), |sdp, id| sdp.replace(id, "640c1f"));
    for unusable in [vp8, high] {
        let answer = house.request("POST", "/whep", &[SDP], &unusable);
        assert_refused(&answer, 406);
        assert!(text(&answer).contains("H.264"), "{}", text(&answer));
    }
    assert_eq!(house.status()["viewers"], 0);
}

#[test]
fn an_offer_that_wants_no_video_is_not_acceptable() {
    let mut house = House::new();
    let offer = offer(&mut house).replace("a=recvonly", "a=sendonly");
    assert_refused(&house.request("POST", "/whep", &[SDP], &offer), 406);
    assert_eq!(house.status()["viewers"], 0);
}

#[test]
fn a_full_camera_says_when_to_try_again() {
    let mut house = House::new();
    (0..8).for_each(|_| _ = watcher(&mut house));
    let offer = offer(&mut house);
    let answer = house.request("POST", "/whep", &[SDP], &offer);
    assert_refused(&answer, 503);
    let seconds: u32 = header(&answer, "Retry-After").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    house.request("DELETE", "/whep/token1", &[], "");
    assert_eq!(house.request("POST", "/whep", &[SDP], &offer).status, 201);
}

#[test]
fn the_query_chooses_the_format_while_nobody_watches() {
    let mut house = House::new();
    let offer = offer(&mut house);
    for nonsense in [
        "width=x",
        "height=-1",
        "fps=0",
        "width=",
        "fps=1e3",
        "width=640&fps=9999999999999",
    ] {
        let answer = house.request("POST", &format!("/whep?{nonsense}"), &[SDP], &offer);
        assert_refused(&answer, 400);
    }
    let path = "/whep?width=640&height=480&fps=15&other=x";
    let unusable = offer.replace("H264/90000", "VP8/90000");
    assert_refused(&house.request("POST", path, &[SDP], &unusable), 406);
    assert!(house.formats.is_empty(), "a refused offer changes nothing");
    assert_eq!(house.request("POST", path, &[SDP], &offer).status, 201);
    assert_eq!(house.formats[0].to_string(), "640x480@15");
    let path = "/whep?width=320&height=240";
    assert_eq!(house.request("POST", path, &[SDP], &offer).status, 201);
    assert_eq!(house.formats.len(), 1, "the first one's format holds");
}

// --- the other methods -------------------------------------------------------

#[test]
fn options_say_what_is_taken() {
    let mut house = House::new();
    let (_, location, _) = watcher(&mut house);
    for path in ["/whep", "/whep/", &location, "/whep/unknown"] {
        let answer = house.request("OPTIONS", path, &[], "");
        assert!(matches!(answer.status, 200 | 204), "{path}");
        assert_readable_everywhere(&answer);
        let methods = header(&answer, "Access-Control-Allow-Methods").unwrap();
        for method in ["POST", "PATCH", "DELETE"] {
            assert!(methods.contains(method), "{methods}");
        }
        let fields = header(&answer, "Access-Control-Allow-Headers").unwrap();
        for field in ["Authorization", "Content-Type", "If-Match"] {
            assert!(fields.contains(field), "{fields}");
        }
    }
    let answer = house.request("OPTIONS", "/whep", &[], "");
    assert_eq!(header(&answer, "Accept-Post"), Some("application/sdp"));
}

#[test]
fn other_methods_are_refused_by_name() {
    let mut house = House::new();
    let (_, location, _) = watcher(&mut house);
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE"] {
        let answer = house.request(method, "/whep", &[FRAGMENT], "");
        assert_refused(&answer, 405);
        assert_eq!(header(&answer, "Allow"), Some("POST, OPTIONS"));
    }
    for method in ["GET", "HEAD", "PUT", "POST"] {
        let answer = house.request(method, &location, &[SDP], "");
        assert_refused(&answer, 405);
        assert_eq!(header(&answer, "Allow"), Some("PATCH, DELETE, OPTIONS"));
    }
    assert_eq!(house.status()["viewers"], 1, "none of these ended it");
}

#[test]
fn a_delete_ends_the_session_once() {
    let mut house = House::new();
    let (_, location, _) = watcher(&mut house);
    house.run(SECOND);
    let answer = house.request("DELETE", &location, &[], "");
    assert_eq!(answer.status, 200);
    assert_readable_everywhere(&answer);
    assert_eq!(house.status()["viewers"], 0);
    for method in ["DELETE", "PATCH"] {
        let answer = house.request(method, &location, &[FRAGMENT], "");
        assert_refused(&answer, 404);
    }
}

#[test]
fn unknown_sessions_are_not_found() {
    let mut house = House::new();
    for method in ["DELETE", "PATCH", "GET", "POST"] {
        for path in ["/whep/unknown", "/whep/a/b", "/whep/%00", "/whep/../whep/x"] {
            assert_refused(&house.request(method, path, &[FRAGMENT], ""), 404);
        }
    }
}

#[test]
fn a_silent_leavers_session_is_not_found() {
    let mut house = House::new();
    let (n, location, _) = watcher(&mut house);
    house.run(2 * SECOND);
    let address = house.browsers[n].address;
    house.network.set_link(address, |link| link.cut = true);
    house.run(6 * SECOND);
    assert_refused(&house.request("DELETE", &location, &[], ""), 404);
}

// --- PATCH -------------------------------------------------------------------

fn trickle(ufrag: &str, pwd: &str, line: &str) -> String {
    format!(
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\n\
         a=mid:0\r\na={line}\r\na=end-of-candidates\r\n"
    )
}

#[test]
fn candidates_are_trickled_with_and_without_if_match() {
    let mut house = House::new();
    let n = house.browser(Link::GOOD);
    let offer = house.browsers[n].offer();
    let lines = offer.lines().filter(|line| !line.contains("candidate"));
    let bare: String = lines.map(|line| format!("{line}\r\n")).collect();
    let answer = house.request("POST", "/whep", &[SDP], &bare);
    let (location, etag) = (
        header(&answer, "Location").unwrap(),
        header(&answer, "ETag").unwrap(),
    );
    let (ufrag, pwd) = (attribute(&offer, "ice-ufrag"), attribute(&offer, "ice-pwd"));
    let candidate = format!("candidate:{}", attribute(&offer, "candidate"));
    let fragment = trickle(ufrag, pwd, &candidate);
    // RFC 9725, 4.3.1 would have 428 without If-Match: many clients send none.
    let either = format!("\"other\", {etag}");
    for tag in [Some(etag), Some("*"), Some(&either), None] {
        let tag = tag.map(|tag| ("if-match", tag));
        let headers: Vec<_> = [FRAGMENT].into_iter().chain(tag).collect();
        let patched = house.request("PATCH", location, &headers, &fragment);
        assert_eq!(patched.status, 204, "{}", text(&patched));
        assert!(patched.body.is_empty());
        assert_readable_everywhere(&patched);
    }
    house.browsers[n].accept_answer(&text(&answer));
    house.run(3000 * MS);
    assert!(house.browsers[n].decodable().len() > 30);
}

#[test]
fn a_patch_that_cannot_be_meant_is_refused() {
    let mut house = House::new();
    let (n, location, _) = watcher(&mut house);
    let stale = [FRAGMENT, ("if-match", "\"stale\"")];
    let patch = |house: &mut House, headers: &[(&str, &str)], body: &str| {
        house.request("PATCH", &location, headers, body)
    };
    assert_refused(&patch(&mut house, &stale, "a=end-of-candidates\r\n"), 412);
    assert_refused(&patch(&mut house, &[SDP], "a=end-of-candidates\r\n"), 415);
    let only_ufrag = "a=ice-ufrag:abcdefgh\r\n";
    for broken in ["a=ice-ufrag:x\r\n", only_ufrag, &"x".repeat(20 << 10)] {
        assert_refused(&patch(&mut house, &[FRAGMENT], broken), 400);
    }
    house.run(1500 * MS);
    assert!(
        house.browsers[n].decodable().len() > 30,
        "none of it did harm"
    );
}

#[test]
fn an_ice_restart_gives_new_credentials_and_the_picture_goes_on() {
    let mut house = House::new();
    let (n, location, first) = watcher(&mut house);
    house.run(2 * SECOND);
    let first_answer = text(&first);
    let offer = house.browsers[n].restart_offer();
    let (ufrag, pwd) = (attribute(&offer, "ice-ufrag"), attribute(&offer, "ice-pwd"));
    let candidate = format!("candidate:{}", attribute(&offer, "candidate"));
    let headers = [FRAGMENT, ("if-match", "*")];
    let restarted = house.request(
        "PATCH",
        &location,
        &headers,
        &trickle(ufrag, pwd, &candidate),
    );
    assert_eq!(restarted.status, 200, "{}", text(&restarted));
    assert_eq!(header(&restarted, "Content-Type"), Some(FRAGMENT.1));
    assert_readable_everywhere(&restarted);

    let etag = header(&restarted, "ETag").unwrap();
    assert_ne!(Some(etag), header(&first, "ETag"));
    let fragment = text(&restarted);
    assert!(fragment.contains("a=candidate:"), "{fragment}");
    let mut answer = first_answer.clone();
    for name in ["ice-ufrag", "ice-pwd"] {
        let (old, new) = (attribute(&first_answer, name), attribute(&fragment, name));
        assert_ne!(old, new);
        answer = answer.replace(old, new);
    }
    house.browsers[n].accept_answer(&answer);
    let before = house.browsers[n].decodable().len();
    house.run(8 * SECOND);
    let shown = house.browsers[n].decodable().len() - before;
    assert!(shown > 220, "{shown} frames in 8 s");
    assert_eq!(house.status()["viewers"], 1);

    // What was meant for the session before the restart comes too late.
    let old = [FRAGMENT, ("if-match", header(&first, "ETag").unwrap())];
    let late = house.request("PATCH", &location, &old, "a=end-of-candidates\r\n");
    assert_refused(&late, 412);
    let new = [FRAGMENT, ("if-match", etag)];
    let right = house.request("PATCH", &location, &new, "a=end-of-candidates\r\n");
    assert_eq!(right.status, 204);
}
