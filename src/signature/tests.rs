//! Verification as tables: what is sent, and what comes of it.

mod presets;
mod properties;
mod schemes;
mod senders;

use std::time::Duration;

use super::*;

const SECRET: &str = "It's a Secret to Everybody";
const WHSEC: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NOW: Timestamp = Timestamp::from_millis(1_649_367_553_000);
const BODY: &[u8] = b"Hello, World!";
const MAC: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
const HUB: &str = "X-Hub-Signature-256";

fn verifier(scheme: Scheme, secrets: &[&str]) -> Verifier {
    let secrets = secrets.iter().map(|secret| Secret::new(*secret).unwrap()).collect();
    Verifier::new(scheme, secrets, Verifier::DEFAULT_TOLERANCE).unwrap()
}

/// The headers of one request.
#[derive(Clone, Debug, Default)]
struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    fn signed(verifier: &Verifier, id: Option<&str>, at: Timestamp) -> Self {
        let headers = verifier.sign(id, at, BODY).unwrap();
        Self(headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect())
    }

    fn and(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.retain(|(each, _)| each != name);
        self
    }

    fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).and(name, value)
    }

    fn text(&self, name: &str) -> String {
        let (_, value) = self.0.iter().find(|(each, _)| each == name).unwrap();
        String::from_utf8(value.clone()).unwrap()
    }

    fn caller(&self) -> Caller<'_> {
        Caller::new(self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice())))
    }
}

