//! Under which scheme does the signature fit the secret?

use std::time::Duration;

use super::found::Found;
use crate::signature::{Algorithm, Encoding, HmacScheme, KeyForm, SignedContent};
use crate::{Caller, Scheme, Secret, Timestamp, Verifier};

/// How many bytes a diagnosis may hash when a person waits for it.
pub(super) const THOROUGH: usize = 256 * 1024 * 1024;
/// And when the request came from anybody: about what two of the largest bodies cost to verify.
const QUICK: usize = 2 * 1024 * 1024;
/// What one try costs beside the body.
const TRY: usize = 512;
const MAX_IDS: usize = 8;
const MAX_TIMES: usize = 4;

/// What may stand before a MAC, whatever its case. Nothing else is taken for a prefix, so that none is ever a secret.
const PREFIXES: [&str; 12] =
    ["", "sha256=", "sha512=", "sha-256=", "hmac-sha256=", "v0=", "v1=", "v1,", "v1:", "hmac ", "signature ", "sig="];
/// Signed contents with a time.
const TIMED: [&str; 4] = ["{timestamp}.{body}", "v0:{timestamp}:{body}", "{timestamp}:{body}", "{timestamp}{body}"];
/// Headers that are no signature, no id and no time.
const GENERIC: [&str; 14] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "transfer-encoding",
    "user-agent",
    "via",
];

/// Whether any known scheme, in any header that the request has, fits a secret of `verifier`. `None` where the configured
/// one fits and the time alone was wrong, too. The work is bounded: it is done for requests that anybody can send.
pub fn probe(verifier: &Verifier, caller: &Caller<'_>, body: &[u8]) -> Option<Found> {
    let found = Search::new(verifier, caller, QUICK).scheme(body)?;
    (found.scheme() != verifier.scheme()).then_some(found)
}

pub(super) struct Search<'a> {
    verifier: &'a Verifier,
    caller: &'a Caller<'a>,
    /// Bytes that may still be hashed.
    budget: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(verifier: &'a Verifier, caller: &'a Caller<'a>, budget: usize) -> Self {
        Self { verifier, caller, budget }
    }

    /// The first scheme that fits.
    pub(super) fn scheme(&mut self, body: &[u8]) -> Option<Found> {
        let names: Vec<&str> = self.headers().map(|(name, _)| name).collect();
        let tokens = names.iter().map(|name| Scheme::token(*name));
        let macs = self.headers().flat_map(|(name, value)| forms(name, value)).collect::<Vec<_>>();
        let contents = contents(self.caller);
        let signed = macs.iter().flat_map(|form| contents.iter().map(move |content| content.given_to(form)));
        let keyed = signed.flat_map(|scheme| {
            [KeyForm::Raw, KeyForm::Whsec].map(|key| {
                let mut scheme = scheme.clone();
                scheme.key = key;
                Scheme::Hmac(scheme)
            })
        });
        for scheme in tokens.chain(keyed) {
            for secret in self.verifier.secrets() {
                if self.fits(&scheme, secret, body)? {
                    return Some(Found::of(scheme, self.verifier.scheme()));
                }
            }
        }
        None
    }

    /// Whether the configured scheme fits that body, whenever it was signed.
    pub(super) fn as_configured(&mut self, body: &[u8]) -> bool {
        let verifier = self.verifier;
        verifier.secrets().iter().any(|secret| self.fits(verifier.scheme(), secret, body) == Some(true))
    }

    /// Whether a secret fits with other blanks or line ends around it.
    pub(super) fn other_ends(&mut self, body: &[u8]) -> bool {
        let verifier = self.verifier;
        let others = verifier.secrets().iter().flat_map(Secret::with_other_ends);
        others.into_iter().any(|secret| self.fits(verifier.scheme(), &secret, body) == Some(true))
    }

    /// `None`: enough was tried.
    fn fits(&mut self, scheme: &Scheme, secret: &Secret, body: &[u8]) -> Option<bool> {
        self.budget = self.budget.checked_sub(body.len() + TRY)?;
        let Ok(verifier) = Verifier::new(scheme.clone(), vec![secret.clone()], Duration::MAX) else {
            return Some(false);
        };
        Some(verifier.verify_at(self.caller, body, Timestamp::default()).is_ok())
    }

    fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        telling(self.caller)
    }
}

/// Headers that could hold a signature, an id or a time.
fn telling<'a>(caller: &Caller<'a>) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    let generic = |name: &str| GENERIC.iter().any(|each| each.eq_ignore_ascii_case(name));
    caller.headers().filter(move |(name, _)| !generic(name)).take(64)
}

