//! What the runs of a round say, vote by vote and in one line.

use scanrelay::Timestamp;
use scanrelay::plugin::{Conclusion, Verdict};

use super::{Phase, Plan, View};
use crate::daemon::job::Ending;
use crate::daemon::verdict::{Evidence, Policy, Vote, Waiver, about, waived};

/// A scanner's vote, once its job has ended. Whatever is not its own result is `error`: it is never left out. It is safe
/// where somebody has answered for everything that it found.
pub(super) fn vote(jobs: &[View], scanner: &str, advisory: bool, waivers: &[Waiver], now: Timestamp) -> Option<Vote> {
    let job = jobs.iter().find(|job| job.phase == Phase::Run && job.name == scanner)?;
    let ending = job.state.ended().then_some(job.ending.as_ref()?)?;
    let nothing = Vote {
        scanner: scanner.to_owned(),
        verdict: Verdict::Error,
        summary: None,
        url: None,
        version: None,
        findings: 0,
        advisory,
        said_at: job.ended_at,
        evidence: Evidence::default(),
        waived: Vec::new(),
    };
    Some(match ending {
        Ending::Concluded {
            conclusion: Conclusion::Scan { verdict, summary, url, version, findings, more_findings },
            evidence,
        } => {
            let waived = waived(*verdict, findings, *more_findings, evidence, waivers, now);
            Vote {
                verdict: if waived.is_some() { Verdict::Safe } else { *verdict },
                summary: summary.clone(),
                url: url.clone(),
                version: version.clone(),
                findings: findings.len() + more_findings,
                evidence: (**evidence).clone(),
                waived: waived.unwrap_or_default(),
                ..nothing
            }
        }
        Ending::Dead { reason, evidence } => {
            Vote { summary: Some(reason.clone()), evidence: (**evidence).clone(), ..nothing }
        }
        Ending::Skipped { reason } => Vote { summary: Some(reason.clone()), ..nothing },
        _ => nothing,
    })
}

/// Who said what, in one line; and who was not waited for.
pub(super) fn summary(plan: &Plan, votes: &[Vote]) -> String {
    let words = votes.iter().map(|vote| {
        let mut notes = Vec::new();
        match vote.findings {
            0 => {}
            1 => notes.push("1 finding".to_owned()),
            many => notes.push(format!("{many} findings")),
        }
        notes.extend(
            vote.waived.iter().map(|waived| format!("{} waived until {}", waived.finding, waived.until.to_rfc3339())),
        );
        if vote.advisory {
            notes.push("advisory".to_owned());
        }
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        format!("{}: {}{notes}", vote.scanner, vote.verdict)
    });
    let others =
        plan.scanners.iter().chain(&plan.advisory).filter(|name| votes.iter().all(|vote| vote.scanner != **name));
    let words = words.chain(others.map(|name| format!("{name}: not waited for")));
    let words = words.collect::<Vec<_>>().join(", ");
    let words = if let Policy::Quorum(needed) = plan.policy { format!("quorum of {needed}: {words}") } else { words };
    match about(votes) {
        // Which is so for good where some votes were kept and the files have changed since.
        None => {
            format!("{words}; they looked at different files: have all of them scan again with deliveries replay --all")
        }
        Some(about) => {
            let artifact = about.artifact.map(|digest| format!("; files {digest}"));
            let image = about.image.map(|digest| format!("; image {digest}"));
            [Some(words), artifact, image].into_iter().flatten().collect()
        }
    }
}

/// Where to read more: at a scanner that says what the verdict says, else at any.
pub(super) fn link(votes: &[Vote], verdict: Verdict) -> Option<String> {
    let of = |same: bool| {
        votes.iter().filter(move |vote| !same || vote.verdict == verdict).find_map(|vote| vote.url.clone())
    };
    of(true).or_else(|| of(false))
}
