//! A survey: how things stand in a registry now, for whoever may have missed its webhooks.

use std::slice;

use serde::Deserialize;

use super::answer::object;
use super::{Exchange, Reading, Registry, Request, Step};

/// What to do next towards how things stand.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SurveyStep {
    /// Send this, and ask again with its answer.
    Send(Request),
    /// All of it.
    Found(Findings),
    /// It was asked to post so many deliveries again that had not come through.
    Asked(usize),
    /// Not now: begin again later. The reason names the status, never the answer's text.
    Retry(String),
    /// Never: the registry cannot be asked how things stand, or not by us.
    Refused(String),
}

/// How things stand in a registry, as it said itself. Only [`Registry::survey`] makes it, of the answers of who was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    readings: Vec<Reading>,
    is_cut: bool,
}

impl Findings {
    /// Of so many changes. `is_cut`: there were more than a survey looks at.
    pub(super) fn of(readings: Vec<Reading>, is_cut: bool) -> Self {
        Self { readings, is_cut }
    }

    /// Whether there was more than a survey looks at.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// How many things were found to stand somehow.
    pub fn len(&self) -> usize {
        self.readings.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }

    pub(crate) fn into_readings(self) -> impl Iterator<Item = Reading> {
        self.readings.into_iter()
    }
}

impl From<Step> for SurveyStep {
    /// For what an answer's status means.
    fn from(step: Step) -> Self {
        match step {
            Step::Send(request) => Self::Send(request),
            Step::Done => Self::Found(Findings::default()),
            Step::Retry(reason) => Self::Retry(reason),
            Step::Refused(reason) => Self::Refused(reason),
        }
    }
}

impl Registry {
    /// The most requests that one survey takes.
    pub const LONGEST_SURVEY: usize = 200;

    /// Whether it can be asked how things stand.
    pub fn can_be_surveyed(&self) -> bool {
        matches!(self, Self::Mlflow(_) | Self::Comet(_) | Self::Verta(_))
    }

    /// The next step towards how things stand in the registry that the configuration calls `name`, after the exchanges
    /// `seen` so far. Each thing is an event such as a webhook would have brought when it came to stand so, with the same
    /// `change_key`; what it is called by [`Rules`](super::Rules) comes afterwards, in
    /// [`Receiver::found`](crate::Receiver::found).
    ///
    /// It only reads. It ends: after [`LONGEST_SURVEY`](Self::LONGEST_SURVEY) requests it has found what it has seen by then.
    pub fn survey(&self, name: &str, seen: &[Exchange]) -> SurveyStep {
        match self {
            Self::Mlflow(_) => super::mlflow::survey(name, seen),
            Self::Comet(comet) => comet.survey(name, seen),
            Self::Verta(verta) => verta.survey(name, seen),
            _ => SurveyStep::Refused("it cannot be asked how things stand".to_owned()),
        }
    }

    /// The next step towards having what could not be delivered posted again, where the registry remembers it: Verta. It
    /// ends with [`SurveyStep::Asked`].
    pub fn redeliver(&self, name: &str, seen: &[Exchange]) -> SurveyStep {
        match self {
            Self::Verta(_) => super::verta::redeliver(name, seen),
            _ => SurveyStep::Asked(0),
        }
    }
}

/// More of one registry are not looked at: each is a row to remember.
const MOST: usize = 50_000;

/// The answers of a survey so far, in the order of its requests.
pub(super) struct Answers<'a>(slice::Iter<'a, Exchange>);

impl<'a> Answers<'a> {
    /// The exchange of that request; it is what comes next where it has not been answered.
    pub(super) fn exchange(&mut self, request: impl FnOnce() -> Request) -> Result<&'a Exchange, SurveyStep> {
        self.0.next().ok_or_else(|| SurveyStep::Send(request()))
    }

    /// The object that the request was answered with.
    pub(super) fn to<T: Deserialize<'a>>(&mut self, request: impl FnOnce() -> Request) -> Result<T, SurveyStep> {
        Ok(object(self.exchange(request)?)?)
    }
}

/// Walks through all that was answered, and says what `seek` asks for next or all that it has found. `Err` ends it early.
pub(super) fn survey(
    seen: &[Exchange],
    seek: impl FnOnce(&mut Answers<'_>, &mut Vec<Reading>) -> Result<(), SurveyStep>,
) -> SurveyStep {
    let mut found = Vec::new();
    let end = seek(&mut Answers(seen.iter()), &mut found);
    let is_too_much = found.len() > MOST;
    found.truncate(MOST);
    match end {
        Ok(()) => SurveyStep::Found(Findings::of(found, is_too_much)),
        Err(SurveyStep::Send(_)) if is_too_much || seen.len() >= Registry::LONGEST_SURVEY => {
            SurveyStep::Found(Findings::of(found, true))
        }
        Err(step) => step,
    }
}
