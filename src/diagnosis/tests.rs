//! Broken requests, and the reason that is found for each.

mod saved;

use super::*;
use crate::signature::{Encoding, HmacScheme, KeyForm, SignedContent, sign};
use crate::{Secret, Verifier};

const SECRET: &str = "It's a Secret to Everybody";
const WHSEC: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NOW: Timestamp = Timestamp::from_millis(1_795_410_621_000);
const BODY: &[u8] = br#"{"event_type":"PROMOTE","new_entity":{"name":"fraud-d\u00e9tect","at":1.50}}"#;
const HUB: &str = "X-Hub-Signature-256";

type Headers = Vec<(String, String)>;

fn signed(scheme: &Scheme, secret: &str, body: &[u8]) -> Headers {
    sign(scheme, &Secret::new(secret).unwrap(), Some("msg_1"), NOW, body).unwrap()
}

fn custom(header: &str, change: impl Fn(&mut HmacScheme)) -> Scheme {
    let mut scheme = HmacScheme::new(header);
    change(&mut scheme);
    Scheme::Hmac(scheme)
}

fn mlflow() -> Scheme {
    custom("X-MLflow-Signature", |scheme| {
        scheme.prefix = "v1,".into();
        scheme.encoding = Encoding::Base64;
        scheme.id_header = Some("X-MLflow-Delivery-Id".into());
        scheme.timestamp_header = Some("X-MLflow-Timestamp".into());
        scheme.signed = SignedContent::parse("{id}.{timestamp}.{body}").unwrap();
    })
}

fn with(mut headers: Headers, name: &str, change: impl Fn(&str) -> String) -> Headers {
    for (_, value) in headers.iter_mut().filter(|(each, _)| each == name) {
        *value = change(value);
    }
    headers
}

fn and(mut headers: Headers, name: &str, value: &str) -> Headers {
    headers.push((name.to_owned(), value.to_owned()));
    headers
}

/// What is found, in words that must stand in one line without secret or MAC.
fn check(configured: &Scheme, secret: &str, headers: &Headers, body: &[u8], expected: (&str, &str)) -> Diagnosis {
    let verifier =
        Verifier::new(configured.clone(), vec![Secret::new(secret).unwrap()], Verifier::DEFAULT_TOLERANCE).unwrap();
    let generic = [("Host", "scanrelay.example.com"), ("User-Agent", "x"), ("Content-Type", "application/json")];
    let sent = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let caller = Caller::new(generic.into_iter().map(|(name, value)| (name, value.as_bytes())).chain(sent));
    let diagnosis = diagnose(&verifier, &caller, body, NOW);
    let said = diagnosis.to_string();
    assert_eq!(diagnosis.word(), expected.0, "{said}");
    assert!(said.contains(expected.1), "{said}\ndoes not say {}", expected.1);
    assert!(!said.contains('\n') && !said.contains(secret), "{said}");
    let right = signed(configured, secret, body);
    let mac = &right.last().unwrap().1;
    for told in headers.iter().map(|(_, value)| value).chain([mac]).filter(|value| value.len() > 20) {
        assert!(!said.contains(told.as_str()), "{said}");
    }
    assert_eq!(diagnosis.verifies(), expected.0 == "verified");
    diagnosis
}

#[test]
fn what_verifies_is_said_to() {
    for scheme in [Scheme::github(), mlflow(), Scheme::token("X-Token")] {
        check(&scheme, SECRET, &signed(&scheme, SECRET, BODY), BODY, ("verified", "is good under"));
    }
    let standard = Scheme::standard_webhooks();
    check(&standard, WHSEC, &signed(&standard, WHSEC, BODY), BODY, ("verified", "good under standard-webhooks"));
    let github = Scheme::github();
    check(
        &github,
        SECRET,
        &signed(&github, SECRET, b"[1]"),
        b"[1]",
        ("bad_body", "not a JSON object: it is answered 400"),
    );
}

