//! UV4L's signalling: what each WebSocket session has said so far.

use super::output::Output;
use super::stage::Stage;
use super::viewer::ViewerId;
use crate::proto::session_id::SessionId;
use crate::proto::signal::{self, CallOptions, Candidate, ClientMessage, Dialect, ServerMessage};
use crate::proto::vformat;
use std::collections::BTreeMap;
use std::time::Instant;

/// The only m-line of our offers.
const M_LINE: u16 = 0;

/// One signalling conversation.
#[derive(Debug, Default)]
struct Session {
    /// The socket comes from this machine.
    from_here: bool,
    dialect: Dialect,
    trickle: bool,
    viewer: Option<ViewerId>,
    mid: String,
    candidates: Vec<String>,
}

/// All signalling WebSockets.
#[derive(Debug, Default)]
pub struct Signalling {
    sessions: BTreeMap<SessionId, Session>,
}

impl Signalling {
    pub fn open(&mut self, id: SessionId, from_here: bool) {
        self.sessions.insert(
            id,
            Session {
                from_here,
                ..Session::default()
            },
        );
    }

    /// The socket is closed: hang up.
    pub fn close(&mut self, now: Instant, id: SessionId, stage: &mut Stage) {
        let session = self.sessions.remove(&id);
        if let Some(viewer) = session.and_then(|session| session.viewer) {
            stage.close(now, viewer);
        }
    }

    pub fn handle_text(&mut self, now: Instant, id: SessionId, text: &str, stage: &mut Stage) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let (message, dialect) = signal::parse(text);
        match message {
            ClientMessage::Call(options) => {
                session.dialect = dialect;
                session.call(now, id, options, stage);
            }
            ClientMessage::Answer(sdp) => session.answer(now, id, &sdp, stage),
            ClientMessage::Candidate(line) => session.candidate(now, &line, stage),
            ClientMessage::GenerateCandidates => session.generate_candidates(id, stage),
            ClientMessage::Hangup => session.hang_up(now, stage),
            ClientMessage::Ignored(why) => log::debug!("{id}: ignored a message: {why}"),
        }
    }

    /// A viewer has ended by itself: its client shall know, and call again.
    pub fn handle_gone(&mut self, viewer: ViewerId, stage: &mut Stage) {
        for (id, session) in &mut self.sessions {
            if session.viewer == Some(viewer) {
                session.viewer = None;
                stage.outputs.push_back(Output::Close(*id));
            }
        }
    }

    /// Text for the person behind one viewer.
    pub fn tell(&self, viewer: ViewerId, text: &str, stage: &mut Stage) {
        for (id, session) in &self.sessions {
            if session.viewer == Some(viewer) {
                session.send(*id, ServerMessage::Message(text.to_string()), stage);
            }
        }
    }

    /// New local addresses, for those who trickle.
    pub fn handle_candidates(&self, lines: &[(ViewerId, String)], stage: &mut Stage) {
        for (id, session) in self.sessions.iter().filter(|(_, s)| s.trickle) {
            let own = lines
                .iter()
                .filter(|(viewer, _)| session.viewer == Some(*viewer));
            own.for_each(|(_, line)| session.send(*id, session.candidate_message(line), stage));
        }
    }
}

impl Session {
    fn call(&mut self, now: Instant, id: SessionId, options: CallOptions, stage: &mut Stage) {
        self.hang_up(now, stage);
        if stage.is_full() {
            return self.refuse(id, &full_text(stage), stage);
        }
        let (viewer, candidates) = stage.open(now, self.from_here);
        let Some(offer) = stage.viewer_mut(viewer).map(|viewer| viewer.offer()) else {
            return;
        };
        let offer = match offer {
            Ok(offer) => offer,
            Err(refusal) => {
                stage.close(now, viewer);
                return self.refuse(id, refusal.text(), stage);
            }
        };
        if let Some(number) = options.vformat {
            stage.choose_format(viewer, vformat::lookup(number));
        }
        self.viewer = Some(viewer);
        self.trickle = options.trickle_ice;
        self.mid = mid_of(&offer);
        self.candidates = candidates;
        self.send(id, ServerMessage::Offer(offer), stage);
        self.send_candidates(id, stage);
        stage.drain(now, viewer);
    }

    fn send_candidates(&self, id: SessionId, stage: &mut Stage) {
        if self.dialect == Dialect::Legacy {
            // A legacy client asks for them by `geticecandidate`.
            return;
        }
        if !self.trickle {
            return self.send(id, self.all_candidates(), stage);
        }
        for line in &self.candidates {
            self.send(id, self.candidate_message(line), stage);
        }
        self.send(id, ServerMessage::EndOfCandidates, stage);
    }

    fn answer(&mut self, now: Instant, id: SessionId, sdp: &str, stage: &mut Stage) {
        let Some(viewer) = self.viewer else { return };
        // Some clients answer twice; the first answer holds.
        let waiting = stage.viewer_mut(viewer).filter(|v| v.awaits_answer());
        let Some(accepted) = waiting.map(|v| v.accept_answer(sdp)) else {
            return;
        };
        if let Err(refusal) = accepted {
            stage.close(now, viewer);
            self.viewer = None;
            return self.refuse(id, refusal.text(), stage);
        }
        stage.drain(now, viewer);
    }

    fn candidate(&mut self, now: Instant, line: &str, stage: &mut Stage) {
        let Some(id) = self.viewer else { return };
        if let Some(viewer) = stage.viewer_mut(id) {
            viewer.add_remote_candidate(line);
            stage.drain(now, id);
        }
    }

    /// Implicit in a call today; older clients ask by themselves, perhaps again.
    fn generate_candidates(&self, id: SessionId, stage: &mut Stage) {
        if self.viewer.is_some() && self.dialect == Dialect::Legacy {
            self.send(id, self.all_candidates(), stage);
        }
    }

    fn hang_up(&mut self, now: Instant, stage: &mut Stage) {
        if let Some(viewer) = self.viewer.take() {
            stage.close(now, viewer);
        }
    }

    /// Says why and closes: the client may try again later.
    fn refuse(&self, id: SessionId, reason: &str, stage: &mut Stage) {
        self.send(id, ServerMessage::Message(reason.to_string()), stage);
        stage.outputs.push_back(Output::Close(id));
    }

    fn all_candidates(&self) -> ServerMessage {
        ServerMessage::Candidates(
            self.candidates
                .iter()
                .map(|line| self.local(line))
                .collect(),
        )
    }

    fn candidate_message(&self, line: &str) -> ServerMessage {
        ServerMessage::Candidate(self.local(line))
    }

    fn local(&self, line: &str) -> Candidate {
        Candidate {
            candidate: line.to_string(),
            sdp_mid: self.mid.clone(),
            sdp_m_line_index: M_LINE,
        }
    }

    fn send(&self, id: SessionId, message: ServerMessage, stage: &mut Stage) {
        stage
            .outputs
            .push_back(Output::Send(id, signal::render(&message, self.dialect)));
    }
}

/// What a person reads when every place is taken. The page looks for the numbers
/// in the status, not in this text.
fn full_text(stage: &Stage) -> String {
    let places = stage.settings().max_viewers;
    format!("The camera is full: {places} viewers are watching already. Please try again later.")
}

fn mid_of(sdp: &str) -> String {
    let line = sdp.lines().find_map(|line| line.strip_prefix("a=mid:"));
    line.unwrap_or("0").trim().to_string()
}
