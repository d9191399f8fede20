//! What a plugin cannot do.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener};

use scanrelay::plugin::Verdict;

use crate::daemon::runner::tests::{SAFE, Stage, failed, runs, scan, text};
use crate::daemon::runner::{End, Kernel, User};

/// The script's words, when it ended well.
pub(super) async fn said(stage: Stage) -> String {
    let run = stage.run().await;
    assert_eq!(run.end, scan(Verdict::Safe), "{}", text(&run));
    text(&run)
}

/// Each of these commands fails within a cell, and would succeed without one.
async fn refused(stage: impl Fn(&str) -> Stage, commands: &[&str]) {
    for command in commands {
        let tried = format!("if {command}; then echo done; else echo refused; fi; {SAFE}");
        let words = said(stage(&tried)).await;
        assert!(words.contains("refused\n"), "{command}: {words}");
        let words = said(stage(&tried).with(|spec| spec.cell = None)).await;
        assert!(words.contains("done\n"), "without a cell, {command}: {words}");
    }
}

#[tokio::test]
async fn this_kernel_enforces_all_of_it() {
    let kernel = Stage::new("").spec.cell.unwrap().kernel;
    assert_eq!(kernel.missing(), Vec::<String>::new(), "{kernel:?}");
}

#[tokio::test]
async fn what_lies_outside_is_out_of_reach() {
    let outside = tempfile::tempdir().unwrap();
    let place = outside.path().display().to_string();
    fs::write(outside.path().join("secret"), "x").unwrap();
    fs::create_dir(outside.path().join("folder")).unwrap();
    let commands = [
        "cat PLACE/secret",
        "ls PLACE",
        "echo x > PLACE/new; [ -e PLACE/new ]",
        "echo x >> PLACE/secret",
        "truncate -s 0 PLACE/secret",
        "mkdir PLACE/made && rmdir PLACE/made",
        "ln -s /etc/shadow link && cat link",
        "ln PLACE/secret hard && rm hard",
        "cp /bin/true own && chmod +x own && ./own",
        "cat /etc/shadow",
        "ls /root",
        "ls /tmp",
        "ls /home /var",
    ];
    let commands: Vec<String> = commands.iter().map(|command| command.replace("PLACE", &place)).collect();
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    refused(Stage::new, &commands).await;
    // Renaming and removing would not fail twice.
    let words =
        said(Stage::new(&format!("mv {place}/secret stolen; rm {place}/secret; rmdir {place}/folder; {SAFE}"))).await;
    assert_eq!(words.lines().filter(|line| line.ends_with("Permission denied")).count(), 3, "{words}");
    assert!(outside.path().join("secret").exists() && outside.path().join("folder").exists());
}

#[tokio::test]
async fn its_own_folder_is_its_own_and_what_is_listed_is_there() {
    let outside = tempfile::tempdir().unwrap();
    let place = outside.path().display();
    fs::write(outside.path().join("rules"), "the rules\n").unwrap();
    let script = format!(
        "mkdir -p a/b && echo x > a/b/c && mv a/b/c d && ln d e && ln -s d f && cat f && rm -r a d e f && mkfifo p && rm p;
         cat {place}/rules; echo y > {place}/rules || echo no; echo quiet > /dev/null; head -c 4 /dev/urandom | wc -c; {SAFE}"
    );
    let listed = Stage::new(&script).confined(|cell| cell.read.push(outside.path().to_owned()));
    let words = said(listed).await;
    let words: Vec<&str> = words.lines().filter(|line| !line.contains("ermission denied")).collect();
    assert_eq!(words, ["x", "the rules", "no", "4"]);
    assert_eq!(fs::read_to_string(outside.path().join("rules")).unwrap(), "the rules\n");
}

