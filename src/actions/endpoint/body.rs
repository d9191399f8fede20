//! The body of the call: what the operator wrote as it stands, and in it the values for this event.

use serde_json::{Map, Value};

use crate::settings::Fault;

/// Puts each value where its key says: a member's name, or a JSON pointer (RFC 6901) that begins with `/`.
pub fn filled(fixed: &Map<String, Value>, values: Vec<(String, String)>) -> Result<Value, Fault> {
    let mut body = Value::Object(fixed.clone());
    for (key, value) in values {
        let names: Vec<String> = match key.strip_prefix('/') {
            None => vec![key.clone()],
            Some(pointer) => pointer.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect(),
        };
        put(&mut body, &names, value).ok_or_else(|| {
            Fault::at(format!("body.{key}"), "something that is no object stands in its way: compare it with fixed")
        })?;
    }
    Ok(body)
}

fn put(into: &mut Value, names: &[String], value: String) -> Option<()> {
    let (name, below) = names.split_first()?;
    let object = into.as_object_mut()?;
    if below.is_empty() {
        object.insert(name.clone(), value.into());
        return Some(());
    }
    put(object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())), below, value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(fixed: &Value, values: &[(&str, &str)], expected: Result<Value, &str>) {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        match (filled(fixed.as_object().unwrap(), values).map_err(|fault| fault.to_string()), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(said), Err(words)) => assert!(said.contains(words), "{said}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn values_stand_where_their_keys_say() {
        check(&json!({}), &[], Ok(json!({})));
        check(&json!({ "dry": false }), &[("model", "a\"b")], Ok(json!({ "dry": false, "model": "a\"b" })));
        let deep = json!({ "spec": { "size": 2 } });
        check(
            &deep,
            &[("/spec/model", "m"), ("/x~1y/z", "1")],
            Ok(json!({ "spec": { "size": 2, "model": "m" }, "x/y": { "z": "1" } })),
        );
        check(&deep, &[("/spec/size/model", "m")], Err("settings.body./spec/size/model: something that is no object"));
    }
}
