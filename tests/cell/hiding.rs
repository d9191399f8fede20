//! What a plugin does to get out of sight.

use scanrelay::plugin::Verdict;

use crate::daemon::runner::tests::{SAFE, Stage, scan, text};

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
