//! Every way in which UV4L's clients speak ends in a picture.

mod common;

use common::{House, Link, MS, SECOND};
use serde_json::{Value, json};

/// How a client differs from the usual one; each field is one step of the session.
struct Client {
    call: String,
    /// What becomes of the browser's answer before it is sent.
    answer: fn(&str) -> String,
    /// The messages that carry it.
    say_answer: fn(&str) -> Vec<String>,
    /// Messages before and after the answer, made of the browser's candidate lines.
    before: fn(&[String]) -> Vec<String>,
    after: fn(&[String]) -> Vec<String>,
}

impl Default for Client {
    fn default() -> Self {
        Client {
            call: json!({"what": "call", "options": {"trickle_ice": true}}).to_string(),
            answer: str::to_string,
            say_answer: |sdp| vec![current_answer(sdp)],
            before: |_| vec![],
            after: |_| vec![],
        }
    }
}

impl Client {
    fn calling(call: Value) -> Client {
        Client {
            call: call.to_string(),
            ..Client::default()
        }
    }

    /// A whole session up to flowing video.
    #[track_caller]
    fn watches(self) -> House {
        let mut house = House::new();
        house.run(SECOND);
        let n = self.joins(&mut house);
        house.run(1500 * MS);
        assert_watches(&house, n);
        house
    }

    #[track_caller]
    fn joins(&self, house: &mut House) -> usize {
        let n = house.browser(Link::GOOD);
        house.say_text(n, &self.call);
        let offer = house
            .last_offer(n)
            .expect("the call is answered by an offer");
        let answer = house.browsers[n].answer(&offer);
        let candidates: Vec<String> = answer
            .lines()
            .filter_map(|line| line.strip_prefix("a="))
            .filter(|line| line.starts_with("candidate:"))
            .map(str::to_string)
            .collect();
        assert!(!candidates.is_empty(), "{answer}");
        let texts = [
            (self.before)(&candidates),
            (self.say_answer)(&(self.answer)(&answer)),
            (self.after)(&candidates),
        ];
        for text in texts.concat() {
            house.say_text(n, &text);
        }
        n
    }
}

#[track_caller]
fn assert_watches(house: &House, n: usize) {
    let browser = &house.browsers[n];
    assert!(browser.connected.is_some(), "not connected");
    assert!(!house.closed(n), "the session was closed");
    let shown = browser.decodable().len();
    assert!(shown > 30, "{shown} frames shown");
}

fn current_answer(sdp: &str) -> String {
    let description = json!({"type": "answer", "sdp": sdp}).to_string();
    json!({"what": "answer", "data": description}).to_string()
}

