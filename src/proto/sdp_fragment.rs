//! Trickle ICE fragments (RFC 8840) as WHEP's PATCH carries them.

use super::candidate::is_ice_chars;

/// Longest fragment that is read, in bytes: 64 candidates of 250 bytes.
const LIMIT: usize = 16 * 1024;
const CANDIDATES: usize = 64;

/// The parts of an `application/trickle-ice-sdpfrag` body that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// 4 to 256 characters (RFC 8839, 5.4).
    pub ufrag: Option<String>,
    /// 22 to 256 characters (RFC 8839, 5.4).
    pub pwd: Option<String>,
    /// Candidate lines without `a=`, at most 64.
    pub candidates: Vec<String>,
    pub end_of_candidates: bool,
}

/// Reads a fragment; unknown lines are skipped. The error is for the client.
///
/// Lines end in CRLF or LF. Everything is bundled on one transport, so it does not
/// matter under which `m=` line something stands, and the first ufrag and password
/// hold.
pub fn parse(text: &str) -> Result<Fragment, &'static str> {
    if text.len() > LIMIT {
        return Err("the fragment is longer than 16 KiB");
    }
    let mut fragment = Fragment::default();
    for line in text.lines() {
        read_line(&mut fragment, line.trim())?;
    }
    Ok(fragment)
}

/// Writes the fragment that answers an ICE restart, or a list of candidates.
///
/// `mid` is the media description that carries the bundle. A value that would
/// break out of its line is left out.
pub fn render(fragment: &Fragment, mid: &str) -> String {
    let mut text = String::from("m=video 9 UDP/TLS/RTP/SAVPF 0\r\n");
    let mut push = |name: &str, value: &str| {
        if !value.contains(|c: char| c.is_control()) {
            text.push_str(name);
            text.push_str(value);
            text.push_str("\r\n");
        }
    };
    push("a=mid:", mid);
    if let Some(ufrag) = &fragment.ufrag {
        push("a=ice-ufrag:", ufrag);
    }
    if let Some(pwd) = &fragment.pwd {
        push("a=ice-pwd:", pwd);
    }
    for candidate in &fragment.candidates {
        push("a=", candidate);
    }
    if fragment.end_of_candidates {
        push("a=end-of-candidates", "");
    }
    text
}

fn read_line(fragment: &mut Fragment, line: &str) -> Result<(), &'static str> {
    let Some(attribute) = line.strip_prefix("a=") else {
        return Ok(());
    };
    if let Some(ufrag) = attribute.strip_prefix("ice-ufrag:") {
        if !is_ice_chars(ufrag, 4) {
            return Err("ice-ufrag must have 4 to 256 letters, digits, + or /");
        }
        fragment.ufrag.get_or_insert_with(|| ufrag.to_owned());
    } else if let Some(pwd) = attribute.strip_prefix("ice-pwd:") {
        if !is_ice_chars(pwd, 22) {
            return Err("ice-pwd must have 22 to 256 letters, digits, + or /");
        }
        fragment.pwd.get_or_insert_with(|| pwd.to_owned());
    } else if attribute.starts_with("candidate:") {
        if fragment.candidates.len() == CANDIDATES {
            return Err("the fragment has more than 64 candidates");
        }
        if attribute.contains(|c: char| c.is_control()) {
            return Err("a candidate has a control character");
        }
        fragment.candidates.push(attribute.to_owned());
    } else if attribute == "end-of-candidates" {
        fragment.end_of_candidates = true;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host";

    /// In the manner of the example in RFC 8840, 9 and of WHEP's trickle PATCH.
    fn example() -> String {
        format!(
            "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na={HOST}\r\na=end-of-candidates\r\n"
        )
    }

    fn expected() -> Fragment {
        Fragment {
            ufrag: Some("EsAw".into()),
            pwd: Some("P2uYro0UCOQ4zxjKXaWCBui1".into()),
            candidates: vec![HOST.into()],
            end_of_candidates: true,
        }
    }

    #[test]
    fn a_trickle_patch_is_read() {
        assert_eq!(parse(&example()), Ok(expected()));
    }

    #[test]
    fn bare_line_feeds_are_taken() {
        assert_eq!(parse(&example().replace("\r\n", "\n")), Ok(expected()));
        assert_eq!(parse(example().trim_end()), Ok(expected()));
    }

    #[test]
    fn credentials_may_stand_in_the_media_description() {
        let text = "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\nm=audio 9 X 0\r\na=mid:0\r\n\
            a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n\
            m=video 9 X 0\r\na=mid:1\r\na=ice-ufrag:efgh\r\n";
        let fragment = parse(text).unwrap();
        assert_eq!(fragment.ufrag.as_deref(), Some("abcd"));
        assert_eq!(fragment.pwd.as_deref(), Some("0123456789012345678901"));
        assert!(fragment.candidates.is_empty());
        assert!(!fragment.end_of_candidates);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = render(&expected(), "0");
        assert!(text.starts_with("m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"));
        assert_eq!(parse(&text), Ok(expected()));
        assert_eq!(
            parse(&render(&Fragment::default(), "v")),
            Ok(Fragment::default())
        );
    }

    #[test]
    fn nothing_breaks_out_of_its_line_when_written() {
        let fragment = Fragment {
            candidates: vec!["candidate:1\r\na=ice-ufrag:evil".into()],
            ..Fragment::default()
        };
        assert_eq!(
            parse(&render(&fragment, "0\r\na=x")),
            Ok(Fragment::default())
        );
    }

    #[test]
    fn nonsense_is_an_empty_fragment() {
        for text in ["", "hello", "a=", "m=video", "a=ice-ufrag", "\0\0\0"] {
            assert_eq!(parse(text), Ok(Fragment::default()), "{text:?}");
        }
    }

    #[test]
    fn limits_hold() {
        let candidates = |n: usize| format!("a={HOST}\n").repeat(n);
        assert_eq!(parse(&candidates(64)).unwrap().candidates.len(), 64);
        assert!(parse(&candidates(65)).is_err());
        assert!(parse(&"x".repeat(LIMIT + 1)).is_err());
        assert!(parse("a=ice-ufrag:abc\n").is_err());
        assert!(parse("a=ice-ufrag:ab d\n").is_err());
        assert!(parse("a=ice-pwd:short\n").is_err());
        assert!(parse(&format!("a=ice-pwd:{}\n", "p".repeat(257))).is_err());
        assert!(parse("a=candidate:1 1\0udp\n").is_err());
    }
}