#[test]
fn the_ten_broken_requests() {
    let (github, standard) = (Scheme::github(), Scheme::standard_webhooks());
    let good = signed(&github, SECRET, BODY);

    // 1. Another secret.
    let other = signed(&github, "another secret", BODY);
    check(&github, SECRET, &other, BODY, ("wrong_secret", "set the secret that the sender has"));
    // 2. A value was changed, and the length with it.
    let announced = and(good.clone(), "Content-Length", &BODY.len().to_string());
    let altered = [BODY, b"more"].concat().repeat(2);
    let words = format!("Content-Length says {} bytes and it has {}", BODY.len(), altered.len());
    let longer = [b"x".as_slice(), &altered].concat();
    check(&github, SECRET, &announced, &longer[1..], ("altered_body", "up to its Content-Length"));
    check(&github, SECRET, &announced, &longer[..altered.len()], ("altered_body", &words));
    // 3. Only whitespace.
    let python = String::from_utf8(BODY.to_vec()).unwrap().replace(':', ": ").replace(',', ", ");
    let diagnosis = check(&github, SECRET, &good, python.as_bytes(), ("altered_body", "only whitespace differs"));
    assert_eq!(diagnosis, Diagnosis::Altered(Change::Whitespace("compact")));
    // 4. A line end at the end.
    let ended = [BODY, b"\n"].concat();
    check(
        &github,
        SECRET,
        &good,
        &ended,
        ("altered_body", "only whitespace differs, it was signed without the line end"),
    );
    // 5. Kept too long.
    let late =
        sign(&standard, &Secret::new(WHSEC).unwrap(), Some("a"), Timestamp::from_millis(1_795_410_000_000), BODY);
    check(&standard, WHSEC, &late.unwrap(), BODY, ("stale", "621 s in the past, the tolerance is 300 s"));
    // 6. No signature.
    check(&github, SECRET, &vec![], BODY, ("missing_header", "X-Hub-Signature-256 is missing, and no other header"));
    // 7. Hex instead of base64.
    let hex = custom("webhook-signature", |scheme| {
        let Scheme::Hmac(standard) = Scheme::standard_webhooks() else { return };
        *scheme = standard;
        scheme.encoding = Encoding::Hex;
    });
    check(&standard, WHSEC, &signed(&hex, WHSEC, BODY), BODY, ("wrong_encoding", "encoding = \"hex\""));
    // 8. The prefix is missing.
    let bare = with(good.clone(), HUB, |value| value.replace("sha256=", ""));
    check(&github, SECRET, &bare, BODY, ("wrong_encoding", "written as SHA-256 in hex with no prefix"));
    // 9. Another scheme.
    let words = "mlflow does, in header X-MLflow-Signature: set scheme = \"mlflow\"";
    check(&github, SECRET, &signed(&mlflow(), SECRET, BODY), BODY, ("other_scheme", words));
    // 10. The right scheme in an unexpected header.
    let renamed = vec![("X-Verta-Signature".to_owned(), good[0].1.clone())];
    check(&github, SECRET, &renamed, BODY, ("other_scheme", "github does, in header X-Verta-Signature"));
}

