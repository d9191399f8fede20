use super::*;

/// What comes of asking whether the event of that body stands, when that is the answer.
fn check(body: &str, status: u16, answer: &str, expected: &str) {
    let event = event(body);
    let comet = Registry::Comet(Comet::default());
    let Step::Send(request) = comet.confirm(&event, &[]) else { panic!("nothing is asked") };
    let seen = [Exchange::new(request, status, answer.to_owned())];
    assert_eq!(line(&comet.confirm(&event, &seen)), expected, "{status} {answer}");
}

const PROMOTION: &str = r#"{"workspaceName":"acme","modelName":"fraud","version":"1.0.0","stages":["Production"]}"#;
const ASKED: &str = "GET /api/rest/v2/registry-model/item/details?workspaceName=acme&modelName=fraud&version=1.0.0";

#[test]
fn the_names_are_encoded() {
    let asked = Registry::Comet(Comet::default())
        .confirm(&event(r#"{"workspaceName":"a&b","modelName":"c d/é","version":"1=2","stages":[]}"#), &[]);
    let expected =
        "GET /api/rest/v2/registry-model/item/details?workspaceName=a%26b&modelName=c%20d%2F%C3%A9&version=1%3D2";
    assert_eq!(line(&asked), expected);
    let nameless = Registry::Comet(Comet::default())
        .confirm(&event(r#"{"modelName":"c","version":"1","stages":["Production"]}"#), &[]);
    assert_eq!(line(&nameless), "refused: the event does not name workspace, model and version");
}

#[test]
fn a_stage_stands_wherever_the_registry_keeps_it() {
    for stands in [r#""tags":["x","production"]"#, r#""status":"Production","tags":[]"#, r#""stages":["PRODUCTION"]"#] {
        check(PROMOTION, 200, &format!(r#"{{"registryModelItemId":"i",{stands}}}"#), "done");
    }
    let gone = r#"{"registryModelItemId":"i","tags":["Staging"],"status":"None"}"#;
    check(PROMOTION, 200, gone, "refused: the version is at staging now, not at production");
    let none = r#"{"registryModelItemId":"i","tags":[],"status":"None"}"#;
    check(PROMOTION, 200, none, "refused: the version has no stage now, not production");
}

#[test]
fn an_answer_that_does_not_say_is_asked_for_again() {
    check(
        PROMOTION,
        200,
        r#"{"registryModelItemId":"i"}"#,
        "retry: the registry does not say which stages the version has",
    );
    check(PROMOTION, 200, r#"{"tags":["Production"]}"#, &format!("retry: {ASKED} was answered 200 without a version"));
    let no_answer = format!("retry: {ASKED} was answered 200 with what is no answer of this registry");
    for garbage in ["", "<html>log in</html>", "null", "[]", "[\"i\"]", "{\"registryModelItemId\":7}"] {
        check(PROMOTION, 200, garbage, &no_answer);
    }
    for status in [302, 405, 409, 500, 503] {
        check(PROMOTION, status, r#"{"msg":"no"}"#, &format!("retry: {ASKED} was answered {status}"));
    }
    let credentials = format!("retry: {ASKED} was answered 401: the credentials are not accepted");
    check(PROMOTION, 401, r#"{"msg":"no"}"#, &credentials);
}

#[test]
fn a_version_that_comet_does_not_know_is_not_there() {
    for status in [400, 404] {
        let answer = r#"{"msg":"no such model version","sdk_error_code":0}"#;
        let unknown = format!("refused: the registry does not know the version: it answered {status}");
        check(PROMOTION, status, answer, &unknown);
        check(PROMOTION, status, "<h1>Not found</h1>", &format!("retry: {ASKED} was answered {status}"));
    }
}

#[test]
fn an_event_without_a_stage_asks_whether_the_version_is_there() {
    let created =
        r#"{"actionType":"MODEL_VERSION_CREATED","workspaceName":"acme","modelName":"fraud","version":"1.0.0"}"#;
    let there = r#"{"registryModelItemId":"i"}"#;
    let unknown = r#"{"msg":"no such model version"}"#;
    check(created, 200, there, "done");
    check(created, 404, unknown, "refused: the registry does not know the version: it answered 404");
    let deleted = created.replace("CREATED", "DELETED");
    check(&deleted, 200, there, "refused: the version is still there");
    check(&deleted, 404, unknown, "done");
}
