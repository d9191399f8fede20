//! What a listener shows of itself: a certificate, the ones between it and its authority, and the key that fits it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use scanrelay::Timestamp;
use x509_parser::certificate::Validity;
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

use super::error::Fault;
use super::raw::RawTls;
use super::secrets::{RawSecret, warn_of_readers};
use super::{Source, files};

/// A certificate that ends within this time is warned of.
const SOON: Duration = Duration::from_hours(14 * 24);

/// A certificate with its key.
#[derive(Clone)]
pub struct Tls {
    pub certified: Arc<CertifiedKey>,
    /// The last day on which it is believed.
    pub until: String,
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        // A key that fits the same certificate is the same key.
        self.certified.cert == other.certified.cert
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("until", &self.until).finish_non_exhaustive()
    }
}

pub(super) fn tls(raw: &RawTls, key: &str, source: &Source, warnings: &mut Vec<String>) -> Result<Tls, Fault> {
    let path = source.folder.join(&raw.certificate);
    let chain = chain(&path).map_err(|cause| Fault::at(format!("{key}.certificate"), cause))?;
    let validity = validity(&chain[0], &path).map_err(|cause| Fault::at(format!("{key}.certificate"), cause))?;
    warnings.extend(warning(&validity, source.now).map(|words| {
        format!("{key}.certificate: {} {words}: renew it, then systemctl reload scanrelay", path.display())
    }));
    let at_key = |cause: String| Fault::at(format!("{key}.key"), cause);
    let secret = raw.key.resolve(&format!("{key}.key"), source)?;
    if let RawSecret::File(path) = &raw.key {
        warn_of_readers(&source.folder.join(path), warnings);
    }
    let private = PrivateKeyDer::from_pem_slice(secret.expose()).map_err(|_| {
        at_key("it holds no private key: PEM in PKCS#8, PKCS#1 or SEC1, without a passphrase".to_owned())
    })?;
    let certified = CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            at_key(format!("it is not the key of the first certificate in {}", path.display()))
        }
        _ => at_key("its kind is not supported: use ECDSA P-256 or P-384, Ed25519, or RSA".to_owned()),
    })?;
    Ok(Tls { certified: Arc::new(certified), until: day(validity.not_after) })
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = files::read_private(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(format!(
            "{} holds no certificate in PEM: -----BEGIN CERTIFICATE-----, the listener's own first",
            path.display()
        )),
    }
}

fn validity(certificate: &CertificateDer<'_>, path: &Path) -> Result<Validity, String> {
    match parse_x509_certificate(certificate) {
        Ok((_, parsed)) => Ok(parsed.validity().clone()),
        Err(_) => Err(format!("the first certificate in {} is none: have it made again", path.display())),
    }
}

/// What is to be said about the time in which it is believed.
fn warning(validity: &Validity, now: Timestamp) -> Option<String> {
    let soon = now.after(SOON).as_secs();
    let now = now.as_secs();
    if now > validity.not_after.timestamp() {
        return Some(format!("ended on {}, and nobody believes it any more", day(validity.not_after)));
    }
    if now < validity.not_before.timestamp() {
        return Some(format!("begins on {}, and nobody believes it before", day(validity.not_before)));
    }
    (soon > validity.not_after.timestamp()).then(|| format!("ends on {}", day(validity.not_after)))
}

fn day(time: ASN1Time) -> String {
    time.to_datetime().date().to_string()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn the_time_of_a_certificate_is_told_when_it_matters() {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 12, 31));
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let validity = validity(made.der(), Path::new("tls.pem")).unwrap();
        let check = |(year, month, day), expected: Option<&str>| {
            let now = Timestamp::from_millis(date_time_ymd(year, month, day).unix_timestamp() * 1000);
            assert_eq!(warning(&validity, now).as_deref(), expected, "{year}-{month}-{day}");
        };
        check((2025, 12, 31), Some("begins on 2026-01-01, and nobody believes it before"));
        check((2026, 1, 1), None);
        check((2026, 12, 16), None);
        check((2026, 12, 18), Some("ends on 2026-12-31"));
        check((2027, 1, 1), Some("ended on 2026-12-31, and nobody believes it any more"));
    }
}
