//! What the daemon says to systemd, and the sockets that it is handed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tokio::net::UnixDatagram;

use crate::harness::{Daemon, LONG, Registry, Site, client, scan_request, sign, until};
use crate::network::Authority;
use crate::tls::{deliver, secured};

/// The manager's end of `NOTIFY_SOCKET`.
pub struct Heard(UnixDatagram);

impl Heard {
    pub fn at(site: &Site) -> (Self, String) {
        let path = site.path("notify");
        (Self(UnixDatagram::bind(&path).unwrap()), path.display().to_string())
    }

    pub async fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = tokio::time::timeout(LONG, self.0.recv(&mut buffer)).await.expect("nothing is heard").unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// Every message up to the one with these words.
    pub async fn until(&self, words: &str) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            heard.push(self.next().await);
            if heard.last().unwrap().contains(words) {
                return heard;
            }
            assert!(heard.len() < 1000, "{words} is not said: {heard:?}");
        }
    }
}

#[tokio::test]
async fn systemd_hears_ready_how_things_stand_and_the_stop() {
    let registry = Registry::start();
    let site = Site::new(&registry.url);
    site.pipe("told");
    site.pipe("gate");
    site.plugin("scan", "env > $SITE/environment; echo up > $SITE/told; read go < $SITE/gate; exit 1");
    let (heard, socket) = Heard::at(&site);
    let daemon = Daemon::start_with(&site, &[("NOTIFY_SOCKET", &socket)]);
    assert_eq!(heard.next().await, "READY=1\nSTATUS=0 deliveries open, 0 jobs running, 0 jobs dead\n");

    assert_eq!(daemon.deliver(&scan_request("one", 1)).await.0, 202);
    site.told("told").await;
    heard.until("STATUS=1 deliveries open, 1 jobs running, 0 jobs dead\n").await;
    let environment = site.lines("environment").join("\n");
    assert!(environment.contains("SCANRELAY_RUN_ID=") && !environment.contains("NOTIFY_SOCKET"), "{environment}");

    daemon.signal("TERM");
    heard.until("STOPPING=1\nSTATUS=draining").await;
    site.tell("gate").await;
    assert_eq!(daemon.ended().await.code(), Some(0));
    let mut rest = [0; 64];
    assert!(heard.0.try_recv(&mut rest).is_err(), "nothing was asked for a watchdog, and nothing follows the stop");
}

/// Holds the file's write lock from another process until its stdin is closed.
struct WriteLock {
    holder: Child,
}

