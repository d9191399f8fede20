//! The extractor in a real service: what a request is answered, and in which order its faults are told.

use actix_web::App;
use actix_web::body::MessageBody as _;
use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, header};
use actix_web::test::{TestRequest, call_service, init_service};
use futures_util::stream;
use serde_json::Value;

use super::*;
use crate::registry::Verta;
use crate::{Registry, Scheme, Secret, Verifier};

const NOW: Timestamp = Timestamp::from_millis(1_669_852_800_000);
const HUB: &str = "X-Hub-Signature-256";
const LIMIT: usize = 200;
const PROMOTE: &[u8] = br#"{"event_uuid":"6f1c","event_type":"PROMOTE","new_entity":{"model_version":{"id":"1001"}}}"#;

async fn accept(Webhook(delivery): Webhook) -> HttpResponse {
    HttpResponse::Accepted().body(delivery.event().kind.to_string())
}

fn receiver() -> Receiver {
    let secret = Secret::new("hunter2").unwrap();
    let verifier = Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
    Receiver::new("verta", Registry::Verta(Verta::default()), verifier)
}

fn intake() -> Intake {
    Intake::new(Arc::new(receiver())).with_max_body(LIMIT).with_clock(|| NOW)
}

fn signature(body: &[u8]) -> String {
    receiver().verifier().sign(None, NOW, body).unwrap().remove(0).1
}

/// A POST of JSON, not signed yet.
fn post(body: &'static [u8]) -> TestRequest {
    TestRequest::post().uri("/hooks/verta").insert_header((CONTENT_TYPE, "application/json")).set_payload(body)
}

fn signed(body: &'static [u8]) -> TestRequest {
    post(body).insert_header((HUB, signature(body)))
}

async fn answered(intake: Intake, request: TestRequest) -> ServiceResponse {
    let hook = web::resource("/hooks/verta").app_data(web::Data::new(intake)).route(web::post().to(accept));
    call_service(&init_service(App::new().service(hook)).await, request.to_request()).await
}

/// The same with a payload that comes piece by piece and announces no length.
async fn streamed<S>(intake: Intake, request: TestRequest, chunks: S) -> Result<Webhook, WebhookError>
where
    S: futures_util::Stream<Item = Result<Bytes, actix_web::error::PayloadError>> + 'static,
{
    let request = request.app_data(web::Data::new(intake)).to_http_request();
    let chunks: std::pin::Pin<Box<dyn futures_util::Stream<Item = _>>> = Box::pin(chunks);
    Webhook::from_request(&request, &mut Payload::from(chunks)).await
}

fn body_of(response: ServiceResponse) -> (StatusCode, String) {
    let status = response.status();
    let Ok(body) = response.into_body().try_into_bytes() else { panic!("the body is at hand") };
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Expected is the status and the word of the error, or the kind of the event that the handler got.
async fn check(request: TestRequest, expected: (u16, &str)) {
    let (status, body) = body_of(answered(intake(), request).await);
    let got = match serde_json::from_str::<Value>(&body) {
        Ok(error) => {
            let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["error", "message"], "{body}");
            assert!(!error["message"].as_str().unwrap().is_empty(), "{body}");
            error["error"].as_str().unwrap().to_owned()
        }
        Err(_) => body.clone(),
    };
    assert_eq!((status.as_u16(), got.as_str()), expected, "{body}");
    assert!(!body.contains("hunter") && !body.contains("sha256="), "{body}");
}

#[tokio::test]
async fn a_signed_delivery_reaches_the_handler() {
    check(signed(PROMOTE), (202, "promotion")).await;
    let content_type = |value: &str| signed(PROMOTE).insert_header((CONTENT_TYPE, value));
    check(content_type("application/json; charset=utf-8"), (202, "promotion")).await;
    check(content_type("APPLICATION/JSON"), (202, "promotion")).await;
    check(signed(PROMOTE).insert_header((CONTENT_ENCODING, "identity")), (202, "promotion")).await;
}

#[tokio::test]
async fn another_method_is_405_and_is_told_which_is_allowed() {
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        // Whatever else is wrong with it.
        let request = TestRequest::with_uri("/hooks/verta").method(method.clone()).insert_header((CONTENT_TYPE, "x"));
        let response = answered(intake(), request).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        let allow = response.headers().get(header::ALLOW).map(|value| value.to_str().unwrap());
        assert_eq!(allow, Some("POST"), "{method}");
    }
}

