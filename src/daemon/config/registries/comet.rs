//! Comet: an API key, and where outcomes are written.

use scanrelay::Stage;
use scanrelay::registry::comet::{Statuses, WriteBack};
use scanrelay::registry::{Comet, Registry};

use super::given::Given;
use crate::daemon::config::error::Fault;
use crate::daemon::config::raw::{RawRegistry, RawRules, RawStatuses, RawWriteBack};

pub(super) fn comet(given: &mut Given<'_>) -> Result<Registry, Fault> {
    given.need_credentials(r#"{ api_key = { file = "PATH" } }"#)?;
    let mut comet = Comet::default();
    comet.workspace = given.raw.workspace.take();
    if let Some(mut login) = given.credentials(&["api_key"])? {
        comet.api_key = Some(login.secret("api_key")?);
    }
    comet.write_back = write_back(&mut given.raw.write_back, given.answered, &format!("{}.write_back", given.key))?;
    if let Some(status) = chained(&comet.write_back.status, &given.raw) {
        given.warnings.push(format!(
            "{}.write_back.status: {status:?} is a stage of a rule, too, and what scanrelay writes itself starts nothing: \
             give the rule another stage, or let a route have the scanners and the actions",
            given.key
        ));
    }
    Ok(Registry::Comet(comet))
}

/// A status that we write and that a rule waits for.
fn chained<'a>(statuses: &'a Statuses, raw: &RawRegistry) -> Option<&'a str> {
    let Statuses { safe, is_unsafe, error, complete, failed, .. } = statuses;
    let rules = [&raw.promote_on, &raw.scan_on].into_iter().flatten().flat_map(|rules| match rules {
        RawRules::One(rule) => std::slice::from_ref(rule),
        RawRules::Several(rules) => rules,
    });
    let stages: Vec<Stage> = rules.filter_map(|rule| rule.stage.as_deref().map(Stage::new)).collect();
    let written = [safe, is_unsafe, error, complete, failed].into_iter().flatten();
    written.map(String::as_str).find(|status| stages.contains(&Stage::new(status)))
}

fn write_back(raw: &mut RawWriteBack, answered: bool, key: &str) -> Result<WriteBack, Fault> {
    let mut write_back = WriteBack::default();
    write_back.metadata = raw.metadata.take().unwrap_or(write_back.metadata);
    write_back.comment = raw.comment.take().unwrap_or(write_back.comment);
    write_back.status = statuses(raw.status.take().unwrap_or_default(), &format!("{key}.status"))?;
    if answered && !write_back.metadata && !write_back.comment && write_back.status == Statuses::default() {
        return Err(Fault::at(
            key,
            "nothing is written anywhere, and nobody would hear of an outcome: leave one of metadata, comment and status",
        ));
    }
    Ok(write_back)
}

fn statuses(raw: RawStatuses, key: &str) -> Result<Statuses, Fault> {
    let RawStatuses { safe, is_unsafe, error, complete, failed } = raw;
    let given = [&safe, &is_unsafe, &error, &complete, &failed];
    if given.into_iter().flatten().any(|status| status.trim().is_empty()) {
        return Err(Fault::at(key, "a status is empty: leave its key out, and the version's status stays as it is"));
    }
    // What no scanner found safe must not look as if one had.
    if safe.is_some() && [&is_unsafe, &error, &failed].into_iter().any(|other| *other == safe) {
        return Err(Fault::at(key, "another outcome has the status of safe: give it one of its own"));
    }
    let mut statuses = Statuses::default();
    (statuses.safe, statuses.is_unsafe, statuses.error) = (safe, is_unsafe, error);
    (statuses.complete, statuses.failed) = (complete, failed);
    Ok(statuses)
}
