//! What is counted of one registry's requests. Found once, so that counting is an addition.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use scanrelay::extract::WebhookError;
use scanrelay::{ReceiveError, Timestamp, VerifyError};

use super::{Counters, Gauges, labels, seconds};

/// What became of a verified request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Result {
    Accepted,
    /// Accepted, and no route takes it.
    Ignored,
    Duplicate,
    /// Accepted or ignored: another body has come under its key before.
    Conflict,
    /// Accepted: our own write-back.
    Echo,
    /// Accepted: somebody changed what is ours.
    Tampered,
    /// 503: as many deliveries are open as may be.
    Full,
    /// 503: too many requests at once.
    Busy,
    /// 503: the store failed.
    Failed,
}

const RESULTS: [(Result, &str); 9] = [
    (Result::Accepted, "accepted"),
    (Result::Ignored, "ignored"),
    (Result::Duplicate, "duplicate"),
    (Result::Conflict, "conflict"),
    (Result::Echo, "echo"),
    (Result::Tampered, "tampered"),
    (Result::Full, "full"),
    (Result::Busy, "busy"),
    (Result::Failed, "failed"),
];

/// Why a request is no delivery. The last is for errors that are younger than this list.
const REASONS: [&str; 13] = [
    "media_type",
    "too_large",
    "timeout",
    "broken_off",
    "missing",
    "malformed",
    "mismatch",
    "path_secret",
    "address",
    "too_old",
    "too_new",
    "bad_body",
    "other",
];

/// One registry's counters.
#[derive(Clone)]
pub struct Intake {
    results: [Counter; RESULTS.len()],
    reasons: [Counter; REASONS.len()],
    last_accepted: Gauge<f64, AtomicU64>,
}

impl Intake {
    pub(super) fn new(
        deliveries: &Counters,
        rejected: &Counters,
        last_accepted: &Gauges<f64, AtomicU64>,
        registry: &str,
    ) -> Self {
        let result = |(_, word)| deliveries.get_or_create_owned(&labels("registry", registry, "result", word));
        let reason = |word| rejected.get_or_create_owned(&labels("registry", registry, "reason", word));
        Self {
            results: RESULTS.map(result),
            reasons: REASONS.map(reason),
            last_accepted: last_accepted.get_or_create_owned(&vec![("registry", registry.to_owned())]),
        }
    }

    pub fn count(&self, result: Result) {
        self.results[result as usize].inc();
    }

    /// Something was accepted then; also before our time.
    pub fn accepted_at(&self, at: Timestamp) {
        self.last_accepted.set(seconds(at));
    }

    pub fn refused(&self, error: &WebhookError) {
        let word = reason(error);
        let place = REASONS.iter().position(|known| *known == word).unwrap_or(REASONS.len() - 1);
        self.reasons[place].inc();
    }
}

fn reason(error: &WebhookError) -> &'static str {
    match error {
        WebhookError::MediaType | WebhookError::ContentEncoding => "media_type",
        WebhookError::TooLarge(_) => "too_large",
        WebhookError::TooSlow(_) => "timeout",
        WebhookError::BrokenOff => "broken_off",
        WebhookError::Receive(ReceiveError::Body(_)) => "bad_body",
        WebhookError::Receive(ReceiveError::Unverified(why)) | WebhookError::Noted(why, _) => match why {
            VerifyError::Missing(_) => "missing",
            VerifyError::Empty(_) | VerifyError::Repeated(_) | VerifyError::Malformed(..) => "malformed",
            VerifyError::Mismatch(_) => "mismatch",
            VerifyError::PathSecret => "path_secret",
            VerifyError::Address(_) | VerifyError::NoAddress => "address",
            VerifyError::TooOld(..) => "too_old",
            VerifyError::TooNew(..) => "too_new",
            _ => "other",
        },
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_and_reason_has_its_place() {
        for (place, (result, word)) in RESULTS.iter().enumerate() {
            assert_eq!(*result as usize, place, "{word}");
        }
        let check = |error: WebhookError, word: &str| {
            assert_eq!(reason(&error), word, "{error}");
            assert!(REASONS.contains(&word), "{word}");
        };
        let unverified = |why| WebhookError::Receive(ReceiveError::Unverified(why));
        let name = || "X-Signature".to_owned();
        check(WebhookError::MediaType, "media_type");
        check(WebhookError::ContentEncoding, "media_type");
        check(WebhookError::TooLarge(1), "too_large");
        check(WebhookError::TooSlow(std::time::Duration::ZERO), "timeout");
        check(WebhookError::BrokenOff, "broken_off");
        check(WebhookError::NoIntake, "other");
        check(unverified(VerifyError::Missing(name())), "missing");
        check(unverified(VerifyError::Empty(name())), "malformed");
        check(unverified(VerifyError::Repeated(name())), "malformed");
        check(unverified(VerifyError::Malformed(name(), "hex")), "malformed");
        check(unverified(VerifyError::Mismatch(name())), "mismatch");
        check(unverified(VerifyError::PathSecret), "path_secret");
        check(unverified(VerifyError::NoAddress), "address");
        check(unverified(VerifyError::Address([127, 0, 0, 1].into())), "address");
        check(unverified(VerifyError::TooOld(1, 1)), "too_old");
        check(WebhookError::Noted(VerifyError::TooNew(1, 1), "1-1".to_owned()), "too_new");
    }
}