#[tokio::test]
async fn what_is_not_json_as_it_stands_is_415() {
    let unsupported = (415, "unsupported_media_type");
    for media_type in ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonp", "application/json,x"]
    {
        check(signed(PROMOTE).insert_header((CONTENT_TYPE, media_type)), unsupported).await;
    }
    let bare = TestRequest::post().uri("/hooks/verta").set_payload(PROMOTE).insert_header((HUB, signature(PROMOTE)));
    check(bare, unsupported).await;
    for encoding in ["gzip", "br", "deflate", "identity, gzip", "gzip, identity", ""] {
        check(signed(PROMOTE).insert_header((CONTENT_ENCODING, encoding)), unsupported).await;
    }
    let twice = signed(PROMOTE).append_header((CONTENT_ENCODING, "identity")).append_header((CONTENT_ENCODING, "gzip"));
    check(twice, unsupported).await;
    for media_types in [["application/json", "text/plain"], ["text/plain", "application/json"]] {
        let bare = TestRequest::post().uri("/hooks/verta").set_payload(PROMOTE);
        let twice = media_types.iter().fold(bare, |request, value| request.append_header((CONTENT_TYPE, *value)));
        check(twice.insert_header((HUB, signature(PROMOTE))), unsupported).await;
    }
}

#[tokio::test]
async fn an_announced_length_over_the_limit_is_413_before_anything_is_read() {
    let never = stream::pending();
    let request = signed(PROMOTE).insert_header((CONTENT_LENGTH, LIMIT + 1));
    let error = streamed(intake(), request, never).await.unwrap_err();
    assert_eq!((error.status_code().as_u16(), error.word()), (413, "body_too_large"));
    assert!(!error.error_response().head().keep_alive(), "nobody reads the rest");
}

#[tokio::test]
async fn a_body_that_grows_over_the_limit_is_413() {
    static AT: [u8; LIMIT] = [b' '; LIMIT];
    static OVER: [u8; LIMIT + 1] = [b' '; LIMIT + 1];
    check(signed(&AT), (400, "bad_body")).await;
    check(signed(&OVER), (413, "body_too_large")).await;

    // In pieces, to the byte: what fits is read, and found to be unsigned.
    for (length, expected) in [(LIMIT, 401), (LIMIT + 1, 413)] {
        let pieces = [vec![b' '; LIMIT - 1], vec![b' '; length + 1 - LIMIT]].map(|piece| Ok(Bytes::from(piece)));
        let error = streamed(intake(), signed(PROMOTE), stream::iter(pieces)).await.unwrap_err();
        assert_eq!(error.status_code().as_u16(), expected, "{length} bytes");
    }
    // Without a length, and without an end: it is given up at the first byte too many.
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(b"        ")));
    let error = streamed(intake(), signed(PROMOTE), endless).await.unwrap_err();
    assert_eq!((error.status_code().as_u16(), error.word()), (413, "body_too_large"));
}

#[tokio::test]
async fn a_body_may_come_in_pieces() {
    let pieces: Vec<_> = PROMOTE.chunks(7).map(|piece| Ok(Bytes::from_static(piece))).collect();
    let Webhook(delivery) = streamed(intake(), signed(PROMOTE), stream::iter(pieces)).await.unwrap();
    assert_eq!(delivery.body(), PROMOTE);
    assert_eq!(delivery.peer(), None);
}

#[tokio::test]
async fn a_body_that_breaks_off_or_never_ends_is_no_delivery() {
    let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(actix_web::error::PayloadError::Incomplete(None))]);
    let error = streamed(intake(), signed(PROMOTE), broken).await.unwrap_err();
    assert_eq!((error.status_code().as_u16(), error.word()), (400, "bad_body"));

    let impatient = intake().with_read_timeout(Duration::ZERO);
    let error = streamed(impatient, signed(PROMOTE), stream::pending()).await.unwrap_err();
    assert_eq!((error.status_code().as_u16(), error.word()), (408, "timeout"));
}