#[tokio::test]
async fn a_failure_that_may_come_from_the_cell_says_so() {
    let check = async |script: &str, network: bool, reason: &str| {
        let run = Stage::new(script).confined(|cell| cell.network = network).run().await;
        assert_eq!(run.end, failed(reason), "{script}: {}", text(&run));
    };
    let told =
        |words: &str, cure: &str| format!("exited with 1; \"{words}\" in its log may come from its cell: {cure}");
    let read = "`read` and `write` list what else it may open";
    check("cat /etc/shadow", false, &told("Permission denied", read)).await;
    check("python3 -c 'import beside'", false, &told("No module named", read)).await;
    let connect = "python3 -c 'import socket; socket.socket()' || exit 1; exit 1";
    check(connect, false, &told("Operation not permitted", "`network = true` lets it use the network")).await;
    check(connect, true, "exited with 1").await;
    check("echo broken; exit 1", false, "exited with 1").await;
}

#[tokio::test]
async fn other_processes_are_left_alone() {
    let us = std::process::id();
    let script = format!(
        "kill -0 {us} && echo signalled; cat /proc/{us}/environ /proc/{us}/mem | head -c 1; ls /proc/{us}/fd; prlimit --pid {us} --nofile=8:8;
         renice 19 {us}; sleep 100 & kill $! && echo own; {SAFE}"
    );
    let words = said(Stage::new(&script)).await;
    assert!(words.contains("own\n") && !words.contains("signalled"), "{words}");
    assert!(!words.contains("old priority"), "{words}");
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert!(!files.split_whitespace().any(|word| word == "8"), "{files}");
}

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn calls_by_their_other_numbers_are_refused() {
    // getpid, by the first numbering and by the third.
    let call = |number: u32| {
        format!(
            "python3 -c 'import ctypes; c = ctypes.CDLL(None, use_errno=True); print(c.syscall({number}) > 0, ctypes.get_errno())';"
        )
    };
    let words = said(Stage::new(&format!("{} {} {SAFE}", call(0x27), call(0x4000_0027)))).await;
    assert_eq!(words, "True 0\nFalse 1\n");
}

#[tokio::test]
async fn there_is_no_network_unless_it_is_allowed() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _unix = UnixListener::bind(&path).unwrap();
    let python = |body: String| {
        format!(
            "python3 -c 'import socket\ntry:\n    {body}\n    print(\"reached\")\nexcept OSError as error: print(type(error).__name__)'; {SAFE}"
        )
    };
    let reach_tcp = python(format!("socket.create_connection((\"127.0.0.1\", {}))", tcp.local_addr().unwrap().port()));
    let reach_udp = python(format!(
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b\"x\", (\"127.0.0.1\", {}))",
        udp.local_addr().unwrap().port()
    ));
    let reach_unix = python(format!("socket.socket(socket.AF_UNIX).connect(\"{}\")", path.display()));
    let raw = python("socket.socket(socket.AF_PACKET, socket.SOCK_RAW)".to_owned());
    let pair = |family: &str, kind: &str, rest: String| {
        python(format!("here, there = socket.socketpair(socket.{family}, socket.{kind}){rest}"))
    };
    let check = async |script: &str, network, local, expected: &str| {
        let stage = Stage::new(script).confined(|cell| (cell.network, cell.local_sockets) = (network, local));
        assert_eq!(said(stage).await, format!("{expected}\n"), "{script}");
    };
    check(&reach_tcp, false, false, "PermissionError").await;
    check(&reach_tcp, false, true, "PermissionError").await;
    check(&reach_tcp, true, false, "reached").await;
    check(&reach_udp, false, false, "PermissionError").await;
    check(&reach_udp, true, false, "reached").await;
    check(&reach_unix, true, false, "PermissionError").await;
    check(&reach_unix, false, true, "reached").await;
    check(&raw, true, true, "PermissionError").await;
    // Of pairs, those whose ends cannot be connected to anybody else.
    let datagrams = folder.path().join("datagrams");
    let datagrams = (UnixDatagram::bind(&datagrams).unwrap(), datagrams);
    let send = format!("; here.sendto(b\"x\", \"{}\")", datagrams.1.display());
    let connect = format!("; here.connect(\"{}\")", path.display());
    for kind in ["SOCK_STREAM", "SOCK_SEQPACKET", "SOCK_STREAM | socket.SOCK_NONBLOCK"] {
        check(&pair("AF_UNIX", kind, String::new()), false, false, "reached").await;
        check(&pair("AF_UNIX", kind, connect.clone()), false, false, "OSError").await;
    }
    for kind in ["SOCK_DGRAM", "SOCK_RAW", "SOCK_DGRAM | socket.SOCK_NONBLOCK"] {
        check(&pair("AF_UNIX", kind, send.clone()), true, false, "PermissionError").await;
        check(&pair("AF_UNIX", kind, send.clone()), false, true, "reached").await;
    }
    check(&pair("AF_INET", "SOCK_STREAM", String::new()), true, true, "PermissionError").await;
}

