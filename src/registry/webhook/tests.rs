//! Webhooks as tables: what is asked, and what came of it. No secret is ever shown.

use super::*;
use crate::registry::{Comet, Databricks, GitHub, Mlflow, Rule, Verta};
use crate::{Scheme, Stage};

const SECRET: &str = "C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const PLACE: &str = "https://scanrelay.example.com/hooks/r";

fn rules() -> Rules {
    let (mut alias, mut created, mut stage) = (Rule::default(), Rule::default(), Rule::default());
    alias.alias = Some("production".into());
    created.event = Some(crate::EventKind::VersionCreated);
    stage.stage = Some(Stage::new("Production"));
    let mut rules = Rules::default();
    (rules.promote_on, rules.scan_on) = (vec![alias, stage], vec![created]);
    rules
}

fn wanted(scheme: Scheme) -> Wanted {
    let secrets = vec![Secret::new(SECRET).unwrap()];
    Wanted::new(PLACE, &Verifier::new(scheme, secrets, Verifier::DEFAULT_TOLERANCE).unwrap(), &rules())
}

/// What is sent when each request is answered in turn, and the end.
fn steps(registry: &Registry, scheme: Scheme, act: Act, answers: &[(u16, &str)]) -> (Vec<Request>, WebhookStep) {
    let wanted = wanted(scheme);
    let (mut seen, mut sent) = (Vec::new(), Vec::new());
    for (status, body) in answers {
        match registry.webhook(&wanted, act, &seen) {
            WebhookStep::Send(request) => {
                sent.push(request.clone());
                seen.push(Exchange::new(request, *status, (*body).to_owned()));
            }
            step => panic!("{step:?} after {sent:?}"),
        }
    }
    let end = registry.webhook(&wanted, act, &seen);
    assert!(!format!("{wanted:?} {sent:?} {seen:?} {end:?}").contains(SECRET), "a secret is shown");
    (sent, end)
}

fn lines(sent: &[Request]) -> Vec<String> {
    sent.iter().map(ToString::to_string).collect()
}

