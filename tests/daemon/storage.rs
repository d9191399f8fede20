//! What can happen to the store's file and its disk. Each test ends with a count: what was accepted has ended, once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, client, scan_request, sign, until};

/// Builds that are scanned, and which of their requests were answered 202.
struct Work {
    registry: Registry,
    version: String,
    accepted: Vec<u64>,
}

impl Work {
    async fn new(registry: Registry) -> Self {
        let (_, version) = registry.version("fraud").await;
        Self { registry, version, accepted: Vec::new() }
    }

    /// Sends the next request, with a payload of that size: the status and the word of the answer.
    async fn send(&mut self, daemon: &Daemon, size: usize) -> (u16, String) {
        let build = self.registry.build(&self.version).await;
        let (status, answer) = daemon.deliver(&request(build, size)).await;
        if status == 202 {
            self.accepted.push(build);
        }
        (status, answer["error"].as_str().unwrap_or_default().to_owned())
    }

    async fn accepted(&mut self, daemon: &Daemon) {
        assert_eq!(self.send(daemon, 1).await.0, 202);
    }

    /// Until nothing is taken any more.
    async fn fill(&mut self, daemon: &Daemon, size: usize) {
        for _ in 0..1000 {
            match self.send(daemon, size).await {
                (202, _) => {}
                refused => return assert_eq!(refused, (503, "disk_full".to_owned())),
            }
        }
        panic!("it never was full");
    }

    /// Every delivery that was accepted has told its result, once.
    async fn count(&self, daemon: &Daemon) {
        // A daemon that dies between telling and storing that it was told tells it once more.
        let open = || async { daemon.get("/api/v1/deliveries?state=open&limit=1").await.1 };
        until("the end of all", open, |rows| rows.as_array().is_some_and(Vec::is_empty)).await;
        let told = || async {
            let writes = self.registry.writes().await;
            let is_result = |write: &&Value| write["body"].to_string().contains("\"scanned\"");
            writes.iter().filter(is_result).map(|write| write["path"].to_string()).collect::<Vec<_>>()
        };
        let all = until("the result of all", told, |told| told.len() >= self.accepted.len()).await;
        for build in &self.accepted {
            let times = all.iter().filter(|path| path.contains(&format!("/{build}/"))).count();
            assert_eq!(times, 1, "build {build} of {:?}", self.accepted);
        }
        assert_eq!(all.len(), self.accepted.len());
        println!("accepted {}, ended {}, lost 0, doubled 0", self.accepted.len(), all.len());
    }
}

/// A request for a scan of that build, and so many bytes more.
fn request(build: u64, size: usize) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&scan_request(&format!("build-{build}"), build)).unwrap();
    body["filler"] = "x".repeat(size).into();
    body.to_string().into_bytes()
}

/// The command must go well: its stdout.
fn ok(site: &Site, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = site.run(arguments);
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}: {stdout}");
    stdout
}

/// The daemon does not start: why.
fn refused(site: &Site) -> String {
    let (code, stdout, stderr) = site.run(&["serve"]);
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    stderr
}

/// Its log is read by a thread of its own.
async fn says(daemon: &Daemon, words: &str) {
    until(words, || async { daemon.log() }, |log| log.contains(words)).await;
}

fn store(site: &Site) -> PathBuf {
    site.path("state/scanrelay.db")
}

/// Something of root's that is taken back.
struct Mounted(PathBuf);

