//! What is fuzzed: each takes any bytes, must not panic, and must not take for verified what nobody signed.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use scanrelay::diagnosis::SavedRequest;
use scanrelay::registry::{Comet, Databricks, GitHub, HuggingFace, Mlflow, Verta, Wandb};
use scanrelay::{Caller, Receiver, Registry, Scheme, Secret, Timestamp, TraceParent, Verifier};

/// The time of the vectors: seeds are within its tolerance.
const NOW: Timestamp = Timestamp::from_millis(1_649_367_553_000);

/// A request as a file has it: header lines, an empty line, the body.
fn request(data: &[u8]) -> (Vec<(&str, &[u8])>, &[u8]) {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((data, &b""[..]), |end| (&data[..end], &data[end + 2..]));
    (head.split(|byte| *byte == b'\n').filter_map(header).take(64).collect(), body)
}

fn header(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let value = &line[colon + 1..];
    Some((std::str::from_utf8(&line[..colon]).ok()?, value.strip_prefix(b" ").unwrap_or(value)))
}

/// A secret that no corpus can have: it is made anew in each process.
fn fresh() -> String {
    let random = || std::hash::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

fn verifier(scheme: &Scheme) -> Verifier {
    thread_local! {
        static SECRET: String = fresh();
    }
    let secret = SECRET.with(|secret| Secret::new(secret.as_str())).expect("it is not empty");
    Verifier::new(scheme.clone(), vec![secret], Duration::from_mins(5)).expect("hex digits are base64, too")
}

/// Nobody who does not know the secret is verified under the scheme.
pub fn scheme(scheme: &Scheme, data: &[u8]) {
    let (headers, body) = request(data);
    let caller = Caller::new(headers);
    let verified = verifier(scheme).verify_at(&caller, body, NOW);
    assert!(verified.is_err(), "{} is verified and nobody signed it", scheme.name());
}

/// Every reader of headers: saved requests, traces, and all schemes over the same bytes.
pub fn headers(data: &[u8]) {
    let _ = SavedRequest::parse(data);
    let _ = TraceParent::parse(data);
    let presets = Scheme::PRESETS.iter().filter_map(|name| Scheme::preset(name));
    for each in presets.chain([Scheme::token("Authorization")]) {
        scheme(&each, data);
    }
}

/// Every reader of bodies: what is signed and no event of a registry is an error or an event without a meaning, and what is
/// an event can be written and read again.
pub fn bodies(data: &[u8]) {
    let registries = [
        Registry::Verta(Verta::default()),
        Registry::Comet(Comet::default()),
        Registry::Mlflow(Mlflow::default()),
        Registry::Databricks(Databricks::default()),
        Registry::HuggingFace(HuggingFace::default()),
        Registry::Wandb(Wandb::default()),
        Registry::GitHub(GitHub::default()),
        Registry::Generic(Box::default()),
    ];
    for registry in registries {
        let receiver = Receiver::new("fuzzed", registry, verifier(&Scheme::github()));
        let signed = receiver.verifier().sign(None, NOW, data).expect("bytes can be signed");
        let caller = Caller::new(signed.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        if let Ok(delivery) = receiver.verify_at(&caller, data.to_vec().into(), NOW) {
            let text = serde_json::to_string(delivery.event()).expect("an event is JSON");
            let event = serde_json::from_str::<scanrelay::Event>(&text).expect("an event is read as it was written");
            assert_eq!(event.subject(), delivery.event().subject());
        }
    }
}

/// A target by its name.
pub type Target = Box<dyn Fn(&[u8])>;

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    match name {
        "headers" => Some(Box::new(headers)),
        "bodies" => Some(Box::new(bodies)),
        "token" => Some(Box::new(|data| scheme(&Scheme::token("Authorization"), data))),
        name => {
            let preset = Scheme::preset(&name.replace('_', "-"))?;
            Some(Box::new(move |data| scheme(&preset, data)))
        }
    }
}