#[test]
fn verta_s_is_made_once_and_changed_where_it_differs() {
    let verta = Registry::Verta(Verta::default());
    let run = |act, answers: &[(u16, &str)]| steps(&verta, Scheme::github(), act, answers);
    let (sent, end) = run(Act::Create, &[(200, r#"{"webhooks":[]}"#), (200, r#"{"id":"7"}"#)]);
    assert_eq!(end, WebhookStep::Did(Did::Created));
    assert_eq!(lines(&sent)[1], "POST /api/v1/uac-proxy/events/createWebhook");
    assert!(sent[1].body.as_ref().unwrap().contains(SECRET));
    let ours = |types: &str, secret: &str| {
        format!(
            r#"{{"webhooks":[{{"id":"7","location":"{PLACE}","mutual_secret":"{secret}","event_types":{types}}},{{"id":8,"location":"https://other.example.com/hooks/secret-of-others"}}]}}"#
        )
    };
    let whole = ours(r#"["PROMOTE","REQUEST_SCAN"]"#, SECRET);
    assert_eq!(run(Act::Create, &[(200, &whole)]).1, WebhookStep::Did(Did::Unchanged));
    for other in [ours(r#"["PROMOTE"]"#, SECRET), ours(r#"["PROMOTE","REQUEST_SCAN"]"#, "another")] {
        let (sent, end) = run(Act::Create, &[(200, &other), (200, "{}")]);
        assert_eq!(
            (lines(&sent)[1].as_str(), end),
            ("POST /api/v1/uac-proxy/events/updateWebhook", WebhookStep::Did(Did::Changed))
        );
    }
    let (_, end) = run(Act::List, &[(200, &whole)]);
    let WebhookStep::Did(Did::Listed(hooks)) = end else { panic!("{end:?}") };
    assert!(hooks[0].ours && !hooks[1].ours && hooks[0].missing.is_empty());
    assert_eq!((hooks[0].address.as_str(), hooks[1].address.as_str()), (PLACE, "https://other.example.com/…"));
    assert_eq!(
        run(Act::Test, &[(200, &whole), (200, r#"{"status_code":"200"}"#)]).1,
        WebhookStep::Did(Did::Tested(Some(200), None))
    );
    let (sent, end) = run(Act::Delete, &[(200, &whole), (200, "{}")]);
    assert_eq!(
        (lines(&sent)[1].as_str(), end),
        ("DELETE /api/v1/uac-proxy/events/deleteWebhook", WebhookStep::Did(Did::Deleted(1)))
    );
    assert_eq!(run(Act::Delete, &[(200, "{}")]).1, WebhookStep::Did(Did::Deleted(0)));
    assert!(matches!(run(Act::Test, &[(200, "{}")]).1, WebhookStep::Refused(_)));
    assert!(matches!(run(Act::Create, &[(401, "")]).1, WebhookStep::Retry(_)));
    assert!(matches!(run(Act::Create, &[(200, "<html>")]).1, WebhookStep::Retry(_)));
}

#[test]
fn mlflow_hears_what_the_rules_wait_for_and_of_our_own_tags() {
    let mlflow = Registry::Mlflow(Mlflow::default());
    let run = |act, answers: &[(u16, &str)]| steps(&mlflow, Scheme::mlflow(), act, answers);
    let (sent, end) = run(Act::Create, &[(200, "{}"), (200, r#"{"webhook":{}}"#)]);
    assert_eq!(end, WebhookStep::Did(Did::Created));
    let body: serde_json::Value = serde_json::from_str(sent[1].body.as_ref().unwrap()).unwrap();
    let events: Vec<String> = body["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| format!("{}.{}", event["entity"], event["action"]).replace('"', ""))
        .collect();
    assert_eq!(
        events,
        ["MODEL_VERSION_TAG.SET", "MODEL_VERSION_TAG.DELETED", "MODEL_VERSION_ALIAS.CREATED", "MODEL_VERSION.CREATED"]
    );
    // Its secret cannot be read, so it is given again.
    let ours = format!(
        r#"{{"webhooks":[{{"webhook_id":"a/b","url":"{PLACE}","events":[{{"entity":"MODEL_VERSION","action":"CREATED"}}],"status":"DISABLED"}}]}}"#
    );
    let (sent, end) = run(Act::Create, &[(200, &ours), (200, "{}")]);
    assert_eq!(
        (lines(&sent)[1].as_str(), end),
        ("PATCH /api/2.0/mlflow/webhooks/a%2Fb", WebhookStep::Did(Did::Changed))
    );
    let WebhookStep::Did(Did::Listed(hooks)) = run(Act::List, &[(200, &ours)]).1 else { panic!("nothing is listed") };
    assert!(!hooks[0].active && hooks[0].missing.len() == 3, "{hooks:?}");
    let paged = r#"{"webhooks":[],"next_page_token":"t&1"}"#;
    let (sent, _) = run(Act::List, &[(200, paged), (200, "{}")]);
    assert_eq!(lines(&sent)[1], "GET /api/2.0/mlflow/webhooks?max_results=100&page_token=t%261");
}

#[test]
fn what_blocks_mlflow_is_told_with_its_cure() {
    let mlflow = Registry::Mlflow(Mlflow::default());
    let refused = |act, answers: &[(u16, &str)]| format!("{:?}", steps(&mlflow, Scheme::mlflow(), act, answers).1);
    let error = |message: &str| format!(r#"{{"error_code":"INVALID_PARAMETER_VALUE","message":"{message}"}}"#);
    let scheme = error("Invalid webhook URL scheme: 'http'. Allowed schemes are: https.");
    assert!(
        refused(Act::Create, &[(200, "{}"), (400, &scheme)]).contains("set MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https")
    );
    let private = error("Webhook URL must not resolve to a non-public IP address.");
    assert!(
        refused(Act::Create, &[(200, "{}"), (400, &private)]).contains("set MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true")
    );
    let key = r#"{"error_code":"INTERNAL_ERROR","message":""}"#;
    assert!(refused(Act::List, &[(500, key)]).contains("set MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"));
    let ours = format!(r#"{{"webhooks":[{{"webhook_id":"a","url":"{PLACE}","status":"ACTIVE"}}]}}"#);
    let blocked = r#"{"result":{"success":false,"error_message":"Webhook connection blocked: 10.0.0.1 is not a public IP address."}}"#;
    assert!(refused(Act::Test, &[(200, &ours), (200, blocked)]).contains("ALLOW_PRIVATE_IPS"));
}

#[test]
fn databricks_hears_of_the_named_stages_alone() {
    let databricks = Registry::Databricks(Databricks::default());
    let (sent, end) = steps(&databricks, Scheme::databricks(), Act::Create, &[(200, "{}"), (200, "{}")]);
    assert_eq!(end, WebhookStep::Did(Did::Created));
    let body: serde_json::Value = serde_json::from_str(sent[1].body.as_ref().unwrap()).unwrap();
    assert_eq!(
        body["events"],
        serde_json::json!([
            "MODEL_VERSION_CREATED",
            "MODEL_VERSION_TAG_SET",
            "MODEL_VERSION_TRANSITIONED_TO_PRODUCTION"
        ])
    );
    assert_eq!(body["http_url_spec"]["secret"], SECRET);
}

#[test]
fn comet_s_other_entries_stay_as_they_are() {
    let mut comet = Comet::default();
    let none = steps(&Registry::Comet(comet.clone()), Scheme::token("Authorization"), Act::List, &[]).1;
    assert!(format!("{none:?}").contains("set the registry's workspace"), "{none:?}");
    comet.workspace = Some("acme".into());
    let comet = Registry::Comet(comet);
    let other =
        r#"{"url":"https://other.example.com","header":{"X":"y"},"triggers":["MODEL_VERSION_CREATED"],"unknown":[1]}"#;
    let of_a_model = r#"{"workspaceName":"acme","modelName":"m","webhookUrls":[{"url":"https://third.example.com"}]}"#;
    let listed = format!(r#"{{"webhookConfigs":[{{"workspaceName":"acme","webhookUrls":[{other}]}},{of_a_model}]}}"#);
    let run = |act, answers: &[(u16, &str)]| steps(&comet, Scheme::token("Authorization"), act, answers);
    let (sent, end) = run(Act::Create, &[(200, &listed), (200, "")]);
    assert_eq!(end, WebhookStep::Did(Did::Created));
    let body: serde_json::Value = serde_json::from_str(sent[1].body.as_ref().unwrap()).unwrap();
    let configs = body["webhookConfigs"].as_array().unwrap();
    assert_eq!((configs.len(), &configs[0]["webhookUrls"][0]), (1, &serde_json::from_str(other).unwrap()));
    assert_eq!(configs[0]["webhookUrls"][1]["header"]["Authorization"], SECRET);

    let with_ours = serde_json::json!({ "webhookConfigs": configs }).to_string();
    assert_eq!(run(Act::Create, &[(200, &with_ours)]).1, WebhookStep::Did(Did::Unchanged));
    let (sent, end) = run(Act::Delete, &[(200, &with_ours), (200, "{}")]);
    assert_eq!(end, WebhookStep::Did(Did::Deleted(1)));
    let body: serde_json::Value = serde_json::from_str(sent[1].body.as_ref().unwrap()).unwrap();
    assert_eq!(body["webhookConfigs"][0]["webhookUrls"].as_array().unwrap().len(), 1);
    assert!(format!("{:?}", run(Act::Test, &[(200, &with_ours)]).1).contains("Comet sends no tests"));
}

#[test]
fn who_cannot_be_told_over_an_api_is_told_so() {
    let end = steps(&Registry::GitHub(GitHub::default()), Scheme::github(), Act::Create, &[]).1;
    assert!(format!("{end:?}").contains("by hand, in the settings of the repository"), "{end:?}");
}

#[test]
fn a_secret_in_the_path_is_part_of_the_address_and_is_not_shown() {
    let secrets = vec![Secret::new("hunter2").unwrap()];
    let verifier = Verifier::new(Scheme::github(), secrets, Verifier::DEFAULT_TOLERANCE).unwrap();
    let verifier = verifier.with_path_secret(Secret::new("0123456789abcdef-path").unwrap()).unwrap();
    let wanted = Wanted::new(PLACE, &verifier, &rules());
    let listed = format!(r#"{{"webhooks":[{{"id":"7","location":"{PLACE}/0123456789abcdef-path"}}]}}"#);
    let verta = Registry::Verta(Verta::default());
    let WebhookStep::Send(request) = verta.webhook(&wanted, Act::List, &[]) else { panic!("nothing is asked") };
    let end = verta.webhook(&wanted, Act::List, &[Exchange::new(request, 200, listed)]);
    let WebhookStep::Did(Did::Listed(hooks)) = &end else { panic!("{end:?}") };
    assert_eq!((hooks[0].ours, hooks[0].address.as_str()), (true, PLACE));
    assert!(!format!("{wanted:?} {end:?}").contains("-path"));
}
