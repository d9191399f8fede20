//! `scanrelay waive`: who answers for a finding, of which bytes, until when.

use clap::Args;
use scanrelay::Timestamp;
use scanrelay::plugin::printable;

use super::acts::{act, by, now, unreadable};
use super::admin_client::{Access, failed};
use super::output::{cell, json, line, print, table};
use super::{Failure, Outcome, jobs};
use crate::daemon::{Digest, Revoked, Waive, Waiver};

#[derive(Debug, Args)]
#[group(skip)]
pub struct Arguments {
    /// Of which files or image: the digest as `digest`, `deliveries show` and the report say it.
    #[arg(long, value_name = "SHA256", value_parser = digest, required_unless_present_any = ["list", "revoke"])]
    digest: Option<Digest>,
    /// The finding's id, as `jobs show` lists it.
    #[arg(long, value_name = "ID", required_unless_present_any = ["list", "revoke"])]
    finding: Option<String>,
    /// Its end: a day (to its end, UTC), a moment of RFC 3339, or a time from now such as 30d; 400 days at most.
    #[arg(long, value_name = "DATE", value_parser = until, required_unless_present_any = ["list", "revoke"])]
    until: Option<Timestamp>,
    /// Who answers for it, and why. It stands in the audit, in the verdict and with whoever asks for it.
    #[arg(long, value_name = "TEXT", required_unless_present = "list")]
    reason: Option<String>,
    /// Ends a waiver before its time: verdicts that rest on it are safe no more.
    #[arg(long, value_name = "WAIVER", conflicts_with_all = ["digest", "finding", "until"])]
    revoke: Option<i64>,
    /// Lists the waivers, newest first.
    #[arg(long, conflicts_with_all = ["digest", "finding", "until", "reason", "revoke"])]
    list: bool,
    /// With --list: one JSON array instead of a table.
    #[arg(long, requires = "list")]
    json: bool,
}

pub async fn run(arguments: Arguments, access: &Access) -> Outcome {
    if arguments.list {
        let waivers = access.waivers().await?;
        return if arguments.json { json(&waivers) } else { print_list(&waivers) };
    }
    if let Some(id) = arguments.revoke {
        return line(&access.revoke(id, arguments.reason).await?);
    }
    let (Some(digest), Some(finding), Some(until), Some(reason)) =
        (arguments.digest, arguments.finding, arguments.until, arguments.reason)
    else {
        return Err(Failure::Wrong("--digest, --finding, --until and --reason are needed".to_owned()));
    };
    let words = format!("{} of {digest} until {}", printable(&finding), until.to_rfc3339());
    let id = access.waive(Waive { digest, finding, until, reason }).await?;
    line(&format!("waiver {id}: {words}"))?;
    line("a verdict that stands is not changed by it: scanrelay deliveries replay settles it anew")
}

fn digest(text: &str) -> Result<Digest, String> {
    Digest::parse(text).ok_or_else(|| "it is no SHA-256: 64 hex digits, with or without sha256: before them".to_owned())
}

fn until(text: &str) -> Result<Timestamp, String> {
    let moment = Timestamp::from_rfc3339(text).or_else(|| Timestamp::from_rfc3339(&format!("{text}T23:59:59.999Z")));
    match moment {
        Some(moment) => Ok(moment),
        None => jobs::span(text).map(|span| now().after(span)).map_err(|_| {
            "write a day such as 2026-12-31, a moment such as 2026-12-31T12:00:00Z, or a time from now such as 30d"
                .to_owned()
        }),
    }
}

fn print_list(waivers: &[Waiver]) -> Outcome {
    let now = now();
    let mut table = table(&["ID", "STATE", "UNTIL", "FINDING", "DIGEST", "UID", "REASON"]);
    for waiver in waivers {
        let state = match (waiver.holds(now), waiver.revoked_at) {
            (true, _) => "holds",
            (false, Some(_)) => "revoked",
            (false, None) => "ended",
        };
        table.add_row([
            cell(&waiver.id.to_string()),
            cell(state),
            cell(&waiver.until.to_rfc3339()),
            cell(&waiver.finding),
            cell(&waiver.digest.to_string()),
            cell(&waiver.uid.map(|uid| uid.to_string()).unwrap_or_default()),
            cell(&waiver.reason),
        ]);
    }
    print(&table)
}

impl Access {
    async fn waivers(&self) -> Result<Vec<Waiver>, Failure> {
        match self {
            Self::Daemon { .. } => self.get("/api/v1/waivers").await?.ok_or_else(unreadable),
            Self::Stopped { store } => store.waivers().await.map_err(failed),
        }
    }

    async fn waive(&self, waive: Waive) -> Result<i64, Failure> {
        if let Self::Stopped { store } = self {
            let uid = by(None).uid;
            let new = waive.checked(now()).map_err(Failure::Failed)?;
            return store.waive(new, uid, now()).await.map_err(failed);
        }
        self.post("/api/v1/waivers", &waive).await?["waiver"].as_i64().ok_or_else(unreadable)
    }

    async fn revoke(&self, id: i64, reason: Option<String>) -> Result<String, Failure> {
        let Self::Stopped { store } = self else {
            let answer = self.post(&format!("/api/v1/waivers/{id}/revoke"), &act(reason)).await?;
            return answer["words"].as_str().map(str::to_owned).ok_or_else(unreadable);
        };
        let revoked = store.revoke(id, by(reason), now()).await.map_err(failed)?;
        if revoked == Revoked::Yes { Ok(revoked.in_words(id)) } else { Err(Failure::Failed(revoked.in_words(id))) }
    }
}
