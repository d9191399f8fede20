//! Nothing stays behind.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Stdio};

use rustix::fs::OFlags;

use super::super::leftovers::Leftover;
use super::super::mark::Mark;
use super::*;

/// The process that the plugin left, by the pid in its progress message, is named in the log and dead.
async fn check(leave: &str, deed: &str) {
    let stage = Stage::new(&format!("{leave} {} {SAFE}", say("$!")));
    let mut started = stage.start();
    let pid = started.progress().await;
    let run = started.end().await;
    assert_eq!(run.end, scan(Verdict::Safe), "the result stands");
    assert!(text(&run).contains(&format!("(pid {pid}) {deed}, and was killed\n")), "{}", text(&run));
    assert!(!runs(&pid));
    stage.assert_clean();
}

#[tokio::test]
async fn who_holds_the_pipes_is_named_and_killed() {
    check("sleep 1000 &", "held the plugin's output open after its end").await;
    check("sleep 1000 >/dev/null &", "held the plugin's output open after its end").await;
}

#[tokio::test]
async fn who_holds_the_pipes_from_another_session_is_named_and_killed() {
    check("setsid sleep 1000 &", "held the plugin's output open after its end").await;
}

#[tokio::test]
async fn who_holds_no_pipes_is_killed_too() {
    check("sleep 1000 >/dev/null 2>&1 &", "was left behind by the plugin").await;
    check("setsid sleep 1000 >/dev/null 2>&1 &", "was left behind by the plugin").await;
}

#[tokio::test]
async fn who_writes_on_and_on_is_killed() {
    check("yes &", "held the plugin's output open after its end").await;
}

#[tokio::test]
async fn a_holder_who_cannot_be_found_is_not_waited_for() {
    let stage = Stage::new(&format!("env -i setsid sleep 1000 & {} {SAFE}", say("$!")));
    let mut started = stage.start();
    // Only when it has left the group and cleared its environment it cannot be found; until then it is killed, and the
    // end is the same.
    let pid = started.progress().await;
    let run = started.end().await;
    assert_eq!(run.end, scan(Verdict::Safe));
    if runs(&pid) {
        assert!(text(&run).contains("still open, and was read no further"), "{}", text(&run));
        let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    stage.assert_clean();
}

/// A run that starts that in Python, in the background. All of it hold a pipe open, by which it is seen who is left.
async fn leaves_nobody(stage: Stage, python: &str) -> Run {
    let pipe = stage.root.path().join("held");
    assert!(tokio::process::Command::from(mkfifo(&pipe)).status().await.unwrap().success());
    let stage = stage.with(|spec| {
        let held = pipe.display();
        spec.args[1] = format!("cat > leave.py <<'END'\n{python}\nEND\npython3 leave.py 9<> {held} & {SAFE}");
    });
    let folder = stage.root.path().to_owned();
    let stage = stage.writing(&folder);
    let run = stage.run().await;
    // Whoever has it open for writing is alive.
    let mut held = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&pipe).unwrap();
    let alive = held.read(&mut [0]);
    assert!(matches!(alive, Ok(0)), "somebody is left: {alive:?}\n{}", text(&run));
    run
}

#[tokio::test]
async fn who_goes_from_process_to_process_is_caught() {
    // Each lives for a moment only, in a session of its own. It would end by itself.
    let hops = |times: u32| {
        format!(
            "import os, time\nend = time.monotonic() + 100\nfor n in range({times}):\n  if os.fork(): os._exit(0)\n  os.setsid()\n  if time.monotonic() > end: break"
        )
    };
    let run = leaves_nobody(Stage::new(""), &hops(1_000_000)).await;
    assert_eq!(run.end, scan(Verdict::Safe));
    assert!(text(&run).contains("python3 (pid ") && text(&run).contains("and was killed"), "{}", text(&run));
    assert!(!text(&run).contains("could not be caught"), "{}", text(&run));
    let run = leaves_nobody(Stage::new("").with(|spec| spec.cell = None), &hops(1_000_000)).await;
    assert!(!text(&run).contains("could not be caught"), "{}", text(&run));
}