#[tokio::test]
async fn it_has_no_privileges_and_gains_none() {
    let words = said(Stage::new(&format!("cat /proc/self/status; {SAFE}"))).await;
    let of = |field: &str| words.lines().find_map(|line| line.strip_prefix(field)).unwrap().trim().to_owned();
    for field in ["CapEff:", "CapPrm:", "CapInh:", "CapAmb:"] {
        assert_eq!(of(field), "0000000000000000", "{field}");
    }
    assert_eq!((of("NoNewPrivs:"), of("Seccomp:")), ("1".to_owned(), "2".to_owned()));
}

#[tokio::test]
async fn its_limits_are_those_that_were_set_and_cannot_be_raised() {
    let script = format!("cat /proc/self/limits /proc/self/oom_score_adj; ulimit -n 4096 || echo no; {SAFE}");
    let stage = Stage::new(&script).confined(|cell| {
        cell.bounds.memory = 123 << 20;
        cell.bounds.file_size = 77 << 10;
        cell.bounds.open_files = 99;
    });
    let words = said(stage).await;
    let of = |name: &str| {
        let line = words.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {words}"));
        line[name.len()..].split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of("Max data size"), [(123 << 20).to_string(), (123 << 20).to_string()]);
    assert_eq!(of("Max file size"), [(77 << 10).to_string(), (77 << 10).to_string()]);
    assert_eq!(of("Max open files"), ["99", "99"]);
    assert_eq!(of("Max core file size"), ["0", "0"]);
    assert_eq!(of("Max cpu time"), ["3600", "3602"]);
    assert!(words.contains("\n500\n") && words.contains("\nno\n"), "{words}");
}

/// As in the daemon, no thread that has started a plugin ends before it: a process that takes long on a busy machine would go
/// to the first thread, and be buried by another test.
#[test]
fn a_limit_that_was_reached_is_named() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().thread_keep_alive(std::time::Duration::MAX).build().unwrap();
    runtime.block_on(limits_are_named());
}

async fn limits_are_named() {
    let check = async |script: &str, change: fn(&mut crate::daemon::runner::Cell), words: &str| {
        let run = Stage::new(script).confined(change).run().await;
        let End::Failed(reason) = &run.end else { panic!("{script}: {run:?}") };
        assert!(reason.contains(words), "{script}: {reason}\n{}", text(&run));
    };
    check("exec dd if=/dev/zero of=full bs=1M", |cell| cell.bounds.file_size = 1 << 20, "limits.file_size").await;
    check(
        "exec python3 -c 'while True: pass'",
        |cell| cell.bounds.cpu = std::time::Duration::from_secs(1),
        "limits.cpu",
    )
    .await;
    check("exec python3 -c 'bytearray(1 << 30)'", |cell| cell.bounds.memory = 128 << 20, "exited with 1").await;
}

#[tokio::test]
async fn a_kernel_that_enforces_less_than_it_did_starts_nothing() {
    let stage = Stage::new(SAFE).confined(|cell| cell.kernel = Kernel { landlock: 200, calls: true });
    let run = stage.run().await;
    let End::NotStarted(reason) = run.end else { panic!("{run:?}") };
    assert!(reason.starts_with("plugin sample was not started, since what it may open (Landlock)"), "{reason}");
}

