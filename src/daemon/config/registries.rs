//! Registries: where each posts, how it signs, and how it is answered.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use scanrelay::registry::verta::{Credentials, Mask, WriteBack};
use scanrelay::registry::{Registry, Verta};
use scanrelay::signature::{Algorithm, Encoding, HmacScheme, KeyForm, SignedContent};
use scanrelay::{Scheme, Secret, Verifier};
use url::{Host, Url};

use super::error::Fault;
use super::raw::{RawCustom, RawLogin, RawProxy, RawRegistry, RawScheme, RawWebhook, RawWriteBack};
use super::secrets::{RawSecret, warn_of_readers};
use super::{Source, files, limits, plugins};

/// A registry as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    pub name: String,
    pub registry: Registry,
    pub verifier: Verifier,
    /// Keep refused requests, and look for the scheme that they are signed by.
    pub probe: bool,
    /// How many secrets its deliveries may be signed with.
    pub secrets: usize,
    /// Where it is answered; without, it only posts.
    pub url: Option<Url>,
    pub timeout: Duration,
    /// How many of its deliveries may be open.
    pub max_pending: u32,
    pub confirm: bool,
    /// PEM of a private certificate authority.
    pub authority: Option<Vec<u8>>,
    pub proxy: Option<Proxy>,
}

/// A forward proxy, and who we are to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    pub url: Url,
    pub login: Option<(String, Secret)>,
}

const KINDS: [&str; 8] = ["verta", "comet", "mlflow", "databricks", "huggingface", "wandb", "github", "generic"];

pub(super) fn registries(
    raw: BTreeMap<String, RawRegistry>,
    max_pending: u32,
    source: &Source,
    warnings: &mut Vec<String>,
) -> Result<BTreeMap<String, Peer>, Fault> {
    raw.into_iter().map(|(name, raw)| Ok((name.clone(), registry(name, raw, max_pending, source, warnings)?))).collect()
}

fn registry(
    name: String,
    raw: RawRegistry,
    max_pending: u32,
    source: &Source,
    warnings: &mut Vec<String>,
) -> Result<Peer, Fault> {
    let key = format!("registries.{name}");
    plugins::check_name(&name, &key)?;
    if raw.kind != "verta" {
        let cause = if KINDS.contains(&raw.kind.as_str()) {
            format!("{} is not supported by this version: it knows verta", raw.kind)
        } else {
            format!("{:?} is no kind of registry: this version knows verta", raw.kind)
        };
        return Err(Fault::at(format!("{key}.kind"), cause));
    }
    let url = raw.url.as_deref().map(|text| url(text, raw.insecure_http, &format!("{key}.url"))).transpose()?;
    if url.is_some() && raw.credentials.is_none() {
        return Err(Fault::at(
            format!("{key}.credentials"),
            "they are needed to answer to url: { email = \"…\", developer_key = { file = \"PATH\" } }",
        ));
    }
    if url.is_some() && raw.workspace.is_none() {
        return Err(Fault::at(
            format!("{key}.workspace"),
            "it is needed to answer to url: scans are reported under the workspace's name",
        ));
    }
    let verifier = verifier(&raw.webhook, &format!("{key}.webhook"), source, warnings)?;
    let mut verta = Verta::default();
    verta.workspace = raw.workspace;
    if let Some(raw) = raw.credentials {
        let developer_key = raw.developer_key.resolve(&format!("{key}.credentials.developer_key"), source)?;
        if let RawSecret::File(path) = &raw.developer_key {
            warn_of_readers(&source.folder.join(path), warnings);
        }
        let mut credentials = Credentials::new(raw.email, developer_key);
        credentials.organization = raw.organization;
        verta.credentials = Some(credentials);
    }
    verta.write_back = write_back(raw.write_back, &format!("{key}.write_back"))?;
    let authority =
        raw.ca_file.map(|path| authority(&source.folder.join(path), &format!("{key}.ca_file"))).transpose()?;
    let proxy = raw.proxy.map(|raw| proxy(raw, &format!("{key}.proxy"), source, warnings)).transpose()?;
    Ok(Peer {
        registry: Registry::Verta(verta),
        probe: raw.webhook.probe,
        secrets: raw.webhook.secrets.len(),
        verifier,
        url,
        timeout: limits::span(&format!("{key}.timeout"), raw.timeout, 30, 1, 600)?,
        max_pending: limits::count(&format!("{key}.max_pending"), raw.max_pending, max_pending, 1, 100_000_000)?,
        confirm: raw.confirm.unwrap_or(true),
        authority,
        proxy,
        name,
    })
}