impl Mounted {
    /// `None`: not permitted here.
    fn mount(arguments: &[&str], at: &Path) -> Option<Self> {
        let mounted =
            Command::new("mount").args(arguments).arg(at).output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(at.to_owned()))
    }

    /// Nobody can write there, not even root.
    fn read_only(at: &Path) -> Option<Self> {
        let name = at.to_str().unwrap();
        let mounted = Self::mount(&["--bind", name], at)?;
        let again = Command::new("mount").args(["-o", "remount,bind,ro", name]).status().unwrap();
        assert!(again.success());
        Some(mounted)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// While nothing is taken: looking and making room work, and the probe says why.
async fn is_full(site: &Site, daemon: &Daemon) {
    let body = request(0, 10);
    let post =
        client().post(format!("http://{}/hooks/verta", daemon.intake)).header("Content-Type", "application/json");
    let post = sign(&body).into_iter().fold(post, |post, (name, value)| post.header(name, value));
    let answer = post.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let wait: u32 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    let (status, why) = daemon.get("/readyz").await;
    assert_eq!((status, why["error"].as_str()), (503, Some("disk_full")), "{why}");
    assert!(ok(site, &["status"]).contains("deliveries are open"));
    let stats: Value = serde_json::from_str(&ok(site, &["store", "stats", "--json"])).unwrap();
    assert!(stats["bodies"].as_u64() > Some(0), "{stats}");
    assert!(ok(site, &["store", "stats"]).contains("delivery"));
    assert!(ok(site, &["store", "vacuum"]).contains("given back"));
    assert_eq!(ok(site, &["store", "check"]), "the store is sound\n");
}

#[tokio::test]
async fn a_store_that_is_as_large_as_it_may_be_takes_more_when_there_is_room() {
    let mut work = Work::new(Registry::start()).await;
    let site = Site::new(&work.registry.url);
    let daemon =
        Daemon::start_with(&site, &[("SCANRELAY__STORE__MAX_SIZE", "2MiB"), ("SCANRELAY__RETENTION__DONE", "1s")]);
    ok(&site, &["pause", "scan"]);
    work.fill(&daemon, 500_000).await;
    is_full(&site, &daemon).await;
    // What was accepted is carried to its end all the same, which makes room.
    ok(&site, &["resume", "scan"]);
    work.count(&daemon).await;
    let takes = || async { daemon.get("/readyz").await.0 };
    until("room", takes, |status| *status == 200).await;
    work.accepted(&daemon).await;
    work.count(&daemon).await;
}

#[tokio::test]
async fn a_disk_that_fills_up_is_left_before_it_is_full_and_nothing_is_lost_when_it_is() {
    let mut work = Work::new(Registry::start()).await;
    let site = Site::new(&work.registry.url).limits("min_free = \"8MiB\"");
    fs::create_dir(site.path("state")).unwrap();
    let disk = Mounted::mount(&["-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs"], &site.path("state"));
    let Some(_disk) = disk else {
        println!("nothing can be mounted here: the same is done under store.max_size");
        return;
    };
    let daemon = Daemon::start_with(&site, &[("SCANRELAY__RETENTION__DONE", "1s")]);
    ok(&site, &["pause", "scan"]);
    work.fill(&daemon, 500_000).await;
    is_full(&site, &daemon).await;

    // Somebody else takes what was left. Now nothing can be written at all.
    let ballast = site.path("state/ballast");
    let mut fill = Command::new("dd");
    let filled = fill.args(["if=/dev/zero", "bs=4096", &format!("of={}", ballast.display())]).output().unwrap();
    assert!(!filled.status.success(), "the disk is full");
    assert_eq!(work.send(&daemon, 10).await.0, 503);
    assert_eq!(daemon.get("/readyz").await.0, 503);
    assert!(ok(&site, &["deliveries", "list"]).contains("open"));
    assert!(ok(&site, &["store", "stats"]).contains("disk         0 B left"));

    fs::remove_file(&ballast).unwrap();
    ok(&site, &["resume", "scan"]);
    work.count(&daemon).await;
    until("room", || async { daemon.get("/readyz").await.0 }, |status| *status == 200).await;
    work.accepted(&daemon).await;
    work.count(&daemon).await;
    assert_eq!(ok(&site, &["store", "check"]), "the store is sound\n");
}

#[tokio::test]
async fn what_retention_removes_makes_the_file_smaller() {
    let mut work = Work::new(Registry::start()).await;
    let site = Site::new(&work.registry.url);
    let daemon = Daemon::start_with(&site, &[("SCANRELAY__RETENTION__DONE", "2s")]);
    ok(&site, &["pause", "scan"]);
    for _ in 0..40 {
        assert_eq!(work.send(&daemon, 900_000).await.0, 202);
    }
    let stats = || async { serde_json::from_str::<Value>(&ok(&site, &["store", "stats", "--json"])).unwrap() };
    let file = |stats: &Value| stats["file"].as_u64().unwrap();
    let large = stats().await;
    assert!(file(&large) > 16 << 20, "{large}");
    ok(&site, &["resume", "scan"]);
    work.count(&daemon).await;
    // Some room is kept for what comes next.
    let is_small = |stats: &Value| file(stats) < 8 << 20 && stats["write_ahead_log"].as_u64() < Some(1 << 20);
    until("a small file and a small log", stats, is_small).await;
    says(&daemon, "removed what ended long ago").await;
    says(&daemon, "the room of what was removed is given back").await;
    assert!(ok(&site, &["store", "vacuum", "--reason", "moving"]).contains("MiB given back"));
    assert!(file(&stats().await) < 2 << 20);
    work.accepted(&daemon).await;
    work.count(&daemon).await;
}

#[tokio::test]
async fn a_file_that_is_deleted_under_the_daemon_takes_nothing_more_and_no_new_one_is_made() {
    let mut work = Work::new(Registry::start()).await;
    let site = Site::new(&work.registry.url);
    let daemon = Daemon::start(&site);
    for _ in 0..5 {
        work.accepted(&daemon).await;
    }
    work.count(&daemon).await;
    let backup = site.path("backup.jsonl").display().to_string();
    assert!(ok(&site, &["store", "export", &backup]).starts_with("exported 5 deliveries, 15 jobs"));
    for name in ["", "-wal", "-shm"] {
        fs::remove_file(site.path(&format!("state/scanrelay.db{name}"))).unwrap();
    }
    assert_eq!(work.send(&daemon, 10).await, (503, "store_failed".to_owned()));
    assert_eq!(work.send(&daemon, 10).await, (503, "store_failed".to_owned()));
    assert_eq!(daemon.get("/readyz").await.0, 503);
    says(&daemon, "was deleted or replaced while scanrelay had it open").await;
    assert!(!store(&site).exists());
    daemon.kill();

    let stderr = refused(&site);
    assert!(stderr.contains("is gone or empty, and it was a store: put it back, or a backup"), "{stderr}");
    assert!(!store(&site).exists(), "no new one in its place");
    ok(&site, &["store", "import", &backup]);
    let daemon = Daemon::start(&site);
    for build in &work.accepted {
        assert_eq!(daemon.deliver(&request(*build, 1)).await.0, 200, "it is known");
    }
    work.accepted(&daemon).await;
    work.count(&daemon).await;
}

#[tokio::test]
async fn a_file_or_folder_that_nobody_can_write_to_is_refused_and_taken_again() {
    let mut work = Work::new(Registry::start()).await;
    let site = Site::new(&work.registry.url);
    let daemon = Daemon::start(&site);
    work.accepted(&daemon).await;
    work.count(&daemon).await;
    daemon.kill();
    let is_root = rustix::process::getuid().is_root();
    for (place, words) in [
        (store(&site), "scanrelay.db is read-only: let this user write to the file and to its folder"),
        (site.path("state"), "check that the folder exists and that this user may write to it"),
    ] {
        let before = fs::metadata(&place).unwrap().permissions();
        let mounted = if is_root { Mounted::read_only(&place) } else { None };
        if is_root && mounted.is_none() {
            println!("nothing can be mounted here, and nothing is read-only for root");
            break;
        }
        fs::set_permissions(&place, fs::Permissions::from_mode(before.mode() & 0o555)).ok();
        let stderr = refused(&site);
        assert!(stderr.contains(words), "{stderr}");
        drop(mounted);
        fs::set_permissions(&place, before).unwrap();
    }
    let daemon = Daemon::start(&site);
    work.accepted(&daemon).await;
    work.count(&daemon).await;
}

/// The page at which a table or an index begins.
fn root_page(site: &Site, of: &str) -> usize {
    let connection = rusqlite::Connection::open(store(site)).unwrap();
    // What is in the log goes into the file.
    connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    let page: u32 =
        connection.query_row("select rootpage from sqlite_schema where name = ?1", [of], |row| row.get(0)).unwrap();
    page as usize
}

fn overwrite(site: &Site, from: usize, bytes: usize) {
    let mut file = fs::read(store(site)).unwrap();
    file[from..from + bytes].fill(0x5a);
    fs::write(store(site), file).unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_refused_or_told_and_a_backup_takes_its_place() {
    let mut work = Work::new(Registry::start()).await;
    let site = Site::new(&work.registry.url);
    let daemon = Daemon::start(&site);
    for _ in 0..3 {
        work.accepted(&daemon).await;
    }
    work.count(&daemon).await;
    ok(&site, &["pause", "scan"]);
    work.accepted(&daemon).await;
    let backup = site.path("backup.jsonl").display().to_string();
    ok(&site, &["store", "export", &backup]);
    daemon.kill();
    let whole = {
        root_page(&site, "delivery");
        fs::read(store(&site)).unwrap()
    };

    // Its head, and a page that is read at the start: refused, and not touched.
    for (from, bytes) in [(0, 100), ((root_page(&site, "dedupe") - 1) * 8192, 8192)] {
        overwrite(&site, from, bytes);
        let before = fs::read(store(&site)).unwrap();
        let stderr = refused(&site);
        assert!(stderr.contains("scanrelay.db is damaged") && stderr.contains("put a backup there"), "{stderr}");
        // A damaged head is seen before anything is set.
        assert!(from > 0 || fs::read(store(&site)).unwrap() == before, "the file was changed");
        fs::write(store(&site), &whole).unwrap();
    }

    // A page that is read only later: told at use, by the check too, and by no means a new file.
    overwrite(&site, (root_page(&site, "delivery_open") - 1) * 8192, 8192);
    let daemon = Daemon::start(&site);
    assert_eq!(work.send(&daemon, 10).await, (503, "store_failed".to_owned()));
    says(&daemon, "it is damaged; stop scanrelay, and see scanrelay store check").await;
    let (code, stdout, stderr) = site.run(&["store", "check"]);
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("the file") && stdout.contains("import the newest export"), "{stdout}");
    assert!(stderr.contains("fault"), "{stderr}");
    daemon.kill();

    for name in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(site.path(&format!("state/scanrelay.db{name}")));
    }
    ok(&site, &["store", "import", &backup]);
    let daemon = Daemon::start(&site);
    ok(&site, &["resume", "scan"]);
    work.accepted(&daemon).await;
    work.count(&daemon).await;
}
