//! The filter as the kernel has it: steps that only go forward, and that it walks for each number of a call when a plugin is
//! started. So a call is searched for, not compared with one after the other, and most are allowed after a few steps.

use std::collections::BTreeMap;
use std::io;

use nix::libc::{self, c_int, c_long};
use seccompiler::{BpfProgram, SeccompAction, sock_filter};

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// This error, whatever it was asked; with 0 it does nothing and says that it did.
    Answered(c_int),
    /// Its arguments are looked at.
    LookedAt,
}

/// x86's third numbering has this bit. The filter knows the rules by the first numbering's, so that one is refused as a whole:
/// nothing that is installed anywhere uses it.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;
/// As many are compared one after the other.
const FEW: usize = 4;

/// `BPF_LD | BPF_W | BPF_ABS`, `BPF_JMP` with `BPF_JA`, and with `BPF_JEQ`, `BPF_JGE` and `BPF_JSET`, each `| BPF_K`, and
/// `BPF_RET | BPF_K` of `linux/bpf_common.h`.
const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_NOT_LESS: u16 = 0x35;
const JUMP_IF_SET: u16 = 0x45;
const RETURN: u16 = 0x06;
/// Where in `struct seccomp_data` the number of the call stands, and the lower half of its first argument.
const NUMBER: u32 = 0;
const FIRST: u32 = if cfg!(target_endian = "little") { 16 } else { 20 };

/// Sends each call to its fate; those that are looked at to what follows. All others are allowed.
pub(super) fn search(fates: &BTreeMap<c_long, Fate>) -> io::Result<BpfProgram> {
    let fates: Result<Vec<_>, _> = fates.iter().map(|(call, fate)| Ok((u32::try_from(*call)?, *fate))).collect();
    let mut program = vec![step(LOAD, NUMBER)];
    #[cfg(target_arch = "x86_64")]
    program.extend([jump(JUMP_IF_SET, X32, 0, 1), step(RETURN, errno(libc::EPERM))]);
    program.extend(among(&fates.map_err(too_far)?, 0)?);
    Ok(program)
}

/// Refuses the call with any of these bits in its first argument.
pub(super) fn without_flags(call: c_long, flags: c_int) -> io::Result<[sock_filter; 5]> {
    Ok([
        jump(JUMP_IF_EQUAL, u32::try_from(call).map_err(too_far)?, 0, 4),
        step(LOAD, FIRST),
        jump(JUMP_IF_SET, flags.cast_unsigned(), 0, 1),
        step(RETURN, errno(libc::EPERM)),
        step(LOAD, NUMBER),
    ])
}

/// So many steps follow until the rules.
fn among(fates: &[(u32, Fate)], follow: usize) -> io::Result<Vec<sock_filter>> {
    let mut steps = Vec::new();
    if fates.len() > FEW {
        let (low, high) = fates.split_at(fates.len() / 2);
        let high_steps = among(high, follow)?;
        let low_steps = among(low, follow + high_steps.len())?;
        steps.push(jump(JUMP_IF_NOT_LESS, high[0].0, u8::try_from(low_steps.len()).map_err(too_far)?, 0));
        steps.extend(low_steps);
        steps.extend(high_steps);
        return Ok(steps);
    }
    for (nth, (call, fate)) in fates.iter().enumerate() {
        steps.push(jump(JUMP_IF_EQUAL, *call, 0, 1));
        // Two steps for each that is left, and the last one.
        let follow = follow + 2 * (fates.len() - nth) - 1;
        steps.push(match fate {
            Fate::Answered(error) => step(RETURN, errno(*error)),
            Fate::LookedAt => step(JUMP, u32::try_from(follow).map_err(too_far)?),
        });
    }
    steps.push(step(RETURN, SeccompAction::Allow.into()));
    Ok(steps)
}

fn errno(error: c_int) -> u32 {
    SeccompAction::Errno(error.unsigned_abs()).into()
}

fn step(code: u16, k: u32) -> sock_filter {
    jump(code, k, 0, 0)
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

fn too_far(_: std::num::TryFromIntError) -> io::Error {
    io::Error::other("the filter is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a call ends: with this value, or behind the program.
    fn walk(program: &[sock_filter], number: u32, first: u32) -> Option<u32> {
        let (mut at, mut loaded) = (0, number);
        while let Some(sock_filter { code, jt, jf, k }) = program.get(at) {
            let chosen = |yes: bool| usize::from(if yes { *jt } else { *jf });
            at += 1;
            at += match *code {
                LOAD => {
                    loaded = if *k == NUMBER { number } else { first };
                    0
                }
                JUMP => usize::try_from(*k).unwrap(),
                JUMP_IF_EQUAL => chosen(loaded == *k),
                JUMP_IF_NOT_LESS => chosen(loaded >= *k),
                JUMP_IF_SET => chosen(loaded & *k != 0),
                RETURN => return Some(*k),
                other => panic!("{other:#x}"),
            };
        }
        assert_eq!((at, loaded), (program.len(), number));
        None
    }

    #[test]
    fn each_call_finds_its_fate_and_no_other() {
        for count in 0..=120 {
            let of = |nth: c_int| if nth % 3 == 0 { Fate::LookedAt } else { Fate::Answered(nth) };
            let fates: BTreeMap<_, _> = (0..count).map(|nth| (c_long::from(nth * 2), of(nth))).collect();
            let program = search(&fates).unwrap();
            for number in 0..count * 2 + 4 {
                let expected = match fates.get(&number.into()) {
                    None => Some(SeccompAction::Allow.into()),
                    Some(Fate::LookedAt) => None,
                    Some(Fate::Answered(error)) => Some(errno(*error)),
                };
                assert_eq!(walk(&program, number.cast_unsigned(), 0), expected, "{number} of {count}");
            }
            #[cfg(target_arch = "x86_64")]
            assert_eq!(walk(&program, X32, 0), Some(errno(libc::EPERM)));
        }
    }

    #[test]
    fn one_bit_is_enough() {
        let program = without_flags(7, 0b1010).unwrap();
        let check = |number, first, expected| assert_eq!(walk(&program, number, first), expected, "{number} {first}");
        check(7, 0b0101, None);
        check(7, 0b0010, Some(errno(libc::EPERM)));
        check(7, 0b1111, Some(errno(libc::EPERM)));
        check(6, 0b1111, None);
    }
}
