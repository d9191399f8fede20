//! `tree`: which fields of an answer are wanted, such as `builds[number,actions[parameters[name]]]{0,10}`.

use std::str::Chars;

use serde_json::{Map, Value};

/// Fields, each with its own fields and a range of a list.
type Wanted = Vec<(String, Fields)>;

#[derive(Default)]
struct Fields {
    below: Option<Wanted>,
    range: Option<(usize, usize)>,
}

/// Of how deep a tree may be.
const DEEPEST: usize = 16;

/// What is wanted of a value. Without a tree, builds are told by number and address alone. `None`: it cannot be read.
pub fn select(value: Value, tree: Option<&str>) -> Option<Value> {
    match tree.filter(|tree| !tree.is_empty()) {
        Some(tree) => {
            let mut rest = tree.chars();
            let wanted = list(&mut rest, 0)?;
            rest.as_str().is_empty().then(|| cut(value, Some(&wanted)))
        }
        None => Some(shallow(value)),
    }
}

fn list(rest: &mut Chars<'_>, depth: usize) -> Option<Wanted> {
    let mut wanted = Wanted::new();
    loop {
        let mut name = String::new();
        while let Some(c) = rest.clone().next().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '*' | ':' | '-')) {
            name.push(c);
            rest.next();
        }
        if name.is_empty() || depth > DEEPEST {
            return None;
        }
        let mut fields = Fields::default();
        if rest.as_str().starts_with('[') {
            rest.next();
            fields.below = Some(list(rest, depth + 1)?);
            rest.next().filter(|c| *c == ']')?;
        }
        if let Some(after) = rest.as_str().strip_prefix('{') {
            let (range, after) = after.split_once('}')?;
            let (from, to) = range.split_once(',')?;
            let bound = |text: &str, open| if text.is_empty() { Some(open) } else { text.parse().ok() };
            fields.range = Some((bound(from, 0)?, bound(to, usize::MAX)?));
            *rest = after.chars();
        }
        wanted.push((name, fields));
        if !rest.as_str().starts_with(',') {
            return Some(wanted);
        }
        rest.next();
    }
}

/// A thing always says its class. Without fields of its own it says nothing else.
fn cut(value: Value, wanted: Option<&Wanted>) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(|each| cut(each, wanted)).collect(),
        Value::Object(object) => {
            let kept = object.into_iter().filter_map(|(key, value)| {
                if key == "_class" {
                    return Some((key, value));
                }
                let (_, fields) = wanted?.iter().find(|(name, _)| *name == key || name == "*")?;
                let value = cut(value, fields.below.as_ref());
                Some((key, ranged(value, fields.range)))
            });
            Value::Object(kept.collect())
        }
        scalar => scalar,
    }
}

fn ranged(value: Value, range: Option<(usize, usize)>) -> Value {
    match (value, range) {
        (Value::Array(list), Some((from, to))) => list.into_iter().take(to).skip(from).collect(),
        (value, _) => value,
    }
}

/// What a job says of its builds when nobody asks for more.
fn shallow(value: Value) -> Value {
    let Value::Object(object) = value else { return value };
    let brief = |value: Value| {
        let fields = ["number", "url"].map(|name| (name.to_owned(), Fields::default()));
        cut(value, Some(&fields.into()))
    };
    let kept = object.into_iter().filter(|(key, _)| key != "allBuilds").map(|(key, value)| {
        let builds = key == "builds" || key.ends_with("Build") || key == "executable";
        (key, if builds { brief(value) } else { value })
    });
    Value::Object(kept.collect::<Map<String, Value>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(tree: &str, expected: Option<&Value>) {
        let job = json!({
            "_class": "job", "name": "a", "nextBuildNumber": 3,
            "builds": [{ "_class": "run", "number": 2, "url": "u2", "result": null },
                       { "_class": "run", "number": 1, "url": "u1", "result": "SUCCESS" }],
            "property": [{}, { "_class": "p", "parameterDefinitions": [{ "name": "X", "type": "S" }] }],
        });
        assert_eq!(select(job, Some(tree)).as_ref(), expected, "{tree}");
    }

    #[test]
    fn only_what_is_asked_for_is_told() {
        check("name", Some(&json!({ "_class": "job", "name": "a" })));
        check("builds[number]{0,1}", Some(&json!({ "_class": "job", "builds": [{ "_class": "run", "number": 2 }] })));
        check("builds", Some(&json!({ "_class": "job", "builds": [{ "_class": "run" }, { "_class": "run" }] })));
        check(
            "property[parameterDefinitions[name]],nope",
            Some(
                &json!({ "_class": "job", "property": [{}, { "_class": "p", "parameterDefinitions": [{ "name": "X" }] }] }),
            ),
        );
        for bad in ["builds[", "builds[]", "a,,b", "builds[number]{0", "a]", "builds{x,y}"] {
            check(bad, None);
        }
    }

    #[test]
    fn without_a_tree_builds_are_brief() {
        let job = json!({ "allBuilds": [], "builds": [{ "_class": "run", "number": 2, "url": "u", "result": null }] });
        assert_eq!(select(job, None), Some(json!({ "builds": [{ "_class": "run", "number": 2, "url": "u" }] })));
    }
}
