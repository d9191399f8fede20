//! What an exit and what was said come to: one pure function.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use scanrelay::plugin::{Conclusion, EXIT_RETRY};

use super::watchman::Breach;
use super::{End, Output, Word};

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// It exited by itself.
    Code(i32),
    /// A signal that was not ours.
    Signal(i32),
    /// We ended it.
    Cut(Cut),
}

/// Why we ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Timeout,
    Cancel,
    /// It went over a bound that holds for the run as a whole.
    Breach(Breach),
    /// Waiting for it was not possible any more: the runtime is going away.
    Lost,
}

impl Exit {
    /// Whatever the status is, a process that we ended was ended by us.
    pub(super) fn of(cut: Option<Cut>, status: Option<ExitStatus>) -> Self {
        match (cut, status) {
            (Some(cut), _) => Self::Cut(cut),
            (None, None) => Self::Cut(Cut::Lost),
            (None, Some(status)) => match (status.code(), status.signal()) {
                (Some(code), _) => Self::Code(code),
                (None, signal) => Self::Signal(signal.unwrap_or_default()),
            },
        }
    }
}

/// What the attempt came to. `said` is what the plugin's lines come to; exit codes do not ask for it.
pub(super) fn conclude(exit: Exit, said: Result<Conclusion, String>, output: &Output) -> End {
    match (exit, output) {
        (Exit::Cut(Cut::Timeout), _) => End::TimedOut,
        (Exit::Cut(Cut::Cancel), _) => End::Cancelled,
        (Exit::Cut(Cut::Breach(breach)), _) => End::Failed(over(breach)),
        (Exit::Cut(Cut::Lost), _) => End::Failed("its end was not seen".to_owned()),
        (Exit::Signal(signal), _) => {
            let limit = limit_of(signal).map(|limit| format!(": it used more than its {limit}")).unwrap_or_default();
            End::Failed(format!("was killed by {}{limit}", signal_name(signal)))
        }
        (Exit::Code(0), Output::Jsonl) => match said {
            Ok(conclusion) => End::Concluded(conclusion),
            Err(fault) => End::Failed(fault),
        },
        (Exit::Code(code), Output::ExitCodes(words)) => {
            match u8::try_from(code).ok().and_then(|code| words.get(&code)) {
                Some(word) => End::Concluded(word.conclusion()),
                None => without_result(code),
            }
        }
        (Exit::Code(code), Output::Report(_, codes)) if u8::try_from(code).is_ok_and(|code| codes.contains(&code)) => {
            match said {
                Ok(conclusion) => End::Concluded(conclusion),
                Err(fault) => End::Failed(format!("{fault}, and it exited with {code}")),
            }
        }
        (Exit::Code(code), Output::Jsonl | Output::Report(..)) => without_result(code),
    }
}

fn without_result(code: i32) -> End {
    if code == EXIT_RETRY { End::TryLater } else { End::Failed(format!("exited with {code}")) }
}

impl Word {
    fn conclusion(self) -> Conclusion {
        match self {
            Self::Verdict(verdict) => Conclusion::of_scan(verdict),
            Self::Status(status) => Conclusion::of_action(status),
        }
    }
}

/// What it did, which was too much.
fn over(breach: Breach) -> String {
    let deed = match breach {
        Breach::Processes(most) => {
            format!("it had more than {most} processes and threads at a time (limits.processes)")
        }
        Breach::Memory(most) => {
            format!("one of its processes had more than {most} bytes of memory, shared memory among it (limits.memory)")
        }
        Breach::Nameless(most) => {
            format!(
                "it had more than {most} bytes in its working directory and in open files without a name (limits.disk)"
            )
        }
        Breach::Disk(most) => format!("it had more than {most} bytes in its working directory (limits.disk)"),
        Breach::Entries => "it made more files than can be counted".to_owned(),
        Breach::Hidden => "it made a folder that cannot be looked into".to_owned(),
        Breach::DiskFull => "the disk was running full while it ran".to_owned(),
    };
    format!("{deed}, and was killed")
}

/// The limit of the cell's that the kernel enforces by this signal.
fn limit_of(signal: i32) -> Option<&'static str> {
    match signal {
        24 => Some("limits.cpu"),
        25 => Some("limits.file_size"),
        _ => None,
    }
}