/// What a header's value would be as a MAC: prefix, encoding and hash, each way in which it can be read.
fn forms(name: &str, value: &[u8]) -> Vec<HmacScheme> {
    let Ok(text) = std::str::from_utf8(value) else { return Vec::new() };
    let parts: Vec<&str> = text.split(' ').filter(|part| !part.is_empty()).take(16).collect();
    let listed = parts.iter().filter(|_| parts.len() > 1).map(|part| (*part, Some(' ')));
    let mut forms = Vec::new();
    for (text, separator) in [(text, None)].into_iter().chain(listed) {
        for (length, encoding, algorithm) in WRITTEN {
            let Some((prefix, mac)) = text.len().checked_sub(length).and_then(|at| text.split_at_checked(at)) else {
                continue;
            };
            if PREFIXES.iter().any(|known| known.eq_ignore_ascii_case(prefix)) && encoding.decode(mac).is_some() {
                let mut form = HmacScheme::new(name);
                prefix.clone_into(&mut form.prefix);
                (form.encoding, form.algorithm, form.separator) = (encoding, algorithm, separator);
                forms.push(form);
            }
        }
    }
    forms
}

/// How many characters a MAC takes.
const WRITTEN: [(usize, Encoding, Algorithm); 4] = [
    (64, Encoding::Hex, Algorithm::Sha256),
    (44, Encoding::Base64, Algorithm::Sha256),
    (128, Encoding::Hex, Algorithm::Sha512),
    (88, Encoding::Base64, Algorithm::Sha512),
];

/// What may have been signed: the template, and where id and time come from.
struct Content<'a> {
    signed: SignedContent,
    id: Option<&'a str>,
    timestamp: Option<&'a str>,
}

impl Content<'_> {
    fn given_to(&self, form: &HmacScheme) -> HmacScheme {
        let mut scheme = form.clone();
        scheme.signed.clone_from(&self.signed);
        scheme.id_header = self.id.map(str::to_owned);
        scheme.timestamp_header = self.timestamp.map(str::to_owned);
        scheme
    }
}

fn contents<'a>(caller: &Caller<'a>) -> Vec<Content<'a>> {
    let is_time = |value: &[u8]| (9..=11).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    let is_id = |value: &[u8]| {
        (1..=256).contains(&value.len()) && value.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.')
    };
    let times: Vec<&str> = telling(caller).filter(|(_, value)| is_time(value)).map(|(name, _)| name).collect();
    let mut ids: Vec<&str> = telling(caller).filter(|(_, value)| is_id(value)).map(|(name, _)| name).collect();
    // Those that are called one come first.
    ids.sort_by_key(|name| !name.to_ascii_lowercase().contains("id"));
    let mut contents = vec![Content { signed: SignedContent::default(), id: None, timestamp: None }];
    for time in times.into_iter().take(MAX_TIMES) {
        for id in ids.iter().filter(|id| **id != time).take(MAX_IDS) {
            let signed = SignedContent::parse("{id}.{timestamp}.{body}").unwrap_or_default();
            contents.push(Content { signed, id: Some(id), timestamp: Some(time) });
        }
        let signed = TIMED.iter().filter_map(|template| SignedContent::parse(template).ok());
        contents.extend(signed.map(|signed| Content { signed, id: None, timestamp: Some(time) }));
    }
    contents
}

/// Names of headers that are called like a signature or hold what could be one.
pub(super) fn like_signatures(caller: &Caller<'_>) -> Vec<String> {
    let called = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["sign", "hmac", "token", "secret", "auth", "digest"].iter().any(|word| name.contains(word))
    };
    let like = telling(caller).filter(|(name, value)| called(name) || shape(value).is_some());
    let named = like.filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_graphic()));
    named.map(|(name, _)| name.to_owned()).take(8).collect()
}

/// What the scheme's header looks like.
pub(super) fn looks_like(caller: &Caller<'_>, scheme: &Scheme) -> Option<&'static str> {
    let mut values = caller.header(scheme.header()?);
    let value = values.next()?;
    if values.next().is_some() { None } else { shape(value) }
}

fn shape(value: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(value).ok()?;
    let bare = text.rsplit_once([' ', ',', ':']).map_or(text, |(_, rest)| rest);
    let bare = bare.split_once('=').map_or(bare, |(before, rest)| if rest.len() > 2 { rest } else { before });
    let bare = bare.trim_end_matches('=');
    let hex = bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    let base64 = bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte));
    match (bare.len(), hex, base64) {
        (64, true, _) => Some("a SHA-256 MAC in hex"),
        (128, true, _) => Some("a SHA-512 MAC in hex"),
        (40, true, _) => Some("a SHA-1 MAC in hex, which is not taken: have the sender use SHA-256"),
        (43, _, true) => Some("a SHA-256 MAC in base64"),
        (86, _, true) => Some("a SHA-512 MAC in base64"),
        (27, _, true) => Some("a SHA-1 MAC in base64, which is not taken: have the sender use SHA-256"),
        _ => None,
    }
}
