//! Is a registry set up end to end? Each check is a pure function of what was seen; the asking is thin.

use std::time::Duration;

use scanrelay::Timestamp;
use scanrelay::registry::webhook::{Act, Did, Hook, Wanted};
use serde::Serialize;

use url::{Host, Url};

use super::clock::Clock;
use super::config::{Config, Peer};
use super::effects::live::Live;
use super::effects::{Kernel, Managed, Seen};

/// How the development registry calls itself.
const DEVELOPMENT: &str = "scanrelay-development-registry";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub registry: String,
    pub check: &'static str,
    pub state: Health,
    /// What was found, and what to do.
    pub says: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    Ok,
    Warn,
    Fail,
}

impl Health {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

type Line = (&'static str, Health, String);

/// The webhook that the configuration asks for; why there is none.
pub fn wanted(config: &Config, peer: &Peer) -> Result<Wanted, String> {
    let url = config.server.public_url.as_ref().ok_or_else(|| {
        "server.public_url is not set: registries post there, write what they call scanrelay by, such as https://scanrelay.example.com".to_owned()
    })?;
    let address = format!("{}/hooks/{}", url.as_str().trim_end_matches('/'), peer.name);
    Ok(Wanted::new(address, &peer.verifier, &peer.rules))
}

/// Does something with a registry's webhook.
pub async fn webhook(config: &Config, registry: &str, act: Act) -> Result<Did, String> {
    let peer = config.registries.get(registry).ok_or_else(|| format!("there is no registry {registry}"))?;
    let live = Live::new(config, Clock::system(), Kernel::default()).map_err(|error| error.to_string())?;
    live.webhook(registry, &wanted(config, peer)?, act).await.did
}

/// Looks at every registry, or at that one.
pub async fn doctor(config: &Config, only: Option<&str>) -> Result<Vec<Finding>, String> {
    let live = Live::new(config, Clock::system(), Kernel::default()).map_err(|error| error.to_string())?;
    let mut findings = Vec::new();
    for peer in config.registries.values().filter(|peer| only.is_none_or(|name| peer.name == name)) {
        let lines = examine(config, peer, &live).await;
        findings.extend(lines.into_iter().map(|(check, state, says)| Finding {
            registry: peer.name.clone(),
            check,
            state,
            says,
        }));
    }
    Ok(findings)
}

async fn examine(config: &Config, peer: &Peer, live: &Live) -> Vec<Line> {
    if peer.url.is_none() {
        let says = "it has no url: it only posts, and nobody tells it what came of it".to_owned();
        return vec![("url", Health::Warn, says)];
    }
    let wanted = match wanted(config, peer) {
        Ok(wanted) => wanted,
        Err(reason) => return vec![("address", Health::Fail, reason)],
    };
    let mut lines = Vec::new();
    let plain = config.server.public_url.as_ref().is_some_and(|url| url.scheme() == "http");
    lines.extend(address(peer.registry.kind(), plain, config.server.public_url.as_ref().and_then(Url::host).as_ref()));
    let asked = match peer.registry.harmless() {
        Some(request) => {
            let mut seen = Seen::default();
            let answer = live.ask(&peer.name, &request, &mut seen).await;
            let did = answer.and_then(|answer| peer.registry.is_at_home(&answer).map(|()| Did::Listed(Vec::new())));
            Managed { did, seen }
        }
        None => live.webhook(&peer.name, &wanted, Act::List).await,
    };
    lines.extend(reached(&asked));
    lines.extend(clock(asked.seen.date, Clock::system().wall(), peer.verifier.tolerance()));
    let Ok(Did::Listed(hooks)) = &asked.did else { return lines };
    if peer.registry.harmless().is_some() {
        let by_hand = live.webhook(&peer.name, &wanted, Act::List).await.did.err().unwrap_or_default();
        lines.push(("webhook", Health::Warn, format!("it cannot be looked at: {by_hand}")));
        return lines;
    }
    let (line, is_there) = present(hooks, &peer.name);
    lines.push(line);
    if is_there {
        lines.push(tried(&live.webhook(&peer.name, &wanted, Act::Test).await.did, &peer.name));
    }
    lines
}

/// What is to be known of the address before anybody is asked.
fn address(kind: &str, plain: bool, host: Option<&Host<&str>>) -> Option<Line> {
    let is_name = matches!(host, Some(Host::Domain(name)) if *name != "localhost");
    match kind {
        "mlflow" if plain => Some((
            "address",
            Health::Warn,
            "server.public_url is http: MLflow's server has to have MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https"
                .to_owned(),
        )),
        "wandb" if !is_name => {
            Some(("address", Health::Fail, "W&B posts to DNS names only: give server.public_url one".to_owned()))
        }
        _ => None,
    }
}

/// Whether it answered, took our credentials, and is what it is said to be.
fn reached(asked: &Managed) -> Vec<Line> {
    let says = || asked.did.as_ref().err().cloned().unwrap_or_default();
    let mut lines = match asked.seen.status {
        None => return vec![("reachable", Health::Fail, says())],
        Some(401 | 403) => vec![
            ("reachable", Health::Ok, "it answers".to_owned()),
            ("credentials", Health::Fail, format!("{}: see registries.NAME.credentials", says())),
        ],
        Some(_) if asked.did.is_err() => vec![("answers", Health::Fail, says())],
        Some(_) => vec![
            ("reachable", Health::Ok, "it answers".to_owned()),
            ("credentials", Health::Ok, "they are accepted".to_owned()),
        ],
    };
    if asked.seen.server.as_deref().is_some_and(|server| server.starts_with(DEVELOPMENT)) {
        let says = "it is a development registry: it keeps everything in memory and believes any key";
        lines.push(("kind", Health::Warn, says.to_owned()));
    }
    lines
}

/// How far its clock is from ours, where it tells. Its signatures may be dated by it.
fn clock(theirs: Option<Timestamp>, ours: Timestamp, tolerance: Duration) -> Option<Line> {
    let theirs = theirs?;
    let apart = theirs.since(ours).max(ours.since(theirs));
    let says = format!("its clock is {} s from ours, {} s are tolerated", apart.as_secs(), tolerance.as_secs());
    Some(match apart {
        apart if apart > tolerance => ("clock", Health::Fail, format!("{says}: set both by NTP")),
        apart if apart > tolerance / 2 => ("clock", Health::Warn, format!("{says}: set both by NTP")),
        _ => ("clock", Health::Ok, says),
    })
}

/// The webhook among those that the registry has, and whether one is there to be tried.
fn present(hooks: &[Hook], registry: &str) -> (Line, bool) {
    let create = format!("scanrelay webhook create --registry {registry}");
    let line = |state, says| ("webhook", state, says);
    match hooks.iter().find(|hook| hook.ours) {
        None => (line(Health::Fail, format!("none of its {} posts here: {create}", hooks.len())), false),
        Some(hook) if !hook.active => (line(Health::Fail, format!("it is switched off: {create}")), false),
        Some(hook) if !hook.missing.is_empty() => {
            (line(Health::Fail, format!("it does not hear {}: {create}", hook.missing.join(", "))), true)
        }
        Some(hook) => (line(Health::Ok, format!("it posts to {}", hook.address)), true),
    }
}

/// What came of the registry's own test.
fn tried(did: &Result<Did, String>, registry: &str) -> Line {
    let fail = |says: String| ("test", Health::Fail, says);
    match did {
        Ok(Did::Tested(Some(200..=299), _)) => ("test", Health::Ok, "its test delivery was accepted".to_owned()),
        Ok(Did::Tested(Some(401), _)) => fail(format!(
            "its test delivery was refused: its secret is another one, scanrelay webhook create --registry {registry}; see scanrelay rejections"
        )),
        Ok(Did::Tested(Some(status), _)) => fail(format!(
            "its test delivery was answered {status}: is server.public_url scanrelay's intake? See scanrelay rejections"
        )),
        Ok(Did::Tested(None, Some(cure))) => fail(format!("its test delivery does not leave it: {cure}")),
        Ok(_) => fail("its test delivery was not answered: can it reach server.public_url?".to_owned()),
        Err(reason) if reason.contains("sends no tests") => ("test", Health::Warn, reason.clone()),
        Err(reason) => fail(format!("its test delivery did not come: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &Line, state: Health, words: &str) {
        assert!(line.1 == state && line.2.contains(words), "{line:?} is not {state:?} with {words}");
    }

    fn asked(status: Option<u16>, did: Result<Did, &str>) -> Managed {
        let seen = Seen { status, date: None, server: None };
        Managed { did: did.map_err(str::to_owned), seen }
    }

    #[test]
    fn who_answers_and_how() {
        check(&reached(&asked(None, Err("no answer in time")))[0], Health::Fail, "no answer in time");
        check(&reached(&asked(Some(401), Err("GET / was answered 401")))[1], Health::Fail, "credentials");
        check(&reached(&asked(Some(200), Err("what is no answer of this registry")))[0], Health::Fail, "no answer of");
        assert!(reached(&asked(Some(200), Ok(Did::Listed(Vec::new())))).iter().all(|line| line.1 == Health::Ok));
        let mut development = asked(Some(200), Ok(Did::Listed(Vec::new())));
        development.seen.server = Some(format!("{DEVELOPMENT}/1"));
        check(reached(&development).last().unwrap(), Health::Warn, "development registry");
    }

    #[test]
    fn clocks_may_differ_by_half_the_tolerance() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let line = |theirs| clock(Some(at(theirs)), at(1000), Duration::from_mins(5)).unwrap();
        check(&line(1000), Health::Ok, "0 s from ours");
        check(&line(800), Health::Warn, "200 s from ours");
        check(&line(1301), Health::Fail, "301 s from ours");
        assert_eq!(clock(None, at(0), Duration::ZERO), None);
    }

    #[test]
    fn what_mlflow_and_w_and_b_ask_of_an_address() {
        let name = Host::Domain("scanrelay.example.com");
        assert!(address("mlflow", false, Some(&name)).is_none());
        check(&address("mlflow", true, None).unwrap(), Health::Warn, "MLFLOW_WEBHOOK_ALLOWED_SCHEMES");
        check(
            &address("wandb", false, Some(&Host::Ipv4([10, 0, 0, 1].into()))).unwrap(),
            Health::Fail,
            "DNS names only",
        );
        assert!(address("wandb", false, Some(&name)).is_none());
    }

    #[test]
    fn what_came_of_the_test() {
        check(&tried(&Ok(Did::Tested(Some(202), None)), "r"), Health::Ok, "accepted");
        check(&tried(&Ok(Did::Tested(Some(401), None)), "r"), Health::Fail, "scanrelay webhook create --registry r");
        check(&tried(&Ok(Did::Tested(Some(404), None)), "r"), Health::Fail, "server.public_url");
        check(&tried(&Ok(Did::Tested(None, Some("set X".into()))), "r"), Health::Fail, "set X");
        check(&tried(&Ok(Did::Tested(None, None)), "r"), Health::Fail, "can it reach");
        check(&tried(&Err("Comet sends no tests: …".into()), "r"), Health::Warn, "sends no tests");
        check(&tried(&Err("503".into()), "r"), Health::Fail, "503");
        check(&present(&[], "r").0, Health::Fail, "none of its 0 posts here");
    }
}
