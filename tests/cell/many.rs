//! Ten thousand runs leave nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use scanrelay::plugin::Verdict;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::daemon::runner::tests::{Stage, scan};
use crate::daemon::runner::{Output, Word, run};
use crate::daemon::stop::Stop;

const RUNS: usize = 10_000;
/// At a time, as wide as the daemon is by default.
const AT_A_TIME: usize = 8;

/// In a process of its own, since what other tests hold for a moment would look like a leak.
#[test]
fn ten_thousand_runs_leave_no_zombie_descriptor_or_folder() {
    const ALONE: &str = "SCANRELAY_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let name = "many::ten_thousand_runs_leave_no_zombie_descriptor_or_folder";
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let output = alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().thread_keep_alive(Duration::MAX).build().unwrap();
    let stage = Stage::new("").with(|spec| {
        spec.program = "/bin/true".into();
        spec.args.clear();
        spec.output = Output::ExitCodes([(0, Word::Verdict(Verdict::Safe))].into());
    });
    // The runtime's threads and what they hold are there from here on.
    runtime.block_on(many(&stage, 100));
    let before = descriptors();
    runtime.block_on(many(&stage, RUNS));
    assert_eq!(descriptors(), before);
    assert_eq!(children(), Vec::<String>::new());
    stage.assert_clean();
}

async fn many(stage: &Stage, runs: usize) {
    let mut running = tokio::task::JoinSet::new();
    for nth in 0..runs {
        if running.len() == AT_A_TIME {
            running.join_next().await.unwrap().unwrap();
        }
        let mut spec = stage.spec.clone();
        spec.invocation.run.id = format!("{}-{nth}", spec.invocation.run.id);
        running.spawn(async move {
            let (notes, _) = mpsc::channel(1);
            let run = run(spec, Stop::before(&CancellationToken::new()), notes).await;
            assert_eq!(run.end, scan(Verdict::Safe), "{}", String::from_utf8_lossy(&run.log));
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

/// What is open, by number.
fn descriptors() -> BTreeSet<String> {
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    // But for the folder that is being read.
    let open = open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|to| !to.ends_with("fd")));
    open.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Our children, dead or alive.
fn children() -> Vec<String> {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let of = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).unwrap_or_default();
    threads.flat_map(|thread| of(thread).split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}
