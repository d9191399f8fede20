//! What becomes of a request: a delivery with its key, or an error with its status, in this order.

use super::*;
use crate::registry::{Verta, Wandb};
use crate::signature::{HmacScheme, SignedContent};
use crate::{EventKind, Scheme, Secret};

const NOW: Timestamp = Timestamp::from_millis(1_669_852_800_000);
const PROMOTE: &str = r#"{"event_uuid":"6f1c","event_type":"PROMOTE","new_entity":{"model_version":{"id":"1001"}}}"#;
const WHSEC: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// The headers of one request.
type Headers = Vec<(String, String)>;

fn receiver(scheme: Scheme, secrets: &[&str]) -> Receiver {
    let secrets = secrets.iter().map(|secret| Secret::new(*secret).unwrap()).collect();
    let verifier = Verifier::new(scheme, secrets, Verifier::DEFAULT_TOLERANCE).unwrap();
    Receiver::new("verta", Registry::Verta(Verta::default()), verifier)
}

fn github() -> Receiver {
    receiver(Scheme::github(), &["hunter2"])
}

fn caller(headers: &Headers) -> Caller<'_> {
    Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
}

/// Signed as its sender would, under that id, with more headers behind.
fn delivered(receiver: &Receiver, id: &str, more: &[(&str, &str)], body: &str) -> Delivery {
    let mut headers = receiver.verifier().sign(Some(id), NOW, body.as_bytes()).unwrap();
    headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    receiver.verify_at(&caller(&headers), Bytes::from(body.to_owned()), NOW).unwrap()
}

/// The kind of event that a signed body becomes, or why it becomes none.
fn check(body: impl AsRef<[u8]>, expected: Result<&str, BodyError>) {
    let (body, receiver) = (body.as_ref(), github());
    let headers = receiver.verifier().sign(None, NOW, body).unwrap();
    let got = receiver.verify_at(&caller(&headers), Bytes::copy_from_slice(body), NOW);
    let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
    match (got, expected) {
        (Ok(delivery), Ok(kind)) => assert_eq!(delivery.event().kind.to_string(), kind, "{shown}"),
        (Err(error), Err(expected)) => {
            assert_eq!(error, ReceiveError::Body(expected), "{shown}");
            assert_eq!((error.status(), error.word()), (400, "bad_body"), "{shown}");
        }
        (got, expected) => panic!("{shown}: {:?}, not {expected:?}", got.map(|delivery| delivery.event().kind.clone())),
    }
}

