//! `GET /api/logs/...`: what the system wrote, for who looks for a fault. Only for
//! somebody near, for a log says much of its house.

use super::whep::problem;
use crate::proto::http::{Answer, Request};
use crate::proto::set_up::is_near;

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// The kernel's since its start, with what all programs of the system say.
    Kernel,
    /// The kernel's last words before it went down last.
    LastCrash,
}

/// Which one a path names; nothing, if it is not about logs.
pub fn asked(path: &str) -> Option<Option<Log>> {
    Some(match path.strip_prefix("/api/logs/")? {
        "kernel" => Some(Log::Kernel),
        "last-crash" => Some(Log::LastCrash),
        _ => None,
    })
}

/// `read` gives the log; nothing, if there is none.
pub fn answer(
    request: &Request,
    log: Option<Log>,
    read: impl FnOnce(Log) -> Result<Option<Vec<u8>>, String>,
) -> Answer {
    let ends = request.peer.zip(request.local);
    if !ends.is_some_and(|(peer, local)| is_near(peer, local)) {
        return problem(
            403,
            "Logs are shown only over the camera's USB port and in its set-up network.",
        );
    }
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        let mut answer = problem(405, "This address can only be read.");
        answer.headers.push(("Allow", "GET, HEAD".into()));
        return answer;
    }
    let Some(log) = log else {
        return problem(
            404,
            "There is no such log: kernel and last-crash are there.",
        );
    };
    match read(log) {
        Ok(Some(text)) => Answer {
            status: 200,
            headers: vec![
                ("Content-Type", "text/plain; charset=utf-8".into()),
                ("Cache-Control", "no-store".into()),
                ("X-Content-Type-Options", "nosniff".into()),
            ],
            body: text,
        },
        Ok(None) => problem(404, "The camera has not crashed, as far as it remembers."),
        Err(error) => {
            log::warn!("a log can't be read: {error}");
            problem(503, "The log can't be read.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, peer: &str) -> Request {
        Request {
            method: method.into(),
            peer: peer.parse().ok(),
            local: "10.91.0.1:8080".parse().ok(),
            ..Request::default()
        }
    }

    #[test]
    fn logs_are_for_somebody_near() {
        let text = |log| Ok(Some(format!("{log:?}").into_bytes()));
        let near = request("GET", "10.91.0.2:4000");
        let good = answer(&near, Some(Log::Kernel), text);
        assert_eq!((good.status, &good.body[..]), (200, &b"Kernel"[..]));
        for far in ["192.168.1.2:4000", "[2001:db8::1]:1", ""] {
            let never = |_| panic!("it is read");
            let refused = answer(&request("GET", far), Some(Log::Kernel), never);
            assert_eq!(refused.status, 403, "{far}");
        }
        assert_eq!(answer(&near, None, text).status, 404);
        assert_eq!(
            answer(&near, Some(Log::LastCrash), |_| Ok(None)).status,
            404
        );
        let broken = |_| Err("broken".into());
        assert_eq!(answer(&near, Some(Log::Kernel), broken).status, 503);
        let post = request("POST", "10.91.0.2:1");
        assert_eq!(answer(&post, Some(Log::Kernel), text).status, 405);
    }

    #[test]
    fn paths_are_told_apart() {
        assert_eq!(asked("/api/logs/kernel"), Some(Some(Log::Kernel)));
        assert_eq!(asked("/api/logs/last-crash"), Some(Some(Log::LastCrash)));
        assert_eq!(asked("/api/logs/../kernel"), Some(None));
        assert_eq!(asked("/api/status"), None);
    }
}
