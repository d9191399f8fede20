//! Senders that cannot sign: a secret in the path, addresses, or nothing.

use std::net::IpAddr;

use super::*;

const PATH: &str = "0123456789abcdef-_.~";
const OTHER: &str = "fedcba9876543210";

fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

fn networks(all: &[&str]) -> Vec<Network> {
    all.iter().map(|text| Network::parse(text).unwrap()).collect()
}

fn from(address: &str) -> IpAddr {
    address.parse().unwrap()
}

fn verified(verifier: &Verifier, caller: &Caller<'_>) -> Result<(String, usize, bool), VerifyError> {
    verifier.verify_at(caller, BODY, NOW).map(|verified| (verified.scheme, verified.secret, verified.body))
}

#[test]
fn a_path_ends_with_one_of_the_secrets() {
    let path = verifier(Scheme::Path, &[PATH, OTHER]);
    let caller = || Caller::new([]);
    assert_eq!(verified(&path, &caller().with_path_secret(PATH)), Ok(("path secret".into(), 0, false)));
    assert_eq!(verified(&path, &caller().with_path_secret(OTHER)), Ok(("path secret".into(), 1, false)));
    for bad in ["", &PATH[1..], &PATH.to_uppercase(), "é", &format!("{PATH}/"), &format!(" {PATH}")] {
        assert_eq!(verified(&path, &caller().with_path_secret(bad)), Err(VerifyError::PathSecret), "{bad}");
    }
    assert_eq!(verified(&path, &caller()), Err(VerifyError::PathSecret));
    assert_eq!(path.sign(None, NOW, BODY), Ok(Vec::new()));
    assert_eq!((path.path_secret(), path.sends_a_secret()), (Some(&secret(PATH)), true));
}

#[test]
fn a_path_secret_is_one_that_stands_in_a_path_and_is_not_guessed() {
    for bad in
        ["short", "0123456789abcde", "0123456789abcdef/", "0123456789abcde%41", "0123456789abcdeé", &"a".repeat(257)]
    {
        let made = Verifier::new(Scheme::Path, vec![secret(bad)], Duration::ZERO).map(drop);
        assert_eq!(made, Err(SchemeError::PathSecret), "{bad}");
        let added = verifier(Scheme::github(), &[SECRET]).with_path_secret(secret(bad)).map(drop);
        assert_eq!(added, Err(SchemeError::PathSecret), "{bad}");
    }
    assert!(Verifier::new(Scheme::Path, vec![secret(&"a".repeat(256))], Duration::ZERO).is_ok());
}

#[test]
fn a_path_secret_beside_a_signature_is_asked_for_too() {
    let both = verifier(Scheme::github(), &[SECRET]).with_path_secret(secret(PATH)).unwrap();
    let signed = Headers::signed(&both, None, NOW);
    assert_eq!(verified(&both, &signed.caller().with_path_secret(PATH)), Ok(("github".into(), 0, true)));
    assert_eq!(verified(&both, &signed.caller()), Err(VerifyError::PathSecret));
    assert_eq!(verified(&both, &signed.caller().with_path_secret(OTHER)), Err(VerifyError::PathSecret));
    let missing = Err(VerifyError::Missing(HUB.into()));
    assert_eq!(verified(&both, &Caller::new([]).with_path_secret(PATH)), missing);
    assert!(both.sends_a_secret() && !verifier(Scheme::github(), &[SECRET]).sends_a_secret());
}

#[test]
fn addresses_narrow_and_prove_nothing_else() {
    let inside = verifier(Scheme::github(), &[SECRET]).with_networks(networks(&["10.0.0.0/8", "fd00::/8"])).unwrap();
    let signed = Headers::signed(&inside, None, NOW);
    for good in ["10.1.2.3", "fd12::1", "::ffff:10.1.2.3"] {
        assert!(verified(&inside, &signed.caller().with_peer(from(good))).is_ok(), "{good}");
        let unsigned = verified(&inside, &Caller::new([]).with_peer(from(good)));
        assert_eq!(unsigned, Err(VerifyError::Missing(HUB.into())));
    }
    for bad in ["11.0.0.1", "fe80::1", "::ffff:11.0.0.1", "::10.1.2.3"] {
        let refused = verified(&inside, &signed.caller().with_peer(from(bad)));
        assert_eq!(refused, Err(VerifyError::Address(from(bad))), "{bad}");
    }
    assert_eq!(verified(&inside, &signed.caller()), Err(VerifyError::NoAddress));
    assert_eq!(inside.with_networks(Vec::new()).map(drop), Err(SchemeError::NoNetwork));
}

