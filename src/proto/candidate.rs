//! ICE candidates as strangers write them (RFC 8839, 5.1).

use std::net::IpAddr;

/// Longer lines are skipped; the longest sensible one has about 250 bytes.
const LIMIT: usize = 1024;

/// A remote candidate, brought into the form that the ICE agent reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// `candidate:...` without `a=`, ready for the parser: UDP, component 1, an IP
    /// address, and of the extensions only `raddr`/`rport` and `ufrag`.
    Usable(String),
    /// An mDNS name (`.local`): cannot be resolved here, and need not be. The
    /// peer is found peer-reflexively.
    Mdns,
    /// TCP, empty, end-of-candidates or unreadable: skipped, with the reason.
    Skipped(&'static str),
}

/// Reads one candidate line: with or without `a=` and `candidate:`, at most 1 KiB.
///
/// What comes out as [`Remote::Usable`] comes out unchanged when read again.
pub fn normalise(text: &str) -> Remote {
    match read(text) {
        Ok(Some(line)) => Remote::Usable(line),
        Ok(None) => Remote::Mdns,
        Err(reason) => Remote::Skipped(reason),
    }
}

/// `Ok(None)` is an mDNS name.
fn read(text: &str) -> Result<Option<String>, &'static str> {
    if text.len() > LIMIT {
        return Err("candidate too long");
    }
    let text = text.trim();
    if text.contains(|c: char| c.is_control() && c != '\t') {
        return Err("control character in the candidate");
    }
    let text = strip_prefix_ignoring_case(text, "a=");
    if text.eq_ignore_ascii_case("end-of-candidates") {
        return Err("end of candidates");
    }
    let text = strip_prefix_ignoring_case(text, "candidate:");
    if text.trim().is_empty() {
        return Err("end of candidates");
    }
    read_fields(text)
}

fn read_fields(text: &str) -> Result<Option<String>, &'static str> {
    let mut fields = text.split_whitespace();
    let mut next = || fields.next().ok_or("candidate with missing fields");

    let foundation = next()?;
    let component = next()?;
    let transport = next()?;
    let priority = next()?;
    let address = next()?;
    let port = next()?;
    let typ = next()?;
    let kind = next()?;

    check_foundation(foundation)?;
    check_component(component)?;
    check_transport(transport)?;
    let priority: u32 = number(priority).ok_or("unreadable priority")?;
    let port = port_number(port).ok_or("unusable port")?;
    if !typ.eq_ignore_ascii_case("typ") {
        return Err("candidate without a type");
    }
    let kind = known_kind(kind)?;
    let Some(address) = read_address(address)? else {
        return Ok(None);
    };

    let mut line = format!("candidate:{foundation} 1 udp {priority} {address} {port} typ {kind}");
    push_extensions(&mut line, fields.collect());
    Ok(Some(line))
}

/// 1 to 32 of RFC 8839's `ice-char`, and a few more that do no harm. Never a colon,
/// or a prefix written twice would become part of it.
fn check_foundation(foundation: &str) -> Result<(), &'static str> {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"+/-_.".contains(&b);
    match (1..=32).contains(&foundation.len()) && foundation.bytes().all(harmless) {
        true => Ok(()),
        false => Err("unreadable foundation"),
    }
}

/// Component 2 is RTCP on a port of its own; RTCP is multiplexed here (RFC 5761).
fn check_component(component: &str) -> Result<(), &'static str> {
    match number::<u16>(component) {
        Some(1) => Ok(()),
        Some(_) => Err("candidate for another component than RTP"),
        None => Err("unreadable component"),
    }
}

fn check_transport(transport: &str) -> Result<(), &'static str> {
    if transport.eq_ignore_ascii_case("udp") {
        Ok(())
    } else if transport.eq_ignore_ascii_case("tcp") || transport.eq_ignore_ascii_case("ssltcp") {
        Err("TCP candidate")
    } else {
        Err("candidate of an unknown transport")
    }
}

fn known_kind(kind: &str) -> Result<&'static str, &'static str> {
    ["host", "srflx", "prflx", "relay"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(kind))
        .ok_or("candidate of an unknown type")
}

/// `Ok(None)` is an mDNS name. Other names are never looked up: a stranger could
/// make the camera ask a name server of his choice.
fn read_address(text: &str) -> Result<Option<IpAddr>, &'static str> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.len() > 6 && name.as_bytes()[name.len() - 6..].eq_ignore_ascii_case(b".local") {
        return Ok(None);
    }
    let Ok(address) = text.parse::<IpAddr>() else {
        return Err("candidate with a host name or an unreadable address");
    };
    let address = address.to_canonical();
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return Err("candidate with an address that nobody can have");
    }
    Ok(Some(address))
}

/// Keeps `raddr`/`rport` and `ufrag`, in the order that the agent's parser wants.
/// A related address that is no address (browsers hide it) is left out.
fn push_extensions(line: &mut String, fields: Vec<&str>) {
    let value = |name: &str| {
        fields
            .chunks_exact(2)
            .find(|pair| pair[0].eq_ignore_ascii_case(name))
            .map(|pair| pair[1])
    };
    let address = value("raddr").and_then(|text| text.parse::<IpAddr>().ok());
    let port = value("rport").and_then(number::<u16>);
    if let (Some(address), Some(port)) = (address, port) {
        line.push_str(&format!(" raddr {address} rport {port}"));
    }
    if let Some(ufrag) = value("ufrag").filter(|text| is_ice_chars(text, 4)) {
        line.push_str(&format!(" ufrag {ufrag}"));
    }
}

