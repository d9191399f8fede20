//! The registry's webhook to us: listed, made, tried and removed, request by request, as [`Registry::next`] tells outcomes.
//!
//! What is ours is known by its address. A request may hold the webhook's secret, and an answer may (Verta gives it back in
//! clear): neither shows its body in `Debug`.

mod comet;
mod databricks;
mod mlflow;
mod verta;

use std::fmt;

use super::answer::object;
use super::{Exchange, Registry, Request, Rules, Step};
use crate::{Secret, Verifier};

/// A list has at most so many pages here.
const MAX_PAGES: usize = 20;

/// The webhook that there should be.
#[derive(Clone)]
pub struct Wanted {
    address: String,
    /// Without the secret that may end the path.
    shown: String,
    secret: Option<Secret>,
    /// The header of a token.
    header: String,
    rules: Rules,
}

impl Wanted {
    /// To that address, which `verifier` guards, for what `rules` wait for.
    pub fn new(address: impl Into<String>, verifier: &Verifier, rules: &Rules) -> Self {
        let shown = address.into();
        let address = match verifier.path_secret() {
            Some(secret) => [shown.as_str(), "/", &text(secret)].concat(),
            None => shown.clone(),
        };
        // The first signs; the others are those that senders still have.
        let header = verifier.scheme().header();
        let secret = header.and_then(|_| verifier.secrets().first().cloned());
        Self { address, shown, secret, header: header.unwrap_or_default().to_owned(), rules: rules.clone() }
    }

    fn secret(&self) -> Option<String> {
        self.secret.as_ref().map(text)
    }
}

fn text(secret: &Secret) -> String {
    String::from_utf8_lossy(secret.expose()).into_owned()
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted").field("address", &self.shown).finish_non_exhaustive()
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// Looks.
    List,
    /// Makes it, or changes what differs: doing it twice does it once.
    Create,
    /// Has the registry send its test.
    Test,
    /// Removes ours.
    Delete,
}

