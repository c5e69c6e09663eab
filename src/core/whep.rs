//! WHEP: watching by one HTTP request (draft-ietf-wish-whep, RFC 9725's sibling).

use super::stage::Stage;
use super::viewer::{Refusal, ViewerId};
use crate::proto::camera::VideoFormat;
use crate::proto::http::{Answer, Request};
use crate::proto::sdp_fragment::{self, Fragment};
use std::collections::BTreeMap;
use std::time::Instant;

/// Longest SDP taken, bytes; a browser's offer for one video has about 8000.
const MAX_SDP: usize = 32 << 10;

/// Seconds until a client of a full camera shall try again.
const RETRY_AFTER: u32 = 5;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// One WHEP session's resource.
#[derive(Debug)]
struct Resource {
    viewer: ViewerId,
    offer: String,
    /// Changes with each ICE restart (RFC 9725, 4.3.1).
    etag: String,
    mid: String,
    remote_ufrag: String,
}

/// All WHEP resources, by the unguessable last part of their path.
#[derive(Debug, Default)]
pub struct Whep {
    resources: BTreeMap<String, Resource>,
    /// `Link` fields that name the ICE servers.
    links: Vec<String>,
}

impl Whep {
    pub fn new(links: Vec<String>) -> Self {
        Whep {
            resources: BTreeMap::new(),
            links,
        }
    }

    /// Answers a request for `/whep` or what lies below it. `token`: random, names
    /// the resource that a POST makes.
    pub fn handle(
        &mut self,
        now: Instant,
        request: &Request,
        token: &str,
        stage: &mut Stage,
    ) -> Answer {
        let below = request.path.strip_prefix("/whep").unwrap_or_default();
        let mut answer = match below.trim_matches('/') {
            "" => self.endpoint(now, request, token, stage),
            name if self.resources.contains_key(name) => self.resource(now, request, name, stage),
            _ if request.method == "OPTIONS" => options("PATCH, DELETE, OPTIONS"),
            _ => problem(404, "There is no such session: it has ended, or never was."),
        };
        answer.headers.extend(cors());
        answer
    }

    /// A viewer has ended by itself.
    pub fn handle_gone(&mut self, viewer: ViewerId) {
        self.resources
            .retain(|_, resource| resource.viewer != viewer);
    }

    fn endpoint(
        &mut self,
        now: Instant,
        request: &Request,
        token: &str,
        stage: &mut Stage,
    ) -> Answer {
        match request.method.as_str() {
            "POST" => self
                .create(now, request, token, stage)
                .unwrap_or_else(|refused| refused),
            "OPTIONS" => {
                let mut answer = options("POST, OPTIONS");
                answer.headers.push(("Accept-Post", SDP.into()));
                answer.headers.extend(self.link_headers());
                answer
            }
            _ => not_allowed("POST, OPTIONS"),
        }
    }

    fn create(
        &mut self,
        now: Instant,
        request: &Request,
        token: &str,
        stage: &mut Stage,
    ) -> Result<Answer, Answer> {
        let offer = body_of_type(request, SDP)?;
        if offer.len() > MAX_SDP {
            return Err(problem(413, "The offer is longer than 32 KiB."));
        }
        let wanted = wanted_format(&request.query).map_err(|reason| problem(400, &reason))?;
        if stage.is_full() {
            return Err(full(stage));
        }
        let from_here = request.peer.is_some_and(|peer| peer.ip().is_loopback());
        let (viewer, _) = stage.open(now, from_here);
        let answer =
            negotiate(now, viewer, offer, stage).inspect_err(|_| stage.close(now, viewer))?;
        // Not before: a refused offer must not restart the camera.
        if wanted.is_some() {
            stage.choose_format(viewer, wanted);
        }
        let resource = Resource {
            viewer,
            offer: offer.to_string(),
            etag: format!("\"{token}\""),
            mid: attribute(&answer, "mid").unwrap_or("0").to_string(),
            remote_ufrag: attribute(offer, "ice-ufrag")
                .unwrap_or_default()
                .to_string(),
        };
        let mut headers = vec![
            ("Content-Type", SDP.to_string()),
            ("Location", format!("/whep/{token}")),
            ("ETag", resource.etag.clone()),
            ("Accept-Patch", FRAGMENT.to_string()),
        ];
        headers.extend(self.link_headers());
        self.resources.insert(token.to_string(), resource);
        Ok(Answer {
            status: 201,
            headers,
            body: answer.into_bytes(),
        })
    }

