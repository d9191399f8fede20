//! What a plugin cannot ask of the kernel: each call is made by its number, and its answer is what is looked at.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;

use nix::libc;
use rustix::io::{FdFlags, fcntl_setfd};

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

/// Those that change a file by its path and nothing else. Newer processors have others instead.
#[cfg(target_arch = "x86_64")]
const PATHS: [libc::c_long; 3] = [libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown];
#[cfg(not(target_arch = "x86_64"))]
const PATHS: [libc::c_long; 0] = [];

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

/// Landlock looks at none of these calls: not even those of root's files are in their reach.
#[tokio::test]
async fn who_may_open_a_file_is_not_for_a_plugin_to_say() {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("file");
    fs::write(&path, "x").unwrap();
    let before = fs::metadata(&path).unwrap();
    let program = format!(
        "import struct
PATH = b'{path}'
HANDLE = os.open(PATH, os.O_RDONLY)
LIST = struct.pack('<IHHIHHIHHIHHIHHI', 2, 1, 6, 2**32 - 1, 2, 6, 65534, 4, 4, 2**32 - 1, 16, 6, 2**32 - 1, 32, 6, 2**32 - 1)
NAME = b'system.posix_acl_access'
print(*[call(number, PATH, *rest) for number, rest in {paths:?}])
print(call({fchmodat}, -100, PATH, 0o666), call({fchmodat2}, -100, PATH, 0o666, 0), call({fchownat}, -100, PATH, -1, -1, 0))
print(call({fchmod}, HANDLE, 0o666), call({fchown}, HANDLE, -1, -1))
print(*[call(number, PATH, NAME, LIST, len(LIST), 0) for number in ({setxattr}, {lsetxattr})])
print(call({fsetxattr}, HANDLE, NAME, LIST, len(LIST), 0), call({setxattrat}, -100, PATH, 0, NAME, 0, 0))
print(*[call(number, PATH, NAME) for number in ({removexattr}, {lremovexattr})])
print(call({fremovexattr}, HANDLE, NAME), call({removexattrat}, -100, PATH, 0, NAME), call({file_setattr}, -100, PATH, 0, 0, 0))",
        path = path.display(),
        paths = PATHS.map(|number| (number, [0o666, 0o666])),
        fchmodat = libc::SYS_fchmodat,
        fchmodat2 = 452,
        fchownat = libc::SYS_fchownat,
        fchmod = libc::SYS_fchmod,
        fchown = libc::SYS_fchown,
        setxattr = libc::SYS_setxattr,
        lsetxattr = libc::SYS_lsetxattr,
        fsetxattr = libc::SYS_fsetxattr,
        setxattrat = 463,
        removexattr = libc::SYS_removexattr,
        lremovexattr = libc::SYS_lremovexattr,
        fremovexattr = libc::SYS_fremovexattr,
        removexattrat = 466,
        file_setattr = 469,
    );
    let words = said(python(&program).confined(|cell| cell.read.push(outside.path().to_owned()))).await;
    let count = |word: &str| words.split_whitespace().filter(|said| *said == word).count();
    assert_eq!((count("done"), count("ENOTSUP")), (PATHS.len() + 5, 9), "{words}");
    let after = fs::metadata(&path).unwrap();
    let changed = |of: &fs::Metadata| (of.mode(), of.uid(), of.gid(), of.ctime(), of.ctime_nsec());
    assert_eq!(changed(&after), changed(&before));
}

/// Tools that copy and unpack insist on modes and owners.
#[tokio::test]
async fn tools_that_copy_and_unpack_are_content() {
    let script = format!(
        "mkdir a && echo x > a/b && chmod 750 a/b && chown $(id -u) a/b && cp -a a c && install -m 600 a/b d && tar cf e a &&
         mkdir f && tar xpf e -C f && python3 -c 'import shutil; shutil.copytree(\"a\", \"g\"); shutil.copy(\"a/b\", \"h\")' &&
         cat c/b d f/a/b g/b h; {SAFE}"
    );
    assert_eq!(said(Stage::new(&script)).await, "x\n".repeat(5));
}

#[tokio::test]
async fn nothing_is_open_that_the_daemon_was_started_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "secret").unwrap();
    let file = fs::File::open(&path).unwrap();
    fcntl_setfd(&file, FdFlags::empty()).unwrap();
    let script = format!("python3 -c 'import os; print(os.read({}, 6))'; {SAFE}", file.as_raw_fd());
    let words = said(Stage::new(&script)).await;
    assert!(words.contains("Bad file descriptor"), "{words}");
    assert_eq!(said(Stage::new(&script).with(|spec| spec.cell = None)).await, "b'secret'\n");
}
