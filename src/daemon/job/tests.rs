use scanrelay::EventKind;
use scanrelay::plugin::Status;

use super::*;
use crate::daemon::digest::Digest;

const MINUTE: Duration = Duration::from_mins(1);
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const SCHEDULE: Schedule = Schedule {
    first: Duration::from_secs(10),
    longest: Duration::from_hours(1),
    give_up: Duration::from_hours(72),
    plugin_attempts: 3,
};

fn job(phase: Phase, attempts: u32, deferrals: u32) -> Job {
    Job {
        id: 1,
        delivery: 1,
        phase,
        name: "x".into(),
        queue: "plugin:x".into(),
        token: 9,
        attempts,
        deferrals,
        run_id: "s-1".into(),
        checkpoint: None,
        tell: None,
        event: Event::new(EventKind::ScanRequest, "verta"),
        body: bytes::Bytes::new(),
        trace: None,
        on_waivers: false,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a table reads better without borrows")]
fn check(job: &Job, outcome: Outcome, expected: Next) {
    assert_eq!(next(job, outcome.clone(), NOW, &SCHEDULE), expected, "{job:?} {outcome:?}");
}

fn again(seconds: u64, reason: &str, counted: bool) -> Next {
    Next::Retry { at: NOW.after(Duration::from_secs(seconds)), reason: reason.into(), counted }
}

fn unreachable(retry_after: Option<Duration>) -> Outcome {
    Outcome::Unreachable { reason: "503".into(), retry_after }
}

#[test]
fn a_word_ends_the_job() {
    let said = Conclusion::Action { status: Status::Failed, summary: None, url: None };
    for attempts in [1, 3, 100] {
        let run = job(Phase::Run, attempts, 0);
        let evidence = Box::new(Evidence { artifact: Digest::parse(&"ab".repeat(32)), ..Evidence::default() });
        check(
            &run,
            Outcome::Concluded { conclusion: said.clone(), evidence: evidence.clone() },
            Next::End(Ending::Concluded { conclusion: said.clone(), evidence }),
        );
        check(&job(Phase::Report, attempts, 0), Outcome::Told(Vec::new()), Next::End(Ending::Told));
        check(&job(Phase::Confirm, attempts, 0), Outcome::Confirmed, Next::End(Ending::Confirmed));
        let left = Outcome::NotConfirmed("it is in staging".into());
        check(
            &job(Phase::Confirm, attempts, 0),
            left,
            Next::End(Ending::NotConfirmed { reason: "it is in staging".into() }),
        );
    }
}

#[test]
fn a_failed_plugin_is_tried_so_many_times() {
    let failed = || Outcome::Failed("exit code 1".into());
    check(&job(Phase::Run, 1, 0), failed(), again(10, "exit code 1", true));
    check(&job(Phase::Run, 2, 0), failed(), again(20, "exit code 1", true));
    check(&job(Phase::Run, 3, 0), failed(), dead("exit code 1 (attempt 3 of 3)".into()));
}

#[test]
fn try_later_costs_no_attempt_and_has_an_end() {
    let later = || Outcome::TryLater("busy".into());
    check(&job(Phase::Run, 1, 0), later(), again(10, "busy", false));
    check(&job(Phase::Run, 3, 4), later(), again(160, "busy", false));
    check(&job(Phase::Run, 3, 50), later(), again(3600, "busy", false));
    check(&job(Phase::Run, 3, 80), later(), dead("it asked to be tried later for too long: busy".into()));
}

#[test]
fn files_that_cannot_be_fetched_cost_no_attempt_and_are_tried_for_three_days() {
    check(&job(Phase::Run, 1, 0), unreachable(None), again(10, "503", false));
    check(&job(Phase::Run, 3, 4), unreachable(None), again(160, "503", false));
    check(&job(Phase::Run, 3, 4), unreachable(Some(30 * MINUTE)), again(1800, "503", false));
    check(&job(Phase::Run, 1, 80), unreachable(None), dead("503 (put off 81 times)".into()));
}

#[test]
fn a_registry_is_tried_for_three_days() {
    for phase in [Phase::Report, Phase::Ask, Phase::Confirm] {
        check(&job(phase, 1, 0), unreachable(None), again(10, "503", true));
        check(&job(phase, 9, 0), unreachable(None), again(2560, "503", true));
        check(&job(phase, 10, 0), unreachable(None), again(3600, "503", true));
        check(&job(phase, 100, 0), unreachable(None), dead("503 (tried 100 times)".into()));
    }
    check(&job(Phase::Report, 1, 0), unreachable(Some(30 * MINUTE)), again(1800, "503", true));
    check(&job(Phase::Report, 10, 0), unreachable(Some(MINUTE)), again(3600, "503", true));
}

#[test]
fn the_waits_together_reach_the_limit_and_no_more() {
    let waits: Vec<Duration> = (1..).map_while(|tries| SCHEDULE.wait(tries)).collect();
    let sum: Duration = waits.iter().sum();
    assert!(sum <= SCHEDULE.give_up && sum + SCHEDULE.longest > SCHEDULE.give_up, "{sum:?}");
    assert!(waits.is_sorted());
    assert_eq!(SCHEDULE.wait(u32::MAX), None);
}

#[test]
fn progress_is_told_once() {
    for outcome in [unreachable(Some(MINUTE)), Outcome::Refused("503".into())] {
        let skipped = Ending::Skipped { reason: "progress is told once: 503".into() };
        check(&job(Phase::Progress, 1, 0), outcome, Next::End(skipped));
    }
}

#[test]
fn a_refusal_ends_it_and_a_drain_costs_nothing() {
    for phase in [Phase::Run, Phase::Report, Phase::Ask, Phase::Confirm] {
        check(&job(phase, 1, 0), Outcome::Refused("404".into()), dead("404".into()));
    }
    for phase in [Phase::Run, Phase::Progress, Phase::Report, Phase::Ask, Phase::Confirm] {
        check(&job(phase, 99, 99), Outcome::Drained, Next::Release);
    }
}

#[test]
fn a_claim_beyond_the_last_attempt_is_not_worked_on() {
    let spent = |phase, attempts| overdrawn(&job(phase, attempts, 0), &SCHEDULE).is_some();
    assert!(!spent(Phase::Run, 3) && spent(Phase::Run, 4));
    assert!(!spent(Phase::Progress, 1) && spent(Phase::Progress, 2));
    for phase in [Phase::Report, Phase::Ask, Phase::Confirm] {
        assert!(!spent(phase, 1) && !spent(phase, 50) && spent(phase, 100));
    }
}

#[test]
fn words_are_read_back() {
    for state in State::ALL {
        assert_eq!(State::from_word(state.word()), Some(state));
    }
    for phase in [Phase::Ask, Phase::Confirm, Phase::Run, Phase::Progress, Phase::Report] {
        assert_eq!(Phase::from_word(phase.word()), Some(phase));
    }
    assert_eq!((State::from_word("lost"), Phase::from_word("lost")), (None, None));
}
