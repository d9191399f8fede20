//! The action `http`.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::alone::Given;
use crate::harness::until;
use crate::plant::Plant;
use crate::service::{Answer, Asked, Service};

const SECRETS: &str = "DEPLOY_TOKEN = { file = \"token\" }";

/// A service with deployments: each is begun by a POST, and stands as the test says.
async fn deployments() -> (Service, Arc<Mutex<Value>>) {
    let state = Arc::new(Mutex::new(json!({ "state": "running" })));
    let shown = Arc::clone(&state);
    let service = Service::start(move |asked: &Asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/v1/deployments") => Answer::Json(201, json!({ "deployment": { "id": 7 } })),
        ("GET", "/v1/deployments/7?full=1") => Answer::Json(200, shown.lock().unwrap().clone()),
        _ => Answer::Json(404, Value::Null),
    });
    (service.await, state)
}

fn settings(service: &Service) -> String {
    format!(
        r#"url = "{}"
path = "/v1/deployments"
headers = {{ Authorization = {{ secret = "DEPLOY_TOKEN", before = "Bearer " }}, X-Team = "ml" }}
body = {{ "/spec/model" = "model.id", version = "version.id" }}
fixed = {{ spec = {{ replicas = 2 }} }}
id = "/deployment/id"
poll = "/v1/deployments/{{result.id}}?full=1"
state = "/state"
done = ["succeeded"]
failed = ["broken"]
forward = {{ pointer = "/links/ui" }}
summary = "/why"
poll_first = "20ms"
poll_most = "50ms"
settle = "200ms"
"#,
        service.url
    )
}

const LINK: &str = "https://models.example.com/7";

#[tokio::test]
async fn a_call_is_made_once_and_followed_over_the_daemons_death() {
    let (service, state) = deployments().await;
    let plant = Plant::new("http", SECRETS, &settings(&service)).await;
    let daemon = plant.start();
    plant.promote(&daemon).await;
    plant.has_come_to(&daemon, "begun").await;
    until("a question", async || service.asked("GET").len(), |asked| *asked > 1).await;
    daemon.kill();

    *state.lock().unwrap() = json!({ "state": "succeeded", "links": { "ui": LINK }, "why": "rolled out" });
    let daemon = plant.start();
    assert_eq!(plant.conclusion(&daemon).await, ["complete", "rolled out", LINK]);
    let calls = service.asked("POST");
    assert_eq!(calls.len(), 1);
    let [model, version] = ["/spec/model", "/version"].map(|at| calls[0].body.pointer(at).unwrap().is_string());
    assert!(model && version && calls[0].body["spec"]["replicas"] == 2, "{:?}", calls[0].body);
    assert_eq!(calls[0].header("authorization"), "Bearer a token of the service");
    assert_eq!(calls[0].header("x-team"), "ml");
    assert!(calls[0].header("idempotency-key").ends_with("-1-1-http"), "{:?}", calls[0].headers);
}

#[tokio::test]
async fn killed_in_the_middle_of_the_call_it_is_not_made_again_unless_that_does_no_harm() {
    for idempotent in [false, true] {
        let answers = Arc::new(Mutex::new(false));
        let answered = Arc::clone(&answers);
        let service = Service::start(move |asked: &Asked| match asked.method.as_str() {
            "POST" if *answered.lock().unwrap() => Answer::Json(201, json!({ "deployment": { "id": 7 } })),
            "POST" => Answer::Never,
            _ => Answer::Json(200, json!({ "state": "succeeded" })),
        })
        .await;
        // It must not give up by itself before it is killed.
        let settings = format!("{}idempotent = {idempotent}\nrequest_timeout = \"10m\"\n", settings(&service));
        let plant = Plant::new("http", SECRETS, &settings).await;
        let daemon = plant.start();
        plant.promote(&daemon).await;
        until("the call", async || service.asked("POST").len(), |calls| *calls == 1).await;
        daemon.kill();
        *answers.lock().unwrap() = true;
        let daemon = plant.start();
        let [status, summary, _] = plant.conclusion(&daemon).await;
        let calls = service.asked("POST");
        if idempotent {
            assert_eq!((status.as_str(), calls.len()), ("complete", 2), "{summary}");
            assert_eq!(calls[0].header("idempotency-key"), calls[1].header("idempotency-key"));
        } else {
            assert_eq!((status.as_str(), calls.len()), ("failed", 1));
            assert!(summary.contains("whether the service took the call cannot be told"), "{summary}");
        }
    }
}

#[tokio::test]
async fn what_the_service_says_is_what_it_comes_to() {
    let check = async |call: Answer, state: Value, more: &str, expected: [&str; 3]| {
        let call = Mutex::new(Some(call));
        let service = Service::start(move |asked: &Asked| match asked.method.as_str() {
            "POST" => call.lock().unwrap().take().unwrap_or(Answer::Json(500, Value::Null)),
            _ if asked.path.starts_with("/v1/gone") => Answer::Json(404, Value::Null),
            _ => Answer::Json(200, state.clone()),
        })
        .await;
        // What is said again takes the place of what was said.
        let keys: Vec<&str> = more.lines().filter_map(|line| line.split(" =").next()).collect();
        let own = settings(&service);
        let own: Vec<&str> =
            own.lines().filter(|line| !keys.iter().any(|key| line.starts_with(&format!("{key} =")))).collect();
        let own: Vec<&str> = own.into_iter().chain(more.lines()).filter(|line| !line.ends_with("= none")).collect();
        let ended = Given::new("http", &own.join("\n")).run().await;
        let [status, summary, url] = ended.result();
        assert_eq!((status, url), (expected[0], expected[2]), "{summary}");
        assert!(summary.contains(expected[1]), "{summary}");
    };
    let begun = || Answer::Json(201, json!({ "deployment": { "id": 7 } }));
    let broken = json!({ "state": "broken", "why": "no room", "links": { "ui": LINK } });
    check(begun(), broken, "", ["failed", "no room", LINK]).await;
    check(begun(), Value::Null, "poll = \"/v1/gone/{result.id}\"", ["failed", "is not there any more", ""]).await;
    check(Answer::Json(201, json!({})), Value::Null, "", ["failed", "its answer has no id at", ""]).await;
    check(Answer::Json(403, json!({})), Value::Null, "", ["failed", "refused the call (403): check headers", ""]).await;
    check(Answer::Json(500, json!({})), Value::Null, "", ["failed", "cannot be told", ""]).await;
    let done = json!({ "state": "succeeded" });
    check(Answer::Location(202, "/v1/here"), done, "poll = none\npoll_location = true", ["complete", "", ""]).await;
    let away = Answer::Location(202, "http://127.0.0.1:1/v1/here");
    check(away, Value::Null, "poll = none\npoll_location = true", ["failed", "is no address of the service", ""]).await;
    // The answer to the call is the end.
    let at_once = Answer::Json(200, json!({ "state": "succeeded", "links": { "ui": LINK } }));
    check(at_once, Value::Null, "poll = none\nid = none", ["complete", "", LINK]).await;
    let plain = "poll = none\nid = none\nstate = none\ndone = none\nfailed = none\nforward = { url = \"https://m.example.com/{version.id}\" }";
    let service = Answer::Json(204, Value::Null);
    check(service, Value::Null, plain, ["complete", "", "https://m.example.com/9"]).await;
}
