//! The library as a stranger uses it: by its public names alone.

use std::collections::BTreeMap;
use std::time::Duration;

use scanrelay::registry::{Exchange, Outcome, Step, Verta};
use scanrelay::signature::{Algorithm, Encoding, HmacScheme, SignedContent, sign};
use scanrelay::{
    Caller, Delivery, EventKind, ReceiveError, Receiver, Registry, Scheme, Secret, Stage, Timestamp, Verified,
    Verifier, VerifyError,
};
use serde::Deserialize;

const VECTORS: &str = include_str!("vectors/vectors.json");
const NOW: Timestamp = Timestamp::from_millis(1_669_852_800_000);

/// A request that somebody else signed, and whether it is good.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    id: String,
    scheme: Signed,
    secret: String,
    headers: BTreeMap<String, String>,
    body: String,
    valid: bool,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Signed {
    Preset(String),
    Token { token: String },
    Custom(Custom),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Custom {
    header: String,
    encoding: String,
    algorithm: Option<String>,
    prefix: Option<String>,
    separator: Option<char>,
    id_header: Option<String>,
    timestamp_header: Option<String>,
    signed: Option<String>,
}

impl Vector {
    fn scheme(&self) -> Scheme {
        let custom = match &self.scheme {
            Signed::Preset(name) if name == "github" => return Scheme::github(),
            Signed::Preset(name) if name == "standard-webhooks" => return Scheme::standard_webhooks(),
            Signed::Preset(name) => panic!("{}: {name} is no preset", self.id),
            Signed::Token { token } => return Scheme::token(token),
            Signed::Custom(custom) => custom,
        };
        let mut scheme = HmacScheme::new(&custom.header);
        scheme.encoding = if custom.encoding == "hex" { Encoding::Hex } else { Encoding::Base64 };
        if custom.algorithm.as_deref() == Some("sha512") {
            scheme.algorithm = Algorithm::Sha512;
        }
        scheme.prefix = custom.prefix.clone().unwrap_or_default();
        scheme.separator = custom.separator;
        scheme.id_header.clone_from(&custom.id_header);
        scheme.timestamp_header.clone_from(&custom.timestamp_header);
        if let Some(signed) = &custom.signed {
            scheme.signed = SignedContent::parse(signed).unwrap();
        }
        Scheme::Hmac(scheme)
    }

    fn secret(&self) -> Secret {
        Secret::new(self.secret.as_str()).unwrap()
    }

    fn header(&self, end: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(name, _)| name.to_lowercase().ends_with(end));
        found.map(|(_, value)| value.as_str())
    }

    fn sent_at(&self) -> Timestamp {
        let seconds: i64 = self.header("-timestamp").map_or(0, |seconds| seconds.parse().unwrap());
        Timestamp::from_millis(seconds * 1000)
    }

    fn verified(&self, headers: &BTreeMap<String, String>, body: &str) -> Result<Verified, VerifyError> {
        let verifier = Verifier::new(self.scheme(), vec![self.secret()], Duration::ZERO).unwrap();
        let caller = Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        verifier.verify_at(&caller, body.as_bytes(), self.sent_at())
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(VECTORS).unwrap()
}

#[test]
fn a_good_vector_verifies_and_a_bad_one_does_not() {
    for vector in vectors() {
        let verified = vector.verified(&vector.headers, &vector.body);
        assert_eq!(verified.is_ok(), vector.valid, "{}: {verified:?}", vector.id);
        if let Ok(verified) = verified {
            assert_eq!(verified.id.as_deref(), vector.header("-id"), "{}", vector.id);
            assert_eq!(verified.timestamp.is_some(), vector.header("-timestamp").is_some(), "{}", vector.id);
        }
    }
}

#[test]
fn what_we_sign_is_what_the_vector_has() {
    for vector in vectors() {
        let headers =
            sign(&vector.scheme(), &vector.secret(), vector.header("-id"), vector.sent_at(), vector.body.as_bytes());
        let headers: BTreeMap<String, String> = headers.unwrap().into_iter().collect();
        assert_eq!(headers == vector.headers, vector.valid, "{}: {headers:?}", vector.id);
    }
}

#[test]
fn a_vector_with_one_more_byte_does_not_verify() {
    for vector in vectors().into_iter().filter(|vector| vector.valid) {
        for name in vector.headers.keys() {
            let mut headers = vector.headers.clone();
            headers.get_mut(name).unwrap().push('0');
            assert!(vector.verified(&headers, &vector.body).is_err(), "{}: {name}", vector.id);
        }
        let body = vector.verified(&vector.headers, &format!("{} ", vector.body));
        assert_eq!(body.is_ok(), matches!(vector.scheme, Signed::Token { .. }), "{}: the body", vector.id);
    }
}

fn receiver() -> Receiver {
    let secret = Secret::new("It's a Secret to Everybody").unwrap();
    let verifier = Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
    let mut verta = Verta::default();
    verta.workspace = Some("acme".into());
    Receiver::new("verta", Registry::Verta(verta), verifier)
}

fn received(body: &'static str) -> Result<Delivery, ReceiveError> {
    let receiver = receiver();
    let headers = receiver.verifier().sign(None, NOW, body.as_bytes()).unwrap();
    let caller = Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    receiver.verify_at(&caller, body.into(), NOW)
}

/// Answers requests in turn, until the registry knows or does not want to.
fn told(receiver: &Receiver, delivery: &Delivery, outcome: &Outcome, answers: &[&'static str]) -> (Vec<String>, Step) {
    let (mut seen, mut sent) = (Vec::new(), Vec::new());
    loop {
        match receiver.registry().next(delivery.event(), outcome, &seen) {
            Step::Send(request) => {
                sent.push(request.to_string());
                let answer = answers.get(seen.len()).expect("an answer for each request");
                seen.push(Exchange::new(request, 200, *answer));
            }
            end => return (sent, end),
        }
    }
}

#[test]
fn a_promotion_is_received_and_its_end_is_told() {
    let body = r#"{"event_uuid":"6f1c2c3e-0a52-4b0f-9b0e-7a4f3f6f8d11","event_type":"PROMOTE","workspace_id":"42","timestamp":"1669852800000",
 "resource_type":{"modeldb_service_resource_type":"REGISTERED_MODEL_VERSION"},
 "original_entity":{"model_version":{"id":"1001","registered_model_id":"77","version":"v3","time_updated":"1669852799000","stage":"STAGING"},"entity_workspace_id":"42"},
 "new_entity":{"model_version":{"id":"1001","registered_model_id":"77","version":"v3","time_updated":"1669852799000","stage":"PRODUCTION"},"entity_workspace_id":"42"}}"#;
    let delivery = received(body).unwrap();
    let event = delivery.event();
    assert_eq!((&event.kind, event.registry.as_str()), (&EventKind::Promotion, "verta"));
    assert_eq!(event.id.as_deref(), Some("6f1c2c3e-0a52-4b0f-9b0e-7a4f3f6f8d11"));
    assert_eq!((event.workspace.as_deref(), event.occurred_at), (Some("42"), Some(NOW)));
    assert_eq!((event.model.id.as_deref(), event.version.id.as_deref()), (Some("77"), Some("1001")));
    assert_eq!((&event.version.name, &event.model.name), (&Some("v3".into()), &None));
    assert_eq!(event.change.stage_from, Some(Stage::new("staging")));
    assert_eq!(event.change.stage_to, Some(Stage::new("production")));
    assert_eq!(event.subject(), "version:77/1001");

    let outcome: Outcome = serde_json::from_str(
        r#"{"tell":"promoted","status":"complete","summary":null,"url":"https://models.example.com/1"}"#,
    )
    .unwrap();
    let stands = r#"{"model_version":{"id":"1001","registered_model_id":"77","stage":"PRODUCTION"}}"#;
    let (sent, end) = told(&receiver(), &delivery, &outcome, &[stands, "{}"]);
    let expected = [
        "GET /api/v1/registry/model_versions/1001",
        "PATCH /api/v1/registry/registered_models/77/model_versions/1001/full_body",
    ];
    assert_eq!((sent, end), (expected.map(str::to_owned).into(), Step::Done));

    let Step::Send(ask) = receiver().registry().confirm(event, &[]) else { panic!("it is asked first") };
    assert_eq!(receiver().registry().confirm(event, &[Exchange::new(ask, 200, stands)]), Step::Done);
}

#[test]
fn a_scan_request_is_received_and_its_verdict_is_told() {
    let body = r#"{"event_uuid":"b2b5d7f0-5d6d-4b5f-a6f7-2f0c8f3f5a10","event_type":"REQUEST_SCAN","workspace_id":"42","timestamp":"1669852800000",
 "resource_type":{"deployment_service_resource_type":"BUILD"},
 "new_entity":{"entity_workspace_id":"42","scan_request":{"buildId":"5150","imageUrl":"registry.example.com/verta/build-5150:latest"}}}"#;
    let delivery = received(body).unwrap();
    let event = delivery.event();
    assert_eq!((&event.kind, event.subject().as_str()), (&EventKind::ScanRequest, "build:5150"));
    assert_eq!(event.build.image.as_deref(), Some("registry.example.com/verta/build-5150:latest"));
    assert_eq!((&event.model.id, &event.version.id), (&None, &None), "it names neither");

    let outcome: Outcome =
        serde_json::from_str(r#"{"tell":"scanned","verdict":"unsafe","summary":null,"url":null}"#).unwrap();
    let stands = r#"{"id":1,"scan_status":"scanned","safety_status":"unsafe"}"#;
    let (sent, end) = told(&receiver(), &delivery, &outcome, &[stands]);
    let expected = vec!["PUT /api/v1/deployment/workspace/acme/builds/5150/scan".to_owned()];
    assert_eq!((sent, end), (expected, Step::Done));
}

#[test]
fn a_zero_event_is_a_creation_and_starts_nothing() {
    let delivery = received(r#"{"event_uuid":"x","workspace_id":"42"}"#).unwrap();
    assert_eq!(delivery.event().kind, EventKind::Other("CREATE".into()));
}

#[test]
fn an_error_tells_its_answer() {
    let error = received("[]").unwrap_err();
    assert_eq!((error.status(), error.word()), (400, "bad_body"));
    let error = receiver().verify_at(&Caller::new([]), "{}".into(), NOW).unwrap_err();
    assert_eq!((error.status(), error.word()), (401, "unverified"));
    assert_eq!(error.to_string(), "header X-Hub-Signature-256 is missing");
}
