//! How a run ends that does not end by itself.

use super::*;

#[tokio::test]
async fn a_timeout_ends_it() {
    let stage = Stage::new("sleep 1000").with(|spec| spec.timeout = Duration::from_millis(200));
    assert_eq!(stage.run().await.end, End::TimedOut);
}

#[tokio::test]
async fn a_flood_does_not_drown_out_the_timeout() {
    let stage = Stage::new("yes & yes >&2").with(|spec| spec.timeout = Duration::from_millis(200));
    assert_eq!(stage.run().await.end, End::TimedOut);
}

#[tokio::test]
async fn a_result_before_the_timeout_does_not_count() {
    let stage = Stage::new(&format!("{SAFE} trap 'exit 0' TERM; sleep 1000 & wait"))
        .with(|spec| spec.timeout = Duration::from_millis(200));
    assert_eq!(stage.run().await.end, End::TimedOut);
}

#[tokio::test]
async fn sigterm_comes_first_and_leaves_time_for_last_words() {
    let stage = Stage::new(&format!("trap 'wait; echo bye; exit 0' TERM; ({} exec sleep 1000) & wait", say("on")));
    let mut started = stage.start();
    started.progress().await;
    started.cancel.cancel();
    let run = started.end().await;
    assert_eq!((text(&run).as_str(), run.end), ("bye\n", End::Cancelled));
    stage.assert_clean();
}

