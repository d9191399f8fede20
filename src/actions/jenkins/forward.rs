//! What an ended build means for the promotion, and the address that is told.

use super::build::Outcome;
use super::server::Server;
use super::settings::{Forward, Settings, Unstable, segments};
use super::words;
use crate::end::End;
use crate::fields::Facts;

/// An address is no longer than this, with white space around it.
const LONGEST: usize = 4 * 1024;

/// The end that a build's outcome is.
pub async fn end(server: &Server<'_>, settings: &Settings, facts: &Facts, number: u64, outcome: Outcome) -> End {
    let build = server.job(&[&number.to_string(), ""]).to_string();
    let good = outcome == Outcome::Success || outcome == Outcome::Unstable && settings.unstable == Unstable::Complete;
    let said = format!("build #{number} ended {}", outcome.word());
    if !good {
        return End::Failed { summary: said, url: Some(build) };
    }
    match forward(server, settings, facts, number, &build).await {
        Ok(url) => End::Complete { url: Some(url), summary: Some(said) },
        Err(End::Failed { summary, .. }) => End::Failed { summary: format!("{said}, but {summary}"), url: Some(build) },
        Err(end) => end,
    }
}

/// The end of a run that was triggered and is not followed.
pub fn unfollowed(settings: &Settings, facts: &Facts) -> End {
    let url = match &settings.forward {
        Forward::Url(template) => match template.fill("forward.url", facts, &[]) {
            Ok(url) => Some(url),
            Err(fault) => return End::failed(fault.to_string()),
        },
        Forward::Build | Forward::Artifact(_) => None,
    };
    End::Complete { url, summary: Some("triggered in Jenkins, and not followed there".to_owned()) }
}

async fn forward(
    server: &Server<'_>,
    settings: &Settings,
    facts: &Facts,
    number: u64,
    build: &str,
) -> Result<String, End> {
    let path = match &settings.forward {
        Forward::Build => return Ok(build.to_owned()),
        Forward::Url(template) => {
            let own = [("number", number.to_string())];
            return template.fill("forward.url", facts, &own).map_err(|fault| End::failed(fault.to_string()));
        }
        Forward::Artifact(path) => path,
    };
    let parts = segments("forward.artifact", path).map_err(|fault| End::failed(fault.to_string()))?;
    let number = number.to_string();
    let below: Vec<&str> = [number.as_str(), "artifact"].into_iter().chain(parts.iter().map(String::as_str)).collect();
    let answer = server.get_some(server.job(&below), LONGEST).await.map_err(|error| End::Later(error.to_string()))?;
    match answer.status {
        200 if answer.whole => {
            let text = std::str::from_utf8(&answer.body).map(str::trim).unwrap_or_default();
            // Whether it is an address is looked at where every address is.
            let one_line = !text.is_empty() && !text.contains(char::is_whitespace);
            one_line
                .then(|| text.to_owned())
                .ok_or_else(|| End::failed(format!("its artifact {path} does not hold one address and nothing else")))
        }
        200 => Err(End::failed(format!("its artifact {path} is longer than an address"))),
        404 if words::is_jenkins(&answer) => Err(End::failed(format!(
            "it has no artifact {path}: archive it (archiveArtifacts), or correct settings.forward"
        ))),
        status if status == 404 || words::passes(status) => {
            Err(End::Later(format!("{} for the artifact {path}", words::silent(&answer))))
        }
        status => Err(End::failed(format!("Jenkins answered {status} for its artifact {path}"))),
    }
}
