//! A registry's steps against a real HTTP server.

use scanrelay::plugin::Verdict;
use scanrelay::registry::{Outcome as Told, Verta};
use scanrelay::{Event, EventKind, Stage};
use url::Url;

use super::*;
use crate::daemon::job::registry_queue;
use crate::daemon::writeback::Target;
use crate::daemon::writeback::script::{Reply, Script, answer};

const PUT: &str = "PUT /api/v1/deployment/workspace/acme/builds/5150/scan";
const READ: &str = "GET /api/v1/registry/model_versions/10";

fn peer(script: &Script, confirm: bool) -> Peer {
    // As the command does at its start; another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let target = Target {
        key: "registries.verta".to_owned(),
        url: Url::parse(&script.url()).unwrap(),
        credentials: Vec::new(),
        timeout: Duration::from_mins(1),
        max_answer: 1 << 20,
        authority: None,
        proxy: None,
    };
    let mut verta = Verta::default();
    verta.workspace = Some("acme".to_owned());
    Peer::new(Registry::Verta(verta), Writeback::new(&target).unwrap(), confirm)
}

fn job(phase: Phase, event: Event, tell: Option<Told>) -> Job {
    Job {
        id: 7,
        delivery: 3,
        phase,
        name: "verta".to_owned(),
        queue: registry_queue("verta"),
        token: 1,
        attempts: 1,
        deferrals: 0,
        run_id: "store-7".to_owned(),
        checkpoint: None,
        tell,
        event,
        body: bytes::Bytes::new(),
        trace: None,
        on_waivers: false,
    }
}

/// Says that build 5150 is safe.
fn report() -> Job {
    let mut event = Event::new(EventKind::ScanRequest, "verta");
    event.build.id = Some("5150".to_owned());
    job(Phase::Report, event, Some(Told::Scanned { verdict: Verdict::Safe, summary: None, url: None, at: None }))
}

/// Asks whether version 10 is still in production.
fn confirmation() -> Job {
    let mut event = Event::new(EventKind::Promotion, "verta");
    event.version.id = Some("10".to_owned());
    event.change.stage_to = Some(Stage::new("PRODUCTION"));
    job(Phase::Confirm, event, None)
}

/// A ledger that takes nothing.
fn nobody() -> mpsc::Sender<Intent> {
    mpsc::channel(1).0
}

/// The job comes to this, with these requests and no other.
async fn check(job: &Job, replies: impl IntoIterator<Item = Reply>, expected: Outcome, requests: &[&str]) {
    let mut script = Script::new(replies);
    let outcome = peer(&script, true).tell(job, &nobody(), &CancellationToken::new()).await;
    assert_eq!(outcome, expected);
    assert_eq!(script.rest(), requests);
}

fn unreachable(reason: &str, retry_after: Option<u64>) -> Outcome {
    Outcome::Unreachable { reason: reason.to_owned(), retry_after: retry_after.map(Duration::from_secs) }
}

#[tokio::test]
async fn what_the_registry_took_is_told_and_stands_in_the_ledger() {
    let body = r#"{"scan_external_results":{"safety_status":"safe"},"scan_status":"scanned"}"#;
    let told = Outcome::Told(vec![Written { key: PUT.to_owned(), value: body.to_owned() }]);
    let stands = || answer(200, "", r#"{"scan_status":"scanned","safety_status":"safe"}"#);
    check(&report(), [stands()], told.clone(), &[PUT]).await;
    // An answer that says nothing is looked up; looking up writes nothing.
    check(&report(), [answer(200, "", "{}"), stands()], told, &[PUT, &PUT.replace("PUT", "GET")]).await;
}

#[tokio::test]
async fn what_is_no_answer_of_the_registry_is_not_told() {
    let reason = format!("{PUT} was answered 200 with what is no answer of this registry");
    for body in ["<html>log in</html>", "", "[]", "null"] {
        check(&report(), [answer(200, "", body)], unreachable(&reason, None), &[PUT]).await;
    }
    let other = answer(200, "", r#"{"scan_status":"scanned","safety_status":"unsafe"}"#);
    let reason = "the registry answered 2xx, but the build does not stand as safe";
    check(&report(), [other], unreachable(reason, None), &[PUT]).await;
}

#[tokio::test]
async fn what_may_be_better_later_is_unreachable_now() {
    let busy = format!("{PUT} was answered 503");
    check(&report(), [answer(503, "Retry-After: 90\r\n", "busy")], unreachable(&busy, Some(90)), &[PUT]).await;
    check(&report(), [answer(503, "", "")], unreachable(&busy, None), &[PUT]).await;
    let denied = format!("{PUT} was answered 401: the credentials are not accepted");
    check(&report(), [answer(401, "", "{}")], unreachable(&denied, None), &[PUT]).await;
    // The second answer's wait is the one that counts.
    let read = PUT.replace("PUT", "GET");
    let replies = [answer(200, "Retry-After: 1\r\n", "{}"), answer(429, "Retry-After: 2\r\n", "")];
    check(&report(), replies, unreachable(&format!("{read} was answered 429"), Some(2)), &[PUT, &read]).await;
}

#[tokio::test]
async fn what_stays_as_it_is_is_refused() {
    let reason = format!("{PUT} was answered 422");
    check(&report(), [answer(422, "", "{}")], Outcome::Refused(reason), &[PUT]).await;
    let nothing = Outcome::Refused("the job does not say what to tell".to_owned());
    check(&job(Phase::Report, report().event, None), [answer(200, "", "{}")], nothing, &[]).await;
}

#[tokio::test]
async fn a_promotion_is_confirmed_by_the_registry() {
    let stage = |stage: &str| answer(200, "", &format!(r#"{{"model_version":{{"stage":"{stage}"}}}}"#));
    check(&confirmation(), [stage("PRODUCTION")], Outcome::Confirmed, &[READ]).await;
    let moved = Outcome::NotConfirmed("the version is at archived now, not at production".to_owned());
    check(&confirmation(), [stage("ARCHIVED")], moved, &[READ]).await;
    let gone = Outcome::NotConfirmed("the registry does not know the version any more".to_owned());
    check(&confirmation(), [answer(404, "", "{}")], gone, &[READ]).await;
    let down = unreachable(&format!("{READ} was answered 500"), None);
    check(&confirmation(), [answer(500, "", "")], down, &[READ]).await;
}

#[tokio::test]
async fn where_nothing_is_confirmed_nobody_is_asked() {
    let mut script = Script::new([answer(404, "", "{}")]);
    let outcome = peer(&script, false).tell(&confirmation(), &nobody(), &CancellationToken::new()).await;
    assert_eq!((outcome, script.rest().len()), (Outcome::Confirmed, 0));
}

#[tokio::test]
async fn a_shutdown_ends_the_wait_for_an_answer() {
    let mut script = Script::new([Reply::Silence]);
    let (peer, job, stop) = (peer(&script, true), report(), CancellationToken::new());
    let nobody = nobody();
    let (outcome, ()) = tokio::join!(peer.tell(&job, &nobody, &stop), async {
        script.asked().await;
        stop.cancel();
    });
    assert_eq!(outcome, Outcome::Drained);
}