#[tokio::test]
async fn no_plugin_speaks_for_the_launcher() {
    // The marker is another each time; one that was seen helps nobody.
    let script = format!(r#"echo 'scanrelay-cell-0123456789abcdef:{{"exec":2}}' >&2; {SAFE}"#);
    let words = said(Stage::new(&script)).await;
    assert!(words.starts_with("scanrelay-cell-"), "{words}");
}

#[tokio::test]
async fn whoever_leaves_the_group_stays_in_the_cell_and_is_found() {
    let script = format!(
        "setsid sh -c 'cat /etc/shadow; echo $$ > pid; exec sleep 1000' & until [ -s pid ]; do :; done; cat pid; {SAFE}"
    );
    let words = said(Stage::new(&script)).await;
    let pid = words.lines().find(|line| line.parse::<u32>().is_ok()).unwrap();
    assert!(words.contains("Permission denied") && words.contains("and was killed"), "{words}");
    assert!(!runs(pid));
}

#[tokio::test]
async fn whoever_clears_its_environment_and_lives_on_in_a_thread_is_found() {
    // The mark stands in a limit that is not enforced: it may be read, and neither call that changes limits changes it.
    let script = format!(
        "cat > leave.py <<'END'
import ctypes, os, resource, threading, time
LOCKS = 10
print('had', resource.getrlimit(LOCKS)[1] < 1 << 63, flush=True)
C = ctypes.CDLL(None, use_errno=True)
ONE = (ctypes.c_ulong * 2)(1, 1)
for lower in [lambda: C.prlimit(0, LOCKS, ONE, None), lambda: C.syscall({setrlimit}, LOCKS, ONE)]:
    print('kept' if lower() == -1 and ctypes.get_errno() == 1 else 'lowered', flush=True)
def stay():
    while ') Z ' not in open('/proc/self/stat').read(): pass
    open('pid.new', 'w').write(str(os.getpid()))
    os.rename('pid.new', 'pid')
    time.sleep(1000)
threading.Thread(target=stay).start()
C.pthread_exit(None)
END
env -i setsid python3 leave.py & until [ -s pid ]; do :; done; cat pid; echo; {SAFE}",
        setrlimit = nix::libc::SYS_setrlimit
    );
    let words = said(Stage::new(&script)).await;
    let pid = words.lines().find(|line| line.parse::<u32>().is_ok()).unwrap();
    assert!(words.contains("had True\nkept\nkept\n") && words.contains("and was killed"), "{words}");
    assert!(!runs(pid));
}

/// Takes root: nobody else can become somebody else.
#[tokio::test]
async fn another_user_has_the_folder_and_nothing_else() {
    let root = std::process::Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let user = || User { name: "nobody".to_owned(), id: 65_534, group: 65_534 };
    let script =
        format!("id -u; id -g; id -G; cat event.json >/dev/null && echo x > new && ls -n new | cut -d' ' -f3; {SAFE}");
    let stage = Stage::new(&script).confined(|cell| cell.user = Some(user()));
    if !root {
        let run = stage.run().await;
        let End::NotStarted(reason) = run.end else { panic!("{run:?}") };
        assert!(reason.contains("was not given to nobody"), "{reason}");
        return;
    }
    // The way there is closed to others at first, as temporary folders are.
    let run = stage.run().await;
    let End::NotStarted(reason) = run.end else { panic!("{run:?}") };
    assert!(reason.starts_with("nobody cannot enter /"), "{reason}");
    let open = |path: &std::path::Path| fs::set_permissions(path, fs::Permissions::from_mode(0o711)).unwrap();
    open(stage.root.path());
    open(&stage.spec.work_root);
    assert_eq!(said(stage).await, "65534\n65534\n65534\n65534\n");
}
