//! Every form in which clients of UV4L are known to speak, and what they are told.

use mimamori::proto::signal::{
    CallOptions, Candidate, ClientMessage, Dialect, ServerMessage, parse, render,
};
use serde_json::{Value, json};

const SDP: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const LINE: &str = "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host";

fn call(vformat: Option<u32>, trickle_ice: bool) -> ClientMessage {
    ClientMessage::Call(CallOptions {
        vformat,
        trickle_ice,
    })
}

fn read(message: Value) -> (ClientMessage, Dialect) {
    parse(&message.to_string())
}

fn current(message: Value) -> ClientMessage {
    let (message, dialect) = read(message);
    assert_eq!(dialect, Dialect::Current);
    message
}

fn legacy(message: Value) -> ClientMessage {
    let (message, dialect) = read(message);
    assert_eq!(dialect, Dialect::Legacy);
    message
}

fn is_ignored(message: &ClientMessage) -> bool {
    matches!(message, ClientMessage::Ignored(reason) if !reason.is_empty())
}

mod calls {
    use super::*;

    #[test]
    fn the_documented_call_is_read() {
        let message = json!({"what": "call", "options":
            {"force_hw_vcodec": true, "vformat": 60, "trickle_ice": true}});
        assert_eq!(current(message), call(Some(60), true));
    }

    #[test]
    fn force_hw_vcodec_false_still_calls() {
        let message = json!({"what": "call", "options": {"force_hw_vcodec": false, "vformat": 30}});
        assert_eq!(current(message), call(Some(30), false));
    }

    #[test]
    fn options_may_be_a_json_string() {
        let options = json!({"vformat": 105, "trickle_ice": true}).to_string();
        assert_eq!(
            current(json!({"what": "call", "options": options})),
            call(Some(105), true)
        );
    }

    #[test]
    fn vformat_may_be_a_string() {
        let message = json!({"what": "call", "options": {"vformat": "60"}});
        assert_eq!(current(message), call(Some(60), false));
    }

    #[test]
    fn options_may_be_absent_or_null() {
        assert_eq!(current(json!({"what": "call"})), call(None, false));
        assert_eq!(
            current(json!({"what": "call", "options": null})),
            call(None, false)
        );
        assert_eq!(
            current(json!({"what": "call", "options": "[object Object]"})),
            call(None, false)
        );
        assert_eq!(
            current(json!({"what": "call", "options": {}})),
            call(None, false)
        );
    }

    #[test]
    fn the_stock_demo_page_says_trickle_null() {
        let message = json!({"what": "call", "options":
            {"force_hw_vcodec": false, "vformat": "30", "trickle_ice": null}});
        assert_eq!(current(message), call(Some(30), false));
        let nulls = json!({"force_hw_vcodec": null, "vformat": null, "trickle_ice": null});
        assert_eq!(
            current(json!({"what": "call", "options": nulls})),
            call(None, false)
        );
    }

    #[test]
    fn trickle_may_be_a_string() {
        for (value, trickle) in [
            (json!("true"), true),
            (json!("false"), false),
            (json!(1), true),
        ] {
            let message = json!({"what": "call", "options": {"trickle_ice": value}});
            assert_eq!(current(message), call(None, trickle));
        }
    }

    #[test]
    fn what_may_have_other_letter_case() {
        assert_eq!(current(json!({"what": "CALL"})), call(None, false));
        assert_eq!(current(json!({"what": "Hangup"})), ClientMessage::Hangup);
        assert_eq!(
            current(json!({"what": "addicecandidate", "data": {"candidate": LINE}})),
            ClientMessage::Candidate(LINE.into())
        );
        assert_eq!(
            current(json!({"what": "generateicecandidates"})),
            ClientMessage::GenerateCandidates
        );
    }

    #[test]
    fn the_legacy_call_is_read() {
        let message = json!({"command_id": "offer",
            "options": {"force_hw_vcodec": true, "vformat": "60"}});
        assert_eq!(legacy(message), call(Some(60), false));
        assert_eq!(legacy(json!({"command_id": "offer"})), call(None, false));
        assert_eq!(legacy(json!({"command_id": "Offer"})), call(None, false));
    }
}

mod answers {
    use super::*;

    fn answer() -> ClientMessage {
        ClientMessage::Answer(SDP.into())
    }

    fn description() -> Value {
        json!({"type": "answer", "sdp": SDP})
    }