    fn resource(
        &mut self,
        now: Instant,
        request: &Request,
        name: &str,
        stage: &mut Stage,
    ) -> Answer {
        match request.method.as_str() {
            "PATCH" => self
                .patch(now, request, name, stage)
                .unwrap_or_else(|refused| refused),
            "DELETE" => {
                if let Some(resource) = self.resources.remove(name) {
                    stage.close(now, resource.viewer);
                }
                Answer {
                    status: 200,
                    headers: vec![],
                    body: vec![],
                }
            }
            "OPTIONS" => options("PATCH, DELETE, OPTIONS"),
            _ => not_allowed("PATCH, DELETE, OPTIONS"),
        }
    }

    fn patch(
        &mut self,
        now: Instant,
        request: &Request,
        name: &str,
        stage: &mut Stage,
    ) -> Result<Answer, Answer> {
        let body = body_of_type(request, FRAGMENT)?;
        let fragment = sdp_fragment::parse(body).map_err(|reason| problem(400, reason))?;
        let resource = self
            .resources
            .get_mut(name)
            .ok_or_else(|| problem(404, "The session has ended."))?;
        let restart = fragment
            .ufrag
            .as_ref()
            .is_some_and(|ufrag| *ufrag != resource.remote_ufrag);
        let matches =
            |tag: &str| tag == "*" || tag.split(',').any(|tag| tag.trim() == resource.etag);
        // RFC 9725, 4.3.1 would have 428 where If-Match is missing; many clients send
        // none, and without a restart in between nothing can be mistaken.
        if !restart && request.header("if-match").is_some_and(|tag| !matches(tag)) {
            return Err(problem(
                412,
                "The session has been restarted since: If-Match names an old ETag.",
            ));
        }
        if restart {
            return resource.restart(now, &fragment, stage);
        }
        let viewer = stage
            .viewer_mut(resource.viewer)
            .ok_or_else(|| problem(404, "The session has ended."))?;
        fragment
            .candidates
            .iter()
            .for_each(|line| viewer.add_remote_candidate(line));
        stage.drain(now, resource.viewer);
        Ok(Answer {
            status: 204,
            headers: vec![("ETag", resource.etag.clone())],
            body: vec![],
        })
    }

    fn link_headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.links.iter().map(|link| ("Link", link.clone()))
    }
}

impl Resource {
    /// An ICE restart: the old offer again with the new credentials.
    fn restart(
        &mut self,
        now: Instant,
        fragment: &Fragment,
        stage: &mut Stage,
    ) -> Result<Answer, Answer> {
        let (Some(ufrag), Some(pwd)) = (&fragment.ufrag, &fragment.pwd) else {
            return Err(problem(
                400,
                "An ICE restart needs both ice-ufrag and ice-pwd.",
            ));
        };
        let offer = with_credentials(&self.offer, ufrag, pwd);
        let answer = negotiate(now, self.viewer, &offer, stage)?;
        if let Some(viewer) = stage.viewer_mut(self.viewer) {
            fragment
                .candidates
                .iter()
                .for_each(|line| viewer.add_remote_candidate(line));
        }
        stage.drain(now, self.viewer);
        self.etag = format!("\"{}\"", attribute(&answer, "ice-ufrag").unwrap_or(ufrag));
        self.offer = offer;
        self.remote_ufrag = ufrag.clone();
        let ours = Fragment {
            ufrag: attribute(&answer, "ice-ufrag").map(str::to_string),
            pwd: attribute(&answer, "ice-pwd").map(str::to_string),
            candidates: attributes(&answer, "candidate")
                .map(|rest| format!("candidate:{rest}"))
                .collect(),
            end_of_candidates: true,
        };
        let headers = vec![
            ("Content-Type", FRAGMENT.to_string()),
            ("ETag", self.etag.clone()),
        ];
        Ok(Answer {
            status: 200,
            headers,
            body: sdp_fragment::render(&ours, &self.mid).into_bytes(),
        })
    }
}

