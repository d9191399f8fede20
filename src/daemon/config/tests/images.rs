//! Who may be asked which image a tag is.

use super::*;

fn with(keys: &str) -> String {
    format!("[images.internal]\n{keys}\n")
}

#[test]
fn a_registry_of_images_is_asked_over_tls_unless_somebody_says_so() {
    let place = Place::new();
    let of = |keys: &str| place.load(&with(keys)).unwrap().images.remove(0);
    let plain = of("host = \"images.example.com:5000\"");
    assert_eq!((plain.url.as_str(), plain.tokens, plain.login), ("https://images.example.com:5000/", None, None));
    let full =
        of("host = \"images.example.com\"\nurl = \"http://127.0.0.1:5000\"\ntokens = \"https://tokens.example.com\"\n\
                   credentials = { user = \"puller\", password = { file = \"generic-token\" } }\ntimeout = \"5s\"");
    assert_eq!((full.url.as_str(), full.timeout.as_secs()), ("http://127.0.0.1:5000/", 5));
    assert_eq!(
        full.login.map(|(user, secret)| (user, secret.expose().to_vec())),
        Some(("puller".into(), SECRET.into()))
    );
    assert!(
        place.load(&with("host = \"a.example.com\"\nurl = \"http://a.example.com\"\ninsecure_http = true")).is_ok()
    );
}

#[test]
fn what_nobody_could_mean_is_refused() {
    refused(
        &with("host = \"https://images.example.com\""),
        "images.internal.host: \"https://images.example.com\" is no host",
    );
    refused(&with("host = \"\""), "images.internal.host");
    refused(&with("host = \"a.example.com\"\nurl = \"http://a.example.com\""), "images.internal.url: http would send");
    refused(&with("host = \"a.example.com\"\ntokens = \"ftp://a.example.com\""), "images.internal.tokens");
    let twice = "[images.one]\nhost = \"a.example.com\"\n[images.two]\nhost = \"a.example.com\"\n";
    refused(twice, "images.two.host: it is that of images.one already");
    let literal = format!("host = \"a.example.com\"\ncredentials = {{ user = \"me\", password = \"{SECRET}\" }}");
    refused(&with(&literal), "images.internal.credentials.password: a secret does not stand in the configuration");
}
