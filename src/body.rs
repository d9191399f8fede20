//! What a signed body must be before anybody reads it: one UTF-8 JSON object, not too deep, no key twice.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Levels of objects and arrays. The recursion here is bounded by it, whatever is sent.
pub(crate) const MAX_DEPTH: usize = 128;

/// Errors carry no data out of serde, so these words do.
const TOO_DEEP: &str = "too deep";
const REPEATED_KEY: &str = "repeated key";

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
    let text = std::str::from_utf8(body).map_err(|_| BodyError::NotUtf8)?;
    if !text.trim_ascii_start().starts_with('{') {
        // Which of the two it is, is worth telling: a sender of `[]` has another fault than a sender of form data.
        let json = serde_json::from_str::<de::IgnoredAny>(text).is_ok();
        return Err(if json { BodyError::NotAnObject } else { BodyError::NotJson(1, 1) });
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    let checked = deserializer.deserialize_any(Level(MAX_DEPTH)).and_then(|()| deserializer.end());
    checked.map_err(|error| {
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

/// How many more levels there may be.
#[derive(Clone, Copy)]
struct Level(usize);

impl Level {
    fn below<E: de::Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom(TOO_DEEP))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let below = self.below()?;
        while seq.next_element_seed(below)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let below = self.below()?;
        let mut keys = Vec::new();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            map.next_value_seed(below)?;
            keys.push(key);
        }
        // Sorted, not hashed: no choice of keys makes it slow.
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) { Err(de::Error::custom(REPEATED_KEY)) } else { Ok(()) }
    }
}

/// A key, borrowed from the body where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: impl AsRef<[u8]>, expected: Result<(), BodyError>) {
        assert_eq!(super::check(body.as_ref()).err(), expected.err(), "{:.40}", String::from_utf8_lossy(body.as_ref()));
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
    fn at_most_128_levels() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        check(nested(128), Ok(()));
        check(nested(129), Err(BodyError::TooDeep));
        check(nested(100_000), Err(BodyError::TooDeep));
        check("{\"a\":".repeat(100_000), Err(BodyError::TooDeep));
    }
}
