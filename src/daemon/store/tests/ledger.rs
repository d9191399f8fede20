//! What comes back from a registry is compared with what we wrote there.

use scanrelay::event::Fact;
use scanrelay::registry::Registry;

use super::*;
use crate::daemon::store::ledger::Mended;

const VERDICT: &str = "scanrelay.verdict";
const MINUTE: Duration = Duration::from_mins(1);

fn hub() -> Receiver {
    let pointer = |text: &str| scanrelay::registry::generic::Pointer::parse(text).unwrap();
    let mut mapping = scanrelay::registry::generic::Mapping::new(pointer("/kind"));
    mapping.kinds = [
        ("scan".to_owned(), scanrelay::EventKind::ScanRequest),
        ("set".to_owned(), scanrelay::EventKind::TagSet),
        ("unset".to_owned(), scanrelay::EventKind::TagDeleted),
        ("moved".to_owned(), scanrelay::EventKind::StageChanged),
    ]
    .into();
    mapping.id = Some(pointer("/id"));
    mapping.model = Some(pointer("/model"));
    mapping.version = Some(pointer("/version"));
    mapping.stage = Some(pointer("/stage"));
    mapping.tag = Some(pointer("/tag"));
    mapping.tag_value = Some(pointer("/value"));
    let mut generic = scanrelay::registry::Generic::default();
    generic.mapping = Some(mapping);
    let secret = Secret::new("a secret of the store's tests").unwrap();
    let verifier = Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
    Receiver::new("hub", Registry::Generic(Box::new(generic)), verifier)
}

pub(super) fn of_hub(body: &Value) -> Delivery {
    let (receiver, body) = (hub(), body.to_string());
    let headers = receiver.verifier().sign(None, NOW, body.as_bytes()).unwrap();
    let caller = Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    receiver.verify_at(&caller, body.into(), NOW).unwrap()
}

pub(super) fn tag(id: &str, key: &str, value: &str) -> Value {
    json!({ "id": id, "kind": "set", "model": "fraud", "version": "3", "tag": key, "value": value })
}

fn moved(id: &str, stage: &str) -> Value {
    json!({ "id": id, "kind": "moved", "model": "fraud", "version": "3", "stage": stage })
}

fn fact(key: &str, value: &str) -> Fact {
    Fact::new("version:fraud/3", key, value)
}

/// A scan has ended and its report is about to be told; nothing is written yet.
async fn about_to_tell() -> (Bench, Job) {
    let bench = Bench::new().await;
    let asked = json!({ "id": "asked", "kind": "scan", "model": "fraud", "version": "3" });
    assert_eq!(bench.insert(of_hub(&asked), &plan(&["alpha"], &[])).await, Inserted::New(1));
    bench.end("plugin:alpha", voted(Verdict::Safe)).await;
    let report = bench.claim("registry:hub").await;
    assert_eq!(report.phase, Phase::Report);
    (bench, report)
}

/// And it was told, with these facts.
async fn told_with(facts: &[Fact]) -> (Bench, Job) {
    let (bench, report) = about_to_tell().await;
    assert!(bench.store.intend(&report, facts.to_vec(), NOW).await.unwrap());
    bench.settle(&report, told()).await;
    (bench, report)
}

async fn comes(bench: &Bench, body: &Value, at: Timestamp) -> Inserted {
    let intake = Intake { delivery: of_hub(body), plan: Ok(plan(&["alpha"], &[])) };
    bench.store.insert(intake, BOUNDS, at).await.unwrap()
}

fn tampered(by: Mended) -> Aside {
    Aside::Tampered { key: ["tag:", VERDICT].concat(), mended: by }
}

#[tokio::test]
async fn an_echo_is_known_before_its_request_is_answered_and_starts_nothing() {
    let (bench, report) = about_to_tell().await;
    let verdict = fact("tag:scanrelay.verdict", "safe");
    assert!(bench.store.intend(&report, vec![verdict], NOW).await.unwrap());
    let echo = comes(&bench, &tag("echo", VERDICT, "safe"), NOW).await;
    assert_eq!(echo, Inserted::Aside(2, Aside::Echo));
    let row = bench.store.delivery(2).await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("ignored", Some("our own write-back")));
    assert_eq!(bench.standing(2).await.1, Vec::<String>::new());
    // It stays known when we die before the answer, and other tags are nobody's echo.
    let bench = bench.reopen().await;
    assert_eq!(comes(&bench, &tag("again", VERDICT, "safe"), NOW).await, Inserted::Aside(3, Aside::Echo));
    assert_eq!(comes(&bench, &tag("other", "scanrelay.colour", "safe"), NOW).await, Inserted::New(4));
    let elsewhere =
        json!({ "id": "e", "kind": "set", "model": "fraud", "version": "4", "tag": VERDICT, "value": "safe" });
    assert_eq!(comes(&bench, &elsewhere, NOW).await, Inserted::New(5));
    assert!(Moment::open(&bench.path()).unwrap().check().is_empty());
}

#[tokio::test]
async fn nothing_is_written_under_a_lost_lease() {
    let (bench, mut report) = about_to_tell().await;
    report.token -= 1;
    assert!(!bench.store.intend(&report, vec![fact("tag:scanrelay.verdict", "safe")], NOW).await.unwrap());
    assert_eq!(bench.count("select count(*) from written").await, 0);
}