#[tokio::test]
async fn what_is_not_verified_is_401() {
    let unverified = (401, "unverified");
    check(post(PROMOTE), unverified).await;
    check(post(PROMOTE).insert_header((HUB, "")), unverified).await;
    check(post(PROMOTE).insert_header((HUB, "sha256=")), unverified).await;
    check(post(PROMOTE).insert_header((HUB, signature(b"{}"))), unverified).await;
    check(post(PROMOTE).insert_header((HUB, &signature(PROMOTE)[..70])), unverified).await;
    check(signed(PROMOTE).append_header((HUB, signature(PROMOTE))), unverified).await;
}

#[tokio::test]
async fn what_is_signed_and_no_event_is_400() {
    for body in [&b""[..], b"[]", b"{\"a\":1", b"{\"a\":1,\"a\":1}", b"\xff"] {
        check(signed(body), (400, "bad_body")).await;
    }
}

#[tokio::test]
async fn of_several_faults_the_first_in_order_is_told() {
    static OVER: [u8; LIMIT + 1] = [b' '; LIMIT + 1];
    check(post(&OVER).insert_header((CONTENT_TYPE, "text/plain")), (415, "unsupported_media_type")).await;
    check(post(&OVER).insert_header((CONTENT_ENCODING, "gzip")), (415, "unsupported_media_type")).await;
    check(post(&OVER), (413, "body_too_large")).await;
    check(post(b"[]"), (401, "unverified")).await;
    check(signed(b"[]"), (400, "bad_body")).await;
}

#[tokio::test]
async fn a_resource_without_an_intake_is_a_fault_of_the_program() {
    let hook = web::resource("/hooks/verta").route(web::post().to(accept));
    let service = init_service(App::new().service(hook)).await;
    let (status, body) = body_of(call_service(&service, signed(PROMOTE).to_request()).await);
    assert_eq!((status.as_u16(), body.contains("internal")), (500, true), "{body}");
}

#[tokio::test]
async fn the_peer_comes_with_the_delivery() {
    let request = signed(PROMOTE).peer_addr(([192, 0, 2, 7], 40000).into());
    let pieces = stream::iter([Ok(Bytes::from_static(PROMOTE))]);
    let Webhook(delivery) = streamed(intake(), request, pieces).await.unwrap();
    assert_eq!(delivery.peer(), Some([192, 0, 2, 7].into()));
}

#[test]
fn an_intake_prints_no_secret() {
    let shown = format!("{:?}", intake());
    assert!(shown.contains("verta") && !shown.contains("hunter"), "{shown}");
}

#[tokio::test]
async fn who_asks_is_told_of_each_refusal_and_of_nothing_else() {
    static OVER: [u8; LIMIT + 1] = [b' '; LIMIT + 1];
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noting = || {
        let told = Arc::clone(&told);
        intake().with_refused(move |refused| {
            assert_eq!((refused.receiver.name(), refused.at), ("verta", NOW));
            let body = refused.body.map(Bytes::len);
            told.lock().unwrap().push((refused.error.status(), body, refused.caller.headers().count()));
            Some("r-1".to_owned())
        })
    };
    let requests = [
        signed(PROMOTE),
        post(PROMOTE),
        signed(b"[]"),
        post(&OVER),
        post(b"").insert_header((CONTENT_TYPE, "text/plain")),
    ];
    let mut answers = Vec::new();
    for request in requests {
        let (status, body) = body_of(answered(noting(), request).await);
        let id =
            serde_json::from_str::<Value>(&body).ok().and_then(|body| body["rejection"].as_str().map(str::to_owned));
        answers.push((status.as_u16(), id));
    }
    // Only who is not verified needs an id to ask with.
    let id = Some("r-1".to_owned());
    assert_eq!(answers, [(202, None), (401, id), (400, None), (413, None), (415, None)]);
    assert_eq!(
        *told.lock().unwrap(),
        [(401, Some(PROMOTE.len()), 2), (400, Some(2), 3), (413, None, 2), (415, None, 2)]
    );
}

#[tokio::test]
async fn what_is_noted_is_answered_as_what_is_not() {
    let silent = body_of(answered(intake(), post(PROMOTE)).await).1;
    let noted = body_of(answered(intake().with_refused(|_| Some("r-1".to_owned())), post(PROMOTE)).await).1;
    let mut noted: Value = serde_json::from_str(&noted).unwrap();
    noted.as_object_mut().unwrap().remove("rejection");
    assert_eq!(noted, serde_json::from_str::<Value>(&silent).unwrap());
}