#[test]
fn who_may_not_send_is_told_that_and_nothing_of_the_secret() {
    let path = "0123456789abcdef";
    let secret = || Secret::new(path).unwrap();
    let github =
        Verifier::new(Scheme::github(), vec![Secret::new(SECRET).unwrap()], Verifier::DEFAULT_TOLERANCE).unwrap();
    let verifier = github.with_path_secret(secret()).unwrap();
    let saved = |target: &str| {
        let mac = &signed(&Scheme::github(), SECRET, BODY)[0].1;
        let text = format!("POST {target} HTTP/1.1\r\n{HUB}: {mac}\r\n\r\n");
        SavedRequest::parse(&[text.as_bytes(), BODY].concat()).unwrap()
    };
    let diagnosed = |target: &str| diagnose(&verifier, &saved(target).caller(), BODY, NOW);
    assert!(diagnosed("/hooks/verta/0123456789abcdef").verifies());
    for target in ["/hooks/verta", "/hooks/verta/0123456789abcdeg", "/0123456789abcdef"] {
        let diagnosis = diagnosed(target);
        assert_eq!((diagnosis.word(), diagnosis.verifies()), ("wrong_path", false), "{target}");
        assert!(diagnosis.to_string().contains("does not end with the secret"), "{diagnosis}");
        assert!(!diagnosis.to_string().contains("0123456789"), "{diagnosis}");
    }
    let request = saved("/hooks/verta/0123456789abcdef");
    assert!(!format!("{request:?} {verifier:?}").contains("0123456789"));
    let alone = Verifier::new(Scheme::Path, vec![secret()], Verifier::DEFAULT_TOLERANCE).unwrap();
    assert_eq!(diagnose(&alone, &request.caller(), BODY, NOW).to_string(), "it verifies by path secret alone");
    let network = crate::signature::Network::parse("10.0.0.0/8").unwrap();
    let inside = verifier.clone().with_networks(vec![network]).unwrap();
    let caller = request.caller().with_peer([192, 0, 2, 1].into());
    let diagnosis = diagnose(&inside, &caller, BODY, NOW);
    assert_eq!(diagnosis.word(), "wrong_address");
    assert!(diagnosis.to_string().contains("192.0.2.1 is no address from which deliveries may come"), "{diagnosis}");
    assert!(diagnose(&inside.from_anywhere(), &caller, BODY, NOW).verifies());
}

#[test]
fn other_schemes_are_named() {
    let github = Scheme::github();
    let standard = Scheme::standard_webhooks();
    let databricks = custom("X-Databricks-Signature", |_| ());
    let wandb = custom("X-Wandb-Signature", |scheme| scheme.encoding = Encoding::Base64);
    let slack = custom("X-Slack-Signature", |scheme| {
        scheme.prefix = "v0=".into();
        scheme.timestamp_header = Some("X-Slack-Request-Timestamp".into());
        scheme.signed = SignedContent::parse("v0:{timestamp}:{body}").unwrap();
    });
    let sha512 = custom("X-Signature", |scheme| scheme.algorithm = crate::signature::Algorithm::Sha512);
    let svix = custom("svix-signature", |scheme| {
        let Scheme::Hmac(standard) = Scheme::standard_webhooks() else { return };
        *scheme = standard;
        scheme.header = "svix-signature".into();
        scheme.id_header = Some("svix-id".into());
        scheme.timestamp_header = Some("svix-timestamp".into());
    });
    for (configured, sent, secret, words) in [
        (&github, &databricks, SECRET, "databricks does, in header X-Databricks-Signature"),
        (&github, &wandb, SECRET, "wandb does, in header X-Wandb-Signature"),
        (&github, &slack, SECRET, "over v0:{timestamp}:{body} in header X-Slack-Signature"),
        (&github, &sha512, SECRET, "SHA-512 in hex with no prefix over {body} in header X-Signature"),
        (&github, &svix, WHSEC, "svix does, in header svix-signature"),
        (&github, &standard, WHSEC, "set scheme = \"standard-webhooks\""),
        (&standard, &github, WHSEC, "set scheme = \"github\""),
        (&databricks, &Scheme::token("Authorization"), SECRET, "scheme = { token = \"Authorization\" }"),
    ] {
        let diagnosis = check(configured, secret, &signed(sent, secret, BODY), BODY, ("other_scheme", words));
        let found = Verifier::new(
            diagnosis.scheme().unwrap().clone(),
            vec![Secret::new(secret).unwrap()],
            Verifier::DEFAULT_TOLERANCE,
        );
        let headers = signed(sent, secret, BODY);
        let caller = Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        assert!(found.unwrap().verify_at(&caller, BODY, NOW).is_ok(), "what is to be set does verify: {words}");
    }
    let bearer =
        with(signed(&Scheme::token("Authorization"), SECRET, BODY), "Authorization", |value| format!("Bearer {value}"));
    check(&github, SECRET, &bearer, BODY, ("other_scheme", "a token, the secret itself, in header Authorization"));
    // The key of a whsec_ secret, taken as it stands.
    let raw = custom("webhook-signature", |scheme| {
        let Scheme::Hmac(standard) = Scheme::standard_webhooks() else { return };
        *scheme = standard;
        scheme.key = KeyForm::Raw;
    });
    check(&standard, WHSEC, &signed(&raw, WHSEC, BODY), BODY, ("other_scheme", "signed = \"{id}.{timestamp}.{body}\""));
}

