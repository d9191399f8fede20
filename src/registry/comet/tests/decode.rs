use super::*;

/// Kind, change key, stage now, stage before.
fn check(body: &str, expected: (&str, Option<&str>, Option<&str>)) {
    let event = event(body);
    let stage = event.change.stage_to.as_ref().map(Stage::as_str);
    assert_eq!((event.kind.to_string().as_str(), event.change_key.as_deref(), stage), expected, "{body}");
}

fn of(rest: &str) -> String {
    format!(r#"{{"workspaceName":"acme","modelName":"fraud","version":"1.0.0",{rest}}}"#)
}

const KEY: &str = "stage:acme%2Ffraud/1.0.0/production=set";

#[test]
fn comet_s_own_example_is_a_change_of_stage() {
    let event = event(EXAMPLE);
    assert_eq!(event.kind, EventKind::StageChanged);
    assert_eq!(event.workspace.as_deref(), Some("a-team-name"));
    assert_eq!(event.model.name.as_deref(), Some("some-registry-model name"));
    assert_eq!(event.subject(), "version:a-team-name/some-registry-model name/2.3.42");
    assert_eq!(event.fact(), Some(Fact::new(event.subject(), "stage", "somestage")));
    assert_eq!((event.id, event.occurred_at), (None, None), "it has neither");
}

#[test]
fn every_spelling_of_a_stage_is_one() {
    for rest in [
        r#""stages":["Staging","Production"]"#,
        r#""stages":"PRODUCTION""#,
        r#""tags":["x","production"]"#,
        r#""status":"Production""#,
        r#""tags":["x"],"status":"Production""#,
        r#""actionType":"MODEL_VERSION_STATUS_CHANGED","newValue":{"registryModelStatus":"Production"}"#,
        r#""actionType":"MODEL_VERSION_STATUS_REQUEST_APPROVED","newValue":{"registryModelStatus":"Production"}"#,
        r#""actionType":"A_WORD_THAT_NOBODY_KNOWS_YET","tags":["Production"]"#,
        r#""stages":[null,{"a":["Production"]},7,"Production"]"#,
    ] {
        check(&of(rest), ("promotion", Some(KEY), Some("production")));
    }
    check(
        &of(r#""tags":["x","Scan me"]"#),
        ("scan_request", Some("stage:acme%2Ffraud/1.0.0/scan%20me=set"), Some("scan me")),
    );
    check(&of(r#""stages":["x"]"#), ("stage_changed", Some("stage:acme%2Ffraud/1.0.0/x=set"), Some("x")));
}

#[test]
fn a_dispatch_to_github_is_unwrapped() {
    let inner = of(r#""stages":["Production"]"#);
    check(
        &format!(r#"{{"event_type":"deploy","client_payload":{inner}}}"#),
        ("promotion", Some(KEY), Some("production")),
    );
    let inner = of(r#""registryModelItemVersion":"1.0.0""#);
    let body = format!(r#"{{"event_type":"MODEL_VERSION_CREATED","client_payload":{inner}}}"#);
    check(&body, ("scan_request", Some("created:acme%2Ffraud/1.0.0="), None));
    check(r#"{"event_type":"deploy","client_payload":[]}"#, ("other(unreadable)", None, None));
}

#[test]
fn every_name_of_a_name_is_read() {
    for (model, version) in [
        ("registryModelName", "version"),
        ("modelName", "registryModelItemVersion"),
        ("registeredModelName", "version"),
    ] {
        let body =
            format!(r#"{{"workspaceName":"acme","{model}":"fraud","{version}":"1.0.0","stages":["Production"]}}"#);
        check(&body, ("promotion", Some(KEY), Some("production")));
    }
    let numbered = r#"{"workspaceName":"acme","modelName":"fraud","version":2,"stages":["Production"]}"#;
    assert_eq!(event(numbered).version.name.as_deref(), Some("2"));
}

#[test]
fn what_is_only_asked_for_is_no_stage() {
    let asked = r#""actionType":"MODEL_VERSION_STATUS_REQUEST_CHANGE","newValue":{"registryModelStatus":"Production"}"#;
    check(&of(asked), ("other(MODEL_VERSION_STATUS_REQUEST_CHANGE)", None, None));
    check(
        &of(r#""actionType":"MODEL_VERSION_DOWNLOADED","tags":["Production"]"#),
        ("other(MODEL_VERSION_DOWNLOADED)", None, None),
    );
    check(&of(r#""actionType":"MODEL_VERSION_DELETED","tags":["Production"]"#), ("version_deleted", None, None));
    check(&of(r#""x":1"#), ("other(unknown)", None, None));
    check("{}", ("other(unknown)", None, None));
}

#[test]
fn a_new_version_can_be_a_promotion_and_has_then_the_stage_s_key() {
    check(&of(r#""actionType":"MODEL_VERSION_CREATED""#), ("scan_request", Some("created:acme%2Ffraud/1.0.0="), None));
    check(
        &of(r#""actionType":"MODEL_VERSION_CREATED","tags":["Production"]"#),
        ("promotion", Some(KEY), Some("production")),
    );
}

fn event_of_status(status: &str) -> Event {
    event(&of(&format!(r#""actionType":"MODEL_VERSION_STATUS_CHANGED","status":"{status}""#)))
}

#[test]
fn a_status_says_what_it_was() {
    let change = r#""actionType":"MODEL_VERSION_STATUS_CHANGED","tags":["x"],"userName":"ada",
        "previousValue":{"registryModelStatus":"Staging"},"newValue":{"registryModelStatus":"Production","changedBy":"eve"}"#;
    let event = event(&of(change));
    assert_eq!(event.change.stage_from, Some(Stage::new("staging")));
    assert_eq!(event.actor.as_deref(), Some("ada"));
    let taken = event_of_status("None");
    assert_eq!((taken.change.stage_to, taken.change_key), (None, None));
}

#[test]
fn the_same_stage_again_has_the_same_key_and_one_in_between_another() {
    let key = |stages: &str| event(&of(&format!(r#""stages":{stages}"#))).change_key;
    assert_eq!(key(r#"["Production"]"#), key(r#"["Staging","Production"]"#), "a stage beside it changes nothing");
    assert_ne!(key(r#"["Production"]"#), key(r#"["Staging"]"#));
    assert_eq!(key("[]"), None);
}

#[test]
fn what_a_body_tells_the_whole_of_is_on_the_roll() {
    let check = |rest: &str, listed: Option<&[&str]>, status: Option<&str>| {
        let roll = read(&Comet::default(), &of(rest)).roll.unwrap();
        let expected = listed.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!((roll.listed, roll.status.as_deref()), (expected, status), "{rest}");
        assert_eq!(roll.prefix, "stage:acme%2Ffraud/1.0.0/");
    };
    check(r#""stages":["Scan me"],"tags":["x"]"#, Some(&["scan%20me", "x"]), None);
    check(r#""stages":[]"#, Some(&[]), None);
    check(r#""status":"Production""#, None, Some("production"));
    check(r#""status":"None","stages":["x"]"#, Some(&["x"]), Some(""));
}

#[test]
fn each_stage_that_a_rule_names_is_an_event() {
    let all = rules().apply(read(&Comet::default(), &of(r#""stages":["x","Scan me","Production"]"#)));
    let told: Vec<(String, String)> =
        all.into_iter().map(|event| (event.kind.to_string(), event.change_key.unwrap())).collect();
    let key = |stage: &str| format!("stage:acme%2Ffraud/1.0.0/{stage}=set");
    assert_eq!(told, [("promotion".to_owned(), key("production")), ("scan_request".to_owned(), key("scan%20me"))]);
}

#[test]
fn one_webhook_tells_of_several_workspaces() {
    let stage = |workspace: &str| {
        let body =
            format!(r#"{{"workspaceName":"{workspace}","modelName":"fraud","version":"1","stages":["Production"]}}"#);
        body
    };
    assert_ne!(event(&stage("acme")).subject(), event(&stage("emca")).subject());
    let slash = event(r#"{"workspaceName":"a/b","modelName":"c","version":"1","stages":[]}"#).subject();
    assert_ne!(slash, event(r#"{"workspaceName":"a","modelName":"b/c","version":"1","stages":[]}"#).subject());

    let one = Comet { workspace: Some("acme".into()), ..Comet::default() };
    assert_eq!(read(&one, &stage("acme")).event.kind, EventKind::StageChanged);
    let foreign = read(&one, &stage("emca"));
    assert_eq!((foreign.event.kind.to_string().as_str(), foreign.also.len()), ("other(of another workspace)", 0));
    let nameless = read(&one, r#"{"modelName":"fraud","version":"1","stages":["Production"]}"#);
    assert_eq!(nameless.event.workspace.as_deref(), Some("acme"));
}
