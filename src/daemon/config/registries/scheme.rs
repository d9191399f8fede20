//! How a registry signs: a preset, a token, or a scheme of the operator's own.

use std::path::Path;

use scanrelay::signature::{Algorithm, Encoding, HmacScheme, KeyForm, SignedContent};
use scanrelay::{Scheme, Verifier};

use crate::daemon::config::Source;
use crate::daemon::config::error::Fault;
use crate::daemon::config::raw::{RawCustom, RawScheme};
use crate::daemon::config::secrets::RawSecret;

/// A verifier that is not in the configuration: the scheme as it would stand there, and the secret's file.
pub(in crate::daemon::config) fn verifier_of(
    scheme_text: &str,
    secret: &Path,
    source: &Source,
) -> Result<Verifier, Fault> {
    #[derive(serde::Deserialize)]
    struct Only {
        scheme: RawScheme,
    }
    let quoted = scheme_text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let text = if quoted { format!("scheme = \"{scheme_text}\"") } else { format!("scheme = {scheme_text}") };
    let only: Only = toml::from_str(&text).map_err(|_| {
        let known = Scheme::PRESETS.join(", ");
        Fault::at(
            "--scheme",
            format!("it is none of {known}, {{ token = \"HEADER\" }} or {{ header = \"HEADER\", … }} as in the configuration"),
        )
    })?;
    let secret = RawSecret::File(secret.to_owned()).resolve("--secret-file", source)?;
    let verifier = Verifier::new(scheme(&only.scheme, "--scheme")?, vec![secret], Verifier::DEFAULT_TOLERANCE);
    verifier.map_err(|error| Fault::at("--scheme", error.to_string()))
}

pub(super) fn scheme(raw: &RawScheme, key: &str) -> Result<Scheme, Fault> {
    match raw {
        RawScheme::Preset(word) => Scheme::preset(word).ok_or_else(|| {
            let known = Scheme::PRESETS.join(", ");
            Fault::at(
                key,
                format!(
                    "{word:?} is no scheme of this version: {known}, {{ token = \"HEADER\" }}, or a scheme of your own"
                ),
            )
        }),
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
