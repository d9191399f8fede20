//! What a plugin may not ask of the kernel, by a filter of system calls.
//!
//! Sockets are refused where they are made: that holds for every protocol, needs no privileges and no namespace, and costs a
//! run a few microseconds. Pairs of streams stay: both ends are the plugin's, and stay connected to each other. An end of a
//! pair for datagrams reaches every socket of the machine that has a path, and counts as a socket.

use std::collections::BTreeMap;
use std::io;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::refused;
use super::steps::{self, Fate};

/// What a plugin may do to itself, and not to another process of the same user, such as the daemon: which argument must be
/// what. The number of the process is one of them, and 0 is whoever asks.
const TO_ITSELF: &[(libc::c_long, &[(u8, libc::c_int)])] = &[
    (libc::SYS_prlimit64, &[(0, 0)]),
    (libc::SYS_setpriority, &[(0, PRIO_PROCESS), (1, 0)]),
    (libc::SYS_sched_setscheduler, &[(0, 0)]),
    (libc::SYS_sched_setparam, &[(0, 0)]),
    (libc::SYS_sched_setattr, &[(0, 0)]),
    (libc::SYS_sched_setaffinity, &[(0, 0)]),
    (libc::SYS_ioprio_set, &[(0, IOPRIO_WHO_PROCESS), (1, 0)]),
    (libc::SYS_migrate_pages, &[(0, 0)]),
    (libc::SYS_move_pages, &[(0, 0)]),
];
/// The limit that is the run's [`Mark`](super::super::mark::Mark): it may be read.
const MARK: u64 = libc::RLIMIT_LOCKS as u64;
const PRIO_PROCESS: libc::c_int = 0;
const IOPRIO_WHO_PROCESS: libc::c_int = 1;

/// What kinds of sockets it may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sockets {
    pub(super) network: bool,
    pub(super) local: bool,
}

impl Sockets {
    fn families(self) -> Vec<libc::c_int> {
        let mut families = Vec::new();
        if self.network {
            // By the third one asks which addresses this machine has, as resolvers do.
            families.extend([libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK]);
        }
        if self.local {
            families.push(libc::AF_UNIX);
        }
        families
    }

    /// Each rule by itself refuses a pair.
    fn no_pairs(self) -> io::Result<Vec<SeccompRule>> {
        let mut rules = vec![rule(vec![differs(0, libc::AF_UNIX)?])];
        if !self.local {
            // Of all types, 1 (a stream) and 5 (packets in sequence) alone have the lowest bit and neither the second nor the
            // fourth. The bits above are flags.
            for (bit, value) in [(1, 0), (2, 2), (8, 8)] {
                rules.push(rule(vec![compares(1, SeccompCmpOp::MaskedEq(bit), value)?]));
            }
        }
        rules.into_iter().collect()
    }
}

/// The filter, ready to be applied. An error: not for this machine's processor.
pub(super) fn filter(sockets: Sockets) -> io::Result<BpfProgram> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(wrong)?;
    let mut rules: BTreeMap<_, Vec<SeccompRule>> = BTreeMap::new();
    for (call, arguments) in TO_ITSELF {
        let differing = arguments.iter().map(|(argument, value)| rule(vec![differs(*argument, *value)?]));
        rules.insert(*call, differing.collect::<io::Result<_>>()?);
    }
    // Its own mark it may read, and not change: the third argument is the new one.
    let changed = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0).map_err(wrong)?;
    rules.entry(libc::SYS_prlimit64).or_default().push(rule(vec![is(1, MARK)?, changed])?);
    rules.insert(libc::SYS_setrlimit, vec![rule(vec![is(0, MARK)?])?]);
    let refused = sockets.families().into_iter().map(|family| differs(0, family)).collect::<io::Result<Vec<_>>>()?;
    // No conditions: always.
    rules.insert(libc::SYS_socket, if refused.is_empty() { Vec::new() } else { vec![rule(refused)?] });
    rules.insert(libc::SYS_socketpair, sockets.no_pairs()?);
    let mut fates = refused::fates();
    fates.extend(rules.keys().map(|call| (*call, Fate::LookedAt)));
    let mut program = compiled(BTreeMap::new(), arch)?;
    // Without a rule it is a look at the processor's kind, and then everything is allowed.
    program.pop();
    program.extend(steps::search(&fates)?);
    program.extend(refused::flags()?);
    program.extend(compiled(rules, arch)?);
    Ok(program)
}

fn compiled(rules: BTreeMap<libc::c_long, Vec<SeccompRule>>, arch: TargetArch) -> io::Result<BpfProgram> {
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).map_err(wrong)?;
    BpfProgram::try_from(filter).map_err(wrong)
}

/// From here on, for this process and all that it starts.
pub(super) fn close(filter: &BpfProgram) -> io::Result<()> {
    apply_filter(filter).map_err(explained)
}

fn rule(conditions: Vec<SeccompCondition>) -> io::Result<SeccompRule> {
    SeccompRule::new(conditions).map_err(wrong)
}

fn is(argument: u8, value: u64) -> io::Result<SeccompCondition> {
    compares(argument, SeccompCmpOp::Eq, value)
}

fn differs(argument: u8, from: libc::c_int) -> io::Result<SeccompCondition> {
    compares(argument, SeccompCmpOp::Ne, u64::from(from.unsigned_abs()))
}

fn compares(argument: u8, how: SeccompCmpOp, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, how, value).map_err(wrong)
}

fn wrong(error: BackendError) -> io::Error {
    explained(error.into())
}

fn explained(error: Error) -> io::Error {
    match error {
        Error::Prctl(error) | Error::Seccomp(error) => error,
        other => io::Error::other(other),
    }
}
