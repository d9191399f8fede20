//! What each preset takes, and what looks like it.

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::SigningKey;

use super::*;

const ID: &str = "msg_1";

fn keys() -> (String, String) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let (private, public) = (key.to_bytes(), key.verifying_key().to_bytes());
    (format!("whsk_{}", Base64::encode_string(&private)), format!("whpk_{}", Base64::encode_string(&public)))
}

#[test]
fn a_preset_verifies_what_it_signs_and_no_other_preset_does() {
    for name in Scheme::PRESETS {
        let scheme = || Scheme::preset(name).unwrap();
        let headers = Headers::signed(&verifier(scheme(), &[WHSEC]), Some(ID), NOW);
        for other in Scheme::PRESETS {
            let verified = verifier(Scheme::preset(other).unwrap(), &[WHSEC]).verify_at(&headers.caller(), BODY, NOW);
            // Svix takes Standard Webhooks' names where there are none of its own.
            let same = name == other || (name, other) == ("standard-webhooks", "svix");
            assert_eq!(verified.is_ok(), same, "{name} read as {other}: {verified:?}");
        }
    }
}

#[test]
fn a_public_key_verifies_and_does_not_sign() {
    let (private, public) = keys();
    let signing = verifier(Scheme::standard_webhooks(), &[&private]);
    let verifying = verifier(Scheme::standard_webhooks(), &[WHSEC, &public]);
    let headers = Headers::signed(&signing, Some(ID), NOW);
    assert!(headers.text("webhook-signature").starts_with("v1a,"));
    check(&verifying, &headers, Ok(1));
    check(&signing, &headers, Ok(0));
    check(&verifying, &Headers::signed(&verifier(Scheme::standard_webhooks(), &[WHSEC]), Some(ID), NOW), Ok(0));
    let secret = Secret::new(public.as_str()).unwrap();
    assert_eq!(sign(&Scheme::standard_webhooks(), &secret, Some(ID), NOW, BODY), Err(SchemeError::PublicKey));
}

#[test]
fn an_ed25519_signature_is_the_one_that_svix_publishes() {
    // svix-server, `test_asymmetric_key_signing`. Ed25519 is deterministic, so equal bytes mean the same signed content.
    let private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    let (id, sent) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp::from_millis(1_614_265_330_000));
    let signed = verifier(Scheme::svix(), &[private]).sign(Some(id), sent, br#"{"test": 2432232314}"#).unwrap();
    let expected = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
    assert_eq!(signed[2], ("svix-signature".to_owned(), expected.to_owned()));
}

#[test]
fn a_version_proves_by_its_own_kind_of_key_alone() {
    let (private, public) = keys();
    let signed = Headers::signed(&verifier(Scheme::standard_webhooks(), &[&private]), Some(ID), NOW);
    let written = signed.text("webhook-signature");
    let verifying = verifier(Scheme::standard_webhooks(), &[&public]);
    let relabelled = written.replace("v1a,", "v1,");
    check(&verifying, &signed.clone().with("webhook-signature", &relabelled), Err("prefix"));
    check(&verifying, &signed.clone().with("webhook-signature", format!("{relabelled} {written}")), Ok(0));
    check(&verifying, &signed.clone().with("webhook-signature", "v1a,AAAA"), Err("fits"));
    check(&verifying, &signed.with("webhook-signature", "v1a,"), Err("fits"));
    // The public key is no secret: who signs with it as one is nobody.
    let forged =
        Headers::signed(&verifier(Scheme::standard_webhooks(), &[&public.replace("whpk_", "")]), Some(ID), NOW);
    check(&verifying, &forged, Err("prefix"));
}

#[test]
fn a_key_of_ed25519_is_a_whole_one() {
    let standard = || Scheme::standard_webhooks();
    let make = |secret: &str| Verifier::new(standard(), vec![Secret::new(secret).unwrap()], Duration::ZERO).map(drop);
    let pair = SigningKey::from_bytes(&[7; 32]).to_keypair_bytes();
    assert_eq!(make(&format!("whsk_{}", Base64::encode_string(&pair))), Ok(()));
    let mut other = pair;
    other[63] ^= 1;
    for bad in [&other[..], &pair[..31], &pair[..33], &[][..]] {
        assert_eq!(make(&format!("whsk_{}", Base64::encode_string(bad))), Err(SchemeError::Key));
    }
    for bad in ["whpk_", "whpk_AAAA", "whpk_!", "whsk_"] {
        assert_eq!(make(bad), Err(SchemeError::Key), "{bad}");
    }
    let mut plain = HmacScheme::new("X-Signature");
    plain.key = KeyForm::Whsec;
    let secret = Secret::new(keys().1).unwrap();
    assert_eq!(
        Verifier::new(Scheme::Hmac(plain), vec![secret], Duration::ZERO).map(drop),
        Err(SchemeError::Asymmetric)
    );
}

#[test]
fn svix_has_its_own_names_or_the_standard_ones_and_no_mixture() {
    let svix = verifier(Scheme::svix(), &[WHSEC]);
    let own = Headers::signed(&svix, Some(ID), NOW);
    let standard = Headers::signed(&verifier(Scheme::standard_webhooks(), &[WHSEC]), Some(ID), NOW);
    check(&svix, &own, Ok(0));
    check(&svix, &standard, Ok(0));
    check(&svix, &own.clone().without("svix-id"), Err("svix-id is missing"));
    check(&svix, &standard.and("svix-id", ID), Err("svix-signature is missing"));
    check(&svix, &Headers::default(), Err("webhook-signature is missing"));
}

#[test]
fn wandb_is_taken_in_each_of_its_writings() {
    let wandb = verifier(Scheme::wandb(), &[SECRET]);
    let base64 = Encoding::Base64.encode(&Encoding::Hex.decode(MAC).unwrap());
    for (written, expected) in [
        (base64.as_str(), Ok(0)),
        (MAC, Ok(0)),
        (&format!("sha256={MAC}"), Ok(0)),
        (&MAC.to_uppercase(), Ok(0)),
        (&format!("sha256={base64}"), Err("encoding")),
        (&format!("sha512={MAC}"), Err("encoding")),
        (&base64[..43], Err("encoding")),
        ("", Err("empty")),
    ] {
        check(&wandb, &Headers::default().and("X-Wandb-Signature", written), expected);
    }
}

#[test]
fn the_old_signature_of_github_is_not_looked_at() {
    let github = verifier(Scheme::github(), &[SECRET]);
    let sha1 = "sha1=a4771c39fbe90f317c7824e83ddef3caae9cb3d5";
    check(&github, &Headers::default().and("X-Hub-Signature", sha1), Err("X-Hub-Signature-256 is missing"));
    check(&github, &Headers::default().and(HUB, sha1), Err("prefix"));
}
