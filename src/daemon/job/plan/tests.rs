//! A delivery from its first jobs to its end, with the words of its plugins and its registry as the only input.

use super::*;
use crate::daemon::digest::Digest;
use crate::daemon::verdict::Evidence;

const NOW: Timestamp = Timestamp::from_millis(1_669_852_800_000);

/// What the store does with changes, in memory.
struct Round {
    plan: Plan,
    event: Event,
    jobs: Vec<View>,
    told: Vec<(String, registry::Outcome)>,
    verdict: Option<Verdict>,
    closed: Option<Closed>,
    waivers: Vec<Waiver>,
    /// Once it is closed, where the verdict may not have waited for all.
    votes: Vec<Vote>,
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Round {
    fn new(kind: EventKind, scanners: &[&str], advisory: &[&str], actions: &[&str]) -> Self {
        let plan = Plan {
            route: 1,
            scanners: names(scanners),
            advisory: names(advisory),
            policy: Policy::All,
            error_is_unsafe: false,
            actions: names(actions),
            report: true,
            latest_only: false,
            confirm_first: false,
            configuration: String::new(),
        };
        let (jobs, told, waivers) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            plan,
            event: Event::new(kind, "verta"),
            jobs,
            told,
            verdict: None,
            closed: None,
            waivers,
            votes: Vec::new(),
        }
    }

    fn begin(mut self) -> Self {
        for job in first_jobs(&self.plan, &self.event) {
            self.create(job);
        }
        self
    }

    fn create(&mut self, job: NewJob) {
        assert!(
            !self.jobs.iter().any(|known| (known.phase, &known.name) == (job.phase, &job.name)),
            "{job:?} is there"
        );
        if let Some(tell) = job.tell {
            self.told.push((job.phase.to_string(), tell));
        }
        let state = if job.held { State::Held } else { State::Due };
        let id = i64::try_from(self.jobs.len()).unwrap();
        self.jobs.push(View { id, phase: job.phase, name: job.name, state, ending: None, ended_at: None });
    }

    fn job(&mut self, word: &str) -> &mut View {
        let found = self.jobs.iter_mut().find(|job| format!("{} {}", job.phase, job.name) == word);
        found.unwrap_or_else(|| panic!("there is no {word}"))
    }

    /// A job that may run ends so, and what follows happens.
    fn ends(mut self, word: &str, ending: Ending) -> Self {
        let job = self.job(word);
        assert_eq!(job.state, State::Due, "{word} does not run yet");
        job.state = ending.state();
        (job.ending, job.ended_at) = (Some(ending), Some(NOW));
        loop {
            assert_eq!(self.closed, None, "it is closed while jobs go on");
            let decided = self.verdict.map(|verdict| Decided { verdict, votes: self.votes.len() });
            let changes = advance(&self.plan, &self.event, &self.jobs, decided, &self.waivers, NOW);
            if changes.is_empty() {
                return self;
            }
            for change in changes {
                self.apply(change);
            }
            if self.closed.is_some() {
                return self;
            }
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Create(job) => self.create(job),
            Change::Release(id) => self.set(id, State::Due, None),
            Change::Skip(id, reason) => self.set(id, State::Skipped, Some(Ending::Skipped { reason })),
            Change::Verdict(verdict, votes) => {
                self.votes = votes;
                assert_eq!(self.verdict, None, "a verdict is settled once");
                self.verdict = Some(verdict);
            }
            Change::Votes(votes) => self.votes = votes,
            Change::Close(closed) => self.closed = Some(closed),
        }
    }

    fn set(&mut self, id: i64, state: State, ending: Option<Ending>) {
        let job = self.jobs.iter_mut().find(|job| job.id == id).unwrap();
        assert!(!job.state.ended(), "{job:?} has ended");
        (job.state, job.ending) = (state, ending);
    }

    fn states(&self) -> String {
        let words = self.jobs.iter().map(|job| format!("{} {} {}", job.phase, job.name, job.state));
        words.collect::<Vec<_>>().join(", ")
    }

