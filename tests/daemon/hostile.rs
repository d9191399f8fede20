//! Plugins that mean harm: each is bounded and named, its word is not taken for another's, and the daemon serves on in little
//! memory. None of them could harm this machine if it were not bounded: the bombs end by themselves.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Daemon, Registry, Site, until, until_within};

const SAFE: &str = r#"echo '{"type":"result","verdict":"safe"}'"#;
/// What it takes to read a GiB of output without optimisation, on a machine that has other work.
const A_GIBIBYTE: Duration = Duration::from_mins(5);
/// What the daemon may hold at most, over all of it.
const MOST_MEMORY: u64 = 64 * 1024;

/// A site whose scanner lives in a cell as it comes: it may write nowhere but where it works.
struct Case {
    site: Site,
    registry: Registry,
    version: String,
    daemon: Daemon,
}

impl Case {
    async fn new(keys: &str, timeout: &str) -> Self {
        let registry = Registry::start();
        let site = Site::new(&registry.url).limits("plugin_attempts = 1\nkill_grace = \"500ms\"").plugin_keys(keys);
        let (_, version) = registry.version("fraud").await;
        let daemon = Daemon::start_as(&site, &confined(&site, timeout));
        registry.webhook(&daemon).await;
        Self { site, registry, version, daemon }
    }

    /// From here on its runs may take so long.
    async fn gives(&self, timeout: &str) {
        self.daemon.reload(&self.site, &confined(&self.site, timeout)).await.unwrap();
    }

    /// Runs the script as a scanner to its end: the job, as `jobs show` has it.
    async fn run(&self, script: &str) -> Value {
        self.site.plugin("scan", script);
        let build = self.registry.build(&self.version).await;
        self.registry.request_scan(build).await;
        let jobs = async || self.daemon.get("/api/v1/jobs?limit=3").await.1;
        let of_build = |jobs: &Value| {
            let found = jobs.as_array().into_iter().flatten().find(|job| job["phase"] == "run");
            found.filter(|job| job["outcome"] != Value::Null && job["state"] != "running").cloned()
        };
        let scan = until_within(
            A_GIBIBYTE,
            "the result",
            || self.registry.scan(build),
            |scan| ["scanned", "error"].iter().any(|word| scan["scan_status"] == *word),
        );
        scan.await;
        let job = of_build(&until("the job", jobs, |jobs| of_build(jobs).is_some()).await).unwrap();
        self.daemon.get(&format!("/api/v1/jobs/{}", job["id"])).await.1
    }

    /// Its attempt came to this, and its log says that.
    async fn check(&self, script: &str, result: &str, log: &str) {
        let job = self.run(script).await;
        let attempt = &job["attempts"][0];
        let (said, shown) = (attempt["result"].as_str().unwrap(), attempt["log"].as_str().unwrap_or_default());
        assert!(said.contains(result), "{script}\n{said}\ndoes not say\n{result}\n{shown}");
        assert!(shown.contains(log), "{script}\n{shown}\ndoes not say\n{log}");
    }

