//! From a route to jobs: which jobs a delivery begins with, and which follow from what has ended. Pure functions; the
//! store applies what they say in the same transaction that brought the news.

use std::time::Duration;

use scanrelay::plugin::{Conclusion, Status, Verdict};
use scanrelay::{Event, EventKind, Timestamp, registry};
use serde::{Deserialize, Serialize};

use super::{Ending, Phase, State, plugin_queue, registry_queue};
use crate::daemon::verdict::{Policy, Vote, Waiver, about, decide};
use votes::{link, summary, vote};

mod votes;

/// What a route asks for, kept with the delivery: a change of the configuration does not change what was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the route, by its name")]
pub struct Plan {
    /// The route's number in the configuration, from 1.
    pub route: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scanners: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advisory: Vec<String>,
    pub policy: Policy,
    /// Tell the registry `unsafe` where the verdict is `error` or `inconclusive`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub error_is_unsafe: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// Whether a newer promotion of the same model to the same place takes its place while it waits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub latest_only: bool,
    /// Whether the registry is told of progress and outcome.
    pub report: bool,
    /// Whether the registry is asked before anything else, and not only before an action.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm_first: bool,
    /// Digest of the configuration it was made under.
    pub configuration: String,
}

/// A job to be.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    pub phase: Phase,
    pub name: String,
    pub queue: String,
    pub lane: Option<String>,
    pub tell: Option<registry::Outcome>,
    pub held: bool,
    /// How long after its delivery it is due.
    pub after: Duration,
}

/// A scan that ends sooner is told with its outcome alone: the word on the way would be one more request for nothing.
pub const SCANNING_AFTER: Duration = Duration::from_secs(1);

/// A job of the round, as far as decisions look at it.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub id: i64,
    pub phase: Phase,
    pub name: String,
    pub state: State,
    pub ending: Option<Ending>,
    pub ended_at: Option<Timestamp>,
}

/// The verdict of the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    pub verdict: Verdict,
    /// So many votes are recorded with it.
    pub votes: usize,
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Create(NewJob),
    /// A held job may go on.
    Release(i64),
    Skip(i64, String),
    Verdict(Verdict, Vec<Vote>),
    /// What each scanner has said by now: the verdict did not wait for all of them, and stays as it was.
    Votes(Vec<Vote>),
    Close(Closed),
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    Done,
    Ignored(String),
    Dead(String),
}

impl Plan {
    /// Whether something would run, or be overtaken, before the registry is asked as it is before every action.
    pub fn asks(&self) -> bool {
        self.confirm_first && (self.latest_only || !(self.scanners.is_empty() && self.advisory.is_empty()))
    }

    /// Whether nothing stands in the way of scanners any more.
    fn may_scan(&self, jobs: &[View]) -> bool {
        !self.asks() || jobs.iter().any(|job| job.phase == Phase::Ask && job.ending == Some(Ending::Confirmed))
    }
}

/// The jobs that a delivery begins with.
pub fn first_jobs(plan: &Plan, event: &Event) -> Vec<NewJob> {
    let mut jobs = if plan.asks() { vec![question(event)] } else { scans(plan, event) };
    if !plan.actions.is_empty() {
        // It holds the delivery's place in the lane from the start, so that actions run in the order of acceptance.
        jobs.push(NewJob {
            phase: Phase::Confirm,
            name: event.registry.clone(),
            queue: registry_queue(&event.registry),
            lane: Some(action_lane(event)),
            tell: None,
            held: !plan.scanners.is_empty(),
            after: Duration::ZERO,
        });
    }
    jobs
}

/// Whether what the event says is so.
fn question(event: &Event) -> NewJob {
    NewJob {
        phase: Phase::Ask,
        name: event.registry.clone(),
        queue: registry_queue(&event.registry),
        lane: None,
        tell: None,
        held: false,
        after: Duration::ZERO,
    }
}

/// The scanners of a delivery, and the word that they have begun.
fn scans(plan: &Plan, event: &Event) -> Vec<NewJob> {
    let mut jobs = Vec::new();
    if plan.report && event.kind == EventKind::ScanRequest && !plan.scanners.is_empty() {
        let scanning = told(event, Phase::Progress, registry::Outcome::Scanning);
        jobs.push(NewJob { after: SCANNING_AFTER, ..scanning });
    }
    for scanner in plan.scanners.iter().chain(&plan.advisory) {
        jobs.push(run(scanner, None));
    }
    jobs
}