/// Offer in, answer out.
fn negotiate(now: Instant, id: ViewerId, offer: &str, stage: &mut Stage) -> Result<String, Answer> {
    let viewer = stage
        .viewer_mut(id)
        .ok_or_else(|| problem(404, "The session has ended."))?;
    let answer = viewer
        .accept_offer(offer)
        .map_err(|refusal| match &refusal {
            Refusal::Unreadable(reason) => problem(400, reason),
            Refusal::Unusable(reason) => problem(406, reason),
        })?;
    stage.drain(now, id);
    Ok(answer)
}

fn body_of_type<'a>(request: &'a Request, wanted: &str) -> Result<&'a str, Answer> {
    let given = request.header("content-type").unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(wanted) {
        return Err(problem(415, &format!("The Content-Type must be {wanted}.")));
    }
    std::str::from_utf8(&request.body).map_err(|_| problem(400, "The body is not UTF-8."))
}

/// `?width=&height=&fps=`; each may be absent, none may be nonsense.
fn wanted_format(query: &str) -> Result<Option<VideoFormat>, String> {
    let (mut format, mut any) = (
        VideoFormat {
            width: 1280,
            height: 720,
            fps: 30,
        },
        false,
    );
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let (place, most) = match name {
            "width" => (&mut format.width, 1920),
            "height" => (&mut format.height, 1080),
            "fps" => (&mut format.fps, 90),
            _ => continue,
        };
        let number = value.parse::<u32>().ok().filter(|number| *number > 0);
        *place = number
            .ok_or_else(|| format!("{name} must be a number from 1 to {most}."))?
            .min(most);
        any = true;
    }
    Ok(any.then_some(format))
}

fn with_credentials(offer: &str, ufrag: &str, pwd: &str) -> String {
    let replace = |line: &str| {
        if line.starts_with("a=ice-ufrag:") {
            format!("a=ice-ufrag:{ufrag}\r\n")
        } else if line.starts_with("a=ice-pwd:") {
            format!("a=ice-pwd:{pwd}\r\n")
        } else {
            format!("{line}\r\n")
        }
    };
    // The old candidates belong to the old credentials.
    offer
        .lines()
        .filter(|line| !line.starts_with("a=candidate:"))
        .map(replace)
        .collect()
}

fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    attributes(sdp, name).next()
}

fn attributes<'a>(sdp: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let prefix = format!("a={name}:");
    sdp.lines()
        .filter_map(move |line| line.strip_prefix(prefix.as_str()))
        .map(str::trim)
}

fn full(stage: &Stage) -> Answer {
    let places = stage.settings().max_viewers;
    let mut answer = problem(
        503,
        &format!("The camera is full: {places} viewers are watching already."),
    );
    answer
        .headers
        .push(("Retry-After", RETRY_AFTER.to_string()));
    answer
}

fn options(methods: &str) -> Answer {
    Answer {
        status: 204,
        headers: vec![("Allow", methods.to_string())],
        body: vec![],
    }
}

fn not_allowed(methods: &str) -> Answer {
    let mut answer = problem(405, &format!("This address takes {methods} only."));
    answer.headers.push(("Allow", methods.to_string()));
    answer
}

/// Pages of any origin may watch, as UV4L's clients do.
fn cors() -> [(&'static str, String); 4] {
    [
        ("Access-Control-Allow-Origin", "*".into()),
        (
            "Access-Control-Allow-Methods",
            "POST, PATCH, DELETE, OPTIONS".into(),
        ),
        (
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, If-Match".into(),
        ),
        (
            "Access-Control-Expose-Headers",
            "Location, Link, ETag, Accept-Patch, Retry-After".into(),
        ),
    ]
}

/// An error in the form of RFC 9457.
pub(super) fn problem(status: u16, detail: &str) -> Answer {
    let body = serde_json::json!({ "status": status, "title": detail });
    let headers = vec![("Content-Type", "application/problem+json".to_string())];
    Answer {
        status,
        headers,
        body: body.to_string().into_bytes(),
    }
}
