//! W3C Trace Context, from the registry that posts to the plugin, the registry that is told, and the log.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Daemon, LONG, Site, scan_request, sign, until};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A registry that answers everything with 503, and what it heard: the heads of requests, in lower case.
fn deaf_registry() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (hear, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
            let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = reader.get_mut().write_all(answer);
            if hear.send(head.to_lowercase()).is_err() {
                return;
            }
        }
    });
    (url, heard)
}

/// Posts a scan request with these `traceparent`s.
async fn deliver(daemon: &Daemon, id: &str, traces: &[&str]) {
    let body = scan_request(id, 1);
    let signed = sign(&body);
    let mut headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.extend(traces.iter().map(|trace| ("traceparent", *trace)));
    assert_eq!(daemon.post("/hooks/verta", &headers, &body).await.0, 202, "{traces:?}");
}

/// The lines of the log that say this.
fn said(daemon: &Daemon, message: &str) -> Vec<Value> {
    let lines = daemon.log();
    let all = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|line| line["message"] == message).collect()
}

#[tokio::test]
async fn a_trace_goes_the_whole_way() {
    let (registry, heard) = deaf_registry();
    let site = Site::new(&registry);
    site.plugin("scan", "env > $SITE/environment; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    let daemon = Daemon::start(&site);
    deliver(&daemon, "one", &[SENT]).await;

    let results = || async { said(&daemon, "result") };
    let run = until("the run", results, |lines| !lines.is_empty()).await.remove(0);
    assert_eq!((run["trace_id"].as_str(), run["plugin"].as_str()), (Some(TRACE_ID), Some("scan")));
    let accepted = said(&daemon, "accepted").remove(0);
    assert_eq!(accepted["trace_id"].as_str(), Some(TRACE_ID));

    let environment = site.lines("environment");
    let plugin = environment.iter().find_map(|line| line.strip_prefix("TRACEPARENT=")).expect("a trace");
    let mut spans = vec![plugin.to_owned()];
    // The outcome until it is told.
    while spans.len() < 4 {
        let head = heard.recv_timeout(LONG).unwrap();
        // The catch-up asks on its own account.
        if head.contains("/findwebhook ") {
            continue;
        }
        spans.extend(head.lines().find_map(|line| line.strip_prefix("traceparent: ")).map(str::to_owned));
    }
    for span in &spans {
        assert!(span.starts_with(&format!("00-{TRACE_ID}-")) && span.ends_with("-01") && span.len() == 55, "{span}");
        assert!(!span.contains("00f067aa0ba902b7"), "the parent is an attempt of ours: {span}");
    }
    spans.sort();
    spans.dedup();
    assert_eq!(spans.len(), 4, "each attempt is a span of its own");
}

#[tokio::test]
async fn what_is_malformed_or_there_twice_is_as_good_as_none() {
    let (registry, heard) = deaf_registry();
    let site = Site::new(&registry);
    site.plugin("scan", "env >> $SITE/environment; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'");
    let daemon = Daemon::start(&site);
    let upper = SENT.to_uppercase();
    let zero = format!("00-{TRACE_ID}-0000000000000000-01");
    let shell = format!("00-{TRACE_ID}-00f067aa0ba902b7-01$(id)");
    let sent: [&[&str]; 5] = [&[&upper], &[&zero], &[&shell], &["ff-1"], &[SENT, SENT]];
    for (at, traces) in sent.iter().enumerate() {
        deliver(&daemon, &format!("delivery {at}"), traces).await;
    }
    let results = || async { said(&daemon, "result") };
    until("the runs", results, |lines| lines.len() == sent.len()).await;
    for _ in 0..3 {
        let head = heard.recv_timeout(LONG).unwrap();
        assert!(!head.contains("traceparent"), "{head}");
    }
    let environment = site.lines("environment").join("\n");
    assert!(environment.contains("SCANRELAY_RUN_ID=") && !environment.contains("TRACEPARENT"), "{environment}");
    let log = daemon.log();
    assert!(!log.contains("trace_id") && !log.contains(TRACE_ID), "{log}");
    drop(heard.recv_timeout(Duration::ZERO));
}
