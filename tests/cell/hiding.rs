//! What a plugin does to get out of sight.

use std::fs;
use std::time::Duration;

use scanrelay::plugin::Verdict;

use crate::daemon::runner::End;
use crate::daemon::runner::tests::{SAFE, Stage, failed, say, scan, text};

#[tokio::test]
async fn nobody_joins_our_group() {
    let joins = "import os\ntry: print(\"joined\", os.setpgid(0, os.getpgid(os.getppid())))\nexcept OSError as error: print(type(error).__name__)\nprint(os.getsid(0) == os.getpid(), flush=True)";
    // The leader himself: whoever leads a session stays in its group.
    let safe = r#"print("""{"type":"result","verdict":"safe"}""")"#;
    let leader = Stage::new(&format!("exec python3 -c '{joins}\n{safe}'"));
    let run = leader.run().await;
    assert_eq!((text(&run).as_str(), &run.end), ("PermissionError\nTrue\n", &scan(Verdict::Safe)));
    // His children are given no way to it either.
    let us = rustix::process::getpgrp();
    let child = joins.replace("os.getpgid(os.getppid())", &us.to_string());
    let run = Stage::new(&format!("python3 -c '{child}'; {SAFE}")).run().await;
    assert_eq!((text(&run).as_str(), &run.end), ("PermissionError\nFalse\n", &scan(Verdict::Safe)));
}

#[tokio::test]
async fn who_ends_at_once_counts_and_is_buried() {
    // Each leaves a process that ends: none of them is there for long, and their numbers are used up.
    let forks = |times: u32| {
        format!(
            "python3 -c 'import os
for n in range({times}):
  if not os.fork():
    os.fork()
    os._exit(0)
  os.wait()'; {} sleep 1000",
            say("$$")
        )
    };
    let bounded = |most: u32, script: &str| Stage::new(script).confined(|cell| cell.bounds.processes = most);
    let run = bounded(8, &forks(1_000_000)).run().await;
    assert_eq!(
        run.end,
        failed("it had more than 8 processes and threads at a time (limits.processes), and was killed")
    );
    // Fewer, and no harm: they are buried while it runs.
    let stage = bounded(64, &forks(32));
    let mut started = stage.start();
    let leader = started.progress().await;
    let ours = || fs::read_to_string(format!("/proc/self/task/{}/children", std::process::id())).unwrap();
    let of_run = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.split_whitespace().nth(2) == Some(&leader))
    };
    let buried = async {
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        while ours().split_whitespace().any(of_run) {
            pause.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), buried).await.expect("they are not buried");
    started.cancel.cancel();
    assert_eq!(started.end().await.end, End::Cancelled);
}

#[tokio::test]
async fn memory_that_is_shared_counts() {
    let maps = "exec python3 -c 'import mmap, time\nshared = mmap.mmap(-1, 512 << 20)\nfor at in range(0, len(shared), 4096): shared[at] = 1\ntime.sleep(1000)'";
    let run = Stage::new(maps).confined(|cell| cell.bounds.memory = 128 << 20).run().await;
    let words = "one of its processes had more than 134217728 bytes of memory, shared memory among it (limits.memory), and was killed";
    assert_eq!(run.end, failed(words), "{}", text(&run));
}

#[tokio::test]
async fn files_without_a_name_count() {
    let writes = "exec python3 -c 'import os, time\nfile = open(\"gone\", \"wb\")\nos.unlink(\"gone\")\nfor n in range(64): file.write(bytes(1 << 20))\nfile.flush()\ntime.sleep(1000)'";
    let run = Stage::new(writes).confined(|cell| cell.bounds.disk = 16 << 20).run().await;
    let words = "it had more than 16777216 bytes in its working directory and in open files without a name (limits.disk), and was killed";
    assert_eq!(run.end, failed(words), "{}", text(&run));
}
