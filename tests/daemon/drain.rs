//! SIGTERM under load: who is being served is answered, what runs ends, and nothing that was accepted is lost.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::harness::count::{Count, soak};
use crate::harness::senders::Senders;
use crate::harness::{Daemon, LONG, Registry, Site, scan_request, sign, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_under_load_loses_nothing_and_does_nothing_twice() {
    let restarts = if soak() { 30 } else { 3 };
    let registry = Arc::new(Registry::start());
    let site = Site::new(&registry.url).limits("shutdown_grace = \"10m\"\npending = 200");
    site.plugin(
        "scan",
        "cat > /dev/null; echo \"$SCANRELAY_RUN_ID\" >> $SITE/runs; sleep 0.1; echo '{\"type\":\"result\",\"verdict\":\"safe\"}'",
    );
    let (_, version) = registry.version("fraud").await;
    let mut daemon = Daemon::start(&site);
    let mut senders = Senders::start(8, &registry, &version, &daemon);
    let mut slowest = Duration::ZERO;
    for restart in 1..=restarts {
        senders.accepted(restart * 40).await;
        let began = Instant::now();
        daemon.signal("TERM");
        // Far sooner than the grace: the runs are short.
        assert_eq!(daemon.ended().await.code(), Some(0));
        slowest = slowest.max(began.elapsed());
        daemon = Daemon::start(&site);
        senders.moved(&daemon);
    }
    let sent = senders.stop().await;
    let count = Count::of_all_ended(&daemon, Duration::from_mins(3)).await;
    count.check(&format!("{restarts} restarts"), &sent.accepted.keys().copied().collect());
    assert_eq!(count.state("done"), sent.accepted.len(), "{count}");
    let runs = site.lines("runs");
    let distinct: BTreeSet<&String> = runs.iter().collect();
    let told = registry.told().await;
    println!("runs {}, told {}, unanswered {}, slowest stop {slowest:?}", runs.len(), told.len(), sent.unanswered);
    assert_eq!((runs.len(), distinct.len()), (sent.accepted.len(), sent.accepted.len()), "nothing ran twice");
    assert!(told.len() == sent.accepted.len() && told.values().all(|words| *words == ["safe"]), "nothing told twice");
}

#[tokio::test]
async fn a_request_that_is_half_here_is_answered() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    let daemon = Daemon::start(&site);
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let body = scan_request("one", build);
    let (name, signature) = sign(&body).remove(0);
    let mut connection = TcpStream::connect(&daemon.intake).unwrap();
    connection.set_read_timeout(Some(LONG)).unwrap();
    let head = format!(
        "POST /hooks/verta HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{name}: {signature}\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    let mut line = [0; 25];
    connection.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n", "it is being read");
    connection.write_all(&body[..10]).unwrap();

    daemon.signal("TERM");
    let intake = daemon.intake.clone();
    let refused = || async { TcpStream::connect(&intake).is_err() };
    until("the intake's end", refused, |refused| *refused).await;
    connection.write_all(&body[10..]).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    drop(connection);
    assert_eq!(daemon.ended().await.code(), Some(0));

    let daemon = Daemon::start(&site);
    until("the result", || registry.scan(build), |scan| scan["scan_status"] == "scanned").await;
    let count = Count::of_all_ended(&daemon, LONG).await;
    count.check("half a request at SIGTERM", &[1].into());
}