    #[test]
    fn the_documented_answer_is_read() {
        let message = json!({"what": "answer", "data": description().to_string()});
        assert_eq!(current(message), answer());
    }

    #[test]
    fn data_may_be_an_object() {
        assert_eq!(
            current(json!({"what": "answer", "data": description()})),
            answer()
        );
    }

    #[test]
    fn the_type_may_have_other_letter_case_or_be_absent() {
        let android = json!({"type": "ANSWER", "sdp": SDP}).to_string();
        assert_eq!(
            current(json!({"what": "answer", "data": android})),
            answer()
        );
        assert_eq!(
            current(json!({"what": "answer", "data": {"sdp": SDP}})),
            answer()
        );
    }

    #[test]
    fn data_may_be_the_bare_sdp() {
        assert_eq!(current(json!({"what": "answer", "data": SDP})), answer());
    }

    #[test]
    fn data_may_be_packed_twice() {
        let twice = json!(description().to_string()).to_string();
        assert_eq!(current(json!({"what": "answer", "data": twice})), answer());
    }

    #[test]
    fn the_legacy_answer_is_read() {
        let message = json!({"command_id": "answer", "data": description().to_string()});
        assert_eq!(legacy(message), answer());
        assert_eq!(
            legacy(json!({"command_id": "answer", "data": description()})),
            answer()
        );
    }

    #[test]
    fn a_top_level_description_is_an_answer() {
        assert_eq!(legacy(description()), answer());
        assert_eq!(
            current(json!({"what": "answer", "type": "answer", "sdp": SDP})),
            answer()
        );
    }

    #[test]
    fn a_bidirectional_answer_is_handed_on_whole() {
        let both = format!("{SDP}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\n");
        let message = json!({"what": "answer", "data": {"type": "answer", "sdp": both.clone()}});
        assert_eq!(current(message), ClientMessage::Answer(both));
    }

    #[test]
    fn what_is_no_answer_is_ignored() {
        for data in [
            json!(null),
            json!(""),
            json!("hello"),
            json!(5),
            json!([]),
            json!({}),
            json!({"type": "answer"}),
            json!({"type": "answer", "sdp": null}),
            json!({"type": "answer", "sdp": ""}),
            json!({"type": "offer", "sdp": SDP}),
            json!({"type": "pranswer", "sdp": SDP}),
        ] {
            let message = current(json!({"what": "answer", "data": data.clone()}));
            assert!(is_ignored(&message), "{data}");
        }
    }

    #[test]
    fn sdp_over_32_kib_is_ignored() {
        let sdp = |length: usize| format!("v=0{}", "x".repeat(length - 3));
        let message = |length| json!({"what": "answer", "data": {"sdp": sdp(length)}});
        assert_eq!(
            current(message(32 * 1024)),
            ClientMessage::Answer(sdp(32 * 1024))
        );
        assert!(is_ignored(&current(message(32 * 1024 + 1))));
    }
}

mod candidates {
    use super::*;

    fn candidate() -> ClientMessage {
        ClientMessage::Candidate(LINE.into())
    }

    fn object() -> Value {
        json!({"sdpMLineIndex": 0, "sdpMid": "0", "candidate": LINE})
    }

    #[test]
    fn the_documented_candidate_is_read() {
        let message = json!({"what": "addIceCandidate", "data": object().to_string()});
        assert_eq!(current(message), candidate());
    }

    #[test]
    fn data_may_be_an_object() {
        assert_eq!(
            current(json!({"what": "addIceCandidate", "data": object()})),
            candidate()
        );
    }

    #[test]
    fn a_username_fragment_does_not_matter() {
        let mut object = object();
        object["usernameFragment"] = json!("abcd");
        let message = json!({"what": "addIceCandidate", "data": object.to_string()});
        assert_eq!(current(message), candidate());
    }

    #[test]
    fn mid_and_index_may_be_missing() {
        let message = json!({"what": "addIceCandidate", "data": {"candidate": LINE}});
        assert_eq!(current(message), candidate());
    }

    #[test]
    fn data_may_be_the_bare_line() {
        assert_eq!(
            current(json!({"what": "addIceCandidate", "data": LINE})),
            candidate()
        );
    }

    #[test]
    fn the_object_may_be_wrapped_once_more() {
        let message = json!({"what": "addIceCandidate", "data": {"candidate": object()}});
        assert_eq!(current(message), candidate());
    }

