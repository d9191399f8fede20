//! What holds of any body and any answer.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::*;
use crate::registry::ArtifactStep;

/// JSON made of the words that are known here, and of others.
fn any_json() -> impl Strategy<Value = Value> {
    let words = vec![
        "Production",
        "acme",
        "fraud",
        "1.0.0",
        "MODEL_VERSION_CREATED",
        "MODEL_VERSION_STATUS_REQUEST_CHANGE",
        "",
        "..",
    ];
    let keys = vec![
        "workspaceName",
        "registryModelName",
        "modelName",
        "version",
        "stages",
        "tags",
        "status",
        "actionType",
        "event_type",
        "client_payload",
        "newValue",
        "registryModelStatus",
        "registryModelItemId",
        "comment",
        "metadata",
        "key",
        "value",
        "versions",
        "assets",
        "fileName",
        "assetId",
        "experimentKey",
        "link",
        "msg",
    ];
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        4 => select(words).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let pairs = prop::collection::vec((select(keys.clone()), inner.clone()), 0..8);
        prop_oneof![
            4 => pairs.prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

fn any_answer() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let bodies = prop_oneof![
        8 => any_json().prop_map(|json| json.to_string().into_bytes()),
        2 => Just(br#"{"registryModelItemId":"i/1","tags":["x"]}"#.to_vec()),
        1 => Just(Vec::new()),
        1 => prop::collection::vec(any::<u8>(), 0..60),
    ];
    (prop_oneof![6 => Just(200), 1 => 100..600_u16], bodies)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_promotion_names_production_and_no_body_panics(json in any_json()) {
        prop_assume!(json.is_object());
        let body = json.to_string();
        let event = event(&body);
        if event.kind == EventKind::Promotion {
            prop_assert_eq!(event.change.stage_to, Some(Stage::new("Production")));
            prop_assert!(body.to_lowercase().contains("production"));
        }
    }

    #[test]
    fn any_answers_come_to_an_end(
        json in any_json(), safe in any::<bool>(), answers in prop::collection::vec(any_answer(), 12),
    ) {
        prop_assume!(json.is_object());
        let mut event = event(&json.to_string());
        event.workspace.get_or_insert_with(|| "acme".into());
        event.model.name.get_or_insert_with(|| "fraud".into());
        event.version.name.get_or_insert_with(|| "../1".into());
        let verdict = if safe { Verdict::Safe } else { Verdict::Error };
        let outcome = Outcome::Scanned { verdict, summary: None, url: None, at: None };
        let mut comet = Comet::default();
        comet.write_back.status.safe = Some("Approved".into());
        let mut seen = Vec::new();
        for (status, body) in answers {
            let Step::Send(request) = comet.next(&event, &outcome, &seen) else { break };
            prop_assert!(request.path.starts_with("/api/rest/v2/"), "{}", request);
            prop_assert!(request.path.bytes().all(|byte| byte.is_ascii_graphic()), "{}", request);
            // Comet changes things by GET, too.
            prop_assert_eq!(request.method == "GET", !request.path.contains("/write/"), "{}", request);
            seen.push(Exchange::new(request, status, body));
        }
        prop_assert!(seen.len() <= 9);
        for answer in [0, 1] {
            let step = super::super::artifacts(&event, &seen[..seen.len().min(answer)]);
            prop_assert!(answer == 0 || seen.is_empty() || !matches!(step, ArtifactStep::Send(_)));
        }
    }
}
