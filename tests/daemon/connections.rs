//! Many connections: slow ones, idle ones, and more than there may be.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::count::{Count, soak};
use crate::harness::{Daemon, LONG, Registry, Site, client, scan_request, sign, until};

const HEAD: &str = "POST /hooks/verta HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

/// Resident memory in MiB.
fn resident(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn descriptors(daemon: &Daemon) -> usize {
    fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count()
}

/// As many descriptors for this process as it may have: half of the connections are ours.
fn raise_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// That many deliveries, one after the other: how long it took.
async fn served(daemon: &Daemon, many: u64) -> Duration {
    let client = client();
    let began = Instant::now();
    for build in 1..=many {
        let body = scan_request(&format!("served-{build}"), build);
        let request = client.post(format!("http://{}/hooks/verta", daemon.intake));
        let request = request.header("Content-Type", "application/json");
        let request = sign(&body).into_iter().fold(request, |request, (name, value)| request.header(name, value));
        assert_eq!(request.body(body).send().await.unwrap().status(), 202);
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_slow_ones_hold_up_nobody() {
    raise_limit();
    let registry = Registry::start();
    let site = Site::new(&registry.url).limits("plugin_attempts = 1");
    let timeouts = [("SCANRELAY__SERVER__HEADER_TIMEOUT", "3s"), ("SCANRELAY__SERVER__READ_TIMEOUT", "3s")];
    let daemon = Daemon::start_with(&site, &timeouts);
    let before = descriptors(&daemon);
    let connect = || TcpStream::connect(&daemon.intake).unwrap();
    let mut heads: Vec<TcpStream> = (0..250).map(|_| connect()).collect();
    let mut bodies: Vec<TcpStream> = (0..250).map(|_| connect()).collect();
    for slow in &mut bodies {
        slow.write_all(format!("{HEAD}Content-Length: 100000\r\n\r\n").as_bytes()).unwrap();
    }
    let began = Instant::now();
    // Byte by byte, for as long as it lets them: none is past its timeout by much, however busy it looks.
    let dribbling = tokio::task::spawn_blocking(move || {
        let mut bytes = HEAD.bytes().cycle();
        let mut alive = heads.len() + bodies.len();
        while alive > 0 && began.elapsed() < LONG {
            let byte = [bytes.next().unwrap()];
            for slow in [&mut heads, &mut bodies] {
                slow.retain_mut(|slow| slow.write_all(&byte).is_ok() && !is_closed(slow));
            }
            alive = heads.len() + bodies.len();
            std::thread::sleep(Duration::from_millis(50));
        }
        (alive, began.elapsed())
    });
    let took = served(&daemon, 50).await;
    let (alive, over) = dribbling.await.unwrap();
    println!("50 served in {took:?} beside 500 slow ones; the last of these was let go after {over:?}");
    // One behind the other they would take twice as long, at 3 s each.
    assert!(took < LONG, "50 deliveries took {took:?}");
    assert_eq!(alive, 0, "are still there after {over:?}");
    until("room", || async { descriptors(&daemon) }, |now| *now < before + 100).await;
    let count = Count::of_all_ended(&daemon, LONG).await;
    count.check("500 slow connections", &(1..=50).collect());
}

/// Whether the other side has hung up. What it said is not looked at.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let mut answer = [0; 1024];
    let closed = matches!(stream.read(&mut answer), Ok(0));
    stream.set_nonblocking(false).unwrap();
    closed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_are_served_within_bounds() {
    let wanted: u64 = if soak() { 10_000 } else { 3_000 };
    let most = raise_limit() - 500;
    let many = usize::try_from(wanted.min(most)).unwrap();
    let registry = Registry::start();
    let site = Site::new(&registry.url).limits("plugin_attempts = 1");
    let connections = (many + 100).to_string();
    let settings = [
        ("SCANRELAY__SERVER__MAX_CONNECTIONS", connections.as_str()),
        ("SCANRELAY__SERVER__HEADER_TIMEOUT", "60s"),
        ("SCANRELAY__SERVER__KEEP_ALIVE", "60s"),
    ];
    let daemon = Daemon::start_with(&site, &settings);
    let before = resident(&daemon);
    let mut open: Vec<TcpStream> = (0..many).map(|_| TcpStream::connect(&daemon.intake).unwrap()).collect();
    until("all of them", || async { descriptors(&daemon) }, |now| *now > many).await;
    let body = scan_request("one", 1);
    let (name, signature) = sign(&body).remove(0);
    let request = format!("{HEAD}{name}: {signature}\r\nContent-Length: {}\r\n\r\n", body.len());
    let began = Instant::now();
    let answered = tokio::task::spawn_blocking(move || {
        // The same delivery on each of them: one is new, the others are told so.
        for stream in &mut open {
            stream.write_all(request.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        }
        let mut statuses = std::collections::BTreeMap::new();
        for stream in &mut open {
            let mut status = [0; 12];
            stream.set_read_timeout(Some(LONG)).unwrap();
            stream.read_exact(&mut status).unwrap();
            *statuses.entry(String::from_utf8_lossy(&status[9..]).into_owned()).or_insert(0) += 1;
        }
        (statuses, open)
    });
    let (statuses, open) = answered.await.unwrap();
    let took = began.elapsed();
    let grown = resident(&daemon).saturating_sub(before);
    println!("{many} connections: {statuses:?} in {took:?}, {grown} MiB more");
    assert_eq!(statuses.get("202"), Some(&1), "{statuses:?}");
    let answered: usize = statuses
        .iter()
        .filter(|(status, _)| ["200", "202", "503"].contains(&status.as_str()))
        .map(|(_, many)| many)
        .sum();
    assert_eq!(answered, many, "{statuses:?}");
    assert!(grown < 40 + many as u64 / 20, "{grown} MiB for {many} connections");
    drop(open);
    let count = Count::of_all_ended(&daemon, LONG).await;
    count.check(&format!("{many} connections"), &[1].into());
}

/// Beyond the bound others wait for a place, and none of them takes away what a plugin needs to be run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_beyond_the_bound_wait_and_plugins_still_run() {
    raise_limit();
    let registry = Registry::start();
    let site = Site::new(&registry.url).limits("plugin_attempts = 1");
    let (_, version) = registry.version("fraud").await;
    let build = registry.build(&version).await;
    let settings = [("SCANRELAY__SERVER__MAX_CONNECTIONS", "1000"), ("SCANRELAY__SERVER__HEADER_TIMEOUT", "3s")];
    // Fewer descriptors than connections: the daemon has to keep some for itself.
    let mut serve = site.command(&["--log", "debug", "serve"]);
    let program = serve.get_program().to_owned();
    let arguments: Vec<_> = serve.get_args().map(std::ffi::OsStr::to_owned).collect();
    serve = std::process::Command::new("prlimit");
    serve.arg("--nofile=256:256").arg(program).args(arguments).envs(settings);
    let daemon = Daemon::start_by(&mut serve);
    assert_eq!(site.run(&["pause", "scan"]).0, 0);
    assert_eq!(daemon.deliver(&scan_request("one", build)).await.0, 202);
    // Some are accepted, the others wait in the listener's queue.
    let idle: Vec<TcpStream> = (0..180).map(|_| TcpStream::connect(&daemon.intake).unwrap()).collect();
    assert_eq!(site.run(&["resume", "scan"]).0, 0);
    until(
        "the result",
        || registry.scan(build),
        |scan| scan["scan_status"] != "unscanned" && scan["scan_status"] != "scanning",
    )
    .await;
    assert_eq!(registry.scan(build).await["scan_status"], "scanned", "a plugin could not be run: {}", daemon.log());
    assert_eq!(daemon.deliver(&scan_request("two", build)).await.0, 202, "after the idle ones it is this one's turn");
    drop(idle);
    let count = Count::of_all_ended(&daemon, LONG).await;
    count.check("more connections than descriptors", &[1, 2].into());
}
