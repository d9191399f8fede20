//! Parts of a JSON document, each a piece of its text: what nobody asks for is read over and held nowhere, so that a report
//! takes no more memory than its text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

/// A part: one JSON value.
pub(super) type Part<'d> = &'d RawValue;

/// The document as a whole.
pub(super) fn whole(document: &[u8]) -> Result<Part<'_>, String> {
    let text = std::str::from_utf8(document).map_err(|error| format!("it is not JSON: {error}"))?;
    serde_json::from_str(text).map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> String {
    format!("it is not JSON: {error}")
}

/// The members of those names; what is no object has none. A name that stands there twice is an error: which of the two counts
/// is not for us to guess.
pub(super) fn members<'d, const N: usize>(object: Part<'d>, names: [&str; N]) -> Result<[Option<Part<'d>>; N], String> {
    if !object.get().starts_with('{') {
        return Ok([None; N]);
    }
    let (found, twice) =
        Deserializer::from_str(object.get()).deserialize_map(Members(names)).map_err(|error| not_json(&error))?;
    match twice {
        Some(name) => Err(format!("it has {:?} twice in one object", names[name])),
        None => Ok(found),
    }
}

struct Members<'n, const N: usize>([&'n str; N]);

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = ([Option<Part<'de>>; N], Option<usize>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut twice) = ([None; N], None);
        while let Some(name) = map.next_key_seed(OneOf(&self.0))? {
            let Some(name) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if found[name].replace(map.next_value()?).is_some() {
                twice = Some(name);
            }
        }
        Ok((found, twice))
    }
}

/// Which of the names a key is, without keeping it.
struct OneOf<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for OneOf<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for OneOf<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

/// Gives out the elements of a list one by one; what is no list has none.
pub(super) fn each<'d>(list: Part<'d>, mut take: impl FnMut(Part<'d>) -> Result<(), String>) -> Result<(), String> {
    if !is_list(list) {
        return Ok(());
    }
    let mut refused = None;
    let elements = Elements(|element| take(element).map_err(|reason| refused = Some(reason)).is_ok());
    let read = Deserializer::from_str(list.get()).deserialize_seq(elements);
    match refused {
        Some(reason) => Err(reason),
        None => read.map_err(|error| not_json(&error)),
    }
}

struct Elements<F>(F);

impl<'de, F: FnMut(Part<'de>) -> bool> Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element()? {
            if !(self.0)(element) {
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

/// How many elements a list has.
pub(super) fn length(list: Part<'_>) -> Result<u64, String> {
    let mut length = 0;
    each(list, |_| {
        length += 1;
        Ok(())
    })?;
    Ok(length)
}

/// What a pointer (RFC 6901) leads to.
pub(super) fn at<'d>(document: Part<'d>, pointer: &str) -> Result<Option<Part<'d>>, String> {
    let mut here = document;
    if pointer.is_empty() {
        return Ok(Some(here));
    }
    let Some(steps) = pointer.strip_prefix('/') else { return Ok(None) };
    for step in steps.split('/') {
        let next = if is_list(here) {
            nth(here, step)?
        } else {
            let [next] = members(here, [&step.replace("~1", "/").replace("~0", "~")])?;
            next
        };
        let Some(next) = next else { return Ok(None) };
        here = next;
    }
    Ok(Some(here))
}

fn nth<'d>(list: Part<'d>, step: &str) -> Result<Option<Part<'d>>, String> {
    // No other spelling is an index (section 4).
    let Some(wanted) = step.parse::<u64>().ok().filter(|number| number.to_string() == step) else { return Ok(None) };
    let (mut number, mut found) = (0, None);
    each(list, |element| {
        if number == wanted {
            found = Some(element);
        }
        number += 1;
        Ok(())
    })?;
    Ok(found)
}

pub(super) fn is_list(part: Part<'_>) -> bool {
    part.get().starts_with('[')
}

/// Nothing: null, false, 0, and what has nothing in it.
pub(super) fn is_nothing(part: Part<'_>) -> bool {
    let text = part.get();
    let inside = text.strip_prefix(['[', '{']).map(|rest| rest[..rest.len() - 1].trim_ascii());
    inside.map_or(matches!(text, "null" | "false" | "0" | "\"\""), str::is_empty)
}

/// The text, where it is one. What has no form in UTF-8, half a surrogate, stays as it is spelled.
pub(super) fn string(part: Part<'_>) -> Option<Cow<'_, str>> {
    let inside = part.get().strip_prefix('"')?.strip_suffix('"')?;
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    Some(serde_json::from_str(part.get()).map_or(Cow::Borrowed(inside), Cow::Owned))
}

/// A text as it is, anything else as JSON.
pub(super) fn text(part: Part<'_>) -> Cow<'_, str> {
    string(part).unwrap_or(Cow::Borrowed(part.get()))
}
