//! Calls that have one answer, whatever they are asked for: the beginning of the filter, one comparison for each of them.

use nix::libc::{self, c_int, c_long};
use seccompiler::{BpfProgram, SeccompAction, sock_filter};

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
/// libraries then call `clone`.
const NOT_THERE: &[c_long] = &[libc::SYS_clone3];
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
/// x86's third numbering has this bit. The filter knows the rules by the first numbering's, so that one is refused as a whole:
/// nothing that is installed anywhere uses it.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

/// `BPF_LD | BPF_W | BPF_ABS`, `BPF_JMP` with `BPF_JA`, `BPF_JEQ | BPF_K` and `BPF_JSET | BPF_K`, and `BPF_RET | BPF_K` of
/// `linux/bpf_common.h`.
const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_SET: u16 = 0x45;
const RETURN: u16 = 0x06;
/// Where in `struct seccomp_data` the number of the call stands, and the lower half of its first argument.
const NUMBER: u32 = 0;
const FIRST: u32 = if cfg!(target_endian = "little") { 16 } else { 20 };

/// The answers, and then `rest` for every other call.
pub(super) fn before(rest: BpfProgram) -> BpfProgram {
    let refuse = errno(libc::EPERM);
    let mut program = vec![step(LOAD, NUMBER)];
    #[cfg(target_arch = "x86_64")]
    program.extend([jump(JUMP_IF_SET, X32, 0, 1), step(RETURN, refuse)]);
    program.extend(answer(NEVER, refuse));
    program.extend(answer(NOT_THERE, errno(libc::ENOSYS)));
    for (call, flags) in FLAGS {
        program.extend([
            jump(JUMP_IF_EQUAL, number(*call), 0, 4),
            step(LOAD, FIRST),
            jump(JUMP_IF_SET, flags.cast_unsigned(), 0, 1),
            step(RETURN, refuse),
            step(LOAD, NUMBER),
        ]);
    }
    program.extend(rest);
    program
}

/// Each of them jumps to the answer at the end, as far as a jump can be, and all others behind it.
fn answer(calls: &[c_long], answer: u32) -> Vec<sock_filter> {
    let ahead = (1..=u8::MAX).take(calls.len()).rev();
    let mut steps: Vec<_> =
        calls.iter().zip(ahead).map(|(call, ahead)| jump(JUMP_IF_EQUAL, number(*call), ahead, 0)).collect();
    steps.extend([step(JUMP, 1), step(RETURN, answer)]);
    steps
}

fn errno(error: c_int) -> u32 {
    SeccompAction::Errno(error.unsigned_abs()).into()
}

/// Numbers of calls are small.
fn number(call: c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

fn step(code: u16, k: u32) -> sock_filter {
    jump(code, k, 0, 0)
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}
