//! Events as Verta sends them, to try a daemon with.

use std::hash::{BuildHasher as _, Hasher as _};

use clap::ValueEnum;
use scanrelay::Timestamp;
use serde_json::{Value, json};

/// Which event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Example {
    /// A model version was promoted to production.
    Promotion,
    /// Somebody asked for a scan of a build.
    ScanRequest,
}

impl Example {
    /// The body, with an id of its own: each is another event.
    pub fn body(self, now: Timestamp) -> Vec<u8> {
        let version = |stage: &str| {
            json!({
                "model_version": {
                    "id": "1001", "registered_model_id": "77", "version": "v3",
                    "time_updated": now.as_millis().to_string(), "stage": stage,
                },
                "entity_workspace_id": "42",
            })
        };
        let mut event = json!({
            "event_uuid": fresh_id(), "workspace_id": "42", "timestamp": now.as_millis().to_string(),
        });
        let rest: [(&str, Value); 4] = match self {
            Self::Promotion => [
                ("event_type", "PROMOTE".into()),
                ("resource_type", json!({ "modeldb_service_resource_type": "REGISTERED_MODEL_VERSION" })),
                ("original_entity", version("STAGING")),
                ("new_entity", version("PRODUCTION")),
            ],
            Self::ScanRequest => [
                ("event_type", "REQUEST_SCAN".into()),
                ("resource_type", json!({ "deployment_service_resource_type": "BUILD" })),
                ("original_entity", Value::Null),
                (
                    "new_entity",
                    json!({
                        "entity_workspace_id": "42",
                        "scan_request": {
                            "buildId": "5150", "imageUrl": "registry.example.com/verta/build-5150:latest",
                        },
                    }),
                ),
            ],
        };
        for (key, value) in rest.into_iter().filter(|(_, value)| !value.is_null()) {
            event[key] = value;
        }
        event.to_string().into_bytes()
    }
}

/// A UUID of version 4. The hasher's keys are random in each process and differ with each call.
fn fresh_id() -> String {
    let random = || std::hash::RandomState::new().build_hasher().finish();
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use scanrelay::registry::Verta;
    use scanrelay::{Caller, EventKind, Registry, Stage};

    use super::*;

    #[test]
    fn an_example_is_what_it_says_and_each_another() {
        let now = Timestamp::from_millis(1_669_852_800_000);
        let read = |example: Example| {
            Registry::Verta(Verta::default()).parse("verta", &Caller::new([]), &example.body(now)).unwrap()
        };
        let (promotion, scan) = (read(Example::Promotion), read(Example::ScanRequest));
        assert_eq!((promotion.kind, promotion.change.stage_to), (EventKind::Promotion, Some(Stage::new("production"))));
        assert_eq!((scan.kind, scan.build.id.as_deref()), (EventKind::ScanRequest, Some("5150")));
        assert!(promotion.id.is_some_and(|id| id.len() == 36));
        assert_ne!(scan.id, read(Example::ScanRequest).id);
    }
}
