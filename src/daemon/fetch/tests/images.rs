//! Which image a tag is, at registries that want to know who asks.

use super::*;

const REFERENCE: &str = "images.example.com/acme/model:1";
const MANIFEST: &str = "{\"schemaVersion\":2}";

fn images(url: &str, tokens: Option<&str>, login: Option<&str>) -> Images {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let registry = ImageRegistry {
        target: Target {
            key: "images.internal".to_owned(),
            url: Url::parse(url).unwrap(),
            credentials: Vec::new(),
            timeout: Duration::from_mins(1),
            max_answer: 1000,
            authority: None,
            proxy: None,
        },
        host: "images.example.com".to_owned(),
        tokens: tokens.map(|url| Url::parse(url).unwrap()),
        login: login.map(|password| ("puller".to_owned(), Secret::new(password).unwrap())),
    };
    Images::new(vec![registry]).unwrap()
}

fn manifest() -> Reply {
    answer(200, &format!("Docker-Content-Digest: sha256:{}\r\n", sha256(MANIFEST)), MANIFEST)
}

fn bearer(realm: &str) -> Reply {
    let scope = "repository:acme/model:pull";
    let header = format!("WWW-Authenticate: Bearer realm=\"{realm}/token\",service=\"images\",scope=\"{scope}\"\r\n");
    answer(401, &header, "")
}

async fn later(images: &Images, words: &str) {
    match images.resolve(REFERENCE, None).await {
        Err(Failure::Later(reason)) => said(&reason, words),
        other => panic!("{words}: {other:?}"),
    }
}

#[tokio::test]
async fn a_tag_is_the_digest_of_its_manifest() {
    let mut script = Script::new([manifest()]);
    let image = images(&script.url(), None, None).resolve(REFERENCE, None).await.unwrap();
    assert_eq!(image.digest, format!("sha256:{}", sha256(MANIFEST)));
    assert_eq!(image.pinned, format!("images.example.com/acme/model@sha256:{}", sha256(MANIFEST)));
    let asked = script.asked().await;
    assert_eq!(asked.request, "GET /v2/acme/model/manifests/1");
    assert!(asked.header("accept").unwrap().contains("application/vnd.oci.image.index.v1+json"));
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn what_is_known_is_not_asked() {
    let known = crate::daemon::digest::Digest::parse(&"ab".repeat(32)).unwrap();
    let nobody = images("http://127.0.0.1:1", None, None);
    let image = nobody.resolve(REFERENCE, Some(known.clone())).await.unwrap();
    assert_eq!(image.digest, known.to_string());
    let pinned = format!("images.example.com/model@sha256:{}", "cd".repeat(32));
    let image = nobody.resolve(&pinned, Some(known.clone())).await.unwrap();
    assert_eq!((image.pinned, image.digest), (pinned.clone(), format!("sha256:{}", "cd".repeat(32))));
    // A scanner would ask there for it.
    let elsewhere = pinned.replace("images.", "elsewhere.");
    let failure = nobody.resolve(&elsewhere, Some(known)).await.unwrap_err();
    assert!(format!("{failure:?}").contains("elsewhere.example.com is not one that is asked"), "{failure:?}");
}

#[tokio::test]
async fn a_token_is_fetched_where_the_configuration_says() {
    let mut tokens = Script::new([answer(200, "", "{\"access_token\":\"the-token\"}")]);
    let mut script = Script::new([bearer(&tokens.url()), manifest()]);
    let images = images(&script.url(), Some(&tokens.url()), Some("pull it"));
    images.resolve(REFERENCE, None).await.unwrap();
    let asked = tokens.asked().await;
    assert_eq!(asked.request, "GET /token?service=images&scope=repository%3Aacme%2Fmodel%3Apull");
    assert_eq!(asked.header("authorization"), Some("Basic cHVsbGVyOnB1bGwgaXQ="));
    assert_eq!(script.asked().await.header("authorization"), None);
    assert_eq!(script.asked().await.header("authorization"), Some("Bearer the-token"));
}

#[tokio::test]
async fn nobody_else_gets_the_credentials() {
    let mut elsewhere = Script::new([answer(200, "", "{\"token\":\"x\"}")]);
    let script = Script::new([bearer(&elsewhere.url())]);
    let words = format!("its token server {} is not named: set images.internal.tokens", elsewhere.url());
    later(&images(&script.url(), None, Some("pull it")), &words).await;
    assert_eq!(elsewhere.rest(), [""; 0]);
}

#[tokio::test]
async fn what_is_no_answer_is_no_image() {
    let ask = |reply: Reply| images(&Script::new([reply]).url(), None, None);
    later(&ask(answer(503, "", "")), "images.example.com answered 503").await;
    later(&ask(answer(403, "", "")), "see images.internal.credentials").await;
    later(&ask(answer(401, "", "")), "does not say how to log in").await;
    later(&ask(answer(401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "")), "set images.internal.credentials").await;
    let other = format!("Docker-Content-Digest: sha256:{}\r\n", sha256("another"));
    later(&ask(answer(200, &other, MANIFEST)), "sent another manifest of acme/model:1 than it says").await;
    let never = [
        (answer(404, "", ""), "has no image acme/model:1"),
        (answer(302, "Location: http://127.0.0.1:1/\r\n", ""), "answered 302"),
        (answer(200, "", &"x".repeat(1001)), "sent more than 1000 bytes"),
    ];
    for (reply, words) in never {
        match ask(reply).resolve(REFERENCE, None).await {
            Err(Failure::Never(reason)) => said(&reason, words),
            other => panic!("{words}: {other:?}"),
        }
    }
}