/// Expected is the index of the secret that fits, or some words of the error.
fn check(verifier: &Verifier, headers: &Headers, expected: Result<usize, &str>) {
    match (verifier.verify_at(&headers.caller(), BODY, NOW), expected) {
        (Ok(proof), Ok(secret)) => assert_eq!(proof.secret, secret, "{headers:?}"),
        (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{headers:?}: {error}, not {words}"),
        (got, expected) => panic!("{headers:?}: {got:?}, not {expected:?}"),
    }
}

#[test]
fn a_signature_is_there_once_and_whole() {
    let github = verifier(Scheme::github(), &[SECRET]);
    let table: [(String, Result<usize, &str>); 16] = [
        (format!("sha256={MAC}"), Ok(0)),
        (format!("sha256={}", MAC.to_uppercase()), Ok(0)),
        (String::new(), Err("is empty")),
        (" \t".into(), Err("is empty")),
        ("sha256=".into(), Err("fits")),
        (MAC.into(), Err("prefix")),
        (format!("sha1={MAC}"), Err("prefix")),
        (format!("SHA256={MAC}"), Err("prefix")),
        (format!(" sha256={MAC}"), Err("prefix")),
        (format!("sha256={}", &MAC[..62]), Err("fits")),
        (format!("sha256={}", &MAC[..63]), Err("encoding")),
        (format!("sha256={MAC}00"), Err("fits")),
        (format!("sha256={MAC},sha256={MAC}"), Err("encoding")),
        (format!("sha256= {MAC}"), Err("encoding")),
        ("sha256=dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc=".into(), Err("encoding")),
        (format!("sha256={}", MAC.replace('7', "8")), Err("fits")),
    ];
    for (value, expected) in table {
        check(&github, &Headers::default().and(HUB, value), expected);
    }
    let good = format!("sha256={MAC}");
    check(&github, &Headers::default(), Err("is missing"));
    check(&github, &Headers::default().and("X-Hub-Signature", &good), Err("is missing"));
    check(&github, &Headers::default().and(HUB, &good).and(HUB, &good), Err("is repeated"));
    check(&github, &Headers::default().and(HUB, "").and(&HUB.to_lowercase(), &good), Err("is repeated"));
    check(&github, &Headers::default().and(&HUB.to_lowercase(), &good), Ok(0));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let github = verifier(Scheme::github(), &[SECRET]);
    check(&github, &Headers::default().and(HUB, b"sha256=\xff\xfe"), Err("not ASCII"));
    check(&github, &Headers::default().and(HUB, "sha256=é"), Err("encoding"));
    let standard = verifier(Scheme::standard_webhooks(), &[WHSEC]);
    let signed = Headers::signed(&standard, Some("msg_1"), NOW);
    check(&standard, &signed.clone().with("webhook-id", b"msg\xff"), Err("visible ASCII"));
    check(&standard, &signed.with("webhook-timestamp", b"\xb9"), Err("digits only"));
}

#[test]
fn any_secret_may_fit_and_its_index_is_told() {
    let old = verifier(Scheme::github(), &["old"]);
    let sent = Headers::signed(&old, None, NOW);
    check(&verifier(Scheme::github(), &["new", "old"]), &sent, Ok(1));
    check(&verifier(Scheme::github(), &["old", "new"]), &sent, Ok(0));
    check(&verifier(Scheme::github(), &["new", "newer"]), &sent, Err("fits"));
    check(&verifier(Scheme::github(), &["old "]), &sent, Err("fits"));
}

#[test]
fn among_several_signatures_one_has_to_fit() {
    let standard = verifier(Scheme::standard_webhooks(), &[WHSEC]);
    let signed = Headers::signed(&standard, Some("msg_1"), NOW);
    let good = signed.text("webhook-signature");
    let wrong = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let table: [(String, Result<usize, &str>); 9] = [
        (format!("{wrong} {good}"), Ok(0)),
        (format!("  {good}  {wrong} "), Ok(0)),
        (format!("v1a,AAAA v2,AAAA {good}"), Ok(0)),
        (format!("v1,cut {good}"), Ok(0)),
        (format!("{}{good}", format!("{wrong} ").repeat(15)), Ok(0)),
        (format!("{}{good}", format!("{wrong} ").repeat(16)), Err("more than 16")),
        (wrong.into(), Err("fits")),
        (good.replace("v1,", "v1a,"), Err("prefix")),
        (good.replace("v1,", ""), Err("prefix")),
    ];
    for (value, expected) in table {
        check(&standard, &signed.clone().with("webhook-signature", value), expected);
    }
}

#[test]
fn an_id_is_visible_ascii_without_a_dot_up_to_256_bytes() {
    let standard = verifier(Scheme::standard_webhooks(), &[WHSEC]);
    let signed = |id: &str| Headers::signed(&standard, Some(id), NOW);
    check(&standard, &signed("msg_1"), Ok(0));
    check(&standard, &signed(&"x".repeat(256)), Ok(0));
    let good = signed("msg_1");
    check(&standard, &good.clone().with("webhook-id", "msg_2"), Err("fits"));
    check(&standard, &good.clone().with("webhook-id", "x".repeat(257)), Err("longer than 256"));
    for bad in ["msg.1", "msg 1", "msg\u{7f}", "é", " msg_1"] {
        check(&standard, &good.clone().with("webhook-id", bad), Err("visible ASCII"));
    }
    check(&standard, &good.clone().with("webhook-id", " "), Err("is empty"));
    check(&standard, &good.clone().and("webhook-id", "msg_1"), Err("is repeated"));
    check(&standard, &good.without("webhook-id"), Err("header webhook-id is missing"));
}

#[test]
fn an_id_that_no_receiver_takes_is_not_signed() {
    let standard = verifier(Scheme::standard_webhooks(), &[WHSEC]);
    assert_eq!(standard.sign(None, NOW, BODY), Err(SchemeError::IdNeeded));
    for bad in ["", "msg.1", "a b", "a\r\nX-Other: b", "é", &"x".repeat(257)] {
        assert_eq!(standard.sign(Some(bad), NOW, BODY), Err(SchemeError::IdNeeded), "{bad}");
    }
}

#[test]
fn the_tolerance_holds_both_ways_to_the_second() {
    let standard = verifier(Scheme::standard_webhooks(), &[WHSEC]);
    let sent_at = |seconds: i64| Timestamp::from_millis(NOW.as_millis() + seconds * 1000);
    let table: [(i64, Result<usize, &str>); 6] = [
        (0, Ok(0)),
        (-300, Ok(0)),
        (300, Ok(0)),
        (-301, Err("301 s in the past, the tolerance is 300 s")),
        (301, Err("301 s in the future, the tolerance is 300 s")),
        (-1_649_367_553, Err("in the past")),
    ];
    for (seconds, expected) in table {
        check(&standard, &Headers::signed(&standard, Some("msg_1"), sent_at(seconds)), expected);
    }
    let late = Headers::signed(&standard, Some("msg_1"), sent_at(-300));
    let verified = |now| standard.verify_at(&late.caller(), BODY, now).is_ok();
    assert!(verified(NOW.after(Duration::from_millis(999))), "a sender's clock has whole seconds");
    assert!(!verified(NOW.after(Duration::from_secs(1))));
}

#[test]
fn a_time_is_digits_and_is_told_only_of_who_signed_it() {
    let standard = verifier(Scheme::standard_webhooks(), &[WHSEC]);
    let good = Headers::signed(&standard, Some("msg_1"), NOW);
    let with = |time: &str| good.clone().with("webhook-timestamp", time);
    for bad in ["-5", "+1649367553", "1649367553.0", "0x1", "1e9", "164936755300", " 1649367553", "now"] {
        check(&standard, &with(bad), Err("digits only"));
    }
    check(&standard, &with(""), Err("is empty"));
    check(&standard, &with("1649367553").and("Webhook-Timestamp", "1649367553"), Err("is repeated"));
    check(&standard, &good.clone().without("webhook-timestamp"), Err("header webhook-timestamp is missing"));
    check(&standard, &with("01649367553"), Err("fits"));
    check(&standard, &with("1"), Err("fits"));
}

#[test]
fn a_token_comes_with_or_without_bearer() {
    let token = verifier(Scheme::token("Authorization"), &["new", "hunter2"]);
    let table: [(&str, Result<usize, &str>); 12] = [
        ("hunter2", Ok(1)),
        ("Bearer hunter2", Ok(1)),
        ("bearer hunter2", Ok(1)),
        ("BEARER new", Ok(0)),
        ("Bearer  hunter2", Err("fits")),
        ("Basic hunter2", Err("fits")),
        ("Bearer", Err("fits")),
        ("Bearer ", Err("fits")),
        ("hunter", Err("fits")),
        ("hunter22", Err("fits")),
        ("Hunter2", Err("fits")),
        ("  ", Err("is empty")),
    ];
    for (value, expected) in table {
        check(&token, &Headers::default().and("authorization", value), expected);
    }
    check(&token, &Headers::default().and("Authorization", b"\xff\xff\xff\xff\xff\xff\xff\xff"), Err("fits"));
    check(&token, &Headers::default(), Err("is missing"));
    let twice = Headers::default().and("Authorization", "hunter2").and("Authorization", "hunter2");
    check(&token, &twice, Err("is repeated"));
    check(&verifier(Scheme::token("X-Token"), &["Bearer x"]), &Headers::default().and("X-Token", "Bearer x"), Ok(0));
}

#[test]
fn what_is_proved_is_told() {
    let standard = verifier(Scheme::standard_webhooks(), &[WHSEC]);
    let sent = Headers::signed(&standard, Some("msg_1"), NOW);
    let verified = standard.verify_at(&sent.caller(), BODY, NOW).unwrap();
    let expected = (("standard-webhooks", Some("msg_1"), Some(NOW)), true);
    assert_eq!(((verified.scheme.as_str(), verified.id.as_deref(), verified.timestamp), verified.body), expected);

    let token = verifier(Scheme::token("X-Token"), &["hunter2"]);
    let sent = Headers::default().and("X-Token", "hunter2").and("webhook-id", "msg_1");
    let verified = token.verify_at(&sent.caller(), b"anything", NOW).unwrap();
    assert_eq!(
        ((verified.scheme.as_str(), verified.id, verified.timestamp), verified.body),
        (("token", None, None), false)
    );
}

#[test]
fn debug_tells_names_and_no_values() {
    let token = verifier(Scheme::token("X-Token"), &["hunter2"]);
    let standard = verifier(Scheme::standard_webhooks(), &[WHSEC]);
    let sent = Headers::default().and("X-Token", "hunter2");
    let caller = sent.caller().with_path_secret("hunter3").with_certificate(b"hunter4");
    let shown = format!("{token:?} {standard:?} {caller:?}");
    assert!(shown.contains("X-Token"), "{shown}");
    assert!(!shown.contains("hunter") && !shown.contains("C2FVs"), "{shown}");
    let key = format!("{:?}", b"\x0b\x61\x55\xb0");
    assert!(!shown.contains(key.trim_matches(['[', ']'])), "the decoded key: {shown}");
    let error = token.verify_at(&sent.caller().clone(), BODY, NOW).map(drop);
    assert_eq!(error, Ok(()));
    let error = token.verify_at(&Headers::default().and("X-Token", "guess").caller(), BODY, NOW).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("guess"));
}