#[tokio::test]
async fn who_makes_himself_a_sibling_of_his_parent_is_found() {
    // The cell refuses the call.
    let stage = Stage::new("").with(|spec| spec.cell = None);
    let clone = format!(
        "import ctypes, os, time
pid = ctypes.CDLL(None).syscall({}, 0x8000 | 17, 0, 0, 0, 0)
if pid:
  print('{{\"type\":\"progress\",\"message\":\"%d\"}}' % pid, flush=True)
  print('{{\"type\":\"result\",\"verdict\":\"safe\"}}')
else:
  os.setsid()
  os.closerange(0, 3)
  time.sleep(1000)",
        nix::libc::SYS_clone
    );
    let stage = stage.with(|spec| spec.args[1] = format!("cat > c.py <<'END'\n{clone}\nEND\nexec python3 c.py"));
    let mut started = stage.start();
    let pid = started.progress().await;
    let run = started.end().await;
    assert_eq!(run.end, scan(Verdict::Safe));
    assert!(
        text(&run).contains(&format!("(pid {pid}) was left behind by the plugin, and was killed")),
        "{}",
        text(&run)
    );
    assert!(!exists(&pid), "killed and reaped");
}

#[tokio::test]
async fn folders_without_permissions_are_removed() {
    let run = Stage::new(&format!("mkdir -p a/b/c; echo > a/b/c/d; chmod 0 a/b a; {SAFE}")).run().await;
    assert_eq!(run.end, scan(Verdict::Safe));
}

#[tokio::test]
async fn two_hundred_runs_leave_no_zombie_descriptor_or_folder() {
    const RUNS: usize = 200;
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    let stage = Stage::new("").with(|spec| {
        spec.program = PathBuf::from("/bin/true");
        spec.output = Output::ExitCodes([(0, Word::Verdict(Verdict::Safe))].into());
    });
    for _ in 0..RUNS {
        assert_eq!(stage.run().await.end, scan(Verdict::Safe));
    }
    // Other tests hold some at the same time, but not as many as one per run.
    assert!(descriptors() < before + RUNS / 2);
    let zombies = super::super::process::all().filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.contains(&format!("(true) Z {} ", std::process::id()))
    });
    assert_eq!(zombies.count(), 0);
}

/// A process as a killed daemon leaves it: `script` says one line and waits.
#[expect(clippy::disallowed_methods, reason = "stands in for a predecessor's plugin")]
fn stray(run: &str, script: &str) -> (Child, String) {
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", script]).env("SCANRELAY_RUN_ID", run).process_group(0).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut word = String::new();
    let mut stdout = child.stdout.take().unwrap();
    while !word.ends_with('\n') {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        word.push(char::from(byte[0]));
    }
    (child, word.trim_end().to_owned())
}

#[tokio::test]
async fn what_a_killed_predecessor_left_is_ended_and_what_another_daemon_runs_is_spared() {
    let stage = Stage::new("");
    let (own, other) = (format!("{}-12", stage.store), format!("{}x-12", stage.store));
    let (mut ours, cleared) = stray(&own, "env -i sleep 1000 & echo $!; wait");
    let (mut theirs, child) = stray(&other, "sleep 1000 & echo $!; wait");
    // It has its mark alone.
    let mark = Mark::of(&own).number();
    let hide = format!("exec env -i prlimit --locks={mark}:{mark} sh -c 'echo $$; exec sleep 1000'");
    let (mut hidden, hider) = stray("", &hide);
    let folder = |run: &str| stage.spec.work_root.join(format!("{run}.3"));
    for run in [&own, &other] {
        std::fs::create_dir_all(folder(run).join("sub")).unwrap();
    }
    let left = end_leftovers(&stage.spec.work_root, &stage.store);
    assert_eq!(ours.wait().unwrap().signal(), Some(9));
    // It has no run id any more, but is in the group.
    assert!(!runs(&cleared));
    assert_eq!(hidden.wait().unwrap().signal(), Some(9));
    assert!(theirs.try_wait().unwrap().is_none() && runs(&child));
    assert!(!folder(&own).exists() && folder(&other).exists());
    let pid = i32::try_from(ours.id()).unwrap();
    assert!(left.contains(&Leftover::Process { pid, name: "sh".to_owned(), run: Some(own.clone()) }), "{left:?}");
    assert!(left.contains(&Leftover::Folder { path: folder(&own), not_removed: None }), "{left:?}");
    let told = left.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(told.contains(&format!("killed sh (pid {pid}), left by run {own}")), "{told}");
    assert!(told.contains(&format!("(pid {hider}), left by a run that it does not name")), "{told}");
    assert!(!told.contains(&other), "{told}");
    end_leftovers(&stage.spec.work_root, &format!("{}x", stage.store));
    assert!(theirs.wait().is_ok() && !runs(&child));
}
