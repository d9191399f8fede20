//! What the verification of one request costs, by scheme and by size: from headers and raw bytes to a proof or a refusal.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use scanrelay::{Caller, Scheme, Secret, Timestamp, Verifier};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn verifier(scheme: Scheme) -> Verifier {
    let secret = Secret::new("c2VjcmV0IG9mIHRoZSBiZW5jaG1hcmssIGxvbmc=").unwrap();
    Verifier::new(scheme, vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap()
}

fn schemes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for (name, scheme) in [("github", Scheme::github()), ("standard-webhooks", Scheme::standard_webhooks())] {
        let verifier = verifier(scheme);
        for length in [256, 1024, 16 * 1024] {
            let body = vec![b'x'; length];
            let signed = verifier.sign(Some("msg_1"), NOW, &body).unwrap();
            let headers: Vec<_> = signed.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            group.throughput(Throughput::Bytes(length as u64));
            group.bench_function(BenchmarkId::new(name, length), |bench| {
                bench.iter(|| {
                    let caller = Caller::new(headers.iter().copied());
                    black_box(verifier.verify_at(&caller, black_box(&body), NOW)).unwrap()
                });
            });
        }
    }
    group.finish();
}

fn refusal(criterion: &mut Criterion) {
    let verifier = verifier(Scheme::github());
    let body = vec![b'x'; 1024];
    let wrong = format!("sha256={}", "0".repeat(64));
    criterion.bench_function("refuse/github/1024", |bench| {
        bench.iter(|| {
            let caller = Caller::new([("X-Hub-Signature-256", wrong.as_bytes())]);
            black_box(verifier.verify_at(&caller, black_box(&body), NOW)).unwrap_err()
        });
    });
}

criterion_group!(benches, schemes, refusal);
criterion_main!(benches);
