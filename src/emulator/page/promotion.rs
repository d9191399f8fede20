//! What `redirect_metadata` says of a promotion, whose inner format is not documented.

use serde_json::Value;

use super::super::entity::ModelVersion;

/// What a reader is told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Promotion {
    pub in_progress: bool,
    /// A word, such as `complete`.
    pub status: Option<String>,
    /// Where the model is now.
    pub address: Option<String>,
    /// Why, in one sentence.
    pub summary: Option<String>,
    /// What is neither, as it stands.
    pub other: Option<String>,
}

impl Promotion {
    pub fn of(version: &ModelVersion) -> Self {
        let metadata = version.rest.get("redirect_metadata").and_then(Value::as_str);
        match metadata {
            // What stands there is of an earlier promotion.
            _ if version.promoting => Self { in_progress: true, ..Self::default() },
            Some(metadata) => Self::said(metadata),
            None => Self::default(),
        }
    }

    /// An object with a status and an address, under whatever names; or an address; or something else.
    fn said(metadata: &str) -> Self {
        let metadata = metadata.trim();
        let is_address = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        let Ok(Value::Object(object)) = serde_json::from_str(metadata) else {
            let text = Some(metadata.to_owned()).filter(|text| !text.is_empty());
            let (address, other) = if is_address(metadata) { (text, None) } else { (None, text) };
            return Self { address, other, ..Self::default() };
        };
        let texts = || object.iter().filter_map(|(key, value)| Some((key, value.as_str()?)));
        let status = texts().find(|(key, _)| key.as_str() == "status").map(|(_, status)| status.to_owned());
        let summary = texts().find(|(key, _)| key.as_str() == "summary").map(|(_, summary)| summary.to_owned());
        let address = texts().find(|(_, text)| is_address(text)).map(|(_, text)| text.to_owned());
        let other = (status.is_none() && address.is_none()).then(|| metadata.to_owned());
        let word = status.as_deref().unwrap_or_default().to_lowercase().replace([' ', '-'], "_");
        Self {
            in_progress: ["in_progress", "running", "pending"].contains(&word.as_str()),
            status,
            address,
            summary,
            other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_is_told_whatever_its_form() {
        let some = |text: &str| Some(text.to_owned());
        let complete = Promotion { status: some("complete"), address: some("https://a/"), ..Promotion::default() };
        for (metadata, expected) in [
            (r#"{"status":"complete","url":"https://a/"}"#, complete),
            (
                r#"{"status":"In progress"}"#,
                Promotion { in_progress: true, status: some("In progress"), ..Promotion::default() },
            ),
            (r#"{"forward":"http://a/"}"#, Promotion { address: some("http://a/"), ..Promotion::default() }),
            ("https://a/", Promotion { address: some("https://a/"), ..Promotion::default() }),
            ("done", Promotion { other: some("done"), ..Promotion::default() }),
            ("[1]", Promotion { other: some("[1]"), ..Promotion::default() }),
            ("{}", Promotion { other: some("{}"), ..Promotion::default() }),
            ("", Promotion::default()),
        ] {
            assert_eq!(Promotion::said(metadata), expected, "{metadata}");
        }
    }
}
