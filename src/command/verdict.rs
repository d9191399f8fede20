//! `scanrelay verdict`: what was said of a thing, and the gate for scripts.

use std::time::Duration;

use clap::{Args, ValueEnum};
use scanrelay::plugin::{Verdict, printable};
use serde_json::json;

use super::acts::now;
use super::admin_client::{Access, failed};
use super::output::{ago, json, line, print};
use super::{Failure, Outcome, jobs, matrix};
use crate::daemon::{Asked, Demand, Digest, Standings};

#[derive(Debug, Args)]
pub struct Arguments {
    /// A subject as `deliveries list` shows it, such as version:3, or a digest as `digest` prints it.
    subject: String,
    /// Of this registry, where several have a subject of that name.
    #[arg(long, value_name = "NAME")]
    registry: Option<String>,
    /// What it has to be: exits 1 when it is not, and says why.
    #[arg(long, value_name = "VERDICT")]
    require: Option<Required>,
    /// A scanner that has to have said so itself, whatever the verdict; can be given several times.
    #[arg(long, value_name = "SCANNER", requires = "require")]
    from: Vec<String>,
    /// How old it may be.
    #[arg(long, value_parser = jobs::span, value_name = "DURATION", requires = "require")]
    max_age: Option<Duration>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// Nothing else is worth requiring.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Required {
    Safe,
}

pub async fn run(arguments: Arguments, access: &Access) -> Outcome {
    let Arguments { subject, registry, require, from, max_age, json: as_json } = arguments;
    let asked = match Digest::parse(&subject) {
        Some(digest) if registry.is_none() => Asked { digest: Some(digest), ..Asked::default() },
        Some(_) => return Err(Failure::Wrong("--registry: a digest is the same in each".to_owned())),
        None => Asked { subject: Some(subject.clone()), registry, digest: None },
    };
    let named = asked.digest.is_none();
    let said = access.standings(asked).await?;
    if let Some(newest) = said.newest()
        && let Some(other) = said.verdicts.iter().find(|other| named && other.registry != newest.registry)
    {
        let (one, other) = (&newest.registry, &other.registry);
        return Err(Failure::Wrong(format!("{one} and {other} both have a {subject}: add --registry")));
    }
    let met = require.map(|Required::Safe| Demand { from, max_age }.is_met(&said, now()));
    if as_json {
        let enough = met.as_ref().map(Result::is_ok);
        let reason = met.as_ref().and_then(|met| met.as_ref().err());
        let verdict = said.newest().map(|newest| said.word(newest, now()));
        json(
            &json!({ "verdict": verdict, "enough": enough, "reason": reason, "verdicts": said.verdicts, "waivers": said.waivers }),
        )?;
    } else {
        show(&subject, &said)?;
    }
    match met {
        Some(Err(reason)) => Err(Failure::Failed(format!("{}: {reason}", printable(&subject)))),
        None if said.verdicts.is_empty() => Err(Failure::Failed(format!(
            "nothing was ever said of {}: see scanrelay deliveries list",
            printable(&subject)
        ))),
        Some(Ok(())) | None => Ok(()),
    }
}

/// The last word.
fn show(subject: &str, said: &Standings) -> Outcome {
    let Some(newest) = said.newest() else { return Ok(()) };
    let now = now();
    let word = said.word(newest, now);
    let ended = match word {
        word if word == newest.verdict => "",
        Verdict::Inconclusive => ", since not enough of those who said safe looked at this",
        _ => ", since a waiver that it rested on has ended",
    };
    line(&printable(&format!(
        "{subject}: {word}, said {} ago of {} of {} (delivery {}){ended}",
        ago(newest.rests_on(), now),
        newest.subject,
        newest.registry,
        newest.delivery
    )))?;
    line("")?;
    print(&matrix::matrix(&newest.votes))?;
    line("")?;
    matrix::details(&newest.votes).iter().try_for_each(|detail| line(&printable(detail)))
}

impl Access {
    async fn standings(&self, asked: Asked) -> Result<Standings, Failure> {
        match self {
            Self::Daemon { .. } => {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query.extend_pairs(asked.digest.iter().map(|digest| ("digest", digest.hex())));
                query.extend_pairs(asked.subject.iter().map(|subject| ("subject", subject)));
                query.extend_pairs(asked.registry.iter().map(|registry| ("registry", registry)));
                let found = self.get(&format!("/api/v1/verdicts?{}", query.finish())).await?;
                found.ok_or_else(super::acts::unreadable)
            }
            Self::Stopped { store } => {
                let subject = asked.subject().ok_or_else(super::acts::unreadable)?;
                store.standings(subject).await.map_err(failed)
            }
        }
    }
}