#[tokio::test]
async fn why_it_is_ended_stands_in_stop_json_before_sigterm() {
    let waits = format!("trap 'wait; cat stop.json; exit 0' TERM; ({} exec sleep 1000) & wait", say("on"));
    let check = async |timeout: Duration, stop: fn(&Started), words: &str, end: End| {
        let stage = Stage::new(&waits).with(|spec| spec.timeout = timeout);
        let mut started = stage.start();
        started.progress().await;
        stop(&started);
        let run = started.end().await;
        assert_eq!((text(&run).trim(), run.end), (words, end));
        stage.assert_clean();
    };
    let long = Duration::from_secs(1000);
    check(long, |started| started.cancel.cancel(), r#"{"reason":"cancel"}"#, End::Cancelled).await;
    check(long, |started| started.all.cancel(), r#"{"reason":"shutdown"}"#, End::Cancelled).await;
    check(Duration::from_secs(2), |_| {}, r#"{"reason":"timeout"}"#, End::TimedOut).await;
}

#[tokio::test]
async fn a_plugin_that_will_not_be_told_why_is_ended_all_the_same() {
    let stage = Stage::new(&format!("mkdir stop.json; touch stop.json/x; {} exec sleep 1000", say("on")));
    let mut started = stage.start();
    started.progress().await;
    started.cancel.cancel();
    let run = started.end().await;
    assert!(text(&run).contains("stop.json was not written: Is a directory"), "{}", text(&run));
    assert_eq!(run.end, End::Cancelled);
    stage.assert_clean();
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed_after_the_grace() {
    let stage = Stage::new(&format!("trap '' TERM; {} sleep 1000 & wait; sleep 1000", say("$$")))
        .with(|spec| spec.grace = Duration::from_millis(100));
    let mut started = stage.start();
    let pid = started.progress().await;
    started.cancel.cancel();
    let run = started.end().await;
    assert_eq!(run.end, End::Cancelled);
    assert!(!exists(&pid), "killed and reaped");
    stage.assert_clean();
}

/// In Python, since a shell cannot.
fn joins_us(then: &str) -> String {
    format!(
        "exec python3 -c 'import os, signal, time\n{then}\ntry:\n  os.setpgid(0, os.getpgid(os.getppid()))\n  joined = \"joined\"\nexcept PermissionError: joined = \"refused\"\nprint(\"{{\\\"type\\\":\\\"progress\\\",\\\"message\\\":\\\"%s %d\\\"}}\" % (joined, os.getpid()), flush=True)\ntime.sleep(1000)'"
    )
}

#[tokio::test]
async fn a_leader_who_joins_our_group_is_reached() {
    let hears = "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b\"bye\\n\"), os._exit(0)))";
    let ignores = "signal.signal(signal.SIGTERM, signal.SIG_IGN)";
    for (then, grace, words) in [(hears, Duration::from_secs(30), "bye\n"), (ignores, Duration::from_millis(100), "")] {
        let stage = Stage::new(&joins_us(then)).with(|spec| {
            spec.cell = None;
            spec.grace = grace;
        });
        let mut started = stage.start();
        let told = started.progress().await;
        let pid = told.strip_prefix("joined ").unwrap();
        started.cancel.cancel();
        let run = started.end().await;
        assert_eq!((text(&run).as_str(), &run.end, exists(pid)), (words, &End::Cancelled, false));
    }
}

#[tokio::test]
async fn children_get_the_rest_of_the_grace_when_their_leader_goes_first() {
    let stage = Stage::new(&format!(
        "(trap 'read -r _ < go; echo cleaned; exit' TERM; ({} exec sleep 1000) & wait) & wait",
        say("on")
    ));
    std::fs::create_dir_all(&stage.spec.work_root).unwrap();
    let mut started = stage.start();
    started.progress().await;
    let made = tokio::process::Command::from(mkfifo(&stage.workdir().join("go"))).status().await.unwrap();
    assert!(made.success());
    started.cancel.cancel();
    // Opens when the child has begun to clean up, which is when its leader has had its SIGTERM too.
    let go = stage.workdir().join("go");
    tokio::task::spawn_blocking(move || std::fs::write(go, "\n")).await.unwrap().unwrap();
    let run = started.end().await;
    assert_eq!((text(&run).as_str(), run.end), ("cleaned\n", End::Cancelled));
}

#[tokio::test]
async fn cancelled_before_the_start_is_not_started() {
    let stage = Stage::new("echo started > ../started");
    let started = stage.start();
    started.cancel.cancel();
    assert_eq!(started.end().await.end, End::Cancelled);
    assert!(!stage.spec.work_root.join("started").exists());
}

#[tokio::test]
async fn dropping_the_future_buries_the_whole_family() {
    let stage = Stage::new(&format!(
        "trap '' TERM; sleep 1000 & A=$!; setsid sleep 1000 & {} mkdir -m 0 shut; wait",
        say("$$ $A $!")
    ));
    let (sender, mut notes) = mpsc::channel(1);
    let message = {
        let mut running = std::pin::pin!(run(stage.spec.clone(), Stop::before(&CancellationToken::new()), sender));
        tokio::select! {
            run = &mut running => panic!("{run:?}"),
            Some(Note::Progress { message, .. }) = notes.recv() => message,
        }
    };
    let pids: Vec<&str> = message.split(' ').collect();
    assert!(!exists(pids[0]), "the leader is reaped");
    assert!(!runs(pids[1]), "its child is dead");
    assert!(!runs(pids[2]), "its child in another session is dead");
    stage.assert_clean();
}

#[tokio::test]
async fn what_cannot_be_started_says_the_cure() {
    let stage = Stage::new("");
    let program = |name: &str| stage.root.path().join(name);
    let check = async |path: PathBuf, reason: &str| {
        let stage = Stage::new("").with(|spec| spec.program.clone_from(&path));
        let reason = reason.replace("PROGRAM", path.to_str().unwrap());
        assert_eq!(stage.run().await.end, End::NotStarted(reason));
    };
    // Written by another process: a descriptor open for writing, inherited for a moment by a plugin that another test
    // starts, would make a program "busy". May be executed as what they are copies of: `chmod` does nothing in a cell.
    let made = Stage::new(&format!(
        "cd {}; echo x > plain; cp /bin/true script; cp script empty; printf '#!/no/such/interpreter\\n' > script; echo > empty; {SAFE}",
        stage.root.path().display()
    ))
    .writing(stage.root.path());
    assert_eq!(made.run().await.end, scan(Verdict::Safe));
    check(program("none"), "there is no PROGRAM: install it, or correct `command` of plugin sample").await;
    check(program("plain"), "PROGRAM may not be executed: type `chmod +x PROGRAM`").await;
    check(program("script"), "PROGRAM names an interpreter that does not exist: correct its first line (#!)").await;
    check(program("empty"), "PROGRAM is no program: a script must begin with #! and its interpreter").await;
}
