//! What registries send: signed by the true time, new or once more.

use std::time::Duration;

use actix_web::test::TestRequest;
use scanrelay::registry::{Registry, Verta};
use scanrelay::{Receiver, Scheme, Secret, Verifier};
use serde_json::{Value, json};

use super::REGISTRIES;
use super::world::World;

/// The registry whose deliveries are signed with their time.
const DATED: &str = "south";

/// So long at least nothing is accepted twice, less what the wall is off.
const REMEMBERED: Duration = Duration::from_hours(24 * 7 - 3);

pub(super) fn receiver(name: &str) -> Receiver {
    let (scheme, secret) = match name {
        DATED => (Scheme::standard_webhooks(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        _ => (Scheme::github(), "a secret of the simulation"),
    };
    let verifier = Verifier::new(scheme, vec![Secret::new(secret).unwrap()], Verifier::DEFAULT_TOLERANCE).unwrap();
    Receiver::new(name, Registry::Verta(Verta::default()), verifier)
}

/// A delivery on its way.
pub(super) struct Sent {
    pub(super) nth: usize,
    pub(super) registry: String,
    pub(super) request: TestRequest,
}

impl World {
    pub(super) fn next_webhook(&self) -> Sent {
        let known = self.memory().sent.len() as u64;
        let nth = if known > 0 && self.roll(4) == 0 { self.roll(known) } else { known };
        let nth = usize::try_from(nth).unwrap();
        if self.memory().sent.len() == nth {
            let new = self.new_body(nth);
            self.memory().sent.push(new);
        }
        let (registry, body) = self.memory().sent[nth].clone();
        let headers =
            receiver(&registry).verifier().sign(Some(&format!("event-{nth}")), self.now(), body.as_bytes()).unwrap();
        let request = TestRequest::post().uri(&format!("/hooks/{registry}"));
        let request = request.insert_header(("Content-Type", "application/json"));
        let request = headers.into_iter().fold(request, TestRequest::insert_header).set_payload(body);
        Sent { nth, registry, request }
    }

    fn new_body(&self, nth: usize) -> (String, String) {
        let registry = REGISTRIES[usize::try_from(self.roll(REGISTRIES.len() as u64)).unwrap()];
        let (kind, entity) = if self.roll(2) == 0 {
            ("REQUEST_SCAN", json!({ "scan_request": { "buildId": (5000 + self.roll(4)).to_string() } }))
        } else {
            let model = 1 + self.roll(3);
            let version = (10 * model + self.roll(3)).to_string();
            (
                "PROMOTE",
                json!({ "model_version": { "id": version, "registered_model_id": model.to_string(), "stage": "PRODUCTION" } }),
            )
        };
        let at = self.now().as_millis().to_string();
        let event =
            json!({ "event_uuid": format!("event-{nth}"), "event_type": kind, "timestamp": at, "new_entity": entity });
        (registry.to_owned(), event.to_string())
    }

    pub(super) fn answered(&self, nth: usize, registry: &str, status: u16, body: &[u8]) {
        let answer: Value = serde_json::from_slice(body).unwrap();
        let id: i64 = answer["delivery"].as_str().unwrap_or_default().parse().unwrap_or_default();
        let off = Duration::from_millis(self.steps().by().unsigned_abs());
        let outdated = registry == DATED && off > Verifier::DEFAULT_TOLERANCE;
        assert_eq!(status == 401, outdated, "the clock is off by {off:?}, and {registry} was answered {status}");
        match status {
            202 => {
                assert!(self.memory().accepted.insert(id), "delivery {id} was accepted twice");
                let before = self.memory().taken.insert(nth, (id, self.now()));
                let forgotten = before.is_none_or(|(_, at)| self.now().since(at) > REMEMBERED);
                assert!(forgotten, "what was accepted as {before:?} was accepted again as {id}");
            }
            200 => {
                let before = self.memory().taken.get(&nth).copied();
                assert_eq!(before.map(|(id, _)| id), Some(id), "a duplicate of what was never accepted");
            }
            401 => self.memory().told_off += 1,
            // It is full, or its disk is: the sender comes again, or does not.
            503 => self.memory().turned_away += 1,
            status => panic!("answered {status}: {answer}"),
        }
    }
}
