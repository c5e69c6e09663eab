//! Values that are more than a number. Every error says what would be right.

use crate::io::camera::CameraChoice;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// What would be right, as the end of a sentence.
pub(crate) type Needed = String;

/// An address under which others reach this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    pub ip: IpAddr,
    /// `None`: the same port as here.
    pub port: Option<u16>,
}

impl Announced {
    /// The whole address, `own_port` being the port of the UDP socket.
    pub fn socket(&self, own_port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(own_port))
    }
}

/// What to log, in env_logger's language: `info`, or `warn,mimamori=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogFilter {
    fn default() -> LogFilter {
        LogFilter("info".into())
    }
}

pub(crate) fn listen(text: &str) -> Result<SocketAddr, Needed> {
    text.trim()
        .parse::<SocketAddr>()
        .ok()
        .filter(|address| usable(address.ip()) || address.ip().is_unspecified())
        .ok_or_else(|| {
            "an IP address and a port are needed, for example 0.0.0.0:8080 or [::1]:8080".into()
        })
}

pub(crate) fn camera(text: &str) -> Result<CameraChoice, Needed> {
    let path = || PathBuf::from(text);
    let extension = text.rsplit_once('.').map_or("", |(_, end)| end);
    let h264 = ["h264", "264"].contains(&extension.to_ascii_lowercase().as_str());
    let possible = text.len() <= 4096 && !text.contains('\0');
    match text {
        "auto" => Ok(CameraChoice::Auto),
        "test" => Ok(CameraChoice::Test),
        _ if possible && text.len() > 5 && text.starts_with("/dev/") => {
            Ok(CameraChoice::Device(path()))
        }
        _ if possible && h264 => Ok(CameraChoice::File(path())),
        _ => Err(
            "auto, test, a device such as /dev/video0 or a file that ends in .h264 is needed"
                .into(),
        ),
    }
}

pub(super) fn announced(text: &str) -> Result<Announced, Needed> {
    let text = text.trim();
    let address = match text.parse::<IpAddr>() {
        Ok(ip) => Some(Announced { ip, port: None }),
        Err(_) => text.parse::<SocketAddr>().ok().map(|address| Announced {
            ip: address.ip(),
            port: Some(address.port()),
        }),
    };
    address
        .filter(|a| usable(a.ip) && a.port != Some(0))
        .ok_or_else(|| {
            "an IP address, with or without a port, is needed, \
             for example 203.0.113.5 or 203.0.113.5:8080"
                .into()
        })
}

pub(super) fn ice_url(text: &str) -> Result<String, Needed> {
    let known = ["stun:", "stuns:", "turn:", "turns:"];
    let rest = known.iter().find_map(|scheme| text.strip_prefix(scheme));
    // The URL goes into a Link header, between < and >.
    let plain = |c: char| c.is_ascii_graphic() && !"<>\"\\,;".contains(c);
    match rest {
        Some(rest) if !rest.is_empty() && text.len() <= 256 && text.chars().all(plain) => {
            Ok(text.into())
        }
        _ => Err("a URL such as stun:stun.example.org:3478 or \
                  turn:turn.example.org:3478?transport=udp is needed"
            .into()),
    }
}

/// A user name or a credential: fits into a header field.
pub(super) fn header_text(text: &str) -> Result<String, Needed> {
    let printable = text.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    if text.is_empty() || text.len() > 256 || !printable {
        return Err("1 to 256 printable ASCII characters are needed".into());
    }
    Ok(text.into())
}

pub(super) fn host_name(text: &str) -> Result<String, Needed> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if name.len() > 253 || !name.split('.').all(label) {
        return Err("a host name without a port is needed, for example camera.example.org".into());
    }
    Ok(name)
}

pub(super) fn state_directory(text: &str) -> Result<PathBuf, Needed> {
    let path = PathBuf::from(text);
    if !path.is_absolute() || text.contains('\0') || text.len() > 4096 {
        return Err("a path that begins with / is needed, for example /var/lib/mimamori".into());
    }
    Ok(path)
}