#[tokio::test]
async fn a_changed_key_of_ours_is_put_right_by_the_job_that_wrote_it_once_a_minute() {
    let (bench, report) = told_with(&[fact("tag:scanrelay.verdict", "unsafe")]).await;
    bench.check(1, "done", &["progress hub superseded", "run alpha done", "report hub done"]).await;
    let forged = comes(&bench, &tag("forged", VERDICT, "safe"), NOW).await;
    assert_eq!(forged, Inserted::Aside(2, tampered(Mended::By(report.id))));
    let row = bench.store.delivery(2).await.unwrap().unwrap();
    assert!(row.reason.unwrap().starts_with("tampered: tag:scanrelay.verdict is ours"));
    bench.check(1, "open", &["progress hub superseded", "run alpha done", "report hub due"]).await;
    let again = bench.claim("registry:hub").await;
    assert_eq!((again.id, &again.tell, again.attempts), (report.id, &report.tell, 1));
    assert!(bench.store.intend(&again, vec![fact("tag:scanrelay.verdict", "unsafe")], NOW).await.unwrap());
    bench.settle(&again, told()).await;
    // Who fights is answered once a minute, however often he writes.
    for id in [3, 4] {
        let forged = comes(&bench, &tag(&format!("forged {id}"), VERDICT, "safe"), NOW).await;
        assert_eq!(forged, Inserted::Aside(id, tampered(Mended::By(report.id))));
    }
    assert!(bench.claim_at("registry:hub", 9, NOW.after(MINUTE / 2)).await.jobs.is_empty());
    let again = bench.claim_at("registry:hub", 9, NOW.after(MINUTE)).await.jobs.remove(0);
    assert_eq!((again.id, &again.tell, again.attempts), (report.id, &report.tell, 1));
    assert!(
        bench.store.intend(&again, vec![fact("tag:scanrelay.verdict", "unsafe")], NOW.after(MINUTE)).await.unwrap()
    );
    bench.settle(&again, told()).await;
    bench.check(1, "done", &["progress hub superseded", "run alpha done", "report hub done"]).await;
    assert_eq!(
        comes(&bench, &tag("echo", VERDICT, "unsafe"), NOW.after(MINUTE)).await,
        Inserted::Aside(5, Aside::Echo)
    );
    assert!(Moment::open(&bench.path()).unwrap().check().is_empty());
}

#[tokio::test]
async fn a_tag_that_somebody_removes_is_tampering_and_one_that_we_remove_is_an_echo() {
    let (bench, report) =
        told_with(&[fact("tag:scanrelay.verdict", "safe"), fact("tag:scanrelay.report_url", "")]).await;
    let gone = |id: &str, key: &str| json!({ "id": id, "kind": "unset", "model": "fraud", "version": "3", "tag": key });
    assert_eq!(comes(&bench, &gone("a", "scanrelay.report_url"), NOW).await, Inserted::Aside(2, Aside::Echo));
    assert_eq!(comes(&bench, &gone("b", VERDICT), NOW).await, Inserted::Aside(3, tampered(Mended::By(report.id))));
}

#[tokio::test]
async fn what_is_changed_while_it_is_told_is_told_again() {
    let (bench, report) = about_to_tell().await;
    assert!(bench.store.intend(&report, vec![fact("tag:scanrelay.verdict", "unsafe")], NOW).await.unwrap());
    let forged = comes(&bench, &tag("forged", VERDICT, "safe"), NOW).await;
    assert_eq!(forged, Inserted::Aside(2, tampered(Mended::By(report.id))));
    bench.settle(&report, told()).await;
    bench.check(1, "open", &["progress hub superseded", "run alpha done", "report hub due"]).await;
    let again = bench.claim_at("registry:hub", 9, NOW.after(MINUTE)).await.jobs.remove(0);
    bench.settle(&again, told()).await;
    bench.check(1, "done", &["progress hub superseded", "run alpha done", "report hub done"]).await;
}

#[tokio::test]
async fn a_stage_that_we_set_is_an_echo_and_another_one_is_somebody_s_own_affair() {
    let (bench, _) = told_with(&[fact("stage", "approved")]).await;
    assert_eq!(comes(&bench, &moved("echo", "Approved"), NOW).await, Inserted::Aside(2, Aside::Echo));
    assert_eq!(comes(&bench, &moved("on", "Production"), NOW).await, Inserted::New(3));
    // Not an echo for ever: ours does not stand any more.
    assert_eq!(comes(&bench, &moved("back", "Approved"), NOW).await, Inserted::New(4));
}

#[tokio::test]
async fn what_cannot_be_put_right_says_why() {
    let (bench, report) = about_to_tell().await;
    assert!(bench.store.intend(&report, vec![fact("tag:scanrelay.verdict", "unsafe")], NOW).await.unwrap());
    bench.settle(&report, dead("the registry refused it")).await;
    let why = Mended::Not("the job that told the registry did not end well: retry it");
    assert_eq!(comes(&bench, &tag("forged", VERDICT, "safe"), NOW).await, Inserted::Aside(2, tampered(why)));
    bench.check(1, "dead", &["progress hub superseded", "run alpha done", "report hub dead"]).await;
}
