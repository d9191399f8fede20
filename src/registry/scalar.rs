//! A value that some producers write as a number and others as a text.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A number or a string, as text. Everything else, `null` included, is the same as absent: it says nothing we can use.
#[derive(Default)]
pub(super) struct Scalar(Option<String>);

impl Scalar {
    pub(super) fn get(self) -> Option<String> {
        self.0.filter(|text| !text.is_empty())
    }

    pub(super) fn is_absent(&self) -> bool {
        self.0.is_none()
    }

    /// The same, where an empty text says something.
    pub(super) fn text(self) -> Option<String> {
        self.0
    }

    /// The enum's name, for a name or a number; unknown numbers stay numbers.
    pub(super) fn name(self, names: &[&str]) -> Option<String> {
        let text = self.get()?;
        let number: Option<usize> = text.parse().ok();
        Some(number.and_then(|number| names.get(number)).map_or(text, |name| (*name).to_owned()))
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyScalar;
        impl<'de> Visitor<'de> for AnyScalar {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an integer")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(Some(text.to_owned())))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(Some(number.to_string())))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(Some(number.to_string())))
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Scalar, E> {
                Ok(Scalar(None))
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Scalar, E> {
                Ok(Scalar(None))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Scalar, E> {
                Ok(Scalar(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar(None))
            }
        }
        deserializer.deserialize_any(AnyScalar)
    }
}