    fn last_told(&self) -> &registry::Outcome {
        &self.told.last().expect("nothing is told").1
    }
}

fn says(verdict: Verdict) -> Ending {
    let conclusion = Conclusion::of_scan(verdict);
    Ending::Concluded { conclusion, evidence: Box::default() }
}

fn did(status: Status, url: Option<&str>) -> Ending {
    let conclusion = Conclusion::Action { status, summary: Some("word".into()), url: url.map(str::to_owned) };
    Ending::Concluded { conclusion, evidence: Box::default() }
}

fn died() -> Ending {
    Ending::Dead { reason: "exit code 1 (attempt 5 of 5)".into(), evidence: Box::default() }
}

fn scan(scanners: &[&str], advisory: &[&str]) -> Round {
    Round::new(EventKind::ScanRequest, scanners, advisory, &[]).begin()
}

#[test]
fn a_scan_is_told_begun_run_and_told_ended() {
    let round = scan(&["a", "b"], &["c"]);
    assert_eq!(round.states(), "progress verta due, run a due, run b due, run c due");
    assert_eq!(round.last_told(), &registry::Outcome::Scanning);
    let round = round.ends("progress verta", Ending::Told).ends("run a", says(Verdict::Safe));
    assert_eq!(round.verdict, None, "b may still say unsafe");
    let round = round.ends("run b", says(Verdict::Safe));
    assert_eq!(round.verdict, Some(Verdict::Safe), "advice is not waited for");
    let round = round.ends("report verta", Ending::Told);
    assert_eq!(round.closed, None, "the adviser still runs");
    assert_eq!(round.ends("run c", says(Verdict::Unsafe)).closed, Some(Closed::Done));
}

#[test]
fn an_unsafe_vote_is_told_at_once() {
    let round = scan(&["a", "b"], &[]).ends("run a", says(Verdict::Unsafe));
    let told = round.last_told();
    assert!(matches!(told, registry::Outcome::Scanned { verdict: Verdict::Unsafe, at: Some(NOW), .. }), "{told:?}");
    let round = round.ends("report verta", Ending::Told).ends("progress verta", Ending::Told);
    assert_eq!(round.ends("run b", says(Verdict::Safe)).verdict, Some(Verdict::Unsafe));
}

#[test]
fn nothing_but_its_own_word_is_safe() {
    let endings = [
        died(),
        Ending::Skipped { reason: "x".into() },
        Ending::Superseded { by: None },
        Ending::Confirmed,
        Ending::Told,
    ];
    for ending in endings {
        let round = scan(&["a"], &[]).ends("run a", ending.clone());
        assert_eq!(round.verdict, Some(Verdict::Error), "{ending:?}");
        assert!(matches!(round.last_told(), registry::Outcome::Scanned { verdict: Verdict::Error, .. }));
    }
    let mut strict = Round::new(EventKind::ScanRequest, &["a"], &[], &[]);
    strict.plan.error_is_unsafe = true;
    let round = strict.begin().ends("run a", died());
    assert_eq!(round.verdict, Some(Verdict::Error), "what is kept is the truth");
    assert!(matches!(round.last_told(), registry::Outcome::Scanned { verdict: Verdict::Unsafe, .. }));
}

#[test]
fn a_dead_scanner_makes_the_delivery_dead_after_its_report() {
    let round = scan(&["a"], &[]).ends("progress verta", Ending::Told).ends("run a", died());
    assert_eq!(round.closed, None, "the error is told first");
    let round = round.ends("report verta", Ending::Told);
    assert_eq!(round.closed, Some(Closed::Dead("run a: exit code 1 (attempt 5 of 5)".into())));
}

