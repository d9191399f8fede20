//! The runs that GitHub knows of: which one is ours, and how it stands.

use serde::Deserialize;

use super::api::shut;
use super::settings::Settings;

/// Runs that are looked at in one request.
const PAGE: usize = 100;
/// Where more runs have begun since, they are not searched any further.
const MOST_PAGES: usize = 10;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    workflow_runs: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: u64,
    /// What `run-name` made.
    display_title: Option<String>,
    name: Option<String>,
}

/// A run as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct State {
    pub status: Option<String>,
    pub conclusion: Option<String>,
    pub html_url: Option<String>,
    pub run_number: Option<u64>,
}

/// What came of a look at one run.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    There(State),
    /// It is not there (any more).
    Gone,
    /// The token may not look.
    Shut(String),
    /// GitHub did not say.
    Silent(String),
}

/// Why the runs are not listed.
#[derive(Debug, thiserror::Error)]
#[error("the runs cannot be listed: {cause}")]
pub struct Unlisted {
    cause: String,
    /// Nor will they be until something is corrected, which the cause says.
    pub refused: bool,
}

/// The youngest run that may come of a dispatch; 0: there is none.
pub async fn youngest(settings: &Settings) -> Result<u64, Unlisted> {
    Ok(page(settings, 1, 1).await?.first().map_or(0, |row| row.id))
}

/// The run that has this in its title, among those that are younger than `after`. GitHub lists the youngest first.
pub async fn find(settings: &Settings, id: &str, after: u64) -> Result<Option<u64>, Unlisted> {
    for number in 1..=MOST_PAGES {
        let rows = page(settings, PAGE, number).await?;
        let younger = |row: &&Row| row.id > after;
        let title = |row: &&Row| [&row.display_title, &row.name].into_iter().flatten().any(|title| names(title, id));
        if let Some(found) = rows.iter().filter(younger).find(title) {
            return Ok(Some(found.id));
        }
        if rows.len() < PAGE || !rows.iter().all(|row| row.id > after) {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Whether the id stands in it, and not as the beginning of another one: it ends in the plugin's name, and another plugin of the
/// same delivery may be called `deploy-eu` where this one is `deploy`.
fn names(title: &str, id: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    title.match_indices(id).any(|(at, id)| !title[at + id.len()..].starts_with(goes_on))
}

async fn page(settings: &Settings, size: usize, number: usize) -> Result<Vec<Row>, Unlisted> {
    let silent = |cause: String| Unlisted { cause, refused: false };
    let (mut url, event) = settings.runs();
    url.query_pairs_mut()
        .append_pair("event", event)
        .append_pair("per_page", &size.to_string())
        .append_pair("page", &number.to_string());
    let answer = settings.get(url).await.map_err(|error| silent(error.to_string()))?;
    match (answer.status, shut(&answer)) {
        (200, _) => answer.json::<Page>().map(|page| page.workflow_runs).map_err(silent),
        (_, Some(cause)) => Err(Unlisted { cause: cause.to_owned(), refused: true }),
        (status, None) => Err(silent(format!("GitHub answered {status}"))),
    }
}

/// How one run stands.
pub async fn look(settings: &Settings, run: u64) -> Seen {
    let url = settings.repository(&["actions", "runs", &run.to_string()]);
    match settings.get(url).await {
        Ok(answer) => match (answer.status, shut(&answer)) {
            (200, _) => answer.json().map_or_else(Seen::Silent, Seen::There),
            (404, _) => Seen::Gone,
            (_, Some(cause)) => Seen::Shut(format!("run {run} cannot be looked at: {cause}")),
            (status, None) => Seen::Silent(format!("GitHub answered {status}")),
        },
        Err(error) => Seen::Silent(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_names_one_run_only() {
        for title in [
            "deploy (r-1-1-deploy)",
            "r-1-1-deploy",
            "r-1-1-deploy: v2",
            "é r-1-1-deploy-eu r-1-1-deploy é",
            "r-1-1-deployé",
        ] {
            assert!(names(title, "r-1-1-deploy"), "{title}");
        }
        for title in ["deploy (r-1-1-deploy-eu)", "r-1-1-deploy2", "r-1-1-deploy_x", "r-1-1-deploys", "deploy", ""] {
            assert!(!names(title, "r-1-1-deploy"), "{title}");
        }
    }
}