fn trickled(line: &str) -> Value {
    json!({"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0})
}

fn current_candidate(line: &str) -> String {
    json!({"what": "addIceCandidate", "data": trickled(line).to_string()}).to_string()
}

fn all_trickled(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| current_candidate(line)).collect()
}

/// As browsers answer before they have gathered anything.
fn without_candidates(sdp: &str) -> String {
    let lines = sdp
        .lines()
        .filter(|line| !line.contains("candidate"))
        .map(|line| format!("{line}\r\n"));
    lines.collect()
}

fn with_lines(sdp: &str, more: &[&str]) -> String {
    let more: String = more.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{sdp}{more}")
}

const MDNS: &str = "candidate:1 1 udp 2122260223 5b9a4f4e-1c2d-4e3f-8a9b-0123456789ab.local 51234 typ host generation 0 ufrag abcd network-cost 999";

// --- the call ----------------------------------------------------------------

#[test]
fn options_come_as_object_as_string_in_part_or_not_at_all() {
    let full = json!({"force_hw_vcodec": true, "vformat": 30, "trickle_ice": true});
    for call in [
        json!({"what": "call", "options": full}),
        json!({"what": "call", "options": full.to_string()}),
        json!({"what": "call", "data": full}),
        json!({"what": "call"}),
        json!({"what": "call", "options": null}),
        json!({"what": "call", "options": {}}),
        json!({"what": "call", "options": ""}),
        json!({"what": "call", "options": []}),
        json!({"what": "call", "options": {"force_hw_vcodec": false}}),
        json!({"what": "call", "options": {"force_hw_vcodec": null, "vformat": null, "trickle_ice": null}}),
        json!({"what": "CALL", "options": {"trickle_ice": true}}),
        json!({"what": "Call"}),
    ] {
        Client::calling(call).watches();
    }
}

#[test]
fn every_vformat_gives_a_picture_and_the_known_ones_choose_it() {
    for (vformat, chosen) in [
        (json!(30), Some("640x480@30")),
        (json!("30"), Some("640x480@30")),
        (json!(30.0), Some("640x480@30")),
        (json!(105), Some("1920x1080@30")),
        (json!(63), Some("1280x720@60")),
        // Unknown: 1280x720@30, which the simulated camera has already.
        (json!(12345), None),
        (json!(60), None),
        (json!(-1), None),
        (json!("sixty"), None),
        (json!({}), None),
        (json!(null), None),
    ] {
        let call = json!({"what": "call", "options": {"vformat": vformat}});
        let house = Client::calling(call).watches();
        let formats: Vec<String> = house.formats.iter().map(|f| f.to_string()).collect();
        assert_eq!(formats, Vec::from_iter(chosen), "{vformat}");
    }
}

#[test]
fn a_later_caller_gets_the_running_format() {
    let mut house = House::new();
    let call = |vformat: u32| json!({"what": "call", "options": {"vformat": vformat}});
    let first = Client::calling(call(30)).joins(&mut house);
    let second = Client::calling(call(105)).joins(&mut house);
    house.run(1500 * MS);
    assert_watches(&house, first);
    assert_watches(&house, second);
    assert_eq!(house.formats.len(), 1, "{:?}", house.formats);
    house.say(first, json!({"what": "hangup"}));
    house.say(second, json!({"what": "hangup"}));
    Client::calling(call(105)).joins(&mut house);
    assert_eq!(house.formats.len(), 2, "nobody watched any more");
}

#[test]
fn only_true_makes_the_camera_trickle() {
    for (trickle, expected) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!(null), false),
        (json!("false"), false),
    ] {
        let call = json!({"what": "call", "options": {"trickle_ice": trickle}});
        let house = Client::calling(call).watches();
        let said = |what: &str| house.messages(0).filter(|m| m["what"] == what).count();
        let counts = (said("iceCandidate"), said("iceCandidates"));
        let (one, end) = (1, 1);
        assert_eq!(
            counts,
            if expected { (one + end, 0) } else { (0, 1) },
            "{trickle}"
        );
    }
}

// --- the answer --------------------------------------------------------------

#[test]
fn the_answer_comes_in_every_packing() {
    let packings: [fn(&str) -> Value; 9] = [
        |sdp| json!({"what": "answer", "data": json!({"type": "answer", "sdp": sdp}).to_string()}),
        |sdp| json!({"what": "answer", "data": {"type": "answer", "sdp": sdp}}),
        |sdp| json!({"what": "answer", "data": {"sdp": sdp}}),
        |sdp| json!({"what": "answer", "data": sdp}),
        |sdp| json!({"what": "ANSWER", "data": {"type": "ANSWER", "sdp": sdp}}),
        |sdp| json!({"what": "answer", "type": "answer", "sdp": sdp}),
        |sdp| json!({"type": "answer", "sdp": sdp}),
        |sdp| json!({"command_id": "answer", "data": json!({"type": "answer", "sdp": sdp}).to_string()}),
        |sdp| json!(json!({"what": "answer", "data": {"type": "answer", "sdp": sdp}}).to_string()),
    ];
    for packing in packings {
        let mut house = House::new();
        let n = house.browser(Link::GOOD);
        house.say(n, json!({"what": "call"}));
        let offer = house.last_offer(n).unwrap();
        let answer = house.browsers[n].answer(&offer);
        house.say(n, packing(&answer));
        house.run(1500 * MS);
        assert_watches(&house, n);
    }
}

