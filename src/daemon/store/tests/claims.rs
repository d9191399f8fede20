//! A webhook and a catch-up tell of the same change: one delivery.

use scanrelay::registry::{Exchange, Mlflow, Registry, SurveyStep};

use super::ledger::{of_hub, tag};
use super::*;

const MINUTE: Duration = Duration::from_mins(1);

/// What a survey finds that begins then: version 3 of fraud with these tags, which is a change each, after its creation.
fn found(tags: &[(&str, &str)], surveyed_at: Timestamp) -> Vec<Delivery> {
    let registry = Registry::Mlflow(Mlflow::default());
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let versions = json!({ "model_versions": [{ "name": "fraud", "version": "3", "tags": tags }] });
    let mut seen: Vec<Exchange> = Vec::new();
    let findings = loop {
        match registry.survey("hub", &seen) {
            SurveyStep::Send(request) => {
                let is_of_models = request.path.contains("registered-models");
                let answer = if is_of_models { json!({}) } else { versions.clone() };
                seen.push(Exchange::new(request, 200, answer.to_string()));
            }
            SurveyStep::Found(findings) => break findings,
            other => panic!("{other:?}"),
        }
    };
    let secret = Secret::new("another secret").unwrap();
    let verifier = Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
    let mut found = Receiver::new("hub", registry, verifier).found(findings, surveyed_at);
    assert_eq!(found.remove(0).event().change_key.as_deref(), Some("created:fraud/3="));
    found
}

fn one(key: &str, value: &str, surveyed_at: Timestamp) -> Delivery {
    found(&[(key, value)], surveyed_at).remove(0)
}

async fn comes(bench: &Bench, delivery: Delivery, at: Timestamp) -> Inserted {
    let intake = Intake { delivery, plan: Ok(plan(&["alpha"], &[])) };
    bench.store.insert(intake, BOUNDS, at).await.unwrap()
}

#[tokio::test]
async fn the_second_of_webhook_and_catch_up_is_a_duplicate() {
    let bench = Bench::new().await;
    assert_eq!(comes(&bench, of_hub(&tag("a", "status", "approved")), NOW).await, Inserted::New(1));
    let later = NOW.after(MINUTE);
    assert_eq!(comes(&bench, one("status", "approved", later), later).await, Inserted::Duplicate(1));
    assert_eq!(comes(&bench, one("status", "refused", later), later).await, Inserted::New(2));
    let row = bench.store.delivery(2).await.unwrap().unwrap();
    assert_eq!((row.verified_by.as_str(), row.state.as_str()), ("catch-up", "open"));
    // The webhook that the catch-up came before.
    assert_eq!(comes(&bench, of_hub(&tag("b", "status", "refused")), later).await, Inserted::Duplicate(2));
    assert_eq!(
        comes(&bench, one("status", "refused", later.after(MINUTE)), later.after(MINUTE)).await,
        Inserted::Duplicate(2)
    );
    assert!(Moment::open(&bench.path()).unwrap().check().is_empty());
}

#[tokio::test]
async fn a_value_that_is_set_again_with_an_id_of_its_own_is_a_new_change() {
    let bench = Bench::new().await;
    for (id, value, expected) in [("a", "yes", 1), ("b", "yes", 2), ("c", "no", 3), ("d", "yes", 4)] {
        assert_eq!(comes(&bench, of_hub(&tag(id, "status", value)), NOW).await, Inserted::New(expected), "{id}");
    }
    let at = NOW.after(MINUTE);
    assert_eq!(
        comes(&bench, one("status", "yes", at), at).await,
        Inserted::Duplicate(4),
        "the catch-up makes none of it"
    );
}

#[tokio::test]
async fn what_a_survey_saw_before_the_last_webhook_came_is_no_news() {
    let bench = Bench::new().await;
    let begun = NOW;
    assert_eq!(comes(&bench, of_hub(&tag("a", "status", "new")), NOW.after(MINUTE)).await, Inserted::New(1));
    assert_eq!(comes(&bench, one("status", "old", begun), NOW.after(2 * MINUTE)).await, Inserted::Duplicate(1));
    let at = NOW.after(3 * MINUTE);
    assert_eq!(comes(&bench, one("status", "new", at), at).await, Inserted::Duplicate(1));
}

#[tokio::test]
async fn what_stood_at_first_sight_starts_nothing_and_a_webhook_of_it_does() {
    let bench = Bench::new().await;
    assert!(bench.store.is_new("hub".to_owned()).await.unwrap());
    bench.store.survey_begins("hub".to_owned(), NOW).await.unwrap();
    let all = found(&[("status", "approved"), ("owner", "ada")], NOW);
    assert!(bench.store.note(all, NOW).await.unwrap().is_empty());
    bench.store.survey_ended("hub".to_owned(), Ok(Looked { seen: 2, ..Looked::default() }), NOW).await.unwrap();
    assert!(!bench.store.is_new("hub".to_owned()).await.unwrap());
    assert_eq!(bench.count("select count(*) from claimed where delivery is null").await, 2);
    let later = NOW.after(MINUTE);
    assert_eq!(comes(&bench, one("status", "approved", later), later).await, Inserted::Noted);
    assert_eq!(comes(&bench, of_hub(&tag("a", "status", "approved")), later).await, Inserted::New(1));
    assert_eq!(bench.count("select count(*) from delivery").await, 1);
}

#[tokio::test]
async fn a_survey_that_failed_was_no_first_sight() {
    let bench = Bench::new().await;
    bench.store.survey_begins("hub".to_owned(), NOW).await.unwrap();
    bench.store.survey_ended("hub".to_owned(), Err("answered 503".to_owned()), NOW).await.unwrap();
    assert!(bench.store.is_new("hub".to_owned()).await.unwrap());
    let rows = bench.store.surveys().await.unwrap();
    assert_eq!((rows.len(), rows[0].failure.as_deref()), (1, Some("answered 503")));
}

#[tokio::test]
async fn a_survey_finds_what_somebody_made_of_our_tags() {
    let bench = Bench::new().await;
    let asked = json!({ "id": "asked", "kind": "scan", "model": "fraud", "version": "3" });
    assert_eq!(comes(&bench, of_hub(&asked), NOW).await, Inserted::New(1));
    bench.end("plugin:alpha", voted(Verdict::Unsafe)).await;
    let report = bench.claim("registry:hub").await;
    let facts = vec![scanrelay::event::Fact::new("version:fraud/3", "tag:scanrelay.verdict", "unsafe")];
    assert!(bench.store.intend(&report, facts, NOW).await.unwrap());
    bench.settle(&report, told()).await;
    let later = NOW.after(MINUTE);
    let ours = found(&[("scanrelay.verdict", "unsafe")], later);
    assert!(bench.store.note(ours, later).await.unwrap().is_empty());
    assert_eq!(
        bench.count("select count(*) from claimed where aspect like 'tag:%'").await,
        0,
        "an echo claims nothing"
    );
    let mut forged = bench.store.note(found(&[("scanrelay.verdict", "safe")], later), later).await.unwrap();
    let Inserted::Aside(_, aside) = comes(&bench, forged.remove(0), later).await else { panic!("it is tampering") };
    assert!(aside.in_words().contains("tells the registry again"), "{aside:?}");
}
