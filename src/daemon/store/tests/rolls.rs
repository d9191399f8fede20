//! Stages of Comet's, of which a version has several: each comes and goes by itself.

use scanrelay::Stage;
use scanrelay::registry::{Comet, Exchange, Registry, Rule, Rules, SurveyStep};

use super::*;

const MINUTE: Duration = Duration::from_mins(1);
/// By then the same bytes are another event.
const STEP: Duration = Duration::from_mins(2);

fn comet() -> Receiver {
    let scheme = Scheme::token("Authorization");
    let secret = Secret::new("the webhook's token").unwrap();
    let verifier = Verifier::new(scheme, vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
    let rule = |stage: &str| {
        let mut rule = Rule::default();
        rule.stage = Some(Stage::new(stage));
        rule
    };
    let mut rules = Rules::default();
    (rules.promote_on, rules.scan_on) = (vec![rule("Production")], vec![rule("Scan me")]);
    let mut comet = Comet::default();
    comet.workspace = Some("acme".into());
    Receiver::new("comet", Registry::Comet(comet), verifier).with_rules(rules)
}

/// What a webhook tells of version 1.0.0 of fraud.
fn told(rest: &str) -> Vec<Delivery> {
    let body = format!(r#"{{"workspaceName":"acme","modelName":"fraud","version":"1.0.0",{rest}}}"#);
    let caller = Caller::new([("Authorization", &b"the webhook's token"[..])]);
    comet().verify_at(&caller, body.into(), NOW).unwrap().split()
}

/// What a survey finds of it.
fn found(item: &str, surveyed_at: Timestamp) -> Vec<Delivery> {
    let receiver = comet();
    let mut seen: Vec<Exchange> = Vec::new();
    loop {
        match receiver.registry().survey("comet", &seen) {
            SurveyStep::Send(request) => {
                let models = r#"{"registryModels":[{"modelName":"fraud"}]}"#.to_owned();
                let versions = format!(r#"{{"versions":[{{"version":"1.0.0",{item}}}]}}"#);
                let answer = if seen.is_empty() { models } else { versions };
                seen.push(Exchange::new(request, 200, answer));
            }
            SurveyStep::Found(findings) => return receiver.found(findings, surveyed_at),
            other => panic!("{other:?}"),
        }
    }
}

/// How often something is started by each of them.
async fn started(bench: &Bench, deliveries: Vec<Delivery>, at: Timestamp) -> usize {
    let mut started = 0;
    for delivery in deliveries {
        let intake = Intake { delivery, plan: Ok(plan(&["alpha"], &[])) };
        started += usize::from(matches!(bench.store.insert(intake, BOUNDS, at).await.unwrap(), Inserted::New(_)));
    }
    started
}

/// As the catch-up does: promotions and scan requests are made, and the rest remembered.
async fn surveyed(bench: &Bench, item: &str, at: Timestamp) -> usize {
    let asked = |delivery: &Delivery| delivery.event().kind.to_string() == "promotion";
    let (missing, others) = found(item, at).into_iter().partition(asked);
    bench.store.note(others, at).await.unwrap();
    started(bench, missing, at).await
}

#[tokio::test]
async fn a_tag_that_comes_beside_a_status_makes_no_news_of_the_status() {
    let bench = Bench::new().await;
    assert_eq!(started(&bench, told(r#""status":"Production","stages":["x"]"#), NOW).await, 1);
    let at = NOW.after(STEP);
    assert_eq!(started(&bench, told(r#""stages":["x","y"]"#), at).await, 1, "of y, and no promotion");
    let at = at.after(STEP);
    assert_eq!(surveyed(&bench, r#""status":"Production","tags":["x","y"]"#, at).await, 0);
    assert_eq!(surveyed(&bench, r#""status":"Staging","tags":["x","y"]"#, at.after(STEP)).await, 0);
    let at = at.after(3 * STEP);
    assert_eq!(surveyed(&bench, r#""status":"Production","tags":[]"#, at).await, 1, "it went and came back");
}

#[tokio::test]
async fn a_scan_that_is_asked_for_beside_a_stage_that_stands_is_started() {
    let bench = Bench::new().await;
    assert_eq!(started(&bench, told(r#""stages":["Production"]"#), NOW).await, 1);
    let both = told(r#""stages":["Production","Scan me"]"#);
    let kinds: Vec<String> = both.iter().map(|delivery| delivery.event().kind.to_string()).collect();
    assert_eq!(kinds, ["promotion", "scan_request"]);
    assert_eq!(started(&bench, both, NOW.after(STEP)).await, 1, "the scan alone");
    let row = bench.store.delivery(3).await.unwrap().unwrap();
    assert_eq!((row.kind.as_str(), row.state.as_str()), ("scan_request", "open"));
    assert_eq!(started(&bench, told(r#""stages":["Production","Scan me"]"#), NOW.after(STEP + MINUTE / 2)).await, 0);
}

#[tokio::test]
async fn a_stage_that_was_taken_away_counts_when_it_is_given_again() {
    let bench = Bench::new().await;
    assert_eq!(started(&bench, told(r#""stages":["Production"]"#), NOW).await, 1);
    started(&bench, told(r#""stages":[]"#), NOW.after(STEP)).await;
    assert_eq!(started(&bench, told(r#""stages":["Production"]"#), NOW.after(2 * STEP)).await, 1);
    // A survey that began before sees nothing that is newer.
    assert_eq!(surveyed(&bench, r#""tags":[],"status":"None""#, NOW.after(STEP)).await, 0);
    assert_eq!(surveyed(&bench, r#""tags":["Production"]"#, NOW.after(3 * STEP)).await, 0);
    assert_eq!(surveyed(&bench, r#""tags":[],"status":"None""#, NOW.after(4 * STEP)).await, 0);
    assert_eq!(surveyed(&bench, r#""tags":["Production"]"#, NOW.after(5 * STEP)).await, 1);
}