#[test]
fn a_bidirectional_answer_does_not_break_the_picture() {
    for direction in ["a=sendrecv", "a=recvonly"] {
        let house = Client {
            answer: match direction {
                "a=sendrecv" => |sdp| sdp.replace("a=recvonly", "a=sendrecv"),
                _ => str::to_string,
            },
            ..Client::default()
        };
        house.watches();
    }
}

#[test]
fn an_answer_with_a_camera_track_and_unknown_attributes_is_taken() {
    Client {
        answer: |sdp| {
            let sdp = sdp.replace("a=recvonly", "a=sendrecv");
            with_lines(
                &sdp,
                &[
                    "a=msid:stream-1 track-1",
                    "a=ssrc:3735928559 cname:abcdefgh",
                    "a=ssrc:3735928559 msid:stream-1 track-1",
                    "a=extmap-allow-mixed",
                    "a=x-google-flag:conference",
                    "a=bandwidth:none",
                    "a=rtcp:9 IN IP4 0.0.0.0",
                    "a=ice-options:trickle renomination",
                ],
            )
        },
        ..Client::default()
    }
    .watches();
}

#[test]
fn line_feeds_alone_end_lines_too() {
    Client {
        answer: |sdp| sdp.replace("\r\n", "\n"),
        ..Client::default()
    }
    .watches();
}

#[test]
fn an_answer_before_the_call_and_a_second_answer_do_no_harm() {
    let mut house = House::new();
    let n = house.browser(Link::GOOD);
    house.say_text(n, &current_answer("v=0\r\n"));
    house.say_text(n, &current_candidate(MDNS));
    assert!(!house.closed(n));
    house.say(n, json!({"what": "call"}));
    let offer = house.last_offer(n).unwrap();
    let answer = house.browsers[n].answer(&offer);
    house.say_text(n, &current_answer(&answer));
    house.say_text(n, &current_answer(&answer));
    house.run(700 * MS);
    house.say_text(n, &current_answer(&answer));
    house.run(1500 * MS);
    assert_watches(&house, n);
}

#[test]
fn an_answer_that_is_no_sdp_is_refused_in_words() {
    let mut house = House::new();
    let n = house.browser(Link::GOOD);
    house.say(n, json!({"what": "call"}));
    house.say_text(n, &current_answer("v=0\r\nnonsense"));
    let told = house.messages(n).last().unwrap();
    assert_eq!(told["what"], "message", "{told}");
    assert!(told["data"].as_str().unwrap().contains("answer"), "{told}");
    assert_eq!(house.status()["viewers"], 0);
}

// --- the candidates ----------------------------------------------------------

#[test]
fn candidates_come_before_behind_inside_and_not_at_all() {
    type Answer = fn(&str) -> String;
    type Trickle = fn(&[String]) -> Vec<String>;
    let none: Trickle = |_| vec![];
    let orders: [(Answer, Trickle, Trickle); 5] = [
        (without_candidates, all_trickled, none),
        (without_candidates, none, all_trickled),
        (str::to_string, none, none),
        (str::to_string, all_trickled, all_trickled),
        (without_candidates, none, none),
    ];
    for (answer, before, after) in orders {
        Client {
            answer,
            before,
            after,
            ..Client::default()
        }
        .watches();
    }
}

#[test]
fn candidates_come_in_every_form() {
    let forms: [fn(&str) -> Value; 10] = [
        |line| json!({"what": "addIceCandidate", "data": trickled(line)}),
        |line| json!({"what": "addicecandidate", "data": trickled(line).to_string()}),
        |line| json!({"what": "ADDICECANDIDATE", "data": trickled(line).to_string()}),
        |line| json!({"what": "addIceCandidate", "data": trickled(&line["candidate:".len()..])}),
        |line| json!({"what": "addIceCandidate", "data": trickled(&format!("a={line}"))}),
        |line| json!({"what": "addIceCandidate", "data": {"candidate": line}}),
        |line| json!({"what": "addIceCandidate", "data": {"candidate": trickled(line)}}),
        |line| json!({"what": "iceCandidate", "data": trickled(line)}),
        |line| json!({"what": "addIceCandidate", "data": line}),
        |line| {
            let with_ufrag = format!("{line} generation 0 ufrag abcd network-id 1 network-cost 10");
            json!({"what": "addIceCandidate", "data": {"candidate": with_ufrag, "sdpMid": "0",
                "sdpMLineIndex": 0, "usernameFragment": "abcd"}})
        },
    ];
    for form in forms {
        let mut house = House::new();
        let n = house.browser(Link::GOOD);
        house.say(n, json!({"what": "call"}));
        let offer = house.last_offer(n).unwrap();
        let answer = house.browsers[n].answer(&offer);
        house.say_text(n, &current_answer(&without_candidates(&answer)));
        for line in answer.lines().filter_map(|line| line.strip_prefix("a=")) {
            if line.starts_with("candidate:") {
                house.say(n, form(line));
            }
        }
        house.run(1500 * MS);
        assert_watches(&house, n);
    }
}