#[test]
fn actions_run_in_order_after_the_confirmation() {
    let round = Round::new(EventKind::Promotion, &[], &[], &["deploy", "notify"]).begin();
    assert_eq!(round.states(), "confirm verta due");
    let round = round.ends("confirm verta", Ending::Confirmed);
    assert_eq!(round.states(), "confirm verta done, progress verta due, run deploy due, run notify due");
    let round = round.ends("run deploy", did(Status::Complete, Some("https://one.example.com")));
    let round = round.ends("run notify", did(Status::Complete, None));
    let said = registry::Outcome::Promoted {
        status: Status::Complete,
        summary: Some("word".into()),
        url: Some("https://one.example.com".into()),
    };
    assert_eq!(round.last_told(), &said, "the last URL that was given");
    let round = round.ends("report verta", Ending::Told).ends("progress verta", Ending::Told);
    assert_eq!(round.closed, Some(Closed::Done));
}

#[test]
fn after_a_failed_action_no_other_runs() {
    for ending in [did(Status::Failed, None), died()] {
        let round = Round::new(EventKind::Promotion, &[], &[], &["deploy", "notify"]).begin();
        let round = round.ends("confirm verta", Ending::Confirmed).ends("run deploy", ending);
        assert!(round.states().contains("run notify skipped"), "{}", round.states());
        assert!(matches!(round.last_told(), registry::Outcome::Promoted { status: Status::Failed, .. }));
    }
}

#[test]
fn an_action_that_ends_before_its_turn_takes_none_along_that_may_run() {
    let round = Round::new(EventKind::Promotion, &[], &[], &["deploy", "notify", "clean"]).begin();
    let round = round.ends("confirm verta", Ending::Confirmed).ends("run notify", died());
    assert!(round.states().contains("run deploy due"), "{}", round.states());
    let round = round.ends("run deploy", did(Status::Complete, None));
    assert!(round.states().contains("run clean skipped"), "{}", round.states());
    assert!(matches!(round.last_told(), registry::Outcome::Promoted { status: Status::Failed, .. }));
}

#[test]
fn what_is_not_confirmed_starts_nothing() {
    let round = Round::new(EventKind::Promotion, &[], &[], &["deploy"]).begin();
    let round = round.ends("confirm verta", Ending::NotConfirmed { reason: "it is in staging".into() });
    assert_eq!(round.states(), "confirm verta done");
    assert_eq!(round.closed, Some(Closed::Ignored("not confirmed: it is in staging".into())));
}

#[test]
fn scanners_stand_before_actions() {
    let guarded = || Round::new(EventKind::Promotion, &["a"], &[], &["deploy"]).begin();
    assert_eq!(guarded().states(), "run a due, confirm verta held");
    let safe = guarded().ends("run a", says(Verdict::Safe));
    assert_eq!(safe.states(), "run a done, confirm verta due");
    assert!(safe.ends("confirm verta", Ending::Confirmed).states().contains("run deploy due"));
    for ending in [says(Verdict::Unsafe), says(Verdict::Inconclusive), says(Verdict::Error), died()] {
        let round = guarded().ends("run a", ending.clone());
        assert_eq!(round.jobs[1].state, State::Skipped, "{ending:?}");
        let registry::Outcome::Promoted { status: Status::Failed, summary: Some(reason), .. } = round.last_told()
        else {
            panic!("{:?}", round.last_told());
        };
        assert!(reason.starts_with("the scanners' verdict is "), "{reason}");
        let round = round.ends("report verta", Ending::Told);
        assert!(round.closed.is_some() && !round.states().contains("deploy"), "{}", round.states());
    }
}

#[test]
fn a_registry_that_cannot_be_told_is_told_nothing() {
    let mut round = Round::new(EventKind::ScanRequest, &["a"], &[], &[]);
    round.plan.report = false;
    let round = round.begin().ends("run a", says(Verdict::Safe));
    assert_eq!((round.told.len(), round.closed), (0, Some(Closed::Done)));
}

/// What a hint starts, with its scanners and actions.
fn hint(kind: EventKind, scanners: &[&str], advisory: &[&str], actions: &[&str]) -> Round {
    let mut round = Round::new(kind, scanners, advisory, actions);
    round.plan.confirm_first = true;
    round.begin()
}

