//! What holds of any body and any answer.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::*;

/// JSON made of the words that the decoder knows, and of others.
fn any_json() -> impl Strategy<Value = Value> {
    let words =
        vec!["PROMOTE", "REQUEST_SCAN", "4", "PRODUCTION", "scanned", "safe", "{\"status\":1}", "", "1001", ".."];
    let keys = vec![
        "event_uuid",
        "event_type",
        "eventType",
        "workspace_id",
        "timestamp",
        "original_entity",
        "new_entity",
        "newEntity",
        "model_version",
        "modelVersion",
        "registered_model",
        "registered_model_id",
        "scan_request",
        "buildId",
        "id",
        "stage",
        "scan_status",
        "safety_status",
        "scan_external_results",
        "redirect_metadata",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..8_u8).prop_map(Value::from),
        select(words).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let pairs = prop::collection::vec((select(keys.clone()), inner.clone()), 0..6);
        prop_oneof![
            4 => pairs.prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

fn any_answer() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let bodies = prop_oneof![
        4 => any_json().prop_map(|json| json.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..60),
    ];
    (prop_oneof![4 => Just(200), 1 => 100..600_u16, 1 => any::<u16>()], bodies)
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let url = prop::option::of(any::<String>());
    let verdicts = vec![Verdict::Safe, Verdict::Unsafe, Verdict::Inconclusive, Verdict::Error];
    prop_oneof![
        Just(Outcome::Scanning),
        Just(Outcome::InProgress),
        (select(verdicts), url.clone()).prop_map(|(verdict, url)| Outcome::Scanned {
            verdict,
            summary: None,
            url,
            at: None
        }),
        (select(vec![Status::Complete, Status::Failed]), url.clone(), url)
            .prop_map(|(status, summary, url)| Outcome::Promoted { status, summary, url }),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let id = || prop::option::of("[0-9a-z./%? é]{0,6}");
    (id(), id(), id()).prop_map(|(version, model, build)| {
        let mut event = Event::new(EventKind::Promotion, "verta");
        event.version.id = version;
        event.model.id = model;
        event.build.id = build;
        event.change.stage_to = Some(Stage::new("production"));
        event
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_body_panics_the_decoder(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let event = read(&[b"{", body.as_slice()].concat());
        prop_assert!(!matches!(event.kind, EventKind::Promotion | EventKind::ScanRequest));
    }

    #[test]
    fn a_promotion_says_so_and_names_its_version(json in any_json()) {
        prop_assume!(json.is_object());
        let event = read(json.to_string().as_bytes());
        if event.kind == EventKind::Promotion {
            let said = [&json["event_type"], &json["eventType"]];
            prop_assert!(said.iter().any(|word| [Value::from("PROMOTE"), 4.into(), "4".into()].contains(word)));
            let entity = [&json["new_entity"], &json["newEntity"]].into_iter().find(|entity| entity.is_object()).unwrap();
            let version = [&entity["model_version"], &entity["modelVersion"]];
            prop_assert!(version.iter().any(|version| version.is_object()));
            prop_assert!(event.version.id.is_some_and(|id| !id.is_empty()));
        }
    }

    #[test]
    fn an_event_survives_being_stored(json in any_json()) {
        prop_assume!(json.is_object());
        let event = read(json.to_string().as_bytes());
        let stored = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(serde_json::from_str::<Event>(&stored).unwrap(), event);
    }

    #[test]
    fn any_answers_come_to_an_end_within_two_requests(
        event in any_event(), outcome in any_outcome(), answers in prop::collection::vec(any_answer(), 3),
    ) {
        let verta = registry();
        let mut seen = Vec::new();
        for (status, body) in answers {
            let Step::Send(request) = verta.next(&event, &outcome, &seen) else { break };
            prop_assert!(request.path.starts_with("/api/v1/"), "{}", request);
            let segments: Vec<&str> = request.path.split('/').skip(1).collect();
            let whole = segments.iter().all(|segment| !["", ".", ".."].contains(&segment.replace("%2E", ".").as_str()));
            prop_assert!(whole && request.path.bytes().all(|byte| byte.is_ascii_graphic()), "{}", request);
            seen.push(Exchange::new(request, status, body));
        }
        prop_assert!(seen.len() <= 2);
        prop_assert!(!matches!(verta.next(&event, &outcome, &seen), Step::Send(_)));
    }

    #[test]
    fn any_answer_ends_a_confirmation(event in any_event(), (status, body) in any_answer()) {
        let verta = Registry::Verta(registry());
        if let Step::Send(request) = verta.confirm(&event, &[]) {
            let step = verta.confirm(&event, &[Exchange::new(request, status, body.clone())]);
            prop_assert!(!matches!(step, Step::Send(_)));
            if step == Step::Done {
                let answer: Value = serde_json::from_slice(&body).unwrap();
                let version = [&answer["model_version"], &answer["modelVersion"]];
                let stages = [Value::from("PRODUCTION"), 3.into(), "3".into()];
                prop_assert!(version.iter().any(|version| stages.contains(&version["stage"])), "{}", answer);
            }
        }
    }
}
