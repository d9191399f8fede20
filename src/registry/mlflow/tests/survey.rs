//! How things stand, page by page, in the words of the webhooks.

use super::*;
use crate::registry::{Findings, Reading, Rule, Rules, SurveyStep};
use crate::{Receiver, Scheme, Timestamp, Verifier};

/// What is asked when each request is answered in turn, and what comes of it.
fn survey(answers: &[&str]) -> (Vec<String>, SurveyStep) {
    let registry = Registry::Mlflow(Mlflow::default());
    let (mut seen, mut asked) = (Vec::new(), Vec::new());
    loop {
        match registry.survey("mlflow", &seen) {
            SurveyStep::Send(request) => {
                asked.push(request.to_string());
                let Some(answer) = answers.get(seen.len()) else { return (asked, SurveyStep::Send(request)) };
                seen.push(Exchange::new(request, 200, (*answer).to_owned()));
            }
            end => return (asked, end),
        }
    }
}

fn found(answers: &[&str]) -> Findings {
    match survey(answers) {
        (_, SurveyStep::Found(findings)) => findings,
        (asked, other) => panic!("{other:?} after {asked:?}"),
    }
}

/// The kind and the change's key of each delivery that is made of it.
fn keys(findings: Findings) -> Vec<String> {
    let verifier = Verifier::new(Scheme::mlflow(), vec![Secret::new("secret").unwrap()], Verifier::DEFAULT_TOLERANCE);
    let alias = Rule { alias: Some("production".into()), ..Rule::default() };
    let rules = Rules { promote_on: vec![alias], scan_on: Vec::new() };
    let receiver = Receiver::new("mlflow", Registry::Mlflow(Mlflow::default()), verifier.unwrap()).with_rules(rules);
    let deliveries = receiver.found(findings, Timestamp::from_millis(1));
    let key = |delivery: &crate::Delivery| {
        assert_eq!(
            (delivery.verified().scheme.as_str(), delivery.peer(), delivery.is_a_hint()),
            ("catch-up", None, false)
        );
        format!("{} {}", delivery.event().kind, delivery.event().change_key.as_deref().unwrap())
    };
    deliveries.iter().map(key).collect()
}

#[test]
fn every_page_is_asked_for_and_each_thing_has_the_key_of_its_webhook() {
    let models = r#"{"registered_models":[{"name":"fraud/é","aliases":[{"alias":"production","version":"3"}]}],"next_page_token":"a b"}"#;
    let versions = r#"{"model_versions":[{"name":"fraud/é","version":"3","creation_timestamp":5,"tags":[{"key":"k","value":"v"}]}]}"#;
    let answers = [models, r#"{"registered_models":[],"next_page_token":""}"#, versions];
    let (asked, _) = survey(&answers);
    let models = "GET /api/2.0/mlflow/registered-models/search?max_results=100";
    let expected =
        [models, &format!("{models}&page_token=a%20b"), "GET /api/2.0/mlflow/model-versions/search?max_results=100"];
    assert_eq!(asked, expected);
    let keys = keys(found(&answers));
    let of = |name: &str| format!("alias:{name}/production=3");
    assert_eq!(
        keys,
        [
            format!("promotion {}", of("fraud%2F%C3%A9")),
            "version_created created:fraud%2F%C3%A9/3=".to_owned(),
            "tag_set tag:fraud%2F%C3%A9/3/k=v".to_owned(),
        ]
    );
    let webhook = Rules::default().apply(Reading::of(alias("3"))).remove(0);
    assert_eq!(webhook.change_key.as_deref(), Some(of("fraud%2F%C3%A9").as_str()));
}

#[test]
fn it_ends_whatever_is_answered() {
    assert!(found(&["{}", "{}"]).is_empty());
    // A token that comes again.
    let same = r#"{"next_page_token":"t"}"#;
    assert!(found(&[same, same, same, same]).is_empty());
    // A new token each time.
    let pages: Vec<String> = (0..300).map(|nth| format!(r#"{{"next_page_token":"{nth}"}}"#)).collect();
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    assert!(found(&pages).is_cut());
    let (_, login) = survey(&["<html>log in</html>"]);
    assert!(matches!(&login, SurveyStep::Retry(reason) if reason.contains("no answer of this registry")), "{login:?}");
    // What names nothing is nothing.
    let nameless = r#"{"model_versions":[{"name":"","version":"1","tags":[{"key":"k"}]},{"name":"a"}]}"#;
    assert!(
        found(&[
            r#"{"registered_models":[{"aliases":[{"alias":"x","version":"1"}]},{"name":"a","aliases":[{}]}]}"#,
            nameless
        ])
        .is_empty()
    );
}
