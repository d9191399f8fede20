//! `scanrelay send`: a delivery signed as the registry would sign it.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use scanrelay::Verifier;
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
    /// The certificate authority of an https address (PEM), if the system does not know it.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The signed id, for schemes that have one. Without it, a new one is made.
    #[arg(long)]
    id: Option<String>,
}

pub async fn run(file: &Path, arguments: Arguments) -> Outcome {
    let config = configuration(file)?;
    let (url, resolved) = match &arguments.url {
        Some(url) => (url.clone(), None),
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
    let client = client(arguments.ca_file.as_deref(), resolved)?;
    let request = client
        .post(target(&url, &peer.verifier, arguments.url.is_some()))
        .header("Content-Type", "application/json")
        .body(body);
    let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.send().await.map_err(|error| Failure::Failed(format!("{url}: {}", no_answer(&error))))?;
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

/// Where to post: a secret that ends the path is in no message. Who gives an address gives all of it.
fn target(url: &str, verifier: &Verifier, given: bool) -> String {
    match verifier.path_secret().filter(|_| !given) {
        // It is made of letters, digits and signs that stand in a path as they are.
        Some(secret) => format!("{url}/{}", String::from_utf8_lossy(secret.expose())),
        None => url.to_owned(),
    }
}

/// A host's name, and where it is.
type Resolved = (String, SocketAddr);

/// The intake of that configuration. With TLS its certificate is for the name by which registries call it, wherever it is.
fn intake(config: &Config, registry: &str) -> Result<(String, Option<Resolved>), Failure> {
    let server = &config.server;
    let bind = server.bind;
    if bind.port() == 0 {
        return Err(Failure::Wrong("server.bind takes any free port: say which with --url".to_owned()));
    }
    if server.tls.is_none() {
        return Ok((format!("http://{bind}/hooks/{registry}"), None));
    }
    let name = server.public_url.as_ref().filter(|url| url.scheme() == "https").and_then(|url| url.host_str());
    Ok(match name {
        Some(name) => (format!("https://{name}:{}/hooks/{registry}", bind.port()), Some((name.to_owned(), bind))),
        None => (format!("https://{bind}/hooks/{registry}"), None),
    })
}

fn client(ca_file: Option<&Path>, resolved: Option<Resolved>) -> Result<reqwest::Client, Failure> {
    let mut client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT);
    if let Some((name, address)) = resolved {
        client = client.resolve(&name, address);
    }
    if let Some(file) = ca_file {
        let wrong = |cause: String| Failure::Wrong(format!("--ca-file {}: {cause}", file.display()));
        let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
        let found = reqwest::Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if found.is_empty() {
            return Err(wrong("it holds no certificate in PEM".to_owned()));
        }
        client = client.tls_certs_merge(found);
    }
    Ok(client.build().map_err(anyhow::Error::from)?)
}

/// Why nobody answered, from the last cause up.
fn no_answer(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let refused =
        cause.downcast_ref().is_some_and(|error: &std::io::Error| error.kind() == ErrorKind::ConnectionRefused);
    match cause.to_string() {
        _ if refused => "nobody listens there: start scanrelay serve".to_owned(),
        said if said.contains("UnknownIssuer") => {
            "its certificate is of an authority that is not known here: name its PEM with --ca-file".to_owned()
        }
        said if error.is_connect() => format!("no connection: {said}"),
        _ => "no answer".to_owned(),
    }
}

pub(super) fn body(file: &Path) -> Result<Vec<u8>, Failure> {
    if file == Path::new("-") {
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body)?;
        return Ok(body);
    }
    std::fs::read(file).map_err(|error| Failure::Wrong(format!("{}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use scanrelay::{Scheme, Secret};

    use super::*;

    #[test]
    fn a_path_ends_with_its_secret_unless_the_whole_address_is_given() {
        let secret = |text: &str| vec![Secret::new(text).unwrap()];
        let path = Verifier::new(Scheme::Path, secret("0123456789abcdef"), TIMEOUT).unwrap();
        let signed = Verifier::new(Scheme::github(), secret("hunter2"), TIMEOUT).unwrap();
        assert_eq!(target("http://[::1]:1/hooks/a", &path, false), "http://[::1]:1/hooks/a/0123456789abcdef");
        assert_eq!(target("http://[::1]:1/hooks/a", &path, true), "http://[::1]:1/hooks/a");
        assert_eq!(target("http://[::1]:1/hooks/a", &signed, false), "http://[::1]:1/hooks/a");
    }
}