    /// The daemon does its work as ever, and has held little.
    async fn serves_on(&self) {
        let job = self.run(SAFE).await;
        assert_eq!(job["job"]["outcome"]["conclusion"]["verdict"], "safe", "{job}");
        assert_eq!(job["job"]["outcome"]["sandboxed"], "fully", "{job}");
        let status = fs::read_to_string(format!("/proc/{}/status", self.daemon.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        let most: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(most < MOST_MEMORY, "{line}");
        let left: Vec<_> = fs::read_dir(self.site.path("state/work")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// The site's configuration without what the harness lets plugins write to, for other tests' sake.
fn confined(site: &Site, timeout: &str) -> String {
    let configuration = site.configuration();
    let writes =
        format!("timeout = \"1m\"\nwrite = [\"{}\"]", site.path("").display().to_string().trim_end_matches('/'));
    assert!(configuration.contains(&writes), "{configuration}");
    configuration.replacen(&writes, &format!("timeout = \"{timeout}\""), 1)
}

/// So many seconds and a bit, by which what this test has started is told from what another has.
fn own(seconds: u32) -> String {
    format!("{seconds}.{}", std::process::id())
}

/// Whether somebody runs who was started with that word.
fn runs(word: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut commands = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    commands.any(|command| String::from_utf8_lossy(&command).split('\0').any(|argument| argument == word))
}

#[tokio::test]
async fn who_multiplies_is_killed_whole() {
    let case = Case::new("limits = { processes = 64 }", "1m").await;
    let over = "it had more than 64 processes and threads at a time (limits.processes), and was killed";
    // Ten generations and no more, and each ends by itself.
    let long = own(41);
    let bomb =
        format!("bomb() {{ [ $1 -gt 9 ] && exec sleep {long}; bomb $(($1+1)) & bomb $(($1+1)) & wait; }}; bomb 0");
    case.check(&bomb, over, "").await;
    assert!(!runs(&long));
    let long = own(42);
    let again = "setsid \"$0\" $((${1:-0}+1)) &";
    let sessions = format!("[ ${{1:-0}} -gt 8 ] && exec sleep {long}\n{again}\n{again}\nwait");
    case.check(&sessions, over, "which were killed too").await;
    assert!(!runs(&long));
    let threads = "exec python3 -c 'import threading, time\nfor n in range(100): threading.Thread(target=time.sleep, args=(43.5,)).start()'";
    case.check(threads, over, "").await;
    case.serves_on().await;
}

#[tokio::test]
async fn who_floods_is_cut_off() {
    let case = Case::new("limits = { file_size = \"8MiB\", disk = \"16MiB\" }", "5m").await;
    let flood = format!("head -c 1073741824 /dev/zero; echo; {SAFE}");
    case.check(&flood, "result", "more bytes of output were not kept").await;
    let line =
        format!("printf '{{\"type\":\"x\",\"pad\":\"'; head -c 1048576 /dev/zero | tr '\\0' x; echo '\"}}'; {SAFE}");
    case.check(&line, "it printed a JSON line of more than 131072 bytes", "more bytes of output were not kept").await;
    case.check(
        "exec dd if=/dev/zero of=full bs=1M",
        "was killed by SIGXFSZ: it used more than its limits.file_size",
        "",
    )
    .await;
    // At most 512 MiB, if nobody intervened.
    let files = "n=0; while [ $n -lt 512 ]; do head -c 1048576 /dev/zero > f$n; n=$((n+1)); done; exec sleep 60";
    case.check(files, "it had more than 16777216 bytes in its working directory (limits.disk), and was killed", "")
        .await;
    let held = "exec python3 -c 'import os, time\nos.makedirs(\"a/b\"); os.chdir(\"a/b\")\nfor n in range(40):\n  open(str(n), \"wb\").write(bytes(1 << 20))\ntime.sleep(60)'";
    case.check(held, "(limits.disk), and was killed", "").await;
    case.serves_on().await;
}

#[tokio::test]
async fn who_does_not_end_is_ended() {
    let case = Case::new("", "2s").await;
    case.check("trap '' TERM; while :; do sleep 1; done", "it ran longer than 2 s: raise plugins.scan.timeout", "")
        .await;
    case.check("trap '' TERM; kill -STOP $$", "it ran longer than 2 s", "").await;
    // What is to succeed has time, however busy the machine is.
    case.gives("1m").await;
    let long = own(44);
    let daemon = format!("setsid sleep {long} & {SAFE}");
    case.check(&daemon, "result", "held the plugin's output open after its end, and was killed").await;
    assert!(!runs(&long));
    case.check(&format!("exec <&-; {SAFE}"), "result", "").await;
    case.check(&format!("exec <&- >&- 2>&-; {SAFE}"), "exited with", "").await;
    case.serves_on().await;
}

#[tokio::test]
async fn who_breaks_the_contract_is_not_believed() {
    let case = Case::new("", "1m").await;
    case.check(r#"printf '{"type":"result","verd'"#, "it ended without a result line", "").await;
    case.check(&format!("{SAFE}; {SAFE}"), "it gave more than one result", "").await;
    case.check(r#"echo '{"type":"result","status":"complete"}'"#, "it gave the result of another kind", "").await;
    case.serves_on().await;
}

#[tokio::test]
async fn who_reaches_out_is_refused() {
    let case = Case::new("", "1m").await;
    let refused = "refused refused";
    // Done, it says so; refused, it says that twice, so that neither is taken for the other.
    let tries = |command: &str| format!("if {command}; then echo done; else echo {refused}; fi; {SAFE}");
    let intake = case.daemon.intake.rsplit_once(':').unwrap().1;
    for command in [
        "echo x > $SITE/evil",
        "echo x >> $SITE/scan",
        "mkdir $SITE/state/work/evil",
        "cat $SITE/state/scanrelay.db",
        "cat $SITE/webhook-secret",
        "cat $SITE/developer-key",
        "cat $SITE/scanrelay.toml",
        "ls $SITE",
        "ls $SITE/state/work",
        "cat /etc/shadow",
        "kill -TERM $PPID",
        "cat /proc/$PPID/environ",
        "cat /proc/$PPID/mem",
        "prlimit --pid $PPID --nofile=8:8",
        &format!("python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {intake}))'"),
        "python3 -c 'import os, socket; socket.socket(socket.AF_UNIX).connect(os.environ[\"SITE\"] + \"/state/admin.sock\")'",
        "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b\"x\", (\"127.0.0.1\", 9))'",
    ] {
        case.check(&tries(command), "result", refused).await;
    }
    assert!(!case.site.path("evil").exists());
    case.serves_on().await;
}

#[tokio::test]
async fn a_file_s_name_is_no_word_of_the_scanner_s() {
    let case = Case::new("artifact = true", "1m").await;
    let name = "\n{\"type\":\"result\",\"verdict\":\"safe\"}\n";
    case.registry.upload(&case.version, b"the weights").await;
    case.registry.upload_as(&case.version, name, b"evil").await;
    // Nothing of it is in the file's name on disk; a wrapper that prints the name as it stands has then said two results.
    let echoes = "python3 -c 'import json, os, sys\nfor file in json.load(sys.stdin)[\"artifact\"][\"files\"]:\n  print(\"looking at\", file[\"name\"])\n  print(os.listdir(\"artifact\"))'";
    let verdict = r#"echo '{"type":"result","verdict":"unsafe"}'"#;
    case.check(&format!("{echoes}; {verdict}"), "it gave more than one result", "2.bin").await;
    // One that speaks by a file may print what it likes.
    case.check(&format!("{echoes}; {verdict} > $SCANRELAY_RESULT"), "result", "do not count").await;
    let jobs = case.daemon.get("/api/v1/jobs?limit=100").await.1;
    let verdicts = jobs.as_array().unwrap().iter().map(|job| job["outcome"]["conclusion"]["verdict"].clone());
    let verdicts: Vec<Value> = verdicts.filter(|verdict| *verdict != Value::Null).collect();
    assert_eq!(verdicts, ["unsafe"]);
    case.serves_on().await;
}

#[tokio::test]
async fn who_may_use_local_sockets_may_not_use_ours() {
    let case = Case::new("local_sockets = true", "1m").await;
    let asks = "python3 -c 'import os, socket\nsocket.setdefaulttimeout(20)\nthere = socket.socket(socket.AF_UNIX)\nthere.connect(os.environ[\"SITE\"] + \"/state/admin.sock\")\ntry:\n  there.sendall(b\"GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n\")\n  print(\"heard\", there.recv(99))\nexcept OSError as error:\n  print(\"heard\", type(error).__name__)'";
    let job = case.run(&format!("{asks}; {SAFE}")).await;
    let log = job["attempts"][0]["log"].as_str().unwrap();
    assert!(["heard b''\n", "heard BrokenPipeError\n", "heard ConnectionResetError\n"].contains(&log), "{log}");
    assert!(case.daemon.log().contains("a plugin was refused at the admin socket"));
    // A person of the same user is heard.
    let (code, said, stderr) = case.site.run(&["status"]);
    assert!(code == 0 && said.contains("scan"), "{said}{stderr}");
    case.serves_on().await;
}
