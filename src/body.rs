//! What a signed body must be before anybody reads it: one UTF-8 JSON object, not too deep, no key twice.

mod watched;

use serde::de::{Deserialize, IgnoredAny};

use watched::{Keys, REPEATED_KEY, TOO_DEEP, Watched};

/// Levels of objects and arrays. The recursion here is bounded by it, whatever is sent.
pub(crate) const MAX_DEPTH: usize = 128;

/// What is wrong with a verified body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// Not JSON, or cut: at this line and column, both counted from 1.
    #[error("the body is not one JSON document: it breaks off or goes wrong at line {0}, column {1}")]
    NotJson(usize, usize),
    /// JSON, but not an object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// More than 128 levels of objects and arrays.
    #[error("the body is nested deeper than {} levels", MAX_DEPTH)]
    TooDeep,
    /// A key twice in one object: two readers could see two different events.
    #[error("the body has an object with the same key twice")]
    RepeatedKey,
}

/// Checks the whole document.
pub(crate) fn check(body: &[u8]) -> Result<(), BodyError> {
    watched(object(body)?).map(|IgnoredAny| ()).map_err(|error| {
        let words = error.to_string();
        if words.starts_with(TOO_DEEP) {
            BodyError::TooDeep
        } else if words.starts_with(REPEATED_KEY) {
            BodyError::RepeatedKey
        } else {
            BodyError::NotJson(error.line(), error.column())
        }
    })
}

/// Checks the whole document and reads it, in one pass. `None`: nothing is wrong with it, and it is no `T`.
pub(crate) fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<Option<T>, BodyError> {
    match watched(object(body)?) {
        Ok(read) => Ok(Some(read)),
        // The reader may have given up before anything was found wrong.
        Err(_) => check(body).map(|()| None),
    }
}

/// The text, if it begins an object.
fn object(body: &[u8]) -> Result<&str, BodyError> {
    let text = std::str::from_utf8(body).map_err(|_| BodyError::NotUtf8)?;
    if text.trim_ascii_start().starts_with('{') {
        return Ok(text);
    }
    // Which of the two it is, is worth telling: a sender of `[]` has another fault than a sender of form data.
    let json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    Err(if json { BodyError::NotAnObject } else { BodyError::NotJson(1, 1) })
}

fn watched<'de, T: Deserialize<'de>>(text: &'de str) -> serde_json::Result<T> {
    let keys = Keys::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    let read = T::deserialize(Watched::new(&mut deserializer, &keys, MAX_DEPTH))?;
    deserializer.end()?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: impl AsRef<[u8]>, expected: Result<(), BodyError>) {
        let (body, expected) = (body.as_ref(), expected.err());
        let shown = String::from_utf8_lossy(body);
        assert_eq!(super::check(body).err(), expected, "{shown:.40}");
        assert_eq!(read::<serde_json::Value>(body).err(), expected, "who reads it: {shown:.40}");
    }

    #[test]
    fn one_object_and_nothing_else() {
        check("{}", Ok(()));
        check(" {\"a\":[1,-2,3.5e9,\"x\",null,true,{}]} ", Ok(()));
        check("[]", Err(BodyError::NotAnObject));
        check("\"text\"", Err(BodyError::NotAnObject));
        check("", Err(BodyError::NotJson(1, 1)));
        check("payload=%7B%7D", Err(BodyError::NotJson(1, 1)));
        check("{\"a\":1", Err(BodyError::NotJson(1, 6)));
        check("{} {}", Err(BodyError::NotJson(1, 4)));
        check([b'{', b'"', 0xff, b'"', b':', b'1', b'}'], Err(BodyError::NotUtf8));
    }

    #[test]
    fn no_key_twice_at_any_level() {
        check(r#"{"a":1,"b":{"a":1}}"#, Ok(()));
        check(r#"{"a":1,"a":1}"#, Err(BodyError::RepeatedKey));
        check(r#"{"x":[{"a":1,"\u0061":2}]}"#, Err(BodyError::RepeatedKey));
    }

    #[test]
    fn what_the_reader_does_not_look_at_is_checked_too() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Wanted {
            number: Option<u64>,
        }
        let deep = format!("{{\"x\":{}{},\"number\":7}}", "[".repeat(128), "]".repeat(128));
        let table = [
            (r#"{"x":{"y":[1]},"number":7}"#, Ok(Some(Wanted { number: Some(7) }))),
            (r#"{"number":null}"#, Ok(Some(Wanted { number: None }))),
            (r#"{"number":"seven","x":1}"#, Ok(None)),
            (r#"{"number":7,"x":1,"\u0078":2}"#, Err(BodyError::RepeatedKey)),
            (r#"{"x":[{"y":1,"y":2}],"number":7}"#, Err(BodyError::RepeatedKey)),
            (r#"{"number":7,"number":7}"#, Err(BodyError::RepeatedKey)),
            (r#"{"number":"seven","x":{"y":1,"y":2}}"#, Err(BodyError::RepeatedKey)),
            (r#"{"number":"seven","x":"#, Err(BodyError::NotJson(1, 22))),
            (r#"{"number":7} 8"#, Err(BodyError::NotJson(1, 14))),
            (&deep, Err(BodyError::TooDeep)),
        ];
        for (body, expected) in table {
            assert_eq!(read::<Wanted>(body.as_bytes()), expected, "{body:.40}");
        }
    }

    #[test]
    fn at_most_128_levels() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        check(nested(128), Ok(()));
        check(nested(129), Err(BodyError::TooDeep));
        check(nested(100_000), Err(BodyError::TooDeep));
        check("{\"a\":".repeat(100_000), Err(BodyError::TooDeep));
    }
}
