//! `scanrelay verify`: why a saved request does or does not verify.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use scanrelay::diagnosis::{Diagnosis, SavedRequest, diagnose};
use scanrelay::plugin::printable;
use scanrelay::{Timestamp, Verifier};
use serde_json::json;

use super::output::{json, line};
use super::{Failure, Outcome, configuration};
use crate::daemon::{Clock, Config};

/// As much as an intake could ever be set to take, and its headers.
const LONGEST: u64 = 64 * 1024 * 1024;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The request: raw HTTP, curl -v, or JSON {"headers": …, "body": …}; - for stdin. The body counts byte for byte.
    file: PathBuf,
    /// The registry in the configuration whose scheme and secrets are meant. Not needed where there is one.
    #[arg(long)]
    registry: Option<String>,
    /// Instead of a registry: github, standard-webhooks, svix, mlflow, databricks, wandb, or a scheme as the configuration would have it.
    #[arg(long, conflicts_with = "registry", requires = "secret_file")]
    scheme: Option<String>,
    /// The file of that scheme's secret. One trailing newline is dropped.
    #[arg(long, requires = "scheme", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The body, where it is not in the file: curl -v does not print the one that it sends.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The time to judge by: Unix seconds or 2026-11-23T05:10:20Z. Otherwise when it was received, if the file says so, or now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

pub fn run(file: &Path, arguments: &Arguments) -> Outcome {
    let shown = arguments.file.display();
    let request =
        SavedRequest::parse(&read(&arguments.file)?).map_err(|error| Failure::Wrong(format!("{shown}: {error}")))?;
    let request = match &arguments.body {
        Some(body) => request.with_body(read(body)?),
        None => request,
    };
    let body = request.body().ok_or_else(|| {
        Failure::Wrong(format!(
            "{shown}: the body is not in it, as curl -v does not print what it sends: give it with --body FILE"
        ))
    })?;
    let at = arguments.at.or(request.received_at()).unwrap_or_else(|| Clock::system().wall());
    let caller = request.caller();
    let of = |verifier: &Verifier| diagnose(verifier, &caller, body, at);
    let (diagnosis, message) = if let (Some(scheme), Some(secret)) = (&arguments.scheme, &arguments.secret_file) {
        said(of(&Config::verifier_of(scheme, secret).map_err(Failure::Wrong)?))
    } else {
        let config = configuration(file)?;
        let registry = registry(&config, arguments.registry.as_deref())?;
        let diagnosis = of(&config.registries[registry].verifier.clone().from_anywhere());
        match whose(&config, registry, &diagnosis, of) {
            Some(other) => {
                let message = format!(
                    "wrong registry: it is signed with the secret of registries.{other}: have the sender post to /hooks/{other}, or set its own secret"
                );
                (diagnosis, message)
            }
            None => said(diagnosis),
        }
    };
    if arguments.json {
        json(&json!({ "verified": diagnosis.verifies(), "reason": diagnosis.word(), "message": message }))?;
    } else {
        line(&printable(&message))?;
    }
    if diagnosis.verifies() { Ok(()) } else { Err(Failure::Failed(format!("{shown} does not verify"))) }
}

fn said(diagnosis: Diagnosis) -> (Diagnosis, String) {
    let message = diagnosis.to_string();
    (diagnosis, message)
}

/// The one that is meant.
pub(super) fn registry<'a>(config: &'a Config, named: Option<&str>) -> Result<&'a str, Failure> {
    let known: Vec<&str> = config.registries.keys().map(String::as_str).collect();
    match (named, known.as_slice()) {
        (Some(named), known) => known.iter().copied().find(|name| *name == named).ok_or_else(|| {
            Failure::Wrong(format!("registry {named} is not configured: there is {}", known.join(", ")))
        }),
        (None, [one]) => Ok(one),
        (None, []) => Err(Failure::Wrong("no registry is configured: add [registries.NAME]".to_owned())),
        (None, many) => Err(Failure::Wrong(format!("say which registry is meant: --registry {}", many.join("|")))),
    }
}

/// Another registry whose secret the request fits, where this one's does not.
fn whose<'a>(
    config: &'a Config,
    registry: &str,
    diagnosis: &Diagnosis,
    of: impl Fn(&Verifier) -> Diagnosis,
) -> Option<&'a str> {
    if !matches!(diagnosis, Diagnosis::Secret(_) | Diagnosis::Missing(..) | Diagnosis::Unreadable(..)) {
        return None;
    }
    let others = config.registries.values().filter(|peer| peer.name != registry);
    let fits =
        |diagnosis: Diagnosis| matches!(diagnosis, Diagnosis::Verified(..) | Diagnosis::Body(_) | Diagnosis::Stale(_));
    others.into_iter().find(|peer| fits(of(&peer.verifier.clone().from_anywhere()))).map(|peer| peer.name.as_str())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |error: std::io::Error| Failure::Wrong(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(LONGEST + 1).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path).map_err(wrong)?.take(LONGEST + 1).read_to_end(&mut bytes).map_err(wrong)?;
    }
    if bytes.len() as u64 > LONGEST {
        return Err(Failure::Wrong(format!("{} is longer than 64 MiB: no webhook is", path.display())));
    }
    Ok(bytes)
}

/// Unix seconds, or a date with its time and offset.
fn time(text: &str) -> Result<Timestamp, String> {
    let wrong = || "write Unix seconds or 2026-11-23T05:10:20Z".to_owned();
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1000).map(Timestamp::from_millis).ok_or_else(wrong);
    }
    let stamp: toml::value::Datetime = text.parse().map_err(|_| wrong())?;
    let (Some(date), Some(time), Some(offset)) = (stamp.date, stamp.time, stamp.offset) else { return Err(wrong()) };
    let minutes = match offset {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i64::from(minutes),
    };
    let of_day = i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second.unwrap_or(0));
    let seconds =
        days(i64::from(date.year), i64::from(date.month), i64::from(date.day)) * 86_400 + of_day - minutes * 60;
    Ok(Timestamp::from_millis(seconds * 1000))
}

/// From 1970 to that day. Years begin in March here, so that the leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_or_a_date() {
        for (text, expected) in [
            ("1795410620", Some(1_795_410_620)),
            ("2026-11-23T05:10:20Z", Some(1_795_410_620)),
            ("2026-11-23T05:10:20.95+00:00", Some(1_795_410_620)),
            ("2026-11-23T06:10:20+01:00", Some(1_795_410_620)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T00:00:00Z", Some(951_782_400)),
            ("2000-03-01T00:00:00Z", Some(951_868_800)),
            ("2026-11-23T05:10:20", None),
            ("2026-11-23", None),
            ("yesterday", None),
            ("9223372036854775807", None),
        ] {
            assert_eq!(time(text).ok().map(Timestamp::as_secs), expected, "{text}");
        }
    }
}