fn url(text: &str, insecure_http: bool, key: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).map_err(|_| Fault::at(key, "it is no address: write https://HOST"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::at(key, "a user or password does not stand in an address: use credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Fault::at(
            key,
            "it has a query or a fragment: write https://HOST, and a path if the registry lives under one",
        ));
    }
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback || insecure_http => Ok(url),
        "http" => {
            Err(Fault::at(key, "http would send the credentials in clear: use https, or set insecure_http = true"))
        }
        other => Err(Fault::at(key, format!("{other} is no scheme for a registry: use https"))),
    }
}

fn proxy(raw: RawProxy, key: &str, source: &Source, warnings: &mut Vec<String>) -> Result<Proxy, Fault> {
    let (url, login) = match raw {
        RawProxy::Url(url) => (url, None),
        RawProxy::Login(RawLogin { url, user, password }) => (url, Some((user, password))),
    };
    let url = match Url::parse(&url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => url,
        _ => return Err(Fault::at(key, "it is no http or https address: write http://HOST:PORT")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::at(
            key,
            "a user or password does not stand in an address: write { url = \"http://HOST:PORT\", user = \"NAME\", password = { file = \"PATH\" } }",
        ));
    }
    let login = login.map(|(user, password)| {
        if user.contains(':') || user.chars().any(char::is_control) {
            return Err(Fault::at(format!("{key}.user"), "a user's name at a proxy has no colon"));
        }
        let secret = password.resolve(&format!("{key}.password"), source)?;
        if let RawSecret::File(path) = &password {
            warn_of_readers(&source.folder.join(path), warnings);
        }
        Ok((user, secret))
    });
    Ok(Proxy { url, login: login.transpose()? })
}

fn verifier(raw: &RawWebhook, key: &str, source: &Source, warnings: &mut Vec<String>) -> Result<Verifier, Fault> {
    let scheme =
        raw.scheme.as_ref().map_or_else(|| Ok(Scheme::github()), |raw| scheme(raw, &format!("{key}.scheme")))?;
    if raw.probe {
        warnings.push(format!(
            "{key}.probe is on: refused requests are kept in memory, values and all, until the sender is known; see scanrelay rejections, and set it to false then"
        ));
    }
    let secrets: Vec<Secret> = raw
        .secrets
        .iter()
        .enumerate()
        .map(|(nth, secret)| secret.resolve(&format!("{key}.secrets[{nth}]"), source))
        .collect::<Result<_, _>>()?;
    for secret in &raw.secrets {
        if let RawSecret::File(path) = secret {
            warn_of_readers(&source.folder.join(path), warnings);
        }
    }
    let tolerance = limits::span(&format!("{key}.tolerance"), raw.tolerance, 300, 1, 7 * 86_400)?;
    if tolerance > Duration::from_hours(1) {
        warnings.push(format!(
            "{key}.tolerance is more than 1h: a delivery that somebody recorded stays valid for that long"
        ));
    }
    Verifier::new(scheme, secrets, tolerance).map_err(|error| Fault::at(key, error.to_string()))
}

/// A verifier that is not in the configuration: the scheme as it would stand there, and the secret's file.
pub(super) fn verifier_of(scheme_text: &str, secret: &Path, source: &Source) -> Result<Verifier, Fault> {
    #[derive(serde::Deserialize)]
    struct Only {
        scheme: RawScheme,
    }
    let quoted = scheme_text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let text = if quoted { format!("scheme = \"{scheme_text}\"") } else { format!("scheme = {scheme_text}") };
    let only: Only = toml::from_str(&text).map_err(|_| {
        let known =
            "github, standard-webhooks, { token = \"HEADER\" } or { header = \"HEADER\", … } as in the configuration";
        Fault::at("--scheme", format!("it is none of {known}"))
    })?;
    let secret = RawSecret::File(secret.to_owned()).resolve("--secret-file", source)?;
    let verifier = Verifier::new(scheme(&only.scheme, "--scheme")?, vec![secret], Verifier::DEFAULT_TOLERANCE);
    verifier.map_err(|error| Fault::at("--scheme", error.to_string()))
}