/// What follows from where the jobs of a round stand. Applied and asked again until nothing follows.
pub fn advance(
    plan: &Plan,
    event: &Event,
    jobs: &[View],
    decided: Option<Decided>,
    waivers: &[Waiver],
    now: Timestamp,
) -> Vec<Change> {
    let verdict = decided.map(|decided| decided.verdict);
    if let Some(newer) = overtaken(jobs) {
        // Whatever somebody is still at is left to end, and nothing follows from it.
        let closed =
            Closed::Ignored(format!("superseded: delivery {newer} promotes the same model since (latest_only)"));
        return if jobs.iter().all(|job| job.state.ended()) { vec![Change::Close(closed)] } else { Vec::new() };
    }
    let begun = begin(plan, event, jobs);
    if !begun.is_empty() {
        return begun;
    }
    let undecided = verdict.is_none() && !plan.scanners.is_empty() && plan.may_scan(jobs);
    let settled = if undecided { settle_verdict(plan, event, jobs, waivers, now) } else { Vec::new() };
    if !settled.is_empty() {
        return settled;
    }
    if let Some(decided) = decided {
        // As soon as they come: an action may ask for them before all of this has ended.
        let votes: Vec<Vote> = all_votes(plan, jobs, waivers, now).flatten().collect();
        if votes.len() > decided.votes {
            return vec![Change::Votes(votes)];
        }
    }
    let acted = act(plan, event, jobs, verdict);
    if !acted.is_empty() {
        return acted;
    }
    if !jobs.iter().all(|job| job.state.ended()) {
        return Vec::new();
    }
    vec![Change::Close(close(jobs))]
}

/// The newer delivery that took this one's place.
fn overtaken(jobs: &[View]) -> Option<i64> {
    jobs.iter().find_map(|job| match job.ending {
        Some(Ending::Superseded { by }) => by,
        _ => None,
    })
}

/// Whether the newer promotion of its lane makes the older one pointless: both go to the same place.
pub fn is_overtaken_by(older: &Event, newer: &Event) -> bool {
    let place = |event: &Event| (event.change.stage_to.clone(), event.change.alias.clone(), event.change.tag.clone());
    place(older) == place(newer)
}

/// The scanners of a delivery whose event had to be confirmed first, or what ends without them.
fn begin(plan: &Plan, event: &Event, jobs: &[View]) -> Vec<Change> {
    let Some(asked) = jobs.iter().find(|job| job.phase == Phase::Ask && job.state.ended()) else { return Vec::new() };
    if asked.ending != Some(Ending::Confirmed) {
        let held = jobs.iter().filter(|job| job.state == State::Held);
        return held.map(|job| Change::Skip(job.id, "the registry did not confirm the event".to_owned())).collect();
    }
    // A scan that was kept from an earlier round is there already.
    let missing = |new: &NewJob| !jobs.iter().any(|job| (job.phase, &job.name) == (new.phase, &new.name));
    scans(plan, event).into_iter().filter(missing).map(Change::Create).collect()
}

/// Of each scanner of the plan, those that vote first; `None`: it has not ended.
fn all_votes(plan: &Plan, jobs: &[View], waivers: &[Waiver], now: Timestamp) -> impl Iterator<Item = Option<Vote>> {
    let voting = plan.scanners.iter().map(|name| (name, false));
    let all = voting.chain(plan.advisory.iter().map(|name| (name, true)));
    all.map(move |(name, advisory)| vote(jobs, name, advisory, waivers, now))
}

fn settle_verdict(plan: &Plan, event: &Event, jobs: &[View], waivers: &[Waiver], now: Timestamp) -> Vec<Change> {
    let votes: Vec<Option<Vote>> = all_votes(plan, jobs, waivers, now).collect();
    let voting = &votes[..plan.scanners.len()];
    let words: Vec<Option<Verdict>> = voting.iter().map(|vote| vote.as_ref().map(|vote| vote.verdict)).collect();
    let Some(decided) = decide(plan.policy, &words) else { return Vec::new() };
    let votes: Vec<Vote> = votes.into_iter().flatten().collect();
    // Of different files each safe word is about something else.
    let verdict = if decided == Verdict::Safe && about(&votes).is_none() { Verdict::Error } else { decided };

    let mut changes = Vec::new();
    let confirm = jobs.iter().find(|job| job.phase == Phase::Confirm && !job.state.ended());
    if event.kind == EventKind::ScanRequest && plan.report {
        let told_verdict = match verdict {
            Verdict::Error | Verdict::Inconclusive if plan.error_is_unsafe => Verdict::Unsafe,
            verdict => verdict,
        };
        let outcome = registry::Outcome::Scanned {
            verdict: told_verdict,
            summary: Some(summary(plan, &votes)),
            url: link(&votes, verdict),
            // What was kept of an earlier round was found out then.
            at: votes.iter().filter(|vote| !vote.advisory).filter_map(|vote| vote.said_at).max().or(Some(now)),
        };
        changes.push(Change::Create(told(event, Phase::Report, outcome)));
    }
    match (confirm, verdict) {
        (Some(confirm), Verdict::Safe) => changes.push(Change::Release(confirm.id)),
        (None, _) => {}
        (Some(confirm), _) => {
            let reason = format!("the scanners' verdict is {verdict}: {}", summary(plan, &votes));
            changes.push(Change::Skip(confirm.id, reason.clone()));
            changes.extend(promoted(plan, event, Status::Failed, Some(reason), link(&votes, verdict)));
        }
    }
    changes.insert(0, Change::Verdict(verdict, votes));
    changes
}

