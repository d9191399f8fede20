//! What may be called how.

use super::answer::Refusal;

const MAX_TAG_KEY: usize = 250;
const MAX_TAG_VALUE: usize = 100_000;
const MAX_NAME: usize = 255;

pub fn model(name: &str) -> Result<(), Refusal> {
    if name.contains(['/', ':']) {
        return Err(Refusal::invalid(format!("Invalid model name '{name}'. Names cannot contain '/' or ':'.")));
    }
    at_most("name", name, MAX_NAME)
}

pub fn tag(key: &str, value: &str) -> Result<(), Refusal> {
    let allowed = |char: char| char.is_alphanumeric() || "_-. :/".contains(char);
    if !key.chars().all(allowed) {
        return Err(Refusal::invalid(format!(
            "Invalid value \"{key}\" for parameter 'key' supplied: Names may only contain alphanumerics, underscores (_), \
             dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
        )));
    }
    if !is_path(key) {
        return Err(Refusal::invalid(format!(
            "Invalid value \"{key}\" for parameter 'key' supplied: as a file's name it would be another name"
        )));
    }
    at_most("key", key, MAX_TAG_KEY)?;
    at_most("value", value, MAX_TAG_VALUE)
}

/// Aliases that would look like a version are nobody's.
pub fn alias(alias: &str) -> Result<(), Refusal> {
    let allowed = |char: char| char.is_alphanumeric() || "_-".contains(char);
    if !alias.chars().all(allowed) {
        return Err(Refusal::invalid(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )));
    }
    if alias.eq_ignore_ascii_case("latest") {
        return Err(Refusal::invalid("'latest' alias name (case insensitive) is reserved."));
    }
    let number = alias.strip_prefix(['v', 'V']);
    if number.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|char| char.is_ascii_digit())) {
        return Err(Refusal::invalid(format!("Version alias name '{alias}' is reserved.")));
    }
    at_most("alias", alias, MAX_NAME)
}

pub fn webhook(name: &str) -> Result<(), Refusal> {
    let alphanumeric = |char: char| char.is_ascii_alphanumeric();
    let good = name.len() <= 63
        && name.starts_with(alphanumeric)
        && name.ends_with(alphanumeric)
        && name.chars().all(|char| alphanumeric(char) || "._-".contains(char));
    if good {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "Webhook name '{name}' is invalid. It must start and end with a letter or digit, be less than 63 characters long, and \
         contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
    )))
}

/// Whether it leads down and nowhere else.
pub fn is_path(path: &str) -> bool {
    !path.contains(['\0', '\\']) && path.split('/').all(|part| !["", ".", ".."].contains(&part))
}

fn at_most(what: &str, text: &str, most: usize) -> Result<(), Refusal> {
    if text.chars().count() <= most {
        return Ok(());
    }
    Err(Refusal::invalid(format!("'{what}' exceeds the maximum length of {most} characters")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(named: impl Fn(&str) -> Result<(), Refusal>, good: &[&str], bad: &[&str]) {
        for name in good {
            assert!(named(name).is_ok(), "{name:?}");
        }
        for name in bad {
            assert!(named(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn names_are_taken_and_refused_as_by_mlflow() {
        let (longest, too_long) = ("k".repeat(250), "k".repeat(251));
        check(model, &["fraud", "fraud d\u{e9}tect", "a.b-c"], &["a/b", "a:b", &"x".repeat(256)]);
        check(
            |key| tag(key, ""),
            &["scanrelay.verdict", "a b/c:d", &longest],
            &["a!", "/a", "a/../b", "a//b", &too_long],
        );
        check(|value| tag("k", value), &["", &"v".repeat(100_000)], &[&"v".repeat(100_001)]);
        check(alias, &["production", "v", "v1a", "version"], &["latest", "LATEST", "v3", "V30", "a b", "a.b"]);
        check(webhook, &["scanrelay", "a.b_c-d", &"x".repeat(63)], &["", "a b", "-a", "a-", &"x".repeat(64)]);
    }
}
