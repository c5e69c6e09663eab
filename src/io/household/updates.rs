//! What comes to `/api/update`, but for the pieces of a bundle: those never get past the gate.

use super::Household;
use crate::proto::http::{Answer, Request};
use crate::proto::steward::{Ask, Refused};
use crate::proto::update::piece::UploadId;
use crate::proto::update::tus::{self, Asked, Wish};
use serde_json::{Value, json};

pub(super) fn answer(household: &Household, request: &Request) -> Answer {
    let asked = Asked {
        method: &request.method,
        path: &request.path,
        headers: &request.headers,
        length: Some(request.body.len() as u64),
    };
    tus::read(&asked).map_or_else(|answer| answer, |wish| grant(household, wish))
}

fn grant(household: &Household, wish: Wish) -> Answer {
    let ask = |ask| household.of_updates(&ask);
    let granted = match wish {
        Wish::Facts => facts(household).map(|facts| tus::with_facts(200, &facts)),
        Wish::Options => {
            // Whoever asks this must be told the rest even where nobody knows the size.
            let most = facts(household).ok();
            Ok(tus::options(
                most.and_then(|facts| facts["max_size"].as_u64()),
            ))
        }
        Wish::Announce { size } => ask(Ask::Announce { size }).and_then(|facts| created(&facts)),
        Wish::Offset { id } => ask(Ask::Update).and_then(|facts| offset(&facts, &id)),
        Wish::Abandon { id } => ask(Ask::Abandon { id }).map(|_| tus::empty(204)),
        Wish::RollBack => ask(Ask::RollBack).map(|facts| tus::with_facts(202, &facts)),
        Wish::Piece(_) => Err(Refused::new(400, "A piece came past the gate.")),
    };
    granted.unwrap_or_else(|refused| tus::refused_by(&refused))
}

fn facts(household: &Household) -> Result<Value, Refused> {
    match household.socket.exists() {
        true => household.of_updates(&Ask::Update),
        false => Ok(without_a_steward()),
    }
}

/// How updates stand where somebody else looks after the program.
fn without_a_steward() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "slot": null,
        "state": "idle",
        "id": null,
        "received": null,
        "size": null,
        "other": null,
        "can_roll_back": false,
        "trial": null,
        "last": null,
    })
}

fn created(facts: &Value) -> Result<Answer, Refused> {
    let id = facts["id"].as_str().and_then(UploadId::new);
    let id = id.ok_or_else(|| Refused::new(503, "The steward's answer makes no sense."))?;
    Ok(tus::created(&id))
}

fn offset(facts: &Value, id: &UploadId) -> Result<Answer, Refused> {
    match (facts["received"].as_u64(), facts["size"].as_u64()) {
        (Some(offset), Some(size)) if facts["id"] == id.as_str() => {
            Ok(tus::at_offset(offset, Some(size)))
        }
        _ => Err(Refused::new(410, "This upload has ended.")),
    }
}
