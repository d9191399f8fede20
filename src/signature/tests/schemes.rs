//! Schemes that cannot work are refused when the verifier is made, with a reason that helps.

use super::*;

fn custom(change: impl FnOnce(&mut HmacScheme)) -> Scheme {
    let mut scheme = HmacScheme::new("X-Signature");
    change(&mut scheme);
    Scheme::Hmac(scheme)
}

/// Who signs and who verifies are told the same.
fn check(scheme: Scheme, secret: &[u8], expected: Result<(), SchemeError>) {
    let secret = Secret::new(secret).unwrap();
    let signed = sign(&scheme, &secret, Some("msg_1"), NOW, BODY).map(drop);
    let shown = format!("{scheme:?}");
    let made = Verifier::new(scheme, vec![secret], Verifier::DEFAULT_TOLERANCE).map(drop);
    assert_eq!([signed, made], [expected.clone(), expected], "{shown}");
}

#[test]
fn a_template_names_the_body_once_and_the_others_at_most_once() {
    for good in ["{body}", "{id}.{timestamp}.{body}", "v0:{timestamp}:{body}", "{body}{id}", "a}b{body}}"] {
        assert!(SignedContent::parse(good).is_ok(), "{good}");
    }
    for bad in
        ["", "text", "{id}", "{body}{body}", "{id}{id}{body}", "{Body}", "{ body }", "{}{body}", "{body", "{{body}}"]
    {
        assert_eq!(SignedContent::parse(bad), Err(SchemeError::Template(bad.into())));
    }
}

#[test]
fn what_a_header_brings_is_signed_and_what_is_signed_has_a_header() {
    let signed = |template: &str| SignedContent::parse(template).unwrap();
    let table: [(Scheme, Result<(), SchemeError>); 7] = [
        (custom(|_| {}), Ok(())),
        (custom(|scheme| scheme.id_header = Some("X-Id".into())), Err(SchemeError::NotSigned("id"))),
        (custom(|scheme| scheme.timestamp_header = Some("X-Time".into())), Err(SchemeError::NotSigned("timestamp"))),
        (custom(|scheme| scheme.signed = signed("{id}.{body}")), Err(SchemeError::NoHeader("id"))),
        (custom(|scheme| scheme.signed = signed("{timestamp}.{body}")), Err(SchemeError::NoHeader("timestamp"))),
        (custom(|scheme| scheme.header = "X Signature".into()), Err(SchemeError::HeaderName("X Signature".into()))),
        (
            custom(|scheme| {
                scheme.signed = signed("{id}.{body}");
                scheme.id_header = Some(String::new());
            }),
            Err(SchemeError::HeaderName(String::new())),
        ),
    ];
    for (scheme, expected) in table {
        check(scheme, b"secret", expected);
    }
}

#[test]
fn a_key_in_base64_is_base64_of_at_least_one_byte() {
    let standard = Scheme::standard_webhooks;
    check(standard(), WHSEC.as_bytes(), Ok(()));
    check(standard(), b"C2FVsBQIhrscChlQIMV+b5sSYspob7oD", Ok(()));
    for bad in [&b"whsec_"[..], b"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7o", b"whsec_C2FV\n", b"not base64!", b"\xff"] {
        check(standard(), bad, Err(SchemeError::Key));
    }
    let base64 = || custom(|scheme| scheme.key = KeyForm::Base64);
    check(base64(), b"C2FVsBQIhrscChlQIMV+b5sSYspob7oD", Ok(()));
    check(base64(), WHSEC.as_bytes(), Err(SchemeError::Key));
    check(custom(|_| {}), b"\xff\x00 any bytes", Ok(()));
}

#[test]
fn a_token_is_what_a_header_can_carry() {
    check(Scheme::token("X-Token"), b"hunter2 and more", Ok(()));
    // Who reads a header drops the blanks around its value, so such a token would never fit.
    for bad in [&b"hunter2\n"[..], b"a\r\nX-Other: b", "é".as_bytes(), b"\x00", b" hunter2", b"hunter2 ", b" "] {
        check(Scheme::token("X-Token"), bad, Err(SchemeError::TokenNotText));
    }
    check(Scheme::token("X Token"), b"hunter2", Err(SchemeError::HeaderName("X Token".into())));
}

#[test]
fn from_one_to_sixteen_secrets() {
    let made = |count: usize| {
        let secrets = vec![Secret::new("secret").unwrap(); count];
        Verifier::new(Scheme::github(), secrets, Verifier::DEFAULT_TOLERANCE).map(drop)
    };
    assert_eq!(made(0), Err(SchemeError::NoSecret));
    assert_eq!(made(1), Ok(()));
    assert_eq!(made(16), Ok(()));
    assert_eq!(made(17), Err(SchemeError::TooManySecrets(17)));
}

#[test]
fn an_error_names_no_secret() {
    let scheme = Scheme::standard_webhooks();
    let error = Verifier::new(scheme, vec![Secret::new("hunter2!").unwrap()], Duration::ZERO).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter"));
}
