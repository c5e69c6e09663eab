//! Setting the network up over HTTP: page, gate and the steward's own socket.
#![allow(clippy::disallowed_methods)]

mod door;

use door::{body, open, status};
use mimamori::io::gate::Limits;
use mimamori::io::steward::asks::Asks;
use mimamori::proto::steward::{self, Ask};
use serde_json::{Value, json};
use std::time::Duration;

/// A steward that says what it was asked, and notes it.
fn steward_at(door: &door::Door) -> tokio::sync::mpsc::UnboundedReceiver<Ask> {
    let (note, noted) = tokio::sync::mpsc::unbounded_channel();
    let mut asks = Asks::listen(&door.directory.join("steward"), None).expect("a socket");
    tokio::spawn(async move {
        loop {
            let letter = asks.next().await;
            let known = matches!(letter.ask, Ask::Network | Ask::Join { .. });
            let _ = note.send(letter.ask);
            let answer = match known {
                true => steward::done(json!({ "radio": true })),
                false => steward::refused("no"),
            };
            let _ = letter.reply.send(answer);
        }
    });
    noted
}

fn post(json: &str, fields: &str) -> String {
    format!(
        "POST /api/network HTTP/1.1\r\nHost: cam.local\r\nContent-Type: application/json\r\n\
         {fields}Content-Length: {}\r\n\r\n{json}",
        json.len()
    )
}

const GET: &str = "GET /api/network HTTP/1.1\r\nHost: cam.local\r\n\r\n";

#[tokio::test]
async fn the_page_asks_the_steward() {
    let (door, _letters) = open(Limits::default()).await;
    let mut noted = steward_at(&door);
    let answer = door.ask(GET).await;
    assert_eq!(status(&answer), 200);
    assert_eq!(
        serde_json::from_str::<Value>(body(&answer)).unwrap()["radio"],
        true
    );
    assert_eq!(noted.recv().await, Some(Ask::Network));

    let wish = r#"{"ask":"join","ssid":"home","passphrase":"hush hush"}"#;
    assert_eq!(status(&door.ask(post(wish, "")).await), 200);
    let Some(Ask::Join {
        ssid, passphrase, ..
    }) = noted.recv().await
    else {
        panic!("another wish");
    };
    assert_eq!(
        (ssid.as_str(), passphrase.unwrap().as_str()),
        ("home", "hush hush")
    );

    let answer = door.ask(post(r#"{"ask":"scan"}"#, "")).await;
    assert_eq!((status(&answer), body(&answer)), (503, r#"{"error":"no"}"#));
}

#[tokio::test]
async fn what_is_not_its_own_page_or_makes_no_sense_does_not_reach_the_steward() {
    let (door, _letters) = open(Limits::default()).await;
    let mut noted = steward_at(&door);
    let scan = r#"{"ask":"scan"}"#;
    for (request, expected) in [
        (post(scan, "Origin: http://evil.example\r\n"), 403),
        (
            post(scan, "").replace("application/json", "text/plain"),
            415,
        ),
        (post(r#"{"ask":"reboot"}"#, ""), 400),
        (
            post(r#"{"ask":"join","ssid":"a","passphrase":"x"}"#, ""),
            400,
        ),
        (post(scan, "").replace("POST", "PUT"), 405),
        // The gate says from where, not the client.
        (
            GET.replace("cam.local\r\n", "evil.example\r\nX-Local: 10.92.0.1:80\r\n"),
            421,
        ),
    ] {
        assert_eq!(status(&door.ask(&request).await), expected, "{request}");
    }
    assert!(noted.try_recv().is_err());
}

#[tokio::test]
async fn without_a_steward_the_answer_says_so() {
    let (door, _letters) = open(Limits::default()).await;
    let answer = door.ask(GET).await;
    assert_eq!(
        (status(&answer), body(&answer)),
        (200, r#"{"radio":false}"#)
    );
    // A socket that nobody answers at.
    let path = door.directory.join("steward");
    let _silent = std::os::unix::net::UnixListener::bind(path).unwrap();
    let begin = std::time::Instant::now();
    assert_eq!(status(&door.ask(GET).await), 503);
    assert!(begin.elapsed() < Duration::from_secs(5));
}
