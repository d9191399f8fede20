//! Every vector and every captured delivery verifies, and with one bit changed, wherever it is, none does.

use std::collections::BTreeMap;
use std::time::Duration;

use scanrelay::signature::{Algorithm, Encoding, HmacScheme, SignedContent};
use scanrelay::{Caller, Scheme, Secret, Timestamp, Verifier};
use serde_json::Value;

/// A request that somebody else signed.
struct Signed {
    id: String,
    verifier: Verifier,
    /// Those that the scheme looks at.
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    at: Timestamp,
}

impl Signed {
    fn new(id: &str, scheme: Scheme, secret: &str, headers: Vec<(String, String)>, body: &str) -> Self {
        let secrets = vec![Secret::new(secret).unwrap()];
        let time = headers.iter().find(|(name, _)| name.to_lowercase().ends_with("-timestamp"));
        let seconds: i64 = time.map_or(0, |(_, value)| value.parse().unwrap());
        Self {
            id: id.to_owned(),
            // So long that a changed time is refused for its signature alone.
            verifier: Verifier::new(scheme, secrets, Duration::from_secs(1 << 40)).unwrap(),
            headers: headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect(),
            body: body.as_bytes().to_vec(),
            at: Timestamp::from_millis(seconds * 1000),
        }
    }

    fn verifies(&self, headers: &[(String, Vec<u8>)], body: &[u8]) -> bool {
        let caller = Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
        self.verifier.verify_at(&caller, body, self.at).is_ok()
    }

    /// How many changes were tried.
    fn check(&self) -> usize {
        assert!(self.verifies(&self.headers, &self.body), "{} does not verify", self.id);
        let mut tried = 0;
        for (nth, (name, value)) in self.headers.iter().enumerate() {
            for changed in flipped(value) {
                let mut headers = self.headers.clone();
                headers[nth].1 = changed;
                assert!(!self.verifies(&headers, &self.body), "{}: {name} {:?}", self.id, headers[nth].1);
                tried += 1;
            }
        }
        if self.signs_the_body() {
            for changed in flipped(&self.body) {
                assert!(!self.verifies(&self.headers, &changed), "{}: the body", self.id);
                tried += 1;
            }
        }
        tried
    }

    /// A token proves the sender and not the body.
    fn signs_the_body(&self) -> bool {
        self.verifier.scheme().name() != "token"
    }
}

/// The same with each of its bits another, one at a time.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    })
}

fn vectors() -> Vec<Signed> {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors/vectors.json")).unwrap();
    let good = vectors.iter().filter(|vector| vector["valid"] == true);
    let signed = good.map(|vector| {
        let text = |key: &str| vector[key].as_str().unwrap();
        let headers: BTreeMap<String, String> = serde_json::from_value(vector["headers"].clone()).unwrap();
        Signed::new(text("id"), scheme(&vector["scheme"]), text("secret"), headers.into_iter().collect(), text("body"))
    });
    signed.collect()
}

fn scheme(said: &Value) -> Scheme {
    let text = |key: &str| said[key].as_str().map(str::to_owned);
    if let Some(preset) = said.as_str() {
        return Scheme::preset(preset).unwrap();
    }
    if let Some(header) = text("token") {
        return Scheme::token(header);
    }
    let mut scheme = HmacScheme::new(text("header").unwrap());
    scheme.encoding = if said["encoding"] == "hex" { Encoding::Hex } else { Encoding::Base64 };
    if said["algorithm"] == "sha512" {
        scheme.algorithm = Algorithm::Sha512;
    }
    scheme.prefix = text("prefix").unwrap_or_default();
    scheme.separator = text("separator").and_then(|separator| separator.chars().next());
    (scheme.id_header, scheme.timestamp_header) = (text("id_header"), text("timestamp_header"));
    if let Some(signed) = text("signed") {
        scheme.signed = SignedContent::parse(&signed).unwrap();
    }
    Scheme::Hmac(scheme)
}

/// As an MLflow server sent them.
fn captures() -> Vec<Signed> {
    let lines = include_str!("vectors/mlflow.jsonl").lines().enumerate();
    let signed = lines.map(|(nth, line)| {
        let request: Value = serde_json::from_str(line).unwrap();
        let all: Vec<(String, String)> = serde_json::from_value(request["headers"].clone()).unwrap();
        let ours = all.into_iter().filter(|(name, _)| name.starts_with("X-MLflow-")).collect();
        let body = request["body"].as_str().unwrap();
        Signed::new(&format!("mlflow {nth}"), Scheme::mlflow(), "It's a Secret to Everybody", ours, body)
    });
    signed.collect()
}

#[test]
fn every_vector_verifies_and_with_one_bit_changed_it_does_not() {
    let (vectors, captures) = (vectors(), captures());
    assert_eq!((vectors.len(), captures.len()), (10, 6));
    let tried: usize = vectors.iter().chain(&captures).map(Signed::check).sum();
    assert!(tried > 20_000, "{tried}");
}