impl WriteLock {
    fn take(site: &Site) -> Self {
        let hold = "import sqlite3, sys\n\
                    file = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)\n\
                    file.execute('begin exclusive')\n\
                    print('held', flush=True)\n\
                    sys.stdin.read()\n";
        let mut python = Command::new("python3");
        python.args(["-c", hold]).arg(site.path("state/scanrelay.db")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = python.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self { holder }
    }
}

impl Drop for WriteLock {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

#[tokio::test]
async fn the_watchdog_hears_nothing_while_the_writer_hangs() {
    let site = Site::new("http://127.0.0.1:1");
    let (heard, socket) = Heard::at(&site);
    // A tick every 500 ms; a locked file holds up a write for 5 s.
    let daemon = Daemon::start_with(&site, &[("NOTIFY_SOCKET", &socket), ("WATCHDOG_USEC", "1000000")]);
    for _ in 0..2 {
        heard.until("WATCHDOG=1").await;
    }
    let lock = WriteLock::take(&site);
    heard.until("STATUS=no sign of life for the watchdog: neither the store's writer nor the worker answers").await;
    for _ in 0..2 {
        assert!(heard.next().await.starts_with("STATUS=no sign of life"), "while the file is locked");
    }
    assert!(daemon.log().contains("the watchdog is told nothing"), "{}", daemon.log());
    drop(lock);
    heard.until("WATCHDOG=1").await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await.code(), Some(0));
}

#[tokio::test]
async fn the_watchdog_hears_of_us_while_we_drain() {
    let site = Site::new("http://127.0.0.1:1").limits("shutdown_grace = \"50s\"");
    site.pipe("told");
    site.pipe("gate");
    site.plugin("scan", "echo up > $SITE/told; read go < $SITE/gate; exit 1");
    let (heard, socket) = Heard::at(&site);
    let daemon = Daemon::start_with(&site, &[("NOTIFY_SOCKET", &socket), ("WATCHDOG_USEC", "1000000")]);
    assert_eq!(daemon.deliver(&scan_request("one", 1)).await.0, 202);
    site.told("told").await;
    daemon.signal("TERM");
    heard.until("STOPPING=1").await;
    for _ in 0..3 {
        assert_eq!(heard.next().await, "WATCHDOG=1\n", "and the status stays that of the drain");
    }
    site.tell("gate").await;
    assert_eq!(daemon.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_notify_socket_that_is_gone_stops_nothing() {
    let site = Site::new("http://127.0.0.1:1");
    let nowhere = site.path("nowhere").display().to_string();
    let daemon = Daemon::start_with(&site, &[("NOTIFY_SOCKET", &nowhere)]);
    assert_eq!(daemon.deliver(&scan_request("one", 1)).await.0, 202);
    assert!(daemon.log().contains("the service manager took no message"), "{}", daemon.log());
}

/// A small stand-in for systemd: it has the sockets, and starts and stops the daemon on them.
struct Activation {
    launcher: Child,
    words: ChildStdin,
    said: Receiver<String>,
    addresses: Vec<String>,
}

impl Activation {
    fn new(site: &Site, names: &str) -> Self {
        let serve = site.command(&["serve"]);
        let mut command = Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/daemon/hand-over")).arg(names);
        command.arg(serve.get_program()).args(serve.get_args()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let errors = std::fs::File::create(site.path("errors")).unwrap();
        let mut launcher = command.stderr(errors).spawn().unwrap();
        let (words, stdout) = (launcher.stdin.take().unwrap(), launcher.stdout.take().unwrap());
        let (tell, said) = channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
        });
        let mut activation = Self { launcher, words, said, addresses: Vec::new() };
        let listening = activation.hear();
        activation.addresses = listening.split(' ').skip(1).map(str::to_owned).collect();
        activation
    }

    fn say(&mut self, word: &str) {
        writeln!(self.words, "{word}").unwrap();
    }

    fn hear(&self) -> String {
        self.said.recv_timeout(LONG).expect("the launcher says nothing")
    }

    fn start(&mut self) -> String {
        self.say("start");
        self.hear()
    }

    fn stop(&mut self) -> String {
        self.say("stop");
        self.hear()
    }
}

impl Drop for Activation {
    fn drop(&mut self) {
        let _ = writeln!(self.words, "stop");
        let _ = self.said.recv_timeout(Duration::from_secs(20));
        let _ = self.launcher.kill();
        let _ = self.launcher.wait();
    }
}

async fn post(intake: String, id: String) -> u16 {
    let body = scan_request(&id, 1);
    let request = client().post(format!("http://{intake}/hooks/verta")).header("Content-Type", "application/json");
    let request = sign(&body).iter().fold(request, |request, (name, value)| request.header(name, value));
    request.body(body).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_restart_refuses_no_connection() {
    let site = Site::new("http://127.0.0.1:1");
    site.pipe("told");
    site.plugin(
        "scan",
        "ls -l /proc/self/fd > $SITE/descriptors; env > $SITE/environment; echo up > $SITE/told; exit 1",
    );
    let mut activation = Activation::new(&site, "admin:intake");
    let [admin, intake] = [0, 1].map(|at: usize| activation.addresses[at].clone());
    assert_eq!(activation.start(), format!("ready intake={intake} admin={admin}"));
    assert_eq!(post(intake.clone(), "one".to_owned()).await, 202);
    assert_eq!(client().get(format!("http://{admin}/healthz")).send().await.unwrap().status(), 200);
    site.told("told").await;
    let environment = site.lines("environment").join("\n");
    assert!(environment.contains("SCANRELAY_RUN_ID=") && !environment.contains("LISTEN_"), "{environment}");
    let descriptors = site.lines("descriptors").join("\n");
    assert!(descriptors.contains("0 -> ") && !descriptors.contains("socket:"), "{descriptors}");

    // A connection from before, one while nobody is there, and a crowd.
    let open = TcpStream::connect(&intake).unwrap();
    assert_eq!(activation.stop(), "ended 0");
    let crowd: Vec<_> = (0..20).map(|at| tokio::spawn(post(intake.clone(), format!("down {at}")))).collect();
    let waiting = TcpStream::connect(&intake).unwrap();
    assert_eq!(activation.start(), format!("ready intake={intake} admin={admin}"));
    for each in crowd {
        assert_eq!(each.await.unwrap(), 202);
    }
    drop((open, waiting));
}

#[tokio::test]
async fn a_socket_that_was_handed_over_speaks_tls() {
    let (site, authority) = (Site::new("http://127.0.0.1:1"), Authority::new());
    authority.identity().write(&site);
    let mut activation = Activation::new(&site, "admin:intake");
    site.write("scanrelay.toml", &secured(&site), 0o600);
    let [admin, intake] = [0, 1].map(|at: usize| activation.addresses[at].clone());
    assert_eq!(activation.start(), format!("ready intake={intake} admin={admin}"));
    assert_eq!(deliver(&authority.client(), &intake, "one").await.unwrap(), 202);
    assert_eq!(authority.client().get(format!("https://{admin}/healthz")).send().await.unwrap().status(), 200);
    assert_eq!(activation.stop(), "ended 0");
}

#[tokio::test]
async fn a_socket_without_a_use_is_refused_with_the_cure() {
    let site = Site::new("http://127.0.0.1:1");
    let mut activation = Activation::new(&site, "intake:scanrelay.socket");
    activation.say("start");
    activation.say("wait");
    assert_eq!(activation.hear(), "ended 2");
    let errors = site.lines("errors").join("\n");
    assert!(errors.contains("FileDescriptorName=intake or FileDescriptorName=admin"), "{errors}");
}

#[tokio::test]
async fn a_socket_that_is_not_where_the_configuration_says_is_refused() {
    let site = Site::new("http://127.0.0.1:1");
    let mut activation = Activation::new(&site, "intake");
    let file = site.path("scanrelay.toml");
    let configured = site.configuration().replacen("127.0.0.1:0", "127.0.0.2:8484", 1);
    std::fs::write(file, configured).unwrap();
    activation.say("start");
    activation.say("wait");
    assert_eq!(activation.hear(), "ended 2");
    let errors = site.lines("errors").join("\n");
    assert!(errors.contains("server.bind is 127.0.0.2:8484, and scanrelay.socket listens on 127.0.0.1:"), "{errors}");
}

/// systemd's own way: it starts us when the first connection comes.
#[tokio::test]
async fn systemd_starts_us_by_a_connection() {
    let site = Site::new("http://127.0.0.1:1");
    // A port that was free a moment ago: systemd-socket-activate does not say which one it took.
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (intake, admin) = (free(), free());
    let serve = site.command(&["serve"]);
    let mut command = Command::new("systemd-socket-activate");
    command
        .args(["-l", &intake, "-l", &admin, "--fdname=intake:admin"])
        .arg(serve.get_program())
        .args(serve.get_args());
    let mut daemon = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let listens = || async { TcpStream::connect(&intake).is_ok() };
    until("the socket", listens, |listens| *listens).await;
    let status = post(intake.clone(), "one".to_owned()).await;
    let healthy = client().get(format!("http://{admin}/healthz")).send().await.unwrap().status();
    assert!(Command::new("kill").arg(daemon.id().to_string()).status().unwrap().success());
    assert!(daemon.wait().unwrap().success());
    assert_eq!((status, healthy.as_u16()), (202, 200));
}
