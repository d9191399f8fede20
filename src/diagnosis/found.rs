//! A scheme that fits, in words and as a setting.

use std::fmt::Write as _;

use crate::Scheme;
use crate::signature::{Algorithm, Encoding, HmacScheme, KeyForm};

/// A scheme under which the signature fits a configured secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    scheme: Scheme,
    preset: Option<&'static str>,
}

impl Found {
    pub(super) fn of(scheme: Scheme, configured: &Scheme) -> Self {
        if same(&scheme, configured) {
            return Self { preset: None, scheme: configured.clone() };
        }
        let exact = known().find(|(_, each)| same(&scheme, each));
        let alike = || known().find(|(_, each)| same_but_headers(&scheme, each));
        let preset = exact.or_else(alike).map(|(name, _)| name);
        Self { scheme, preset }
    }

    /// The scheme, as a [`Verifier`](crate::Verifier) would take it.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    pub(super) fn is_another_writing(&self, configured: &Scheme) -> bool {
        let (Scheme::Hmac(found), Scheme::Hmac(configured)) = (&self.scheme, configured) else { return false };
        let mut rewritten = found.clone();
        rewritten.name.clone_from(&configured.name);
        rewritten.prefix.clone_from(&configured.prefix);
        (rewritten.encoding, rewritten.separator) = (configured.encoding, configured.separator);
        rewritten.algorithm = configured.algorithm;
        same(&Scheme::Hmac(rewritten), &Scheme::Hmac(configured.clone()))
    }

    /// How the MAC is written.
    pub(super) fn form(&self) -> String {
        match &self.scheme {
            Scheme::Token(_) | Scheme::Path | Scheme::Unsigned => "the secret itself".to_owned(),
            Scheme::Hmac(hmac) => {
                let prefix =
                    if hmac.prefix.is_empty() { "no prefix".into() } else { format!("prefix {:?}", hmac.prefix) };
                format!("{} in {} with {prefix}", algorithm(hmac.algorithm), encoding(hmac.encoding))
            }
        }
    }

    /// What it is, in words.
    pub fn in_words(&self) -> String {
        let header = self.scheme.header().unwrap_or_default();
        match (&self.scheme, self.preset) {
            (Scheme::Path | Scheme::Unsigned, _) => "the secret itself, in the path".to_owned(),
            (Scheme::Token(_), _) => format!("a token, the secret itself, in header {header}"),
            (Scheme::Hmac(_), Some(preset)) => format!("{preset} does, in header {header}"),
            (Scheme::Hmac(hmac), None) => format!("{} over {} in header {header}", self.form(), hmac.signed),
        }
    }

    /// What to write into `[registries.X.webhook]`.
    pub fn setting(&self) -> String {
        let hmac = match &self.scheme {
            Scheme::Token(token) => return format!("scheme = {{ token = {:?} }}", token.header),
            Scheme::Path | Scheme::Unsigned => return "path_secret = { file = \"PATH\" }".to_owned(),
            Scheme::Hmac(hmac) => hmac,
        };
        if let Some((word, _)) = known().find(|(_, preset)| same(&self.scheme, preset)) {
            return format!("scheme = {word:?}");
        }
        let mut text = format!("scheme = {{ header = {:?}, algorithm = {:?}", hmac.header, word(hmac.algorithm));
        // Writing into a String cannot fail.
        let _ = write!(text, ", encoding = {:?}", encoding(hmac.encoding));
        if !hmac.prefix.is_empty() {
            let _ = write!(text, ", prefix = {:?}", hmac.prefix);
        }
        if let Some(separator) = hmac.separator {
            let _ = write!(text, ", separator = \"{separator}\"");
        }
        for (key, name) in [("id_header", &hmac.id_header), ("timestamp_header", &hmac.timestamp_header)] {
            if let Some(name) = name {
                let _ = write!(text, ", {key} = {name:?}");
            }
        }
        if hmac.key != KeyForm::Raw {
            text.push_str(", key = \"whsec\"");
        }
        let _ = write!(text, ", signed = \"{}\" }}", hmac.signed);
        text
    }
}

fn algorithm(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha512 => "SHA-512",
    }
}

fn word(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha256 => "sha256",
        Algorithm::Sha512 => "sha512",
    }
}

fn encoding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
    }
}

/// Names of schemes and of headers have no case, and one signature needs no separator.
fn same(one: &Scheme, other: &Scheme) -> bool {
    let lower = |name: &Option<String>| name.as_ref().map(|name| name.to_ascii_lowercase());
    let headers =
        |hmac: &HmacScheme| (hmac.header.to_ascii_lowercase(), lower(&hmac.id_header), lower(&hmac.timestamp_header));
    match (one, other) {
        (Scheme::Token(a), Scheme::Token(b)) => a.header.eq_ignore_ascii_case(&b.header),
        (Scheme::Hmac(a), Scheme::Hmac(b)) => headers(a) == headers(b) && same_but_headers(one, other),
        _ => false,
    }
}

fn same_but_headers(one: &Scheme, other: &Scheme) -> bool {
    match (one, other) {
        (Scheme::Hmac(a), Scheme::Hmac(b)) => {
            (a.algorithm, a.encoding, a.key, &a.prefix, &a.signed)
                == (b.algorithm, b.encoding, b.key, &b.prefix, &b.signed)
        }
        _ => false,
    }
}

/// Schemes that have a name, the ones with a particular form first.
fn known() -> impl Iterator<Item = (&'static str, Scheme)> {
    Scheme::PRESETS.iter().filter_map(|name| Some((*name, Scheme::preset(name)?)))
}
