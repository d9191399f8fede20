//! What an answer means that is no good one, with the cure. Nothing of what the service wrote is repeated.

/// Of a setting that is one.
pub const NO_PATH: &str = "it is no path below url: it begins with /, has no # and no . or .. between its slashes, and is not longer than 8 KiB";

/// To the call.
pub fn refused(status: u16) -> String {
    let cure = match status {
        400 | 415 | 422 => "compare body and fixed with what it wants",
        401 | 403 => "check headers and the secret that they name",
        404 => "check url and path",
        405 => "check method",
        409 => "it says that it was called before, or cannot be now: look there, then replay the delivery",
        300..400 => "it leads elsewhere, and nobody follows: write the address where it is",
        _ => "look in its own log",
    };
    format!("the service refused the call ({status}): {cure}")
}

/// To the question how it goes on.
pub fn unasked(status: u16) -> String {
    let cure = match status {
        401 | 403 => ": check headers and the secret that they name",
        300..400 => ": it leads elsewhere, and nobody follows, so write in poll where it is",
        408 | 429 => "",
        400..500 => ": check poll and id",
        _ => "",
    };
    format!("how it goes on cannot be asked: the service answered {status}{cure}")
}

/// Nobody knows whether it was called.
pub fn untold(reason: &str) -> String {
    format!(
        "{reason}: whether the service took the call cannot be told. Look there, then replay the delivery; where it takes calls \
         with one key for one call, say idempotent = true"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_corrected_has_its_cure() {
        let check = |said: String, end: &str| assert!(said.ends_with(end), "{said}");
        check(refused(422), "(422): compare body and fixed with what it wants");
        check(refused(301), "write the address where it is");
        check(unasked(403), "answered 403: check headers and the secret that they name");
        check(unasked(302), "so write in poll where it is");
        check(unasked(400), "answered 400: check poll and id");
        for passing in [202, 408, 429, 502] {
            check(unasked(passing), &format!("answered {passing}"));
        }
    }
}