fn act(plan: &Plan, event: &Event, jobs: &[View], verdict: Option<Verdict>) -> Vec<Change> {
    let confirmed = jobs.iter().any(|job| job.phase == Phase::Confirm && job.ending == Some(Ending::Confirmed));
    if !confirmed || (!plan.scanners.is_empty() && verdict != Some(Verdict::Safe)) {
        return Vec::new();
    }
    let job_of = |name: &String| jobs.iter().find(|job| job.phase == Phase::Run && job.name == *name);
    let missing: Vec<&String> = plan.actions.iter().filter(|name| job_of(name).is_none()).collect();
    if !missing.is_empty() {
        let progress = told(event, Phase::Progress, registry::Outcome::InProgress);
        let progress = (plan.report && !jobs.iter().any(|job| job.phase == Phase::Progress)).then_some(progress);
        let runs = missing.into_iter().map(|name| run(name, Some(action_lane(event))));
        return progress.into_iter().chain(runs).map(Change::Create).collect();
    }
    if jobs.iter().any(|job| job.phase == Phase::Report) {
        return Vec::new();
    }
    let actions: Vec<&View> = plan.actions.iter().filter_map(job_of).collect();
    if let Some((nth, failed, reason)) =
        actions.iter().enumerate().find_map(|(nth, job)| Some((nth, job, failure(job)?)))
    {
        // A person may end one before its turn. Those before it may be running: their lane is theirs until they end.
        if !actions[..nth].iter().all(|job| job.state.ended()) {
            return Vec::new();
        }
        let reason = format!("{}: {reason}", failed.name);
        let skipped = actions.iter().filter(|job| !job.state.ended());
        let mut changes: Vec<Change> =
            skipped.map(|job| Change::Skip(job.id, format!("not run, since {} failed", failed.name))).collect();
        changes.extend(promoted(plan, event, Status::Failed, Some(reason), None));
        return changes;
    }
    if actions.iter().all(|job| job.state.ended()) {
        let said = |job: &&View| match &job.ending {
            Some(Ending::Concluded { conclusion: Conclusion::Action { summary, url, .. }, .. }) => {
                Some((summary.clone(), url.clone()))
            }
            _ => None,
        };
        let ends: Vec<(Option<String>, Option<String>)> = actions.iter().filter_map(said).collect();
        let url = ends.iter().rev().find_map(|(_, url)| url.clone());
        let summary = ends.into_iter().next_back().and_then(|(summary, _)| summary);
        return promoted(plan, event, Status::Complete, summary, url).into_iter().collect();
    }
    Vec::new()
}

fn close(jobs: &[View]) -> Closed {
    let dead = jobs.iter().find_map(|job| match &job.ending {
        Some(Ending::Dead { reason, .. }) => Some(format!("{} {}: {reason}", job.phase, job.name)),
        _ => None,
    });
    let unconfirmed = jobs.iter().find_map(|job| match &job.ending {
        Some(Ending::NotConfirmed { reason }) => Some(format!("not confirmed: {reason}")),
        _ => None,
    });
    match (dead, unconfirmed) {
        (Some(reason), _) => Closed::Dead(reason),
        (None, Some(reason)) => Closed::Ignored(reason),
        (None, None) => Closed::Done,
    }
}

/// Why an ended action did not complete.
fn failure(job: &View) -> Option<String> {
    match job.ending.as_ref()? {
        Ending::Concluded { conclusion: Conclusion::Action { status: Status::Complete, .. }, .. } => None,
        Ending::Concluded { conclusion: Conclusion::Action { summary, .. }, .. } => {
            Some(summary.clone().unwrap_or_else(|| "failed".to_owned()))
        }
        Ending::Dead { reason, .. } | Ending::Skipped { reason } => Some(reason.clone()),
        _ => Some("ended without a result".to_owned()),
    }
}

fn promoted(
    plan: &Plan,
    event: &Event,
    status: Status,
    summary: Option<String>,
    url: Option<String>,
) -> Option<Change> {
    let outcome = registry::Outcome::Promoted { status, summary, url };
    plan.report.then(|| Change::Create(told(event, Phase::Report, outcome)))
}

fn run(plugin: &str, lane: Option<String>) -> NewJob {
    NewJob {
        phase: Phase::Run,
        name: plugin.to_owned(),
        queue: plugin_queue(plugin),
        lane,
        tell: None,
        held: false,
        after: Duration::ZERO,
    }
}

fn told(event: &Event, phase: Phase, outcome: registry::Outcome) -> NewJob {
    NewJob {
        phase,
        name: event.registry.clone(),
        queue: registry_queue(&event.registry),
        lane: Some(["report:", &event.registry, ":", &workspace(event), &event.subject()].concat()),
        tell: Some(outcome),
        held: false,
        after: Duration::ZERO,
    }
}

/// Actions of one model run one at a time.
pub fn action_lane(event: &Event) -> String {
    let model = event.model.id.as_ref().or(event.model.name.as_ref()).or(event.version.id.as_ref());
    format!("action:{}:{}{}", event.registry, workspace(event), model.map_or("", String::as_str))
}

/// What goes before a model that has a name and no id: its name is its own in one workspace only.
fn workspace(event: &Event) -> String {
    match &event.workspace {
        Some(workspace) if event.model.id.is_none() && event.model.name.is_some() => {
            format!("{}/", workspace.replace('%', "%25").replace('/', "%2F"))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