pub(super) fn log_filter(text: &str) -> Result<LogFilter, Needed> {
    let level = |text: &str| {
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        levels.iter().any(|level| level.eq_ignore_ascii_case(text))
    };
    let module = |text: &str| {
        let of_a_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        !text.is_empty() && text.chars().all(of_a_path)
    };
    let directive = |part: &str| match part.trim().split_once('=') {
        Some((path, wanted)) => module(path.trim()) && level(wanted.trim()),
        None => level(part.trim()),
    };
    if text.len() > 1024 || !text.split(',').all(directive) {
        return Err("off, error, warn, info, debug or trace is needed, \
                    or a list such as warn,mimamori=debug"
            .into());
    }
    let spaceless = text.chars().filter(|c| !c.is_whitespace()).collect();
    Ok(LogFilter(spaceless))
}

/// True for what one machine can be asked under.
fn usable(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_takes_an_ip_and_a_port() {
        for good in ["0.0.0.0:8080", "[::]:8080", "127.0.0.1:0", " [::1]:80 "] {
            assert!(listen(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "8080",
            ":8080",
            "localhost:80",
            "0.0.0.0",
            "1.2.3.4:70000",
            "224.0.0.1:80",
        ] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_camera_is_a_word_a_device_or_a_file() {
        assert_eq!(camera("auto"), Ok(CameraChoice::Auto));
        assert_eq!(camera("test"), Ok(CameraChoice::Test));
        assert_eq!(
            camera("/dev/video2"),
            Ok(CameraChoice::Device("/dev/video2".into()))
        );
        assert_eq!(
            camera("a/B.H264"),
            Ok(CameraChoice::File("a/B.H264".into()))
        );
        for bad in ["", "Auto", "video0", "/dev/", "film.mp4", "a\0.h264"] {
            assert!(camera(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_announced_address_may_have_a_port() {
        let own = |text| announced(text).map(|a| a.socket(8080).to_string());
        assert_eq!(own("203.0.113.5"), Ok("203.0.113.5:8080".into()));
        assert_eq!(own("203.0.113.5:99"), Ok("203.0.113.5:99".into()));
        assert_eq!(own("2001:db8::1"), Ok("[2001:db8::1]:8080".into()));
        assert_eq!(own("[2001:db8::1]:99"), Ok("[2001:db8::1]:99".into()));
        for bad in [
            "",
            "0.0.0.0",
            "::",
            "example.org",
            "203.0.113.5:0",
            "255.255.255.255",
        ] {
            assert!(announced(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ice_urls_cannot_break_out_of_a_header() {
        assert!(ice_url("stun:stun.example.org").is_ok());
        assert!(ice_url("turns:[2001:db8::1]:5349?transport=tcp").is_ok());
        for bad in [
            "stun:",
            "http://x",
            "stun:a b",
            "stun:a>;rel=\"x\"",
            "stun:a\r\nX: y",
            "x",
        ] {
            assert!(ice_url(bad).is_err(), "{bad}");
        }
        assert!(header_text("user name").is_ok());
        for bad in ["", "a\nb", "\u{e9}"] {
            assert!(header_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn host_names_are_compared_in_lower_case() {
        assert_eq!(host_name("Camera.Local."), Ok("camera.local".into()));
        for bad in ["", ".", "a..b", "a:80", "a b", "*", "http://a"] {
            assert!(host_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn log_filters_name_levels() {
        let text = |t| log_filter(t).map(|f| f.as_str().to_string());
        assert_eq!(text("info"), Ok("info".into()));
        assert_eq!(
            text("warn, mimamori::io=Debug"),
            Ok("warn,mimamori::io=Debug".into())
        );
        for bad in ["", "loud", "info,", "=info", "mimamori=", "a b=info"] {
            assert!(log_filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_state_directory_is_absolute() {
        assert!(state_directory("/data/mimamori").is_ok());
        for bad in ["", "state", "~/state", "/a\0"] {
            assert!(state_directory(bad).is_err(), "{bad}");
        }
    }
}
