//! `scanrelay send`: a delivery signed as the registry would sign it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::example::Example;
use super::output::line;
use super::{Failure, Outcome, configuration};
use crate::daemon::{Clock, Config};

const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub struct Arguments {
    /// The registry in the configuration whose scheme and first secret sign the body.
    registry: String,
    /// The body: a file, or - for stdin. It is sent as it stands, byte for byte.
    #[arg(required_unless_present = "example")]
    file: Option<PathBuf>,
    /// Instead of a file: an event as the registry would send it, with an id of its own.
    #[arg(long, value_name = "KIND", conflicts_with = "file")]
    example: Option<Example>,
    /// Where to post, if not to the daemon of this configuration.
    #[arg(long)]
    url: Option<String>,
    /// The signed id, for schemes that have one. Without it, a new one is made.
    #[arg(long)]
    id: Option<String>,
}

pub async fn run(file: &Path, arguments: Arguments) -> Outcome {
    let config = configuration(file)?;
    let url = match &arguments.url {
        Some(url) => url.clone(),
        None => intake(&config, &arguments.registry)?,
    };
    let peer = config.registries.get(&arguments.registry).ok_or_else(|| {
        let known: Vec<&str> = config.registries.keys().map(String::as_str).collect();
        Failure::Wrong(format!("registry {} is not configured: there is {}", arguments.registry, known.join(", ")))
    })?;
    let now = Clock::system().wall();
    let body = match (&arguments.file, arguments.example) {
        (_, Some(example)) => example.body(now),
        (file, None) => body(file.as_deref().unwrap_or(Path::new("-")))?,
    };
    let id = arguments.id.unwrap_or_else(|| format!("send-{}-{}", now.as_millis(), std::process::id()));
    let headers = peer
        .verifier
        .sign(Some(&id), now, &body)
        .map_err(|error| Failure::Wrong(format!("registries.{}.webhook: {error}", peer.name)))?;
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(anyhow::Error::from)?;
    let request = client.post(&url).header("Content-Type", "application/json").body(body);
    let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.send().await.map_err(|error| {
        let why = if error.is_connect() { "nobody listens there: start scanrelay serve" } else { "no answer" };
        Failure::Failed(format!("{url}: {why}"))
    })?;
    let status = answer.status();
    let answer: Value = answer.json().await.unwrap_or(Value::Null);
    match (status.as_u16(), answer["delivery"].as_str()) {
        (202, Some(id)) => line(&format!("accepted: scanrelay deliveries show {id}")),
        (200, Some(id)) => line(&format!("a duplicate of delivery {id}: scanrelay deliveries show {id}")),
        _ => {
            let message = answer["message"].as_str().unwrap_or("the answer is not scanrelay's: check the address");
            Err(Failure::Failed(format!("{url} answered {status}: {}", scanrelay::plugin::printable(message))))
        }
    }
}

fn intake(config: &Config, registry: &str) -> Result<String, Failure> {
    if config.server.bind.port() == 0 {
        return Err(Failure::Wrong("server.bind takes any free port: say which with --url".to_owned()));
    }
    Ok(format!("http://{}/hooks/{registry}", config.server.bind))
}

pub(super) fn body(file: &Path) -> Result<Vec<u8>, Failure> {
    if file == Path::new("-") {
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body)?;
        return Ok(body);
    }
    std::fs::read(file).map_err(|error| Failure::Wrong(format!("{}: {error}", file.display())))
}