    #[test]
    fn lines_without_prefix_and_with_mdns_names_are_handed_on_as_they_are() {
        for line in [
            "1 1 udp 2122260223 192.0.2.7 50000 typ host",
            "candidate:1 1 udp 2113937151 0b6f-5d.local 50000 typ host",
        ] {
            let message = json!({"what": "addIceCandidate", "data": {"candidate": line}});
            assert_eq!(current(message), ClientMessage::Candidate(line.into()));
        }
    }

    #[test]
    fn the_legacy_candidate_is_read() {
        let message = json!({"command_id": "addicecandidate", "data": object().to_string()});
        assert_eq!(legacy(message), candidate());
        assert_eq!(
            legacy(json!({"command_id": "addIceCandidate", "data": object()})),
            candidate()
        );
    }

    #[test]
    fn a_top_level_candidate_is_read() {
        let message = json!({"type": "candidate", "label": 0, "id": "0", "candidate": LINE});
        assert_eq!(legacy(message), candidate());
    }

    #[test]
    fn the_end_of_candidates_is_ignored() {
        for data in [
            json!(null),
            json!(""),
            json!("null"),
            json!({}),
            json!({"candidate": ""}),
            json!({"candidate": null}),
            json!({"candidate": "", "sdpMid": "0", "sdpMLineIndex": 0})
                .to_string()
                .into(),
        ] {
            let message = current(json!({"what": "addIceCandidate", "data": data.clone()}));
            assert_eq!(
                message,
                ClientMessage::Ignored("end of candidates"),
                "{data}"
            );
        }
        let absent = current(json!({"what": "addIceCandidate"}));
        assert_eq!(absent, ClientMessage::Ignored("end of candidates"));
    }

    #[test]
    fn unreadable_and_overlong_candidates_are_ignored() {
        for data in [
            json!(5),
            json!([]),
            json!({"candidate": 5}),
            json!("x".repeat(1025)),
        ] {
            assert!(is_ignored(&current(
                json!({"what": "addIceCandidate", "data": data})
            )));
        }
    }
}

mod other_messages {
    use super::*;

    #[test]
    fn asking_for_candidates_is_read_in_both_dialects() {
        let ask = ClientMessage::GenerateCandidates;
        assert_eq!(current(json!({"what": "generateIceCandidates"})), ask);
        assert_eq!(legacy(json!({"command_id": "geticecandidate"})), ask);
        assert_eq!(
            legacy(json!({"command_id": "getIceCandidate", "data": null})),
            ask
        );
    }

    #[test]
    fn hanging_up_is_read_in_every_form() {
        assert_eq!(current(json!({"what": "hangup"})), ClientMessage::Hangup);
        assert_eq!(
            current(json!({"what": "hangup", "data": null})),
            ClientMessage::Hangup
        );
        assert_eq!(legacy(json!({"type": "close"})), ClientMessage::Hangup);
    }

    #[test]
    fn text_that_is_no_json_is_ignored() {
        for text in [
            "",
            " ",
            "[object Object]",
            "hello",
            "{",
            "{\"what\":\"call\"",
            "\u{feff}{}",
        ] {
            assert!(is_ignored(&parse(text).0), "{text}");
        }
    }

    #[test]
    fn json_that_is_no_message_is_ignored() {
        for message in [
            json!(null),
            json!(1),
            json!([]),
            json!({}),
            json!({"what": null}),
            json!({"what": 5}),
            json!({"what": {"what": "call"}}),
            json!({"data": "x"}),
        ] {
            assert!(is_ignored(&read(message.clone()).0), "{message}");
        }
    }

    #[test]
    fn unknown_words_are_ignored() {
        assert!(is_ignored(&current(json!({"what": "dance"}))));
        assert!(is_ignored(&current(json!({"what": "offer", "data": "{}"}))));
        assert!(is_ignored(&legacy(json!({"command_id": "dance"}))));
        assert!(is_ignored(&legacy(json!({"type": "offer", "sdp": SDP}))));
    }

    #[test]
    fn a_message_packed_in_a_string_is_read() {
        let packed = json!({"what": "call"}).to_string();
        assert_eq!(read(json!(packed)), (call(None, false), Dialect::Current));
    }

    #[test]
    fn messages_over_64_kib_are_ignored() {
        let message = |pad: usize| format!("{{\"what\":\"hangup\"{}}}", " ".repeat(pad));
        let fits = message(64 * 1024 - message(0).len());
        assert_eq!(parse(&fits).0, ClientMessage::Hangup);
        assert!(is_ignored(&parse(&format!("{fits} ")).0));
    }