#[test]
fn hidden_addresses_and_other_useless_candidates_are_passed_over() {
    Client {
        answer: |sdp| {
            let mdns = format!("a={MDNS}");
            let tcp = "a=candidate:2 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active";
            let sdp = without_candidates(sdp);
            with_lines(
                &sdp,
                &[&mdns, tcp, "a=candidate:nonsense", "a=end-of-candidates"],
            )
        },
        before: |_| vec![current_candidate(MDNS)],
        after: |_| {
            vec![
                current_candidate(MDNS),
                current_candidate(""),
                current_candidate("candidate:1 1 udp 1 camera.example 5000 typ host"),
                json!({"what": "addIceCandidate", "data": null}).to_string(),
                json!({"what": "addIceCandidate", "data": ""}).to_string(),
                json!({"what": "addIceCandidate"}).to_string(),
            ]
        },
        ..Client::default()
    }
    .watches();
}

// --- everything else ---------------------------------------------------------

#[test]
fn text_that_means_nothing_is_passed_over() {
    fn nonsense(_: &[String]) -> Vec<String> {
        [
            "",
            "[object Object]",
            "undefined",
            "null",
            "{}",
            "[]",
            "{\"what\":null}",
            "{\"what\":\"keepalive\"}",
            "{\"what\":\"message\",\"data\":\"hello\"}",
            "{\"what\":\"offer\",\"data\":\"{}\"}",
            "{\"type\":\"offer\",\"sdp\":\"v=0\"}",
            "{\"what\":\"generateIceCandidates\"}",
            "{\"what\":\"generateIceCandidates\",\"data\":null}",
        ]
        .map(str::to_string)
        .to_vec()
    }
    let house = Client {
        before: nonsense,
        after: nonsense,
        ..Client::default()
    }
    .watches();
    assert_eq!(
        house.messages(0).filter(|m| m["what"] == "offer").count(),
        1
    );
}

#[test]
fn generate_ice_candidates_is_harmless_however_often() {
    let house = Client {
        before: |_| vec![json!({"what": "generateIceCandidates"}).to_string(); 5],
        after: |_| vec![json!({"what": "GenerateIceCandidates", "data": ""}).to_string(); 5],
        ..Client::default()
    }
    .watches();
    assert_eq!(house.messages(0).count(), 3, "offer, candidate, end mark");
}

#[test]
fn the_legacy_client_is_served_in_its_own_words() {
    let mut house = House::new();
    let n = house.browser(Link::GOOD);
    house.say(
        n,
        json!({"command_id": "offer", "options": {"force_hw_vcodec": true, "vformat": "30"}}),
    );
    let offer = house.messages(n).last().unwrap().clone();
    assert_eq!(offer["type"], "offer", "{offer}");
    assert!(offer.get("what").is_none());
    let answer = house.browsers[n].answer(offer["sdp"].as_str().unwrap());
    house.say(n, json!({"command_id": "geticecandidate"}));
    house.say(n, json!({"command_id": "geticecandidate"}));
    let candidates = house.messages(n).last().unwrap();
    assert_eq!(candidates["type"], "geticecandidate");
    let list: Vec<Value> = serde_json::from_str(candidates["data"].as_str().unwrap()).unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["sdpMLineIndex"], 0);
    house.say(
        n,
        json!({"type": "answer", "sdp": without_candidates(&answer)}),
    );
    for line in answer.lines().filter_map(|line| line.strip_prefix("a=")) {
        if line.starts_with("candidate:") {
            house.say(
                n,
                json!({"command_id": "addicecandidate", "data": trickled(line).to_string()}),
            );
        }
    }
    house.run(1500 * MS);
    assert_watches(&house, n);
    house.say(n, json!({"type": "close"}));
    assert_eq!(house.status()["viewers"], 0);
}

