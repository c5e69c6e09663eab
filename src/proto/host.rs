//! Whom a request means, and which page sent it.
//!
//! DNS rebinding: a page of a stranger's site lets its own name point to the
//! camera's address, and is then "same origin" with it. The name it must use for
//! that is one that the public DNS gives out, so exactly those are refused.

use super::head::Head;
use super::refusal::Refusal;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Endings that the public DNS never gives out: mDNS (RFC 6762), localhost
/// (RFC 6761), home networks (RFC 8375), and what routers hand out at home.
const PRIVATE_ENDINGS: [&str; 5] = [".local", ".localhost", ".home.arpa", ".internal", ".lan"];

/// Why a Host field was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostError {
    /// None was sent (RFC 9112, 3.2 asks for one).
    Missing,
    /// More than one, or not `name`, `name:port`, or an address.
    Malformed,
    /// A name that is not this camera's.
    Foreign(String),
}

/// Takes any IP address, `localhost`, names without a dot, names under the
/// private endings, and the names in `own_names` (lower case, without a port).
pub fn check(head: &Head, own_names: &[String]) -> Result<(), HostError> {
    let mut fields = head.values("host");
    let host = fields.next().ok_or(HostError::Missing)?;
    if fields.next().is_some() {
        return Err(HostError::Malformed);
    }
    match split_port(host).ok_or(HostError::Malformed)? {
        Name::Address => Ok(()),
        Name::Dns(name) if is_own(&name, own_names) => Ok(()),
        Name::Dns(name) => Err(HostError::Foreign(name)),
    }
}

/// True unless the request comes from a page of another origin. For calls that
/// change something; a client that is no browser sends neither field and passes.
pub fn same_origin(headers: &[(String, String)]) -> bool {
    let field = |name: &str| {
        let mut all = headers.iter().filter(move |(n, _)| n == name);
        all.next().map(|(_, v)| v.as_str())
    };
    match (field("origin"), field("host")) {
        (Some(origin), Some(host)) => origin_host(origin)
            .is_some_and(|(name, port)| name.eq_ignore_ascii_case(without(host, port))),
        (Some(_), None) => false,
        // Browsers leave Origin out of same-origin GETs; this says it for those.
        (None, _) => !matches!(field("sec-fetch-site"), Some("cross-site" | "same-site")),
    }
}

enum Name {
    Address,
    /// Lower case, without a final dot.
    Dns(String),
}

fn split_port(host: &str) -> Option<Name> {
    if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        // A zone (`%25eth0`) is the client's own affair, but some send it.
        let address = address.split('%').next()?;
        address.parse::<Ipv6Addr>().ok()?;
        let port_ok = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return port_ok.then_some(Name::Address);
    }
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    if !is_port(port) {
        return None;
    }
    if name.parse::<Ipv4Addr>().is_ok() {
        return Some(Name::Address);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let sound = !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(plain)
        && name.split('.').all(|label| !label.is_empty());
    sound.then(|| Name::Dns(name.to_ascii_lowercase()))
}

/// An empty port is allowed (RFC 3986, 3.2.3).
fn is_port(port: &str) -> bool {
    port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit())
}

fn is_own(name: &str, own_names: &[String]) -> bool {
    !name.contains('.')
        || PRIVATE_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || own_names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Host and port of an origin as browsers write it, and the port that its scheme implies.
fn origin_host(origin: &str) -> Option<(&str, &'static str)> {
    let (scheme, host) = origin.split_once("://")?;
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    Some((without(host, port), port))
}

fn without<'a>(host: &'a str, port: &str) -> &'a str {
    host.strip_suffix(port).unwrap_or(host)
}

impl From<HostError> for Refusal {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Missing => Refusal::new(400, "The request has no Host field."),
            HostError::Malformed => Refusal::new(400, "The Host field is not a host name."),
            HostError::Foreign(name) => Refusal::new(
                421,
                format!(
                    "This camera does not answer to the name {name:?}. Open this camera by its IP \
                     address or name, or add the name to host_names in the configuration."
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::head;

    fn verdict(hosts: &[&str]) -> Result<(), HostError> {
        let fields: String = hosts.iter().map(|h| format!("Host: {h}\r\n")).collect();
        let text = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        let head = head::parse(text.as_bytes()).unwrap().unwrap();
        check(&head, &["cam.example.com".to_owned()])
    }

    #[test]
    fn addresses_private_names_and_configured_names_are_taken() {
        for host in [
            "192.168.1.20",
            "192.168.1.20:8080",
            "203.0.113.9:80",
            "[::1]",
            "[fe80::1]:8080",
            "[fe80::1%25wlan0]:8080",
            "localhost:8080",
            "mimamori",
            "MIMAMORI:8080",
            "mimamori.local",
            // As avahi calls the second one of the same name.
            "mimamori-2.local",
            "Mimamori.Local.:8080",
            "cam.lan",
            "cam.example.com",
            "CAM.example.com:8443",
            "cam.local:",
        ] {
            assert_eq!(verdict(&[host]), Ok(()), "{host}");
        }
    }

    #[test]
    fn names_of_the_public_dns_are_refused() {
        for host in [
            "evil.example",
            "192.168.1.20.nip.io:8080",
            "local.evil.com",
            "mimamori.local.evil.com",
            "xcam.example.com",
            "cam.example.com.evil.com",
            "localhost.evil.com",
        ] {
            assert!(
                matches!(verdict(&[host]), Err(HostError::Foreign(_))),
                "{host}"
            );
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        assert_eq!(verdict(&[]), Err(HostError::Missing));
        for host in [
            "",
            ":80",
            "a b",
            "user@cam",
            "cam:80:80",
            "cam:http",
            "cam/",
            "..",
            ".local",
            "[::1",
            "[1.2.3.4]",
            "[::1]x",
            "[::1]:x",
            "cam:123456",
            "::1",
        ] {
            assert_eq!(verdict(&[host]), Err(HostError::Malformed), "{host:?}");
        }
        assert_eq!(verdict(&["cam", "cam"]), Err(HostError::Malformed));
    }

    #[test]
    fn only_the_cameras_own_page_may_change_things() {
        let sent = |fields: &[(&str, &str)]| {
            let owned = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
            same_origin(&fields.iter().map(owned).collect::<Vec<_>>())
        };
        let host = ("host", "cam.local:8080");
        assert!(sent(&[host, ("origin", "http://cam.local:8080")]));
        assert!(sent(&[("host", "cam"), ("origin", "http://cam:80")]));
        assert!(sent(&[("host", "cam:443"), ("origin", "https://cam")]));
        assert!(sent(&[host]));
        assert!(sent(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(!sent(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(!sent(&[host, ("origin", "null")]));
        assert!(!sent(&[host, ("origin", "http://evil.example")]));
        assert!(!sent(&[host, ("origin", "http://cam.local:9090")]));
        assert!(!sent(&[host, ("origin", "file://cam.local:8080")]));
        assert!(!sent(&[("origin", "http://cam")]));
    }
}