    #[test]
    fn deep_nesting_is_ignored() {
        let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
        assert!(is_ignored(&parse(&deep).0));
        assert!(is_ignored(&parse(&"{\"a\":".repeat(10_000)).0));
        let inside = json!({"what": "answer", "data": deep});
        assert!(is_ignored(&read(inside).0));
    }
}

/// Reads what the server says the way the clients in the wild do.
mod server_messages {
    use super::*;

    fn local() -> Candidate {
        Candidate {
            candidate: LINE.into(),
            sdp_mid: "video".into(),
            sdp_m_line_index: 0,
        }
    }

    fn expected() -> Value {
        json!({"candidate": LINE, "sdpMid": "video", "sdpMLineIndex": 0})
    }

    fn said(message: &ServerMessage, dialect: Dialect) -> Value {
        serde_json::from_str(&render(message, dialect)).unwrap()
    }

    fn data(message: &Value) -> Value {
        serde_json::from_str(message["data"].as_str().expect("data is a string")).unwrap()
    }

    #[test]
    fn the_offer_is_a_json_string() {
        let message = said(&ServerMessage::Offer(SDP.into()), Dialect::Current);
        assert_eq!(message["what"], "offer");
        assert_eq!(data(&message), json!({"type": "offer", "sdp": SDP}));
        assert_eq!(message.as_object().unwrap().len(), 2);
    }

    #[test]
    fn the_legacy_offer_is_a_top_level_description() {
        let message = said(&ServerMessage::Offer(SDP.into()), Dialect::Legacy);
        assert_eq!(message, json!({"type": "offer", "sdp": SDP}));
    }

    #[test]
    fn a_trickled_candidate_has_mid_and_index() {
        let message = said(&ServerMessage::Candidate(local()), Dialect::Current);
        assert_eq!(message["what"], "iceCandidate");
        assert_eq!(data(&message), expected());
    }

    #[test]
    fn the_end_mark_is_an_empty_string() {
        let text = render(&ServerMessage::EndOfCandidates, Dialect::Current);
        assert_eq!(text, r#"{"what":"iceCandidate","data":""}"#);
    }

    #[test]
    fn all_candidates_are_a_json_string_of_an_array() {
        let all = ServerMessage::Candidates(vec![local(), local()]);
        let message = said(&all, Dialect::Current);
        assert_eq!(message["what"], "iceCandidates");
        assert_eq!(data(&message), json!([expected(), expected()]));
        let none = said(&ServerMessage::Candidates(Vec::new()), Dialect::Current);
        assert_eq!(none["data"], "[]");
    }

    #[test]
    fn geticecandidate_is_answered_with_a_json_string_of_an_array() {
        let all = ServerMessage::Candidates(vec![local(), local()]);
        let message = said(&all, Dialect::Legacy);
        assert_eq!(message["type"], "geticecandidate");
        assert_eq!(data(&message), json!([expected(), expected()]));
    }

    #[test]
    fn legacy_clients_can_add_trickled_candidates() {
        let one = said(&ServerMessage::Candidate(local()), Dialect::Legacy);
        assert_eq!(one["type"], "geticecandidate");
        assert_eq!(data(&one), json!([expected()]));
        let end = said(&ServerMessage::EndOfCandidates, Dialect::Legacy);
        assert_eq!(end["type"], "geticecandidate");
        assert_eq!(data(&end), json!([]));
    }

    #[test]
    fn the_candidate_prefix_is_always_there() {
        let bare = LINE.strip_prefix("candidate:").unwrap();
        for line in [bare.to_owned(), format!("a={LINE}"), LINE.to_owned()] {
            let candidate = Candidate {
                candidate: line,
                ..local()
            };
            let message = said(&ServerMessage::Candidate(candidate), Dialect::Current);
            assert_eq!(data(&message), expected());
        }
    }

    #[test]
    fn text_for_the_person_is_plain() {
        let text = ServerMessage::Message("満員 \"full\"\n".into());
        let current = said(&text, Dialect::Current);
        assert_eq!(
            current,
            json!({"what": "message", "data": "満員 \"full\"\n"})
        );
        let legacy = said(&text, Dialect::Legacy);
        assert_eq!(
            legacy,
            json!({"type": "message", "data": "満員 \"full\"\n"})
        );
    }
}