#[test]
fn headers_that_cannot_be_read_are_told_with_what_they_look_like() {
    let (github, standard) = (Scheme::github(), Scheme::standard_webhooks());
    let hub = |value: &str| vec![(HUB.to_owned(), value.to_owned())];
    let good = signed(&github, SECRET, BODY);
    let unreadable = "unreadable_header";
    check(&github, SECRET, &hub(""), BODY, (unreadable, "is empty: have the sender"));
    check(&github, SECRET, &[good.clone(), good.clone()].concat(), BODY, (unreadable, "is repeated"));
    check(&github, SECRET, &hub(&format!("sha1={}", "ab".repeat(20))), BODY, (unreadable, "a SHA-1 MAC in hex"));
    check(
        &github,
        SECRET,
        &hub(&"ab".repeat(32)),
        BODY,
        (unreadable, "it looks like a SHA-256 MAC in hex, and fits no"),
    );
    let millis = with(signed(&standard, WHSEC, BODY), "webhook-timestamp", |value| format!("{value}000"));
    check(&standard, WHSEC, &millis, BODY, (unreadable, "a time is Unix seconds"));
    let renamed = vec![("X-Signature".to_owned(), "ab".repeat(32)), ("X-Other".to_owned(), "1".to_owned())];
    check(&github, SECRET, &renamed, BODY, ("missing_header", "and under what X-Signature holds no known scheme fits"));
    let ahead =
        sign(&standard, &Secret::new(WHSEC).unwrap(), Some("a"), Timestamp::from_millis(1_795_411_000_000), BODY);
    check(&standard, WHSEC, &ahead.unwrap(), BODY, ("stale", "379 s in the future"));
}

#[test]
fn a_secret_with_a_line_end_is_told_from_a_wrong_one() {
    let github = Scheme::github();
    for (ours, theirs) in [("hunter2", "hunter2\n"), ("hunter2\n", "hunter2"), (" hunter2 ", "hunter2")] {
        check(
            &github,
            ours,
            &signed(&github, theirs, BODY),
            BODY,
            ("wrong_secret", "other blanks or line ends around it"),
        );
    }
}

#[test]
fn every_rewriting_is_recognised() {
    let github = Scheme::github();
    let table: [(&[u8], &[u8], &str); 12] = [
        (BODY, &[BODY, b"\r\n"].concat(), "without the line end after it"),
        (&[BODY, b"\n"].concat(), BODY, "with a line end after it"),
        (b"{\n \"a\": 1\n}", b"{\r\n \"a\": 1\r\n}", "with LF line ends"),
        (b"{\r\n \"a\": 1\r\n}", b"{\n \"a\": 1\n}", "with CRLF line ends"),
        (b"{\"a\": [1, {}], \"b\": []}", b"{\"a\":[1,{}],\"b\":[]}", "as Python's json.dumps writes it"),
        (b"{\n  \"a\": [\n    1,\n    {}\n  ]\n}", b"{\"a\":[1,{}]}", "indented by 2"),
        (b"{\"a\":1.50,\"b\":\"x: ,\\\"\"}", b"{ \"a\" : 1.50 , \"b\" : \"x: ,\\\"\" }", "compact"),
        (b"{\"a\":\"d\\u00e9\\ud83d\\ude00\"}", "{\"a\":\"dé😀\"}".as_bytes(), "other characters than ASCII escaped"),
        ("{\"a\":\"dé😀\"}".as_bytes(), b"{\"a\": \"d\\u00e9\\ud83d\\ude00\"}", "with all characters as they are"),
        (b"{\"a\":\"b\\/c\"}", b"{\"a\":\"b/c\"}", "with slashes escaped"),
        (b"{\"a\":\"\\u003cb\\u003e\"}", b"{\"a\":\"<b>\"}", "with <, > and & escaped"),
        (b"{\"a\":1,\"b\":{\"c\":2,\"d\":3}}", b"{\"b\":{\"d\":3,\"c\":2},\"a\":1}", "the order of keys"),
    ];
    for (before, after, words) in table {
        check(&github, SECRET, &signed(&github, SECRET, before), after, ("altered_body", words));
    }
    check(&github, SECRET, &signed(&github, SECRET, b""), BODY, ("altered_body", "an empty body was signed"));
    let rounded = b"{\"a\":1.5}";
    check(
        &github,
        SECRET,
        &signed(&github, SECRET, b"{\"a\":1.50}"),
        rounded,
        ("wrong_secret", "fits no configured secret"),
    );
}