fn scheme(raw: &RawScheme, key: &str) -> Result<Scheme, Fault> {
    match raw {
        RawScheme::Preset(word) => match word.as_str() {
            "github" => Ok(Scheme::github()),
            "standard-webhooks" => Ok(Scheme::standard_webhooks()),
            _ => Err(Fault::at(
                key,
                format!(
                    "{word:?} is no scheme of this version: github, standard-webhooks, {{ token = \"HEADER\" }}, or a scheme of your own"
                ),
            )),
        },
        RawScheme::Token(raw) => Ok(Scheme::token(raw.token.as_str())),
        RawScheme::Custom(raw) => Ok(Scheme::Hmac(custom(raw, key)?)),
    }
}

fn custom(raw: &RawCustom, key: &str) -> Result<HmacScheme, Fault> {
    let unknown = |part: &str, word: &str, known: &str| {
        Fault::at(format!("{key}.{part}"), format!("{word:?} is not one of {known}"))
    };
    let mut scheme = HmacScheme::new(raw.header.as_str());
    scheme.algorithm = match raw.algorithm.as_deref().unwrap_or("sha256") {
        "sha256" => Algorithm::Sha256,
        "sha512" => Algorithm::Sha512,
        word => return Err(unknown("algorithm", word, "sha256, sha512")),
    };
    scheme.encoding = match raw.encoding.as_deref().unwrap_or("hex") {
        "hex" => Encoding::Hex,
        "base64" => Encoding::Base64,
        word => return Err(unknown("encoding", word, "hex, base64")),
    };
    scheme.key = match raw.key.as_deref().unwrap_or("raw") {
        "raw" => KeyForm::Raw,
        "base64" => KeyForm::Base64,
        "whsec" => KeyForm::Whsec,
        word => return Err(unknown("key", word, "raw, base64, whsec")),
    };
    scheme.prefix = raw.prefix.clone().unwrap_or_default();
    scheme.separator = raw.separator;
    scheme.id_header.clone_from(&raw.id_header);
    scheme.timestamp_header.clone_from(&raw.timestamp_header);
    if let Some(template) = &raw.signed {
        scheme.signed =
            SignedContent::parse(template).map_err(|error| Fault::at(format!("{key}.signed"), error.to_string()))?;
    }
    scheme.check().map_err(|error| Fault::at(key, error.to_string()))?;
    Ok(scheme)
}

fn write_back(raw: RawWriteBack, key: &str) -> Result<WriteBack, Fault> {
    let mut write_back = WriteBack::default();
    let method = |part: &str, given: Option<String>, known: &[&str], default: &mut String| match given {
        Some(word) if known.contains(&word.as_str()) => {
            *default = word;
            Ok(())
        }
        Some(word) => Err(Fault::at(format!("{key}.{part}"), format!("{word:?} is not one of {}", known.join(", ")))),
        None => Ok(()),
    };
    // POST on a build's scan would ask for another scan; PUT on a version would replace it whole.
    method("scan_method", raw.scan_method, &["PUT", "PATCH"], &mut write_back.scan_method)?;
    method("redirect_method", raw.redirect_method, &["PATCH", "POST"], &mut write_back.redirect_method)?;
    let mut path = "full_body".to_owned();
    method("redirect_path", raw.redirect_path, &["full_body", "plain"], &mut path)?;
    write_back.masked = path == "full_body";
    let mut mask = "paths".to_owned();
    method("update_mask", raw.update_mask, &["paths", "text"], &mut mask)?;
    write_back.mask = if mask == "paths" { Mask::Paths } else { Mask::Text };
    let words = raw.redirect_words;
    let texts = [
        (raw.scan_results_key, &mut write_back.scan_results_key),
        (words.in_progress, &mut write_back.in_progress),
        (words.complete, &mut write_back.complete),
        (words.failed, &mut write_back.failed),
    ];
    for (given, default) in texts {
        if let Some(given) = given {
            *default = given;
        }
    }
    if let Some(redirect) = raw.redirect {
        if !redirect.values().any(|text| text.contains("{status}")) {
            return Err(Fault::at(
                format!("{key}.redirect"),
                "no key says {status}: nobody could see how the promotion ended",
            ));
        }
        write_back.redirect = redirect;
    }
    Ok(write_back)
}

fn authority(path: &Path, key: &str) -> Result<Vec<u8>, Fault> {
    files::read_private(path).map_err(|cause| Fault::at(key, cause))
}
