//! When the watchdog is told that we are alive.

/// Who answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    /// The worker's loop went round.
    pub(super) worker: bool,
    /// The store's writer took a write and answered it.
    pub(super) store: bool,
}

/// Only when both answered; else who did not.
pub(super) fn sign_of_life(answers: Answers) -> Result<(), &'static str> {
    match answers {
        Answers { worker: true, store: true } => Ok(()),
        Answers { worker: true, store: false } => Err("the store's writer does not answer"),
        Answers { worker: false, store: true } => Err("the worker does not answer"),
        Answers { worker: false, store: false } => Err("neither the store's writer nor the worker answers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_have_to_answer() {
        let check = |worker, store, silent: Option<&str>| {
            assert_eq!(sign_of_life(Answers { worker, store }).err(), silent);
        };
        check(true, true, None);
        check(true, false, Some("the store's writer does not answer"));
        check(false, true, Some("the worker does not answer"));
        check(false, false, Some("neither the store's writer nor the worker answers"));
    }
}