#[test]
fn a_probe_finds_what_a_diagnosis_finds_and_works_within_bounds() {
    let verifier =
        Verifier::new(Scheme::github(), vec![Secret::new(SECRET).unwrap()], Verifier::DEFAULT_TOLERANCE).unwrap();
    let renamed = [("x-verta-signature".to_owned(), signed(&Scheme::github(), SECRET, BODY)[0].1.clone())];
    let caller = Caller::new(renamed.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let found = probe(&verifier, &caller, BODY).unwrap();
    assert_eq!(found.in_words(), "github does, in header x-verta-signature");
    assert_eq!(probe(&verifier, &caller, b"{}"), None);
    assert_eq!(Search::new(&verifier, &caller, BODY.len()).scheme(BODY), None, "what is not to be tried is not found");
    let standard = Scheme::standard_webhooks();
    let late = signed(&standard, WHSEC, BODY);
    let caller = Caller::new(late.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let secrets = vec![Secret::new(WHSEC).unwrap()];
    let as_sent = Verifier::new(standard, secrets, Verifier::DEFAULT_TOLERANCE).unwrap();
    assert_eq!(probe(&as_sent, &caller, BODY), None, "it is signed as configured");
    // Headers made to be tried: 60 signatures, 4 times, and ids without end, over a large body.
    let mac = "ab".repeat(32);
    let names: Vec<String> = (0..60).map(|nth| format!("x-{nth}")).collect();
    let headers = names.iter().map(|name| (name.as_str(), mac.as_bytes())).chain([("t", b"1795410621".as_slice()); 4]);
    let caller = Caller::new(headers);
    let body = vec![b' '; 64 * 1024];
    let mut search = Search::new(&verifier, &caller, 8 * (body.len() + 512));
    assert_eq!(search.scheme(&body), None);
    assert!(search.as_configured(b"").eq(&false) && !search.other_ends(&body), "the budget is spent");
}

#[test]
fn no_input_panics() {
    use proptest::prelude::*;
    let verifier =
        Verifier::new(Scheme::github(), vec![Secret::new(SECRET).unwrap()], Verifier::DEFAULT_TOLERANCE).unwrap();
    proptest!(|(value in "\\PC{0,90}", body in proptest::collection::vec(any::<u8>(), 0..80), json in "[{}\\[\\],:\"a1 \\\\]{0,20}")| {
        let headers = [(HUB, value.as_bytes()), ("content-length", b"3".as_slice())];
        for body in [body.as_slice(), json.as_bytes()] {
            prop_assert!(!diagnose(&verifier, &Caller::new(headers), body, NOW).verifies());
        }
        let _ = SavedRequest::parse(&body);
        let _ = SavedRequest::parse(format!("> {value}\n{json}").as_bytes());
    });
}