/// A webhook that the registry has.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Hook {
    /// The registry's id, where it gives one.
    pub id: Option<String>,
    /// Where it posts: ours whole but for a secret in the path; of other people's, the host alone.
    pub address: String,
    /// Whether it posts to us.
    pub ours: bool,
    /// What it hears, in the registry's own words; empty: all that there is.
    pub events: Vec<String>,
    /// Events that it should hear and does not.
    pub missing: Vec<String>,
    /// Whether it is switched on.
    pub active: bool,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Did {
    /// Looked.
    Listed(Vec<Hook>),
    /// Made it.
    Created,
    /// Changed it; whether its secret was right cannot be seen everywhere.
    Changed,
    /// It was as it should be.
    Unchanged,
    /// Removed so many.
    Deleted(usize),
    /// The registry sent its test and was answered that status; `None`: it says that it got none.
    Tested(Option<u16>, Option<String>),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookStep {
    /// Send this, and ask again with its answer.
    Send(Request),
    /// It is done.
    Did(Did),
    /// Not now. The reason names the status.
    Retry(String),
    /// Not like this. The reason says what to do instead.
    Refused(String),
}

impl From<Step> for WebhookStep {
    /// For what an answer's status means.
    fn from(step: Step) -> Self {
        match step {
            Step::Send(request) => Self::Send(request),
            Step::Done => Self::Did(Did::Unchanged),
            Step::Retry(reason) => Self::Retry(reason),
            Step::Refused(reason) => Self::Refused(reason),
        }
    }
}

/// A webhook as a registry lists it.
struct Row {
    id: Option<String>,
    address: String,
    events: Vec<String>,
    active: bool,
    /// Whether it has our secret, where the registry tells.
    same_secret: Option<bool>,
}

/// What each registry does in its own way.
trait Manager {
    /// Asks for the list, from that page on.
    fn list(&self, page: Option<&str>) -> Result<Request, String>;
    /// The rows of a page, and the next one.
    fn rows(&self, wanted: &Wanted, page: &Exchange) -> Result<(Vec<Row>, Option<String>), Step>;
    /// What it should hear, in the registry's own words; empty: it cannot be told.
    fn events(&self, rules: &Rules) -> Vec<String>;
    /// Makes ours. `listed` is what was answered to the list.
    fn create(&self, wanted: &Wanted, listed: &[Exchange]) -> Request;
    /// Makes ours of `row`, which differs or may differ.
    fn change(&self, wanted: &Wanted, row: &Row, listed: &[Exchange]) -> Request;
    /// Removes it.
    fn delete(&self, wanted: &Wanted, row: &Row, listed: &[Exchange]) -> Request;
    /// Has it tested; why not, where that is not possible.
    fn test(&self, row: &Row) -> Result<Request, String>;
    /// What came of the test.
    fn tested(&self, answer: &Exchange) -> Result<Did, Step>;
    /// Whether a change or a removal was taken.
    fn taken(&self, answer: &Exchange) -> Result<(), Step>;
}

impl Registry {
    /// A request that changes nothing and needs our credentials, for kinds whose webhooks cannot be listed.
    pub fn harmless(&self) -> Option<Request> {
        let (method, path, body) = match self {
            Self::HuggingFace(_) => ("GET", "/api/whoami-v2", None),
            Self::Wandb(_) => ("POST", "/graphql", Some(r#"{"query":"query Viewer { viewer { id } }"}"#.to_owned())),
            Self::GitHub(_) => ("GET", "/rate_limit", None),
            Self::Generic(_) => ("GET", "/", None),
            _ => return None,
        };
        Some(Request { method: method.to_owned(), path: path.to_owned(), body, writes: Vec::new() })
    }

    /// Whether the answer to [`harmless`](Self::harmless) is one of this kind of registry; what is wrong with it.
    pub fn is_at_home(&self, answer: &Exchange) -> Result<(), String> {
        let step = match self {
            // Nobody knows what it has at its root.
            Self::Generic(_) if !matches!(answer.status, 401 | 403 | 500..=599) => return Ok(()),
            _ => object::<serde::de::IgnoredAny>(answer).err(),
        };
        match step {
            Some(Step::Retry(reason) | Step::Refused(reason)) => Err(reason),
            _ => Ok(()),
        }
    }

    /// The next step towards doing `act` with the registry's webhook to us, after the exchanges `seen` so far.
    ///
    /// It ends: after the pages of the list and one request for each webhook of ours.
    pub fn webhook(&self, wanted: &Wanted, act: Act, seen: &[Exchange]) -> WebhookStep {
        let manager: &dyn Manager = match self {
            Self::Verta(verta) => verta,
            Self::Comet(comet) => comet,
            Self::Mlflow(mlflow) => mlflow,
            Self::Databricks(databricks) => databricks,
            Self::HuggingFace(_) => return by_hand("in the settings of your account, under Webhooks, with the secret"),
            Self::Wandb(_) => {
                return by_hand(
                    "as an automation with the payload of examples/scanrelay.toml and a secret; W&B takes a DNS name only",
                );
            }
            Self::GitHub(_) => {
                return by_hand("in the settings of the repository or organization, under Webhooks, for JSON");
            }
            Self::Generic(_) => return by_hand("where the sender is configured"),
        };
        step(manager, wanted, act, seen).unwrap_or_else(|step| step)
    }
}

fn by_hand(place: &str) -> WebhookStep {
    WebhookStep::Refused(format!("webhooks of this kind are made by hand, {place}"))
}

/// `Err` is the step that comes before the end.
fn step(manager: &dyn Manager, wanted: &Wanted, act: Act, seen: &[Exchange]) -> Result<WebhookStep, WebhookStep> {
    let mut rows = Vec::new();
    let mut page = None;
    let mut pages = 0;
    loop {
        let Some(answer) = seen.get(pages) else {
            return manager.list(page.as_deref()).map(WebhookStep::Send).map_err(WebhookStep::Refused);
        };
        let (found, next) = manager.rows(wanted, answer)?;
        rows.extend(found);
        pages += 1;
        match next {
            Some(next) if pages < MAX_PAGES && Some(&next) != page.as_ref() => page = Some(next),
            _ => break,
        }
    }
    let (listed, done) = seen.split_at(pages);
    let ours: Vec<&Row> = rows.iter().filter(|row| row.address == wanted.address).collect();
    let taken = || done.iter().try_for_each(|answer| manager.taken(answer)).map_err(WebhookStep::from);
    match act {
        Act::List => Ok(WebhookStep::Did(Did::Listed(rows.iter().map(|row| hook(manager, wanted, row)).collect()))),
        Act::Create => {
            taken()?;
            let Some(row) = ours.first() else {
                let made = || Ok(WebhookStep::Did(Did::Created));
                return if done.is_empty() { Ok(WebhookStep::Send(manager.create(wanted, listed))) } else { made() };
            };
            let whole = missing(manager, wanted, row).is_empty() && row.active && row.same_secret == Some(true);
            Ok(match (whole, done.is_empty()) {
                (true, _) => WebhookStep::Did(Did::Unchanged),
                (false, true) => WebhookStep::Send(manager.change(wanted, row, listed)),
                (false, false) => WebhookStep::Did(Did::Changed),
            })
        }
        Act::Delete => {
            taken()?;
            Ok(match ours.get(done.len()) {
                Some(row) => WebhookStep::Send(manager.delete(wanted, row, listed)),
                None => WebhookStep::Did(Did::Deleted(ours.len())),
            })
        }
        Act::Test => {
            let row =
                ours.first().ok_or_else(|| WebhookStep::Refused("there is no webhook to test: create it".into()))?;
            match done.first() {
                None => manager.test(row).map(WebhookStep::Send).map_err(WebhookStep::Refused),
                Some(answer) => manager.tested(answer).map(WebhookStep::Did).map_err(WebhookStep::from),
            }
        }
    }
}

fn missing(manager: &dyn Manager, wanted: &Wanted, row: &Row) -> Vec<String> {
    let hears_all = row.events.is_empty();
    manager.events(&wanted.rules).into_iter().filter(|event| !hears_all && !row.events.contains(event)).collect()
}

fn hook(manager: &dyn Manager, wanted: &Wanted, row: &Row) -> Hook {
    let ours = row.address == wanted.address;
    // Other people's addresses may hold other people's secrets.
    let host = row.address.split('/').take(3).collect::<Vec<_>>().join("/");
    Hook {
        id: row.id.clone(),
        address: if ours { wanted.shown.clone() } else { [&host, "/…"].concat() },
        ours,
        events: row.events.clone(),
        missing: if ours { missing(manager, wanted, row) } else { Vec::new() },
        active: row.active,
    }
}

#[cfg(test)]
mod tests;
