//! What a model is called where its registry gives it no id.

/// `WORKSPACE/MODEL`: a model's name is its own in one workspace only, and one webhook may tell of several.
pub(super) fn identity(workspace: Option<&str>, model: Option<&str>) -> Option<String> {
    let part = |text: &str| text.replace('%', "%25").replace('/', "%2F");
    Some([&part(workspace?), "/", &part(model?)].concat())
}
