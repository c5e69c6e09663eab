//! Setting the camera up over HTTP: who may, and what is asked.
//!
//! Nobody has to log in, so only those may who are near: in the set-up network, on the
//! other end of the USB cable, or on this machine.

use super::host;
use super::http::{Answer, Request};
use super::steward::{self, Ask, Refused};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Of the set-up access point, as the steward opens it.
pub const ACCESS_POINT: Ipv4Addr = Ipv4Addr::new(10, 92, 0, 1);
/// Of the USB link, as the start scripts set it up.
pub const USB: Ipv4Addr = Ipv4Addr::new(10, 91, 0, 1);
/// Where people in the set-up network are sent.
pub const PAGE: &str = "http://10.92.0.1/setup";

pub fn is_access_point(local: IpAddr) -> bool {
    local == IpAddr::V4(ACCESS_POINT)
}

/// True for a connection from nearby. Both its ends count: the kernel also takes packets
/// for one interface's address from another one, but an answer to an address beside it
/// does not leave by another one.
pub fn is_near(peer: SocketAddr, local: SocketAddr) -> bool {
    match (peer.ip().to_canonical(), local.ip().to_canonical()) {
        (IpAddr::V4(peer), IpAddr::V4(local)) if local == ACCESS_POINT || local == USB => {
            peer.octets()[..3] == local.octets()[..3]
        }
        (peer, local) => peer.is_loopback() && local.is_loopback(),
    }
}

/// What a request to `/api/network` asks of the steward, or the answer at once.
pub fn read(request: &Request) -> Result<Ask, Answer> {
    let (Some(peer), Some(local)) = (request.peer, request.local) else {
        return Err(refused(403, "It is not known who asks."));
    };
    if !is_near(peer, local) {
        return Err(refused(
            403,
            "Wi-Fi can only be set up from the camera's own set-up network, or over its USB cable.",
        ));
    }
    if !host::same_origin(&request.headers) {
        return Err(refused(
            403,
            "Pages of other sites can't set the camera up.",
        ));
    }
    match request.method.as_str() {
        "GET" | "HEAD" => Ok(Ask::Network),
        "POST" => read_post(request),
        _ => {
            let mut answer = refused(405, "This address takes GET and POST.");
            answer.headers.push(("Allow", "GET, HEAD, POST".into()));
            Err(answer)
        }
    }
}

fn read_post(request: &Request) -> Result<Ask, Answer> {
    // Other sites' pages can't send this type unasked.
    let kind = request.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(refused(415, "The body has to be application/json."));
    }
    let ask = steward::parse(&request.body).map_err(|error| refused(400, &error))?;
    match ask {
        Ask::Join { .. } | Ask::Scan | Ask::CloseAccessPoint => Ok(ask),
        _ => Err(refused(400, "That can't be asked here.")),
    }
}

/// The answer with what the steward says.
pub fn answer(said: Result<Value, Refused>) -> Answer {
    match said {
        Ok(facts) => json_answer(200, &facts),
        Err(Refused { why, status, .. }) => refused(status.unwrap_or(503), &why),
    }
}

pub(super) fn refused(status: u16, why: &str) -> Answer {
    json_answer(status, &json!({ "error": why }))
}

fn json_answer(status: u16, value: &Value) -> Answer {
    Answer {
        status,
        headers: vec![
            ("Content-Type", "application/json".into()),
            ("Cache-Control", "no-store".into()),
        ],
        body: value.to_string().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(peer: &str, local: &str) -> bool {
        let socket = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 80);
        is_near(socket(peer), socket(local))
    }

    #[test]
    fn only_who_is_near_may() {
        for (peer, local) in [
            ("10.92.0.17", "10.92.0.1"),
            ("10.91.0.2", "10.91.0.1"),
            ("::ffff:10.92.0.17", "::ffff:10.92.0.1"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
        ] {
            assert!(near(peer, local), "{peer} at {local}");
        }
        for (peer, local) in [
            ("192.168.1.5", "192.168.1.9"),
            // In the same network at home, by a route of one's own.
            ("192.168.1.5", "10.92.0.1"),
            ("10.92.0.17", "192.168.1.9"),
            ("10.91.0.2", "10.92.0.1"),
            ("10.92.0.17", "10.92.0.2"),
            ("127.0.0.1", "192.168.1.9"),
            ("fe80::1", "fe80::2"),
        ] {
            assert!(!near(peer, local), "{peer} at {local}");
        }
    }

    fn post(kind: &str, body: &str, origin: &str) -> Result<Ask, u16> {
        let mut headers = vec![("host".into(), "10.92.0.1".into())];
        headers.push(("content-type".into(), kind.into()));
        if !origin.is_empty() {
            headers.push(("origin".into(), origin.into()));
        }
        let request = Request {
            method: "POST".into(),
            path: "/api/network".into(),
            headers,
            body: body.into(),
            peer: "10.92.0.17:5000".parse().ok(),
            local: "10.92.0.1:80".parse().ok(),
            ..Request::default()
        };
        read(&request).map_err(|answer| answer.status)
    }

    #[test]
    fn what_may_be_asked_is_little() {
        let json = "application/json";
        assert_eq!(post(json, r#"{"ask":"scan"}"#, ""), Ok(Ask::Scan));
        let own = "http://10.92.0.1";
        assert_eq!(post(json, r#"{"ask":"scan"}"#, own), Ok(Ask::Scan));
        assert_eq!(
            post(json, r#"{"ask":"scan"}"#, "http://evil.example"),
            Err(403)
        );
        assert_eq!(post("text/plain", r#"{"ask":"scan"}"#, ""), Err(415));
        assert_eq!(post(json, r#"{"ask":"status"}"#, ""), Err(400));
        assert_eq!(post(json, r#"{"ask":"join","ssid":""}"#, ""), Err(400));
        assert_eq!(post(json, "", ""), Err(400));
        let unknown = Request {
            method: "GET".into(),
            ..Request::default()
        };
        assert_eq!(read(&unknown).map_err(|answer| answer.status), Err(403));
    }
}