/// Linux' numbers that are the same on every architecture Rust's standard library knows, except MIPS and SPARC.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use scanrelay::plugin::{Fault, Format, Report, Status, Verdict};

    use super::*;

    fn scan(verdict: Verdict) -> Conclusion {
        Word::Verdict(verdict).conclusion()
    }

    #[test]
    fn the_table_of_ends() {
        let scanner = Output::ExitCodes(BTreeMap::from([
            (0, Word::Verdict(Verdict::Safe)),
            (1, Word::Verdict(Verdict::Unsafe)),
            (2, Word::Verdict(Verdict::Inconclusive)),
        ]));
        let action = Output::ExitCodes(BTreeMap::from([
            (0, Word::Status(Status::Complete)),
            (75, Word::Status(Status::Failed)),
        ]));
        let nothing = Output::ExitCodes(BTreeMap::new());
        let jsonl = Output::Jsonl;
        let good = || Ok(scan(Verdict::Safe));
        let bad = || Err(Fault::NoResult.to_string());
        let failed = |why: &str| End::Failed(why.to_owned());
        let check = |exit, said, output: &Output, end: End| assert_eq!(conclude(exit, said, output), end, "{exit:?}");

        check(Exit::Code(0), good(), &jsonl, End::Concluded(scan(Verdict::Safe)));
        check(Exit::Code(0), bad(), &jsonl, failed("it ended without a result line"));
        check(Exit::Code(1), good(), &jsonl, failed("exited with 1"));
        check(Exit::Code(75), good(), &jsonl, End::TryLater);
        check(Exit::Code(75), bad(), &jsonl, End::TryLater);
        check(Exit::Signal(11), good(), &jsonl, failed("was killed by SIGSEGV"));
        check(Exit::Signal(24), good(), &jsonl, failed("was killed by SIGXCPU: it used more than its limits.cpu"));
        check(Exit::Signal(34), good(), &jsonl, failed("was killed by signal 34"));
        check(Exit::Cut(Cut::Timeout), good(), &jsonl, End::TimedOut);
        check(Exit::Cut(Cut::Cancel), good(), &jsonl, End::Cancelled);
        check(Exit::Cut(Cut::Lost), good(), &jsonl, failed("its end was not seen"));
        check(
            Exit::Cut(Cut::Breach(Breach::Processes(512))),
            good(),
            &jsonl,
            failed("it had more than 512 processes and threads at a time (limits.processes), and was killed"),
        );

        check(Exit::Code(0), bad(), &scanner, End::Concluded(scan(Verdict::Safe)));
        check(Exit::Code(1), good(), &scanner, End::Concluded(scan(Verdict::Unsafe)));
        check(Exit::Code(2), bad(), &scanner, End::Concluded(scan(Verdict::Inconclusive)));
        check(Exit::Code(3), good(), &scanner, failed("exited with 3"));
        check(Exit::Code(75), good(), &scanner, End::TryLater);
        check(Exit::Code(256), good(), &scanner, failed("exited with 256"));
        check(Exit::Signal(9), good(), &scanner, failed("was killed by SIGKILL"));
        check(Exit::Cut(Cut::Timeout), good(), &scanner, End::TimedOut);
        check(Exit::Code(0), bad(), &action, End::Concluded(Word::Status(Status::Complete).conclusion()));
        check(Exit::Code(75), bad(), &action, End::Concluded(Word::Status(Status::Failed).conclusion()));
        check(Exit::Code(0), good(), &nothing, failed("exited with 0"));

        let report = Output::Report(Box::new(Report::new(Format::Sarif)), BTreeSet::from([0, 1]));
        check(Exit::Code(1), good(), &report, End::Concluded(scan(Verdict::Safe)));
        check(Exit::Code(1), bad(), &report, failed("it ended without a result line, and it exited with 1"));
        check(Exit::Code(2), good(), &report, failed("exited with 2"));
        check(Exit::Code(75), good(), &report, End::TryLater);
        check(Exit::Code(256), good(), &report, failed("exited with 256"));
        check(Exit::Signal(9), good(), &report, failed("was killed by SIGKILL"));
        check(Exit::Cut(Cut::Timeout), good(), &report, End::TimedOut);
    }

    #[test]
    fn a_process_that_we_ended_was_ended_by_us() {
        let status = ExitStatus::from_raw;
        assert_eq!(Exit::of(Some(Cut::Timeout), Some(status(0))), Exit::Cut(Cut::Timeout));
        assert_eq!(Exit::of(None, Some(status(3 << 8))), Exit::Code(3));
        assert_eq!(Exit::of(None, Some(status(11))), Exit::Signal(11));
        assert_eq!(Exit::of(None, None), Exit::Cut(Cut::Lost));
    }
}
