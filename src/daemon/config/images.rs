//! Where container images are, and who may be asked which image a tag is.

use std::collections::BTreeMap;
use std::time::Duration;

use scanrelay::Secret;
use url::Url;

use super::error::Fault;
use super::raw::RawImages;
use super::registries::{authority, basic, url};
use super::{Source, limits, plugins};

/// A registry of container images as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRegistry {
    pub name: String,
    /// As it stands in references, with its port.
    pub host: String,
    pub url: Url,
    /// Who gives tokens out, where that is somebody else.
    pub tokens: Option<Url>,
    pub login: Option<(String, Secret)>,
    /// PEM of a private certificate authority.
    pub authority: Option<Vec<u8>>,
    pub timeout: Duration,
}

pub(super) fn images(
    raw: BTreeMap<String, RawImages>,
    source: &Source,
    warnings: &mut Vec<String>,
) -> Result<Vec<ImageRegistry>, Fault> {
    let mut images: Vec<ImageRegistry> = Vec::new();
    for (name, raw) in raw {
        let key = format!("images.{name}");
        plugins::check_name(&name, &key)?;
        if let Some(other) = images.iter().find(|other| other.host == raw.host) {
            return Err(Fault::at(format!("{key}.host"), format!("it is that of images.{} already", other.name)));
        }
        images.push(image_registry(name, raw, &key, source, warnings)?);
    }
    Ok(images)
}

fn image_registry(
    name: String,
    raw: RawImages,
    key: &str,
    source: &Source,
    warnings: &mut Vec<String>,
) -> Result<ImageRegistry, Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    if raw.host.is_empty() || !raw.host.bytes().all(plain) {
        let cause =
            format!("{:?} is no host: write it as it stands in references, registry.example.com:5000", raw.host);
        return Err(Fault::at(format!("{key}.host"), cause));
    }
    let address = raw.url.unwrap_or_else(|| format!("https://{}", raw.host));
    let read = |text: &str, part: &str| url(text, raw.insecure_http, &format!("{key}.{part}"));
    let credentials = format!("{key}.credentials");
    let login = raw.credentials.map(|login| basic(login.user, &login.password, &credentials, source, warnings));
    let authority_of = |path| authority(&source.folder.join(path), &format!("{key}.ca_file"));
    Ok(ImageRegistry {
        url: read(&address, "url")?,
        tokens: raw.tokens.as_deref().map(|text| read(text, "tokens")).transpose()?,
        login: login.transpose()?,
        authority: raw.ca_file.map(authority_of).transpose()?,
        timeout: limits::span(&format!("{key}.timeout"), raw.timeout, 30, 1, 600)?,
        host: raw.host,
        name,
    })
}
