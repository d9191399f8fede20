//! How a registry's deliveries are verified: by a signature, by a secret that is sent, by the address, or not at all.

use std::time::Duration;

use scanrelay::{Scheme, Secret, Verifier};

use super::scheme::scheme;
use crate::daemon::config::error::Fault;
use crate::daemon::config::raw::RawWebhook;
use crate::daemon::config::secrets::{RawSecret, warn_of_readers};
use crate::daemon::config::{Source, limits};

/// `usual` is what registries of that kind sign by.
pub(super) fn verifier(
    raw: &RawWebhook,
    usual: Scheme,
    key: &str,
    source: &Source,
    warnings: &mut Vec<String>,
) -> Result<Verifier, Fault> {
    let given = raw.scheme.as_ref().map(|raw| scheme(raw, &format!("{key}.scheme"))).transpose()?;
    if raw.probe {
        warnings.push(format!(
            "{key}.probe is on: refused requests are kept in memory, values and all, until the sender is known; see scanrelay rejections, and set it to false then"
        ));
    }
    let mut resolve = |secret: &RawSecret, key: String| {
        if let RawSecret::File(path) = secret {
            warn_of_readers(&source.folder.join(path), warnings);
        }
        secret.resolve(&key, source)
    };
    let secrets = raw.secrets.iter().enumerate();
    let secrets: Vec<Secret> =
        secrets.map(|(nth, secret)| resolve(secret, format!("{key}.secrets[{nth}]"))).collect::<Result<_, _>>()?;
    let path_key = format!("{key}.path_secret");
    let path_secret = raw.path_secret.as_ref().map(|secret| resolve(secret, path_key.clone())).transpose()?;
    let tolerance = limits::span(&format!("{key}.tolerance"), raw.tolerance, 300, 1, 7 * 86_400)?;
    if tolerance > Duration::from_hours(1) {
        warnings.push(format!(
            "{key}.tolerance is more than 1h: a delivery that somebody recorded stays valid for that long"
        ));
    }
    let networks = raw.allow_ips.as_ref().map(|raw| limits::networks(&format!("{key}.allow_ips"), raw)).transpose()?;
    let at_key = |error: scanrelay::signature::SchemeError| Fault::at(key, error.to_string());
    let mut verifier = match (secrets.is_empty(), path_secret) {
        (true, Some(path_secret)) if given.is_none() => Verifier::new(Scheme::Path, vec![path_secret], tolerance)
            .map_err(|error| Fault::at(path_key, error.to_string()))?,
        (true, None) if given.is_none() => {
            without_secrets(raw, networks.is_some(), key, warnings)?;
            Verifier::new(Scheme::Unsigned, Vec::new(), tolerance).map_err(at_key)?
        }
        (_, path_secret) => {
            let verifier = Verifier::new(given.unwrap_or(usual), secrets, tolerance).map_err(at_key)?;
            match path_secret {
                Some(secret) => {
                    verifier.with_path_secret(secret).map_err(|error| Fault::at(path_key, error.to_string()))?
                }
                None => verifier,
            }
        }
    };
    if let Some(networks) = networks {
        verifier = verifier
            .with_networks(networks)
            .map_err(|error| Fault::at(format!("{key}.allow_ips"), error.to_string()))?;
    }
    if *verifier.scheme() != Scheme::Unsigned && (raw.insecure_ip_only || raw.insecure_unsigned) {
        warnings.push(format!("{key}.insecure_ip_only and insecure_unsigned say nothing beside a secret: remove them"));
    }
    Ok(verifier)
}

/// Nobody is believed without a secret, unless somebody says that he knows what that means.
fn without_secrets(raw: &RawWebhook, by_address: bool, key: &str, warnings: &mut Vec<String>) -> Result<(), Fault> {
    if by_address && raw.insecure_ip_only {
        warnings.push(format!(
            "{key}.insecure_ip_only is on: whoever can send from an address in allow_ips is believed, whatever the body says; set secrets or path_secret"
        ));
        return Ok(());
    }
    if !by_address && raw.insecure_unsigned {
        warnings.push(format!(
            "{key}.insecure_unsigned is on: whoever can connect is believed, whatever the body says; set secrets or path_secret"
        ));
        return Ok(());
    }
    let cure = if by_address {
        "an address alone is easily had by others: set secrets, or path_secret for a sender that cannot sign, or insecure_ip_only = true"
    } else {
        "no secret is given: set secrets, or path_secret for a sender that cannot sign, or insecure_unsigned = true to believe whoever can connect"
    };
    Err(Fault::at(key, cure))
}