#[test]
fn any_object_is_an_event_and_what_we_do_not_know_is_other() {
    check(PROMOTE, Ok("promotion"));
    check("{}", Ok("other(CREATE)"));
    check(r#" {"hello":"world"} "#, Ok("other(CREATE)"));
    check(r#"{"event_type":"RENAME"}"#, Ok("other(RENAME)"));
    check(r#"{"new_entity":"text"}"#, Ok("other(unreadable)"));
    check(format!("{{\"a\":{}{}}}", "[".repeat(127), "]".repeat(127)), Ok("other(CREATE)"));
}

#[test]
fn a_signed_body_is_one_object_of_text() {
    check("", Err(BodyError::NotJson(1, 1)));
    check("payload=%7B%7D", Err(BodyError::NotJson(1, 1)));
    check("\u{feff}{}", Err(BodyError::NotJson(1, 1)));
    check(&PROMOTE[..PROMOTE.len() - 1], Err(BodyError::NotJson(1, PROMOTE.len() - 1)));
    check("{\n\"a\":}", Err(BodyError::NotJson(2, 5)));
    check("{}{}", Err(BodyError::NotJson(1, 3)));
    check("{\"a\":NaN}", Err(BodyError::NotJson(1, 6)));
    check(b"{\"a\":\"\xe9\"}", Err(BodyError::NotUtf8));
    check(b"\xff\xfe{\0}\0", Err(BodyError::NotUtf8));
    for no_object in ["[]", "[{}]", "null", "\"{}\"", "1"] {
        check(no_object, Err(BodyError::NotAnObject));
    }
}

#[test]
fn a_signed_body_is_not_deep_and_has_no_key_twice() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    check(nested(129), Err(BodyError::TooDeep));
    check(nested(100_000), Err(BodyError::TooDeep));
    check("[".repeat(100_000), Err(BodyError::NotJson(1, 1)));
    check("{\"a\":".repeat(100_000), Err(BodyError::TooDeep));
    check(r#"{"event_type":"READ","event_type":"PROMOTE"}"#, Err(BodyError::RepeatedKey));
    check(r#"{"event_type":"READ","event\u005ftype":"PROMOTE"}"#, Err(BodyError::RepeatedKey));
    check(r#"{"unknown":[{"a":1,"a":1}]}"#, Err(BodyError::RepeatedKey));
}

#[test]
fn the_signature_comes_before_the_body() {
    let receiver = github();
    let good = receiver.verifier().sign(None, NOW, PROMOTE.as_bytes()).unwrap();
    let mut twice = good.clone();
    twice.extend(good.clone());
    let hub = || "X-Hub-Signature-256".to_owned();
    let table: [(Headers, VerifyError); 4] = [
        (Vec::new(), VerifyError::Missing(hub())),
        (vec![(hub(), " ".into())], VerifyError::Empty(hub())),
        (twice, VerifyError::Repeated(hub())),
        (good.clone(), VerifyError::Mismatch(hub())),
    ];
    // Each body has a fault of its own, of which nobody hears who has not signed it.
    for body in
        [&b""[..], b"[]", b"{\"a\":1,\"a\":2}", b"\xff", "[".repeat(100_000).as_bytes(), &PROMOTE.as_bytes()[1..]]
    {
        for (headers, expected) in &table {
            let error = receiver.verify_at(&caller(headers), Bytes::copy_from_slice(body), NOW).unwrap_err();
            assert_eq!(error, ReceiveError::Unverified(expected.clone()));
            assert_eq!((error.status(), error.word()), (401, "unverified"));
            assert!(!error.to_string().contains("sha256="), "{error}");
        }
    }
    assert!(receiver.verify_at(&caller(&good), PROMOTE.into(), NOW).is_ok());
}

#[test]
fn a_delivery_out_of_time_is_not_verified() {
    let receiver = receiver(Scheme::standard_webhooks(), &[WHSEC]);
    let headers = receiver.verifier().sign(Some("msg_1"), NOW, b"[]").unwrap();
    let status = |now| receiver.verify_at(&caller(&headers), "[]".into(), now).unwrap_err().status();
    assert_eq!(status(NOW.after(Duration::from_mins(6))), 401, "before the body is read");
    assert_eq!(status(NOW.after(Duration::from_mins(5))), 400);
}

#[test]
fn any_of_several_secrets_verifies_and_the_delivery_tells_which() {
    let sender = receiver(Scheme::github(), &["old"]);
    let headers = sender.verifier().sign(None, NOW, PROMOTE.as_bytes()).unwrap();
    let verified = |secrets: &[&str]| {
        let delivery = receiver(Scheme::github(), secrets).verify_at(&caller(&headers), PROMOTE.into(), NOW);
        delivery.map(|delivery| delivery.verified().secret).map_err(|error| error.status())
    };
    assert_eq!(verified(&["old"]), Ok(0));
    assert_eq!(verified(&["new", "old"]), Ok(1));
    assert_eq!(verified(&["new", "newer"]), Err(401));
}

#[test]
fn a_token_proves_the_sender_and_not_the_body() {
    let receiver = receiver(Scheme::token("Authorization"), &["hunter2"]);
    let with = |value: &str| {
        let headers = vec![("authorization".to_owned(), value.to_owned())];
        receiver.verify_at(&caller(&headers), PROMOTE.into(), NOW)
    };
    let delivery = with("Bearer hunter2").unwrap();
    assert_eq!((delivery.verified().body, delivery.event().kind.clone()), (false, EventKind::Promotion));
    assert_eq!(with("Bearer hunter3").unwrap_err().status(), 401);
    assert!(!format!("{delivery:?}").contains("hunter"));
}

#[test]
fn a_secret_in_the_path_verifies_nothing_by_itself() {
    let headers = Vec::new();
    let caller = caller(&headers).with_path_secret("hunter2").with_certificate(b"hunter2");
    assert_eq!(github().verify_at(&caller, PROMOTE.into(), NOW).unwrap_err().status(), 401);
}

#[test]
fn the_key_is_a_signed_id_else_the_bodys_id_else_the_body() {
    let (github, standard) = (github(), receiver(Scheme::standard_webhooks(), &[WHSEC]));
    let token = receiver(Scheme::token("X-Token"), &["hunter2"]);
    let key = |receiver: &Receiver, id: &str, body: &str| delivered(receiver, id, &[], body).key();
    let renamed = PROMOTE.replace("6f1c", "7a2d");
    let changed = PROMOTE.replace("1001", "1002");
    let (bare, other) = ("{\"event_type\":\"READ\"}", "{\"event_type\": \"READ\"}");

    // A signed id.
    assert_eq!(key(&standard, "msg_1", PROMOTE), key(&standard, "msg_1", &renamed));
    assert_ne!(key(&standard, "msg_1", PROMOTE), key(&standard, "msg_2", PROMOTE));
    // An id in the body: the same with another body, which is for the store to tell.
    for receiver in [&github, &token] {
        assert_eq!(key(receiver, "", PROMOTE), key(receiver, "", &changed));
        assert_ne!(key(receiver, "", PROMOTE), key(receiver, "", &renamed));
        assert_eq!(key(receiver, "", bare), key(receiver, "", bare));
        assert_ne!(key(receiver, "", bare), key(receiver, "", other), "not one byte less than the same");
    }
    // What one sender calls an id is no other's body or header.
    assert_ne!(key(&standard, "6f1c", bare), key(&github, "", PROMOTE));
    assert_eq!(key(&github, "", PROMOTE), key(&token, "", PROMOTE));
    assert_eq!(*key(&github, "", PROMOTE).as_bytes(), DedupeKey::of("body id", b"6f1c").0);
}

#[test]
fn an_id_that_is_not_signed_is_for_display_only() {
    let github = github();
    let bare = "{\"event_type\":\"READ\"}";
    let sent = |id: &str| delivered(&github, "", &[("X-GitHub-Delivery", id), ("webhook-id", id)], bare);
    let (one, two) = (sent("1"), sent("2"));
    assert_eq!(one.key(), two.key());
    assert_eq!(one.verified().id, None);
    assert_ne!(one.headers(), two.headers());
    assert!(one.headers().contains(&("x-github-delivery".to_owned(), "1".to_owned())), "{:?}", one.headers());
}

#[test]
fn a_key_is_remembered_as_long_as_its_bytes_can_come_again() {
    let mut timed = HmacScheme::new("X-Signature");
    timed.timestamp_header = Some("X-Time".into());
    timed.signed = SignedContent::parse("{timestamp}.{body}").unwrap();
    let bare = "{\"event_type\":\"READ\"}";
    let table = [
        (receiver(Scheme::standard_webhooks(), &[WHSEC]), PROMOTE, 7 * DAY),
        (receiver(Scheme::Hmac(timed), &["hunter2"]), bare, 7 * DAY),
        (github(), PROMOTE, 400 * DAY),
        (github(), bare, 400 * DAY),
        (receiver(Scheme::token("X-Token"), &["hunter2"]), PROMOTE, 400 * DAY),
        (receiver(Scheme::token("X-Token"), &["hunter2"]), bare, Duration::from_mins(1)),
    ];
    for (receiver, body, expected) in table {
        let scheme = receiver.verifier().scheme().clone();
        assert_eq!(delivered(&receiver, "msg_1", &[], body).remember(), expected, "{scheme:?} {body}");
    }
    let secrets = vec![Secret::new("hunter2").unwrap()];
    let wandb = Verifier::new(Scheme::wandb(), secrets, Verifier::DEFAULT_TOLERANCE).unwrap();
    let wandb = Receiver::new("wandb", Registry::Wandb(Wandb::default()), wandb);
    // An alias that goes away and comes back: the bytes are the same, and the promotion is another one.
    let again = r#"{"event_type":"ADD_ARTIFACT_ALIAS","alias":"production"}"#;
    assert_eq!(delivered(&wandb, "msg_1", &[], again).remember(), Duration::from_mins(1));
    let secrets = vec![Secret::new(WHSEC).unwrap()];
    let patient = Verifier::new(Scheme::standard_webhooks(), secrets, 5 * DAY).unwrap();
    let patient = Receiver::new("verta", Registry::Verta(Verta::default()), patient);
    assert_eq!(delivered(&patient, "msg_1", &[], bare).remember(), 10 * DAY);
}

#[test]
fn few_headers_are_kept_and_no_signature() {
    let long = "x".repeat(257);
    let sent = [
        ("Content-Type", "application/json"),
        ("User-Agent", "verta"),
        ("Cookie", "hunter2"),
        ("Authorization", "hunter2"),
        ("X-GitHub-Event", &long),
    ];
    let kept = delivered(&github(), "", &sent, PROMOTE);
    let expected = [("content-type", "application/json"), ("user-agent", "verta")];
    assert_eq!(kept.headers(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

    let odd = receiver(Scheme::token("User-Agent"), &["hunter2"]);
    assert_eq!(delivered(&odd, "", &[], PROMOTE).headers(), [], "a token is not kept, whatever its header is called");
}

#[test]
fn a_trace_is_taken_in_when_it_is_well_formed_and_refuses_nothing_when_not() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let check = |sent: &[&str], taken: Option<&str>| {
        let headers: Vec<(&str, &str)> = sent.iter().map(|trace| ("Traceparent", *trace)).collect();
        let delivery = delivered(&github(), "", &headers, PROMOTE);
        assert_eq!(delivery.trace().map(|trace| trace.to_string()).as_deref(), taken, "{sent:?}");
        let kept = delivery.headers().iter().find(|(name, _)| name == "traceparent").map(|(_, value)| value.as_str());
        assert_eq!(kept, taken, "{sent:?}");
    };
    check(&[], None);
    check(&[TRACE], Some(TRACE));
    check(&[&format!("01-{}-more", &TRACE[3..])], Some(TRACE));
    check(&[TRACE, TRACE], None);
    check(&["", TRACE], None);
    check(&[&TRACE.to_uppercase()], None);
    check(&[&format!("{TRACE} ")], None);
    let token = receiver(Scheme::token("traceparent"), &[TRACE]);
    let delivery = delivered(&token, "", &[], PROMOTE);
    assert_eq!((delivery.trace(), delivery.headers()), (None, &[][..]), "a token is not kept");
}

#[test]
fn a_delivery_is_what_was_sent() {
    let receiver = github();
    let headers = receiver.verifier().sign(None, NOW, PROMOTE.as_bytes()).unwrap();
    let peer = IpAddr::from([192, 0, 2, 7]);
    let delivery = receiver.verify_at(&caller(&headers).with_peer(peer), PROMOTE.into(), NOW).unwrap();
    assert_eq!(delivery.body(), PROMOTE.as_bytes());
    assert_eq!(delivery.peer(), Some(peer));
    assert_eq!(delivery.event().registry, receiver.name());
    assert_eq!(delivery.event().raw.as_ref().map(crate::event::Payload::as_str), Some(PROMOTE));
    assert_eq!(delivery.verified().scheme, "github");
    let shown = format!("{delivery:?} {receiver:?}");
    assert!(shown.contains("Promotion"), "{shown}");
    assert!(!shown.contains("event_uuid") && !shown.contains("hunter"), "{shown}");
}
