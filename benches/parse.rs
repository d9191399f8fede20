//! What a verified body costs on its way to an event: the checks that every body passes, and the registry's own reading.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scanrelay::registry::{Registry, Verta};
use scanrelay::{Caller, Receiver, Scheme, Secret, Timestamp, Verifier};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A scan request of about that many bytes; what is beside the fields that are read is one text.
fn scan_request(length: usize) -> Bytes {
    let event = |description: &str| {
        json!({
            "event_uuid": "5f1de9a0-0000-4000-8000-000000000001", "event_type": "REQUEST_SCAN", "workspace_id": "42",
            "timestamp": "1669852800000",
            "resource_type": { "deployment_service_resource_type": "BUILD" },
            "new_entity": {
                "entity_workspace_id": "42", "description": description,
                "scan_request": { "buildId": "5150", "imageUrl": "registry.example.com/models/churn/build:latest" },
            },
        })
    };
    let bare = event("").to_string().len();
    event(&"x".repeat(length.saturating_sub(bare))).to_string().into()
}

fn receive(criterion: &mut Criterion) {
    let secret = Secret::new("a secret of the benchmark").unwrap();
    let verifier = Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
    let receiver = Receiver::new("verta", Registry::Verta(Verta::default()), verifier);
    for length in [1024, 64 * 1024] {
        let body = scan_request(length);
        let signed = receiver.verifier().sign(None, NOW, &body).unwrap();
        let headers: Vec<_> = signed.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let mut group = criterion.benchmark_group(format!("scan_request/{length}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("verify and parse", |bench| {
            bench.iter(|| {
                let caller = Caller::new(headers.iter().copied());
                black_box(receiver.verify_at(&caller, body.clone(), NOW)).unwrap()
            });
        });
        group.bench_function("parse", |bench| {
            bench.iter(|| black_box(receiver.registry().parse("verta", &Caller::new([]), &body)).unwrap());
        });
        // What a reader without types would pay.
        group.bench_function("generic value", |bench| {
            bench.iter(|| black_box(serde_json::from_slice::<Value>(&body)).unwrap());
        });
        group.finish();
    }
}

criterion_group!(benches, receive);
criterion_main!(benches);