#[test]
fn a_hint_is_asked_about_before_a_scan_and_again_before_an_action() {
    let round = hint(EventKind::Promotion, &["a"], &[], &["deploy"]);
    assert_eq!(round.states(), "ask verta due, confirm verta held");
    let round = round.ends("ask verta", Ending::Confirmed);
    assert_eq!(round.states(), "ask verta done, confirm verta held, run a due");
    let safe = round.ends("run a", says(Verdict::Safe));
    assert!(safe.states().contains("confirm verta due") && !safe.states().contains("deploy"), "{}", safe.states());
    let late = Ending::NotConfirmed { reason: "it is in staging".into() };
    assert_eq!(
        safe.ends("confirm verta", late).closed,
        Some(Closed::Ignored("not confirmed: it is in staging".into()))
    );

    let round = hint(EventKind::Promotion, &["a"], &[], &["deploy"]).ends("ask verta", Ending::Confirmed);
    let round = round.ends("run a", says(Verdict::Unsafe));
    assert!(round.states().contains("confirm verta skipped"), "{}", round.states());
    assert!(matches!(round.last_told(), registry::Outcome::Promoted { status: Status::Failed, .. }));
}

#[test]
fn what_is_not_so_is_neither_scanned_nor_told() {
    let not_so = || Ending::NotConfirmed { reason: "it is in staging".into() };
    for actions in [&[][..], &["deploy"]] {
        let round = hint(EventKind::ScanRequest, &["a"], &["b"], actions).ends("ask verta", not_so());
        assert!(!round.states().contains("run") && round.told.is_empty(), "{}", round.states());
        assert_eq!(round.closed, Some(Closed::Ignored("not confirmed: it is in staging".into())));
    }
    let round = hint(EventKind::Promotion, &["a"], &[], &["deploy"]).ends("ask verta", died());
    assert!(matches!(round.closed, Some(Closed::Dead(_))), "{:?}", round.closed);
}

#[test]
fn one_question_is_enough_where_nothing_runs_before_the_action() {
    let round = hint(EventKind::Promotion, &[], &[], &["deploy"]);
    assert_eq!(round.states(), "confirm verta due");
    assert!(round.ends("confirm verta", Ending::Confirmed).states().contains("run deploy due"));
    let advised = hint(EventKind::Promotion, &[], &["a"], &["deploy"]);
    assert_eq!(advised.states(), "ask verta due, confirm verta due");
}

#[test]
fn a_scan_that_was_kept_does_not_stand_for_those_that_were_not() {
    let mut round = hint(EventKind::ScanRequest, &["a", "b"], &[], &[]);
    round.create(run("a", None));
    round.jobs[1].state = State::Done;
    round.jobs[1].ending = Some(says(Verdict::Safe));
    let round = round.ends("ask verta", Ending::Confirmed);
    assert_eq!(round.states(), "ask verta done, run a done, progress verta due, run b due");
    assert_eq!(round.ends("run b", says(Verdict::Safe)).verdict, Some(Verdict::Safe));
}

fn about(verdict: Verdict, found: &[&str], byte: &str) -> Ending {
    let finding = |id: &&str| {
        serde_json::from_value(serde_json::json!({ "id": id, "severity": "critical", "message": "m" })).unwrap()
    };
    let findings = found.iter().map(finding).collect();
    let conclusion = Conclusion::Scan { verdict, summary: None, url: None, version: None, findings, more_findings: 0 };
    let evidence = Evidence { artifact: Digest::parse(&byte.repeat(32)), ..Evidence::default() };
    Ending::Concluded { conclusion, evidence: Box::new(evidence) }
}

fn told_scan(round: &Round) -> (Verdict, &str) {
    match round.last_told() {
        registry::Outcome::Scanned { verdict, summary: Some(summary), .. } => (*verdict, summary),
        other => panic!("{other:?} is no scan"),
    }
}

