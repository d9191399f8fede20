//! Spans, as a collector gets them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use crate::harness::{Daemon, LONG, Registry, Site, scan_request, sign};

const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A collector that takes everything: the bodies that it was sent.
fn collector() -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (take, taken) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
            let head = head.to_lowercase();
            assert!(head.starts_with("post /v1/traces "), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            if take.send(body).is_err() {
                return;
            }
        }
    });
    (endpoint, taken)
}

fn count(bytes: &[u8], of: &[u8]) -> usize {
    bytes.windows(of.len()).filter(|window| *window == of).count()
}

#[tokio::test]
async fn a_collector_gets_what_was_received_run_and_reported() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let (_, version) = registry.version("traced").await;
    let build = registry.build(&version).await;
    let (endpoint, taken) = collector();
    let daemon = Daemon::start_with(&site, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    let body = scan_request("one", build);
    let signed = sign(&body);
    let mut headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.push(("traceparent", SENT));
    assert_eq!(daemon.post("/hooks/verta", &headers, &body).await.0, 202);
    // One without a trace has one of its own.
    assert_eq!(daemon.deliver(&scan_request("two", build)).await.0, 202);

    let trace = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
    let parent = 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes();
    let mut spans = Vec::new();
    while count(&spans, b"report") < 2 || count(&spans, b"receive") < 2 || count(&spans, b"run") < 2 {
        spans.extend(taken.recv_timeout(LONG).expect("spans"));
    }
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await.code(), Some(0));
    spans.extend(taken.try_iter().flatten());
    // Received, the run, the report, and the progress where the second has not replaced it.
    assert!((3..=4).contains(&count(&spans, &trace)), "{}", count(&spans, &trace));
    assert_eq!(count(&spans, &parent), 1, "the receiving is the sender's child, and the parent of the rest");
    assert!(count(&spans, b"scanrelay.plugin") >= 2 && count(&spans, b"service.name") >= 1);
}
