//! What a plugin cannot ask of the kernel: each call is made by its number, and its answer is what is looked at.

use nix::libc;

use super::walls::said;
use crate::daemon::runner::tests::{SAFE, Stage};

/// `call(number, …)` says how the kernel answers: `done`, or the error's name.
const CALL: &str = "import ctypes, errno, os
C = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    done = C.syscall(ctypes.c_long(number), *values)
    return errno.errorcode[ctypes.get_errno()] if done == -1 else 'done'
";

/// A plugin that is this program in Python.
fn python(program: &str) -> Stage {
    Stage::new(&format!("cat > it.py <<'END'\n{CALL}{program}\nEND\npython3 it.py; {SAFE}"))
}

#[tokio::test]
async fn no_child_is_somebody_elses_or_root_in_a_namespace_of_its_own() {
    let program = format!(
        "def fork(flags):
    child = C.syscall({clone}, ctypes.c_long(flags | 17), 0, 0, 0, 0)
    if child == 0: os._exit(0)
    return 'done' if child > 0 and os.waitpid(child, 0)[0] == child else errno.errorcode[ctypes.get_errno()]
NEW = [1 << 17, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30]
print(fork(0), fork(0x8000), *[fork(flag) for flag in NEW])
print(call({unshare}, 0x400), *[call({unshare}, flag) for flag in [0x80] + NEW])
print(call({clone3}, 0, 0), call({setns}, -1, 0))",
        clone = libc::SYS_clone,
        unshare = libc::SYS_unshare,
        clone3 = libc::SYS_clone3,
        setns = libc::SYS_setns,
    );
    let refused = |count: usize| " EPERM".repeat(count);
    let expected = format!("done{}\ndone{}\nENOSYS EPERM\n", refused(8), refused(8));
    assert_eq!(said(python(&program)).await, expected);
    // Whoever starts threads and programs does so without it.
    let program = "import subprocess, threading
thread = threading.Thread(target=print, args=['thread'], kwargs={'flush': True})
thread.start(); thread.join()
subprocess.run(['echo', 'program'])";
    assert_eq!(said(python(program)).await, "thread\nprogram\n");
}

#[tokio::test]
async fn no_other_process_is_moved_to_another_processor() {
    // Not even one of its own: the filter cannot tell whose it is.
    let program = format!(
        "import subprocess
other = subprocess.Popen(['sleep', '100'])
ONE = (ctypes.c_ulong * 16)(1)
print(*[call({move_to}, process, ctypes.sizeof(ONE), ONE) for process in (other.pid, 0)])
other.kill()",
        move_to = libc::SYS_sched_setaffinity,
    );
    assert_eq!(said(python(&program)).await, "EPERM done\n");
}

#[tokio::test]
async fn nothing_is_made_that_outlives_the_run_in_the_kernel() {
    let calls = [
        libc::SYS_shmget,
        libc::SYS_shmat,
        libc::SYS_shmctl,
        libc::SYS_msgget,
        libc::SYS_msgsnd,
        libc::SYS_msgrcv,
        libc::SYS_msgctl,
        libc::SYS_semget,
        libc::SYS_semop,
        libc::SYS_semtimedop,
        libc::SYS_semctl,
        libc::SYS_mq_open,
        libc::SYS_mq_unlink,
    ];
    let program = format!("print(*[call(number, 0, 0, 0, 0, 0) for number in {calls:?}])");
    assert_eq!(said(python(&program)).await, format!("{}\n", ["ENOSYS"; 13].join(" ")));
    // What lies in memory under a name is a file, and out of reach as files are.
    let words = said(Stage::new(&format!("echo x > /dev/shm/scanrelay-test || echo refused; {SAFE}"))).await;
    assert!(words.contains("refused\n"), "{words}");
}