#[test]
fn what_is_not_signed_at_all_says_so() {
    let nothing = Verifier::new(Scheme::Unsigned, Vec::new(), Duration::ZERO).unwrap();
    assert_eq!(verified(&nothing, &Caller::new([])), Ok(("nothing".into(), 0, false)));
    assert_eq!(nothing.sign(None, NOW, BODY), Ok(Vec::new()));
    let address = nothing.with_networks(networks(&["10.0.0.1"])).unwrap();
    assert_eq!(verified(&address, &Caller::new([]).with_peer(from("10.0.0.1"))), Ok(("address".into(), 0, false)));
    assert_eq!(verified(&address, &Caller::new([])), Err(VerifyError::NoAddress));
    let unused = Verifier::new(Scheme::Unsigned, vec![secret(SECRET)], Duration::ZERO).map(drop);
    assert_eq!(unused, Err(SchemeError::UnusedSecrets));
    for scheme in [Scheme::Path, Scheme::github(), Scheme::token("X-Token")] {
        assert_eq!(Verifier::new(scheme, Vec::new(), Duration::ZERO).map(drop), Err(SchemeError::NoSecret));
    }
}

#[test]
fn a_public_key_is_no_secret_of_any_other_scheme() {
    // Everybody knows it: a MAC under it, or itself as a token, would prove nothing.
    let public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    let standing = ["github", "mlflow", "databricks", "wandb"].map(|name| Scheme::preset(name).unwrap());
    for scheme in standing.into_iter().chain([Scheme::token("X-Token"), Scheme::Path]) {
        let made = Verifier::new(scheme.clone(), vec![secret(public)], Duration::ZERO).map(drop);
        assert_eq!(made, Err(SchemeError::Asymmetric), "{scheme:?}");
    }
    for scheme in [Scheme::standard_webhooks(), Scheme::svix()] {
        assert!(Verifier::new(scheme, vec![secret(public)], Duration::ZERO).is_ok());
    }
    // Of small order: one signature would fit many bodies.
    let weak = format!("whpk_{}", Encoding::Base64.encode(&[&[1_u8][..], &[0; 31]].concat()));
    let made = Verifier::new(Scheme::standard_webhooks(), vec![secret(&weak)], Duration::ZERO).map(drop);
    assert_eq!(made, Err(SchemeError::Key));
}

#[test]
fn a_network_holds_its_own_addresses() {
    let check = |network: &str, address: &str, expected: bool| {
        let network = Network::parse(network).unwrap_or_else(|| panic!("{network} is none"));
        assert_eq!(network.contains(from(address)), expected, "{network} {address}");
    };
    check("10.0.0.0/8", "10.255.0.1", true);
    check("10.0.0.0/8", "11.0.0.0", false);
    check("10.0.0.0/8", "::ffff:10.1.1.1", true);
    check("10.0.0.0/8", "a00::1", false);
    check("127.0.0.1", "127.0.0.1", true);
    check("127.0.0.1", "127.0.0.2", false);
    check("0.0.0.0/0", "203.0.113.9", true);
    check("0.0.0.0/0", "::1", false);
    check("fd00::/8", "fdff::1", true);
    check("fd00::/8", "fe00::1", false);
    check("::/0", "::1", true);
    check("::1", "::1", true);
    for none in [
        "",
        "10",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/",
        "fd00::/129",
        "localhost",
        "::ffff:10.0.0.1",
        "10.0.0.0/256",
    ] {
        assert_eq!(Network::parse(none), None, "{none}");
    }
    for text in ["10.0.0.0/8", "fd00::/8", "::1/128"] {
        assert_eq!(Network::parse(text).unwrap().to_string(), text);
    }
}
