use super::*;

const OWN: [(&str, &str); 2] = [("host", "cam.local"), ("tus-resumable", "1.0.0")];

fn ask(
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    length: Option<u64>,
) -> Result<Wish, Answer> {
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let headers: Vec<_> = OWN.iter().chain(fields).map(owned).collect();
    let asked = Asked {
        method,
        path,
        headers: &headers,
        length,
    };
    read(&asked)
}

fn status(asked: Result<Wish, Answer>) -> u16 {
    asked.expect_err("refused").status
}

const KIND: (&str, &str) = ("content-type", "application/offset+octet-stream");

fn piece(fields: &[(&str, &str)], length: Option<u64>) -> Result<Wish, Answer> {
    ask("PATCH", "/api/update/a-1_b", fields, length)
}

#[test]
fn every_wish_has_its_request() {
    assert_eq!(ask("GET", "/api/update", &[], None), Ok(Wish::Facts));
    assert_eq!(ask("OPTIONS", "/api/update", &[], None), Ok(Wish::Options));
    assert_eq!(
        ask("OPTIONS", "/api/update/x", &[], None),
        Ok(Wish::Options)
    );
    let length = [("upload-length", "1048577")];
    let size = 1_048_577;
    assert_eq!(
        ask("POST", "/api/update", &length, Some(0)),
        Ok(Wish::Announce { size })
    );
    assert_eq!(
        ask("POST", "/api/update", &length, None),
        Ok(Wish::Announce { size })
    );
    let id = || UploadId::new("a-1_b").expect("a name");
    for method in ["HEAD", "GET"] {
        assert_eq!(
            ask(method, "/api/update/a-1_b", &[], None),
            Ok(Wish::Offset { id: id() })
        );
    }
    assert_eq!(
        ask("DELETE", "/api/update/a-1_b", &[], None),
        Ok(Wish::Abandon { id: id() })
    );
    assert_eq!(
        ask("POST", "/api/update/roll-back", &[], None),
        Ok(Wish::RollBack)
    );
    let expected = Piece {
        id: id(),
        offset: 7,
        length: 9,
    };
    assert_eq!(
        piece(&[KIND, ("upload-offset", "7")], Some(9)),
        Ok(Wish::Piece(expected))
    );
}

#[test]
fn a_piece_says_what_it_is_and_where_it_belongs() {
    let at = ("upload-offset", "0");
    assert!(piece(&[KIND, at], Some(MAX_PIECE)).is_ok());
    for (fields, length, expected) in [
        (&[KIND, at][..], Some(MAX_PIECE + 1), 413),
        (&[KIND, at], Some(0), 400),
        (&[KIND, at], None, 411),
        (&[KIND], Some(1), 400),
        (&[at], Some(1), 415),
        (
            &[("content-type", "application/octet-stream"), at],
            Some(1),
            415,
        ),
        (&[KIND, KIND, at], Some(1), 400),
        (&[KIND, at, at], Some(1), 400),
        (&[KIND, ("upload-offset", "-1")], Some(1), 400),
        (&[KIND, ("upload-offset", "+1")], Some(1), 400),
        (&[KIND, ("upload-offset", "0x1")], Some(1), 400),
        (&[KIND, ("upload-offset", "1 2")], Some(1), 400),
        (&[KIND, ("upload-offset", "")], Some(1), 400),
        (&[KIND, ("upload-offset", "1000000000000000")], Some(1), 413),
        (
            &[KIND, ("upload-offset", "99999999999999999999999")],
            Some(1),
            413,
        ),
    ] {
        assert_eq!(
            status(piece(fields, length)),
            expected,
            "{fields:?} {length:?}"
        );
    }
}

#[test]
fn a_bundle_is_announced_with_its_length() {
    let post = |fields: &[(&str, &str)], length| status(ask("POST", "/api/update", fields, length));
    let length = ("upload-length", "10");
    assert_eq!(post(&[], None), 400);
    assert_eq!(post(&[("upload-length", "0")], None), 400);
    assert_eq!(post(&[("upload-length", "ten")], None), 400);
    assert_eq!(post(&[length, length], None), 400);
    assert_eq!(post(&[("upload-defer-length", "1")], None), 400);
    assert_eq!(post(&[length], Some(10)), 400);
    assert_eq!(post(&[("upload-length", "9999999999999999")], None), 413);
}

#[test]
fn other_versions_and_methods_are_told_what_is_spoken() {
    let headers = [("host".to_owned(), "cam.local".to_owned())];
    for (method, path) in [
        ("POST", "/api/update"),
        ("HEAD", "/api/update/a"),
        ("PATCH", "/api/update/a"),
        ("DELETE", "/api/update/a"),
    ] {
        let asked = Asked {
            method,
            path,
            headers: &headers,
            length: Some(1),
        };
        let answer = read(&asked).expect_err("refused");
        assert_eq!(answer.status, 412, "{method} {path}");
        assert!(answer.headers.contains(&("Tus-Version", "1.0.0".into())));
    }
    for (method, path) in [
        ("PATCH", "/api/update"),
        ("DELETE", "/api/update"),
        ("GET", "/api/update/roll-back"),
        ("POST", "/api/update/a"),
        ("PUT", "/api/update/a"),
    ] {
        let answer = ask(method, path, &[], None).expect_err("refused");
        assert_eq!(answer.status, 405, "{method} {path}");
        assert!(answer.headers.iter().any(|(name, _)| *name == "Allow"));
    }
    let fields = [("x-http-method-override", "PATCH")];
    assert_eq!(status(ask("POST", "/api/update", &fields, None)), 400);
}

#[test]
fn names_of_uploads_are_plain() {
    let long = format!("/api/update/{}", "a".repeat(65));
    for path in [
        "/api/update/",
        "/api/update/a/b",
        "/api/update/..",
        "/api/update/%41",
        &long,
    ] {
        assert_eq!(status(ask("HEAD", path, &[], None)), 404, "{path}");
    }
    assert!(!serves("/api/updates") && !serves("/api") && serves("/api/update/x"));
}

#[test]
fn other_sites_pages_may_not_even_ask() {
    for path in ["/api/update", "/api/update/roll-back", "/api/update/a"] {
        for method in ["GET", "POST", "HEAD", "PATCH", "DELETE", "OPTIONS"] {
            let fields = [("origin", "http://evil.example")];
            assert_eq!(
                status(ask(method, path, &fields, Some(1))),
                403,
                "{method} {path}"
            );
        }
    }
    let own = [("origin", "http://cam.local")];
    assert_eq!(
        ask("POST", "/api/update/roll-back", &own, None),
        Ok(Wish::RollBack)
    );
}

#[test]
fn refusals_are_told_in_json() {
    let answer = refused(409, "no");
    assert_eq!(answer.body, br#"{"error":"no"}"#);
    assert!(answer.headers.contains(&("Tus-Resumable", "1.0.0".into())));
}