#[test]
fn close_and_hangup_end_the_session_and_calling_again_starts_it_anew() {
    for goodbye in [
        json!({"type": "close"}),
        json!({"what": "hangup"}),
        json!({"what": "HANGUP", "data": null}),
        json!({"command_id": "hangup"}),
    ] {
        let mut house = House::new();
        let n = house.call(Link::GOOD);
        house.run(SECOND);
        house.say(n, goodbye.clone());
        assert_eq!(house.status()["viewers"], 0, "{goodbye}");
        assert!(!house.closed(n), "the socket is the client's to close");
        house.say(n, goodbye);
        house.renew(n);
        house.say(n, json!({"what": "call"}));
        house.answer_offer(n);
        house.run(1500 * MS);
        assert_watches(&house, n);
    }
}

#[test]
fn a_second_call_replaces_the_first() {
    let mut house = House::new();
    let n = house.call(Link::GOOD);
    house.run(SECOND);
    house.renew(n);
    house.say(n, json!({"what": "call", "options": {"trickle_ice": true}}));
    assert_eq!(house.status()["viewers"], 1);
    house.answer_offer(n);
    house.run(1500 * MS);
    assert_watches(&house, n);
    assert_eq!(house.status()["viewers"], 1);
}

#[test]
fn a_call_that_was_never_answered_is_replaced_too() {
    let mut house = House::new();
    let n = house.browser(Link::GOOD);
    (0..20).for_each(|_| house.say(n, json!({"what": "call"})));
    assert_eq!(house.status()["viewers"], 1);
    house.answer_offer(n);
    house.run(1500 * MS);
    assert_watches(&house, n);
}

// --- what is sent ------------------------------------------------------------

#[test]
fn what_is_sent_keeps_to_the_letter_of_the_protocol() {
    const WORDS: [&str; 4] = ["offer", "iceCandidate", "iceCandidates", "message"];
    for trickle in [true, false] {
        let call = json!({"what": "call", "options": {"trickle_ice": trickle}});
        let house = Client::calling(call).watches();
        for message in house.messages(0) {
            let what = message["what"].as_str().unwrap();
            assert!(WORDS.contains(&what), "{message}");
            assert!(message["data"].is_string(), "{message}");
            assert_eq!(message.as_object().unwrap().len(), 2, "{message}");
        }
        let messages: Vec<&Value> = house.messages(0).collect();
        assert_eq!(messages[0]["what"], "offer");
        let offer: Value = serde_json::from_str(messages[0]["data"].as_str().unwrap()).unwrap();
        assert_eq!(offer["type"], "offer");
        let sdp = offer["sdp"].as_str().unwrap();
        let mid = sdp.lines().find_map(|l| l.strip_prefix("a=mid:")).unwrap();
        let candidates: Vec<Value> = if trickle {
            assert_eq!(
                *messages.last().unwrap(),
                &json!({"what": "iceCandidate", "data": ""})
            );
            let trickled = &messages[1..messages.len() - 1];
            let read = |m: &&Value| serde_json::from_str(m["data"].as_str().unwrap()).unwrap();
            trickled.iter().map(read).collect()
        } else {
            assert_eq!(messages.len(), 2);
            serde_json::from_str(messages[1]["data"].as_str().unwrap()).unwrap()
        };
        assert!(!candidates.is_empty());
        for candidate in candidates {
            let line = candidate["candidate"].as_str().unwrap();
            assert!(line.starts_with("candidate:"), "{line}");
            assert_eq!(candidate["sdpMid"], mid);
            assert_eq!(candidate["sdpMLineIndex"], 0);
            assert!(sdp.contains(&format!("a={line}\r\n")), "{line} in\n{sdp}");
        }
    }
}
