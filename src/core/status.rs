//! What the camera says of itself over HTTP.

use super::stage::Stage;
use super::whep::problem;
use crate::proto::http::{Answer, Request};
use serde_json::{Value, json};
use std::time::Duration;

/// A STUN or TURN server that clients are told to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:` or `turn:` addresses (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    pub username: Option<String>,
    pub credential: Option<String>,
}

impl IceServer {
    /// As WHEP's `Link` fields name it (RFC 9725, 4.6).
    pub fn links(&self) -> Vec<String> {
        let login = match (&self.username, &self.credential) {
            (Some(name), Some(secret)) => {
                let (name, secret) = (quoted(name), quoted(secret));
                format!("; username={name}; credential={secret}; credential-type=\"password\"")
            }
            _ => String::new(),
        };
        self.urls
            .iter()
            .map(|url| format!("<{url}>; rel=\"ice-server\"{login}"))
            .collect()
    }

    /// As `RTCPeerConnection` takes it.
    fn json(&self) -> Value {
        let mut server = json!({ "urls": self.urls });
        if let (Some(name), Some(secret)) = (&self.username, &self.credential) {
            server["username"] = json!(name);
            server["credential"] = json!(secret);
        }
        server
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What the system that the program runs on has to say of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct System {
    /// What is wrong, in words for people.
    pub problems: Vec<String>,
    /// Bytes that programs could still take.
    pub memory_available: Option<u64>,
}

/// `GET /api/status`. `problem`: the camera's.
pub(super) fn status(
    uptime: Duration,
    stage: &Stage,
    problem: Option<&str>,
    system: &System,
) -> Value {
    let camera = stage.camera();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": uptime.as_secs(),
        "camera": {
            "state": if camera.is_some() { "running" } else { "lost" },
            "kind": camera.map(|camera| camera.kind),
            "name": camera.map(|camera| &camera.name),
            "format": camera.map(|camera| camera.format),
            "frames": stage.frames(),
            "problem": problem,
        },
        "viewers": stage.viewers(),
        "max_viewers": stage.settings().max_viewers,
        "bitrate_bps": stage.bitrate(),
        "problems": system.problems,
        "memory_available_bytes": system.memory_available,
    })
}

/// `GET /api/webrtc/settings`: of UV4L's answer, the part that its clients read.
pub(super) fn settings(stage: &Stage, ice_servers: &[IceServer]) -> Value {
    json!({
        "ice_servers": ice_servers.iter().map(IceServer::json).collect::<Vec<_>>(),
        "max_viewers": stage.settings().max_viewers,
    })
}

/// A reading API call: any origin may make it.
pub(super) fn answer(request: &Request, json: impl FnOnce() -> Value) -> Answer {
    let mut answer = match request.method.as_str() {
        "GET" | "HEAD" => Answer {
            status: 200,
            headers: vec![
                ("Content-Type", "application/json".into()),
                ("Cache-Control", "no-store".into()),
            ],
            body: json().to_string().into_bytes(),
        },
        "OPTIONS" => Answer {
            status: 204,
            headers: vec![("Allow", "GET, HEAD, OPTIONS".into())],
            body: vec![],
        },
        _ => {
            let mut answer = problem(405, "This address can only be read.");
            answer.headers.push(("Allow", "GET, HEAD, OPTIONS".into()));
            answer
        }
    };
    answer
        .headers
        .push(("Access-Control-Allow-Origin", "*".into()));
    answer.headers.push((
        "Access-Control-Allow-Headers",
        "Authorization, Content-Type".into(),
    ));
    answer
}
