//! The action `http`: what a service may answer, and what must not come of it.

use std::sync::Mutex;

use scanrelay::plugin::MAX_LINE;
use serde_json::{Value, json};

use crate::alone::Given;
use crate::service::{Answer, Asked, Service};

/// A service that begins something under that id, and says that, and then the last again and again, of how it goes on.
async fn service(id: &str, states: &[Value]) -> Service {
    let begun = json!({ "id": id });
    let states = Mutex::new(states.to_vec());
    Service::start(move |asked: &Asked| {
        if asked.method == "POST" {
            return Answer::Json(201, begun.clone());
        }
        let mut states = states.lock().unwrap();
        let state = if states.len() > 1 { states.remove(0) } else { states.first().cloned().unwrap_or_default() };
        Answer::Json(200, state)
    })
    .await
}

fn settings(service: &Service, poll: &str) -> String {
    format!(
        "url = \"{}/api\"\npath = \"/d\"\nid = \"/id\"\npoll = \"{poll}\"\nstate = \"/status\"\ndone = [\"succeeded\"]\n\
         failed = [\"failed\"]\nforward = {{ pointer = \"/url\" }}\nsummary = \"/why\"\npoll_first = \"20ms\"\n",
        service.url
    )
}

#[tokio::test]
async fn an_address_that_is_none_hides_no_reason() {
    let check = async |state: Value, expected: [&str; 3]| {
        let service = service("7", &[state]).await;
        let ended = Given::new("http", &settings(&service, "/d/{result.id}")).run().await;
        let [status, summary, url] = ended.result();
        assert_eq!((status, url), (expected[0], expected[2]), "{ended:?}");
        assert!(summary.contains(expected[1]) && summary.is_empty() == expected[1].is_empty(), "{ended:?}");
    };
    let failed = |url: Value| json!({ "status": "failed", "url": url, "why": "quota exceeded" });
    for url in [json!(""), json!(null), json!("/d/7"), json!("javascript:alert(1)")] {
        check(failed(url), ["failed", "quota exceeded", ""]).await;
    }
    check(failed("https://m.example.com/7".into()), ["failed", "quota exceeded", "https://m.example.com/7"]).await;
    check(json!({ "status": "failed", "why": "" }), ["failed", "the service says failed", ""]).await;
    for url in [json!(""), json!(null)] {
        check(json!({ "status": "succeeded", "url": url, "why": "" }), ["complete", "", ""]).await;
    }
    check(json!({ "status": "succeeded", "url": "/d/7" }), ["failed", "it was done, but its address is none", ""])
        .await;
}

#[tokio::test]
async fn whatever_length_the_service_likes_a_line_is_one_that_the_daemon_takes() {
    let long = "é".repeat(200_000);
    let states = [json!({ "status": long }), json!({ "status": "succeeded", "why": long })];
    let service = service("7", &states).await;
    let ended = Given::new("http", &settings(&service, "/d/{result.id}")).run().await;
    assert_eq!(ended.result()[0], "complete");
    assert!(ended.said.iter().all(|line| line.to_string().len() < MAX_LINE));
    let progress: Vec<&str> = ended.said.iter().filter_map(|line| line["message"].as_str()).collect();
    assert!(progress.iter().any(|message| message.starts_with("it is éé") && message.ends_with("é…")), "{progress:?}");
}

#[tokio::test]
async fn what_is_asked_stays_beneath_the_service() {
    let check = async |id: &str, poll: &str, calls: usize, words: &str| {
        let service = service(id, &[json!({ "status": "succeeded" })]).await;
        let ended = Given::new("http", &settings(&service, poll)).run().await;
        let [status, summary, _] = ended.result();
        assert!(status == "failed" && summary.contains(words), "{ended:?}");
        assert_eq!((service.asked("POST").len(), service.asked("GET").len()), (calls, 0), "{ended:?}");
    };
    for id in ["..", ".", "%2e%2E", "../../x", ""] {
        check(id, "/d/{result.id}", 1, "settings.poll: {result.id} cannot stand in an address: it is missing or empty")
            .await;
    }
    check(&"7".repeat(100_000), "/d/{result.id}", 1, "settings.poll: it is no path below url").await;
    // What the operator wrote is told before anything is called.
    for poll in
        ["/d/{result.id}/../x", "/d/.{result.id}/%2e%2e", "d/{result.id}", "/d#{result.id}", "/d\\\\..\\\\{result.id}"]
    {
        check("7", poll, 0, "settings.poll: it is no path below url").await;
    }
    check("7", "/d/{result.ib}", 0, "it knows {result.id}").await;
    check("7", "/d/{actor}", 0, "settings.poll: the event has no actor that can stand in an address").await;
}