#[test]
fn scanners_that_looked_at_different_files_have_no_verdict() {
    let same = scan(&["alpha", "beta"], &[])
        .ends("run alpha", about(Verdict::Safe, &[], "aa"))
        .ends("run beta", about(Verdict::Safe, &[], "aa"));
    let words = format!("alpha: safe, beta: safe; files sha256:{}", "aa".repeat(32));
    assert_eq!(told_scan(&same), (Verdict::Safe, words.as_str()));
    let other = scan(&["alpha", "beta"], &[])
        .ends("run alpha", about(Verdict::Safe, &[], "aa"))
        .ends("run beta", about(Verdict::Safe, &[], "bb"));
    assert_eq!(other.verdict, Some(Verdict::Error));
    assert_eq!(
        told_scan(&other),
        (
            Verdict::Error,
            "alpha: safe, beta: safe; they looked at different files: have all of them scan again with deliveries replay --all"
        )
    );
}

#[test]
fn what_somebody_answers_for_does_not_count_and_is_told() {
    let waiver = |finding: &str| Waiver {
        id: 7,
        digest: Digest::parse(&"aa".repeat(32)).unwrap(),
        finding: finding.into(),
        until: NOW.after(Duration::from_mins(1)),
        reason: "known".into(),
        uid: None,
        made_at: NOW,
        revoked_at: None,
    };
    let of = |finding: &str, byte: &str| {
        let mut round = scan(&["alpha"], &["beta"]).ends("run beta", says(Verdict::Safe));
        round.waivers.push(waiver(finding));
        round.ends("run alpha", about(Verdict::Unsafe, &["os.system"], byte))
    };
    let waived = of("os.system", "aa");
    assert_eq!(waived.verdict, Some(Verdict::Safe));
    let words =
        "alpha: safe (1 finding, os.system waived until 2022-12-01T00:01:00Z), beta: safe (advisory); files sha256:";
    assert!(told_scan(&waived).1.starts_with(words), "{:?}", told_scan(&waived));
    assert_eq!(of("os.system", "bb").verdict, Some(Verdict::Unsafe), "of other bytes");
    assert_eq!(of("eval", "aa").verdict, Some(Verdict::Unsafe), "another finding");
}

#[test]
fn who_ends_after_the_verdict_is_recorded_and_changes_nothing() {
    let round = scan(&["alpha", "beta"], &["gamma"]).ends("run alpha", says(Verdict::Unsafe));
    let told = "alpha: unsafe, beta: not waited for, gamma: not waited for";
    assert_eq!(told_scan(&round), (Verdict::Unsafe, told));
    let round = round
        .ends("progress verta", Ending::Told)
        .ends("report verta", Ending::Told)
        .ends("run gamma", says(Verdict::Safe));
    let round = round.ends("run beta", says(Verdict::Safe));
    assert_eq!(round.verdict, Some(Verdict::Unsafe));
    let said: Vec<(&str, Verdict)> = round.votes.iter().map(|vote| (vote.scanner.as_str(), vote.verdict)).collect();
    assert_eq!(said, [("alpha", Verdict::Unsafe), ("beta", Verdict::Safe), ("gamma", Verdict::Safe)]);
}

#[test]
fn a_name_is_its_own_in_one_workspace() {
    let lane = |workspace: Option<&str>, id: Option<&str>, name: Option<&str>| {
        let mut event = Event::new(EventKind::Promotion, "r");
        event.workspace = workspace.map(str::to_owned);
        (event.model.id, event.model.name) = (id.map(str::to_owned), name.map(str::to_owned));
        action_lane(&event)
    };
    assert_eq!(lane(Some("acme"), None, Some("fraud")), "action:r:acme/fraud");
    assert_eq!(lane(Some("globex"), None, Some("fraud")), "action:r:globex/fraud");
    assert_eq!(lane(Some("a/b"), None, Some("c")), "action:r:a%2Fb/c");
    assert_eq!(lane(Some("acme"), Some("77"), Some("fraud")), "action:r:77");
    assert_eq!(lane(None, None, Some("fraud")), "action:r:fraud");
    assert_eq!(lane(Some("acme"), None, None), "action:r:");
}