/// True for `minimum` to 256 characters of RFC 8839's `ice-char`.
pub(super) fn is_ice_chars(text: &str, minimum: usize) -> bool {
    let ice_char = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    (minimum..=256).contains(&text.len()) && text.bytes().all(ice_char)
}

fn port_number(text: &str) -> Option<u16> {
    number(text).filter(|port| *port != 0)
}

/// Digits only: the standard parsers also take a plus sign.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> &'a str {
    match text.split_at_checked(prefix.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(prefix) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "candidate:842163049 1 udp 1677729535 192.0.2.7 46154 typ host";

    fn usable(text: &str) -> String {
        match normalise(text) {
            Remote::Usable(line) => {
                str0m::Candidate::from_sdp_string(&line).expect("the agent reads it");
                assert_eq!(normalise(&line), Remote::Usable(line.clone()));
                line
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    fn skipped(text: &str) -> &'static str {
        match normalise(text) {
            Remote::Skipped(reason) => reason,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_plain_host_candidate_stays_as_it_is() {
        assert_eq!(usable(HOST), HOST);
    }

    #[test]
    fn every_form_of_prefix_is_taken() {
        let bare = HOST.strip_prefix("candidate:").unwrap();
        for text in [
            bare.to_owned(),
            format!("a={HOST}"),
            format!("A=Candidate:{bare}"),
            format!("  {HOST}\r\n"),
            format!("candidate: {bare}"),
        ] {
            assert_eq!(usable(&text), HOST, "{text:?}");
        }
    }

    #[test]
    fn chromium_and_firefox_lines_are_taken() {
        let chromium = "candidate:2229014519 1 udp 2122262783 2001:db8::7 51000 typ host \
            generation 0 ufrag Mt/8 network-id 2 network-cost 10";
        assert_eq!(
            usable(chromium),
            "candidate:2229014519 1 udp 2122262783 2001:db8::7 51000 typ host ufrag Mt/8"
        );
        let firefox = "candidate:0 1 UDP 2122252543 198.51.100.9 40000 typ host";
        assert_eq!(
            usable(firefox),
            "candidate:0 1 udp 2122252543 198.51.100.9 40000 typ host"
        );
        let reflexive = "candidate:1 1 udp 1 198.51.100.9 40000 typ srflx \
            raddr 10.0.0.4 rport 50000 generation 0";
        assert_eq!(
            usable(reflexive),
            "candidate:1 1 udp 1 198.51.100.9 40000 typ srflx raddr 10.0.0.4 rport 50000"
        );
    }

    #[test]
    fn a_hidden_related_address_is_left_out() {
        let line = "candidate:1 1 udp 1 198.51.100.9 40000 typ relay raddr x.local rport 0";
        assert_eq!(
            usable(line),
            "candidate:1 1 udp 1 198.51.100.9 40000 typ relay"
        );
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_becomes_ipv4() {
        let line = usable("1 1 udp 1 ::ffff:192.0.2.1 5 typ host");
        assert_eq!(line, "candidate:1 1 udp 1 192.0.2.1 5 typ host");
    }

    #[test]
    fn an_mdns_name_is_known_as_such() {
        for name in ["f3f1-44.local", "F3F1.LOCAL", "a.b.local."] {
            let line = format!("candidate:1 1 udp 2113937151 {name} 50001 typ host");
            assert_eq!(normalise(&line), Remote::Mdns, "{name}");
        }
    }

    #[test]
    fn the_end_mark_is_skipped_in_every_form() {
        for text in [
            "",
            "  ",
            "candidate:",
            "a=end-of-candidates",
            "end-of-candidates",
        ] {
            assert_eq!(skipped(text), "end of candidates", "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_skipped_with_its_reason() {
        let line = |text: &str| HOST.replace("udp 1677729535 192.0.2.7 46154", text);
        let cases = [
            (line("tcp 1518280447 192.0.2.7 9"), "TCP candidate"),
            (line("udp x 192.0.2.7 9"), "unreadable priority"),
            (line("udp 4294967296 192.0.2.7 9"), "unreadable priority"),
            (line("udp 1 192.0.2.7 0"), "unusable port"),
            (line("udp 1 192.0.2.7 65536"), "unusable port"),
            (line("udp 1 192.0.2.7 +9"), "unusable port"),
            (
                line("udp 1 example.org 9"),
                "candidate with a host name or an unreadable address",
            ),
            (
                line("udp 1 fe80::1%eth0 9"),
                "candidate with a host name or an unreadable address",
            ),
            (
                line("udp 1 0.0.0.0 9"),
                "candidate with an address that nobody can have",
            ),
            (
                HOST.replace(" 1 udp", " 2 udp"),
                "candidate for another component than RTP",
            ),
            (
                HOST.replace("host", "magic"),
                "candidate of an unknown type",
            ),
            (HOST.replace("typ", "top"), "candidate without a type"),
            (
                HOST.replace(" typ", "\r\na=x typ"),
                "control character in the candidate",
            ),
            ("[object Object]".into(), "candidate with missing fields"),
            ("1 ".repeat(600), "candidate too long"),
            (HOST.replace("842163049", "ふぅ"), "unreadable foundation"),
            (format!("candidate:{HOST}"), "unreadable foundation"),
            (format!("a=a={HOST}"), "unreadable foundation"),
        ];
        for (text, reason) in cases {
            assert_eq!(skipped(&text), reason, "{text}");
        }
    }
}
