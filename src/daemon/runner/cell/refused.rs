//! Calls that are refused, and how: most of them whatever they are asked for.

use std::collections::BTreeMap;
use std::io;

use nix::libc::{self, c_int, c_long};
use seccompiler::BpfProgram;

use super::steps::{Fate, without_flags};

/// With the first three, sockets can be had without `socket`; the keyrings are shared by all processes of a user; another's
/// namespaces are another's; the rest is known for what it did to kernels.
const NEVER: &[c_long] = &[
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
];
/// As kernels have it that were built without them. What `clone3` is asked for stands in memory, where no filter sees it: C
/// libraries then call `clone`. What System V's and POSIX's calls make outlives the run and is in no limit.
const NOT_THERE: &[c_long] = &[
    libc::SYS_clone3,
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
/// Landlock looks at none of these, so that they could open the store or a plugin's own program to everybody, or close them to
/// us. Tools insist on success and need no more: what a plugin makes is its own from the start. So they do nothing, also where
/// a file is open already, since reading is enough for that.
const WITHOUT_EFFECT: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
];
/// Lists of who may open a file, and flags of it, by the same ways. Tools take this for a file system that has none.
const NOT_SUPPORTED: &[c_long] = &[
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    SETXATTRAT,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    REMOVEXATTRAT,
    FILE_SETATTR,
];
/// Calls that are younger than our tables of them. Of these, every processor has the same numbers.
const FCHMODAT2: c_long = 452;
const SETXATTRAT: c_long = 463;
const REMOVEXATTRAT: c_long = 466;
const FILE_SETATTR: c_long = 469;
/// A child would be the daemon's and not the plugin's, or have namespaces of its own, and be root in them.
const PARENT: c_int = libc::CLONE_PARENT;
const NAMESPACES: c_int = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;
/// Calls that are refused with one of these in their first argument. For `clone`, a namespace of time's own is a signal's
/// number.
const FLAGS: &[(c_long, c_int)] =
    &[(libc::SYS_clone, PARENT | NAMESPACES), (libc::SYS_unshare, NAMESPACES | libc::CLONE_NEWTIME)];

/// All of them.
pub(super) fn fates() -> BTreeMap<c_long, Fate> {
    let answers =
        [(NEVER, libc::EPERM), (NOT_THERE, libc::ENOSYS), (WITHOUT_EFFECT, 0), (NOT_SUPPORTED, libc::EOPNOTSUPP)];
    let answered = answers.iter().flat_map(|(calls, error)| calls.iter().map(|call| (*call, Fate::Answered(*error))));
    answered.chain(FLAGS.iter().map(|(call, _)| (*call, Fate::LookedAt))).collect()
}

/// What looks at the flags.
pub(super) fn flags() -> io::Result<BpfProgram> {
    let each: io::Result<Vec<_>> = FLAGS.iter().map(|(call, flags)| without_flags(*call, *flags)).collect();
    Ok(each?.concat())
}
