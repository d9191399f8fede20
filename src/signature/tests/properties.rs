//! What holds of every scheme, secret, id, time and body.

use base64ct::{Base64, Encoding as _};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

const IDS: &str = "[!-\\-/-~]{1,256}";

fn hmac() -> impl Strategy<Value = (Scheme, Secret)> {
    let templates =
        ["{body}", "{id}.{body}", "v0:{timestamp}:{body}", "{id}.{timestamp}.{body}", "{body}.{timestamp}.{id}"];
    let keys = select(vec![KeyForm::Raw, KeyForm::Base64, KeyForm::Whsec]);
    let hashes = select(vec![Algorithm::Sha256, Algorithm::Sha512]);
    let encodings = select(vec![Encoding::Hex, Encoding::Base64]);
    let key = prop::collection::vec(any::<u8>(), 1..100);
    (select(templates.to_vec()), keys, hashes, encodings, "[a-z0-9=,]{0,8}", any::<bool>(), key).prop_map(
        |(template, form, algorithm, encoding, prefix, several, key)| {
            let mut scheme = HmacScheme::new("X-Signature");
            scheme.algorithm = algorithm;
            scheme.encoding = encoding;
            scheme.prefix = prefix;
            scheme.separator = several.then_some(' ');
            scheme.key = form;
            scheme.id_header = template.contains("{id}").then(|| "X-Id".into());
            scheme.timestamp_header = template.contains("{timestamp}").then(|| "X-Time".into());
            scheme.signed = SignedContent::parse(template).unwrap();
            let secret = match form {
                KeyForm::Raw => key,
                KeyForm::Base64 => Base64::encode_string(&key).into_bytes(),
                KeyForm::Whsec => format!("whsec_{}", Base64::encode_string(&key)).into_bytes(),
            };
            (Scheme::Hmac(scheme), Secret::new(secret).unwrap())
        },
    )
}

fn any_scheme() -> impl Strategy<Value = (Scheme, Secret)> {
    let token = "[!-~]([ -~]{0,40}[!-~])?".prop_map(|token| (Scheme::token("X-Token"), Secret::new(token).unwrap()));
    let github =
        prop::collection::vec(any::<u8>(), 1..100).prop_map(|key| (Scheme::github(), Secret::new(key).unwrap()));
    let standard = Just((Scheme::standard_webhooks(), Secret::new(WHSEC).unwrap()));
    prop_oneof![4 => hmac(), 1 => token, 1 => github, 1 => standard]
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200)
}

/// Names and values of a request's headers.
type Sent = Vec<(String, Vec<u8>)>;

fn verify(verifier: &Verifier, headers: &Sent, body: &[u8], now: Timestamp) -> Result<Verified, VerifyError> {
    let caller = Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
    verifier.verify_at(&caller, body, now)
}

fn signed(verifier: &Verifier, id: &str, now: Timestamp, body: &[u8]) -> Sent {
    let headers = verifier.sign(Some(id), now, body).unwrap();
    headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_verifies((scheme, secret) in any_scheme(), id in IDS, at in 0..99_999_999_999_i64, body in any_body()) {
        let now = Timestamp::from_millis(at * 1000);
        let verifier = Verifier::new(scheme, vec![secret], Duration::ZERO).unwrap();
        let headers = signed(&verifier, &id, now, &body);
        let verified = verify(&verifier, &headers, &body, now).unwrap();
        prop_assert_eq!(verified.secret, 0);
        prop_assert!(verified.id.is_none_or(|signed| signed == id));
        prop_assert!(verified.timestamp.is_none_or(|signed| signed == now));
    }

    #[test]
    fn any_flipped_byte_fails(
        (scheme, secret) in any_scheme(), id in IDS, body in any_body(), place in any::<Index>(), flip in 1..=255_u8,
    ) {
        let token = matches!(scheme, Scheme::Token(_));
        let hex = matches!(&scheme, Scheme::Hmac(hmac) if hmac.encoding == Encoding::Hex);
        let verifier = Verifier::new(scheme, vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
        let (mut headers, mut sent) = (signed(&verifier, &id, NOW, &body), body.clone());
        let signature = headers.len() - 1;
        // A token proves only the sender, so there the body is left alone.
        let places = headers.len() + usize::from(!token && !body.is_empty());
        let flipped = match place.index(places) {
            header if header < headers.len() => &mut headers[header].1,
            _ => &mut sent,
        };
        let at = place.index(flipped.len());
        let before = flipped[at];
        flipped[at] ^= flip;
        let only_case = hex && place.index(places) == signature && before.eq_ignore_ascii_case(&flipped[at]);
        prop_assume!(!only_case);
        prop_assert!(verify(&verifier, &headers, &sent, NOW).is_err());
    }

    #[test]
    fn no_bytes_panic_and_none_verify(
        (scheme, secret) in any_scheme(),
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 3),
        body in any_body(),
        now in any::<i64>(),
    ) {
        let verifier = Verifier::new(scheme, vec![secret], Duration::MAX).unwrap();
        let names: Vec<String> = signed(&verifier, "id", NOW, &body).into_iter().map(|(name, _)| name).collect();
        let headers: Sent = names.into_iter().zip(values).collect();
        prop_assert!(verify(&verifier, &headers, &body, Timestamp::from_millis(now)).is_err());
    }

    #[test]
    fn no_template_panics(template in "[{}a-z.]{0,40}|([{}.]|id|body|timestamp){0,12}") {
        let _ = SignedContent::parse(&template);
    }

    #[test]
    fn another_secret_does_not_verify((scheme, secret) in hmac(), body in any_body()) {
        let other = Secret::new("b3RoZXIgc2VjcmV0").unwrap();
        prop_assume!(secret != other);
        let sender = Verifier::new(scheme.clone(), vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
        let receiver = Verifier::new(scheme, vec![other], Verifier::DEFAULT_TOLERANCE).unwrap();
        prop_assert!(verify(&receiver, &signed(&sender, "id", NOW, &body), &body, NOW).is_err());
    }
}
