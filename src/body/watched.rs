//! Watches a document while somebody reads it: how deep it is, and whether a key is in one object twice. Whatever the reader
//! passes over is watched, too, so that one pass is enough.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Errors carry no data out of serde, so these words do.
pub(super) const TOO_DEEP: &str = "too deep";
pub(super) const REPEATED_KEY: &str = "repeated key";

/// Whatever serde hands around, watched. Enums are not read: no registry's body has one.
pub(super) struct Watched<'k, 'de, T> {
    inner: T,
    watch: Watch<'k, 'de>,
}

#[derive(Clone, Copy)]
struct Watch<'k, 'de> {
    /// Of the objects that are open, the outermost first.
    keys: &'k Keys<'de>,
    /// How many more levels there may be.
    levels: usize,
}

pub(super) type Keys<'de> = RefCell<Vec<Cow<'de, str>>>;

impl<'k, 'de, T> Watched<'k, 'de, T> {
    pub(super) fn new(inner: T, keys: &'k Keys<'de>, levels: usize) -> Self {
        Self { inner, watch: Watch { keys, levels } }
    }
}

impl<'k, 'de> Watch<'k, 'de> {
    fn over<T>(self, inner: T) -> Watched<'k, 'de, T> {
        Watched { inner, watch: self }
    }

    fn below<E: Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1).ok_or_else(|| E::custom(TOO_DEEP))?;
        Ok(Self { levels, ..self })
    }

    /// Ends the object whose keys begin there.
    fn close<E: Error>(self, first: usize) -> Result<(), E> {
        let mut keys = self.keys.borrow_mut();
        // Sorted, not hashed: no choice of keys makes it slow.
        keys[first..].sort_unstable();
        let repeated = keys[first..].windows(2).any(|pair| pair[0] == pair[1]);
        keys.truncate(first);
        if repeated { Err(E::custom(REPEATED_KEY)) } else { Ok(()) }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Watched<'_, 'de, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(self.watch.over(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(self.watch.over(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watched<'_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<V::Value, E> {
        self.inner.visit_bool(truth)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<V::Value, E> {
        self.inner.visit_i64(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<V::Value, E> {
        self.inner.visit_u64(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<V::Value, E> {
        self.inner.visit_f64(number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.inner.visit_str(text)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<V::Value, E> {
        self.inner.visit_borrowed_str(text)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(self.watch.over(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(self.watch.below()?.over(seq))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let watch = self.watch.below()?;
        let first = watch.keys.borrow().len();
        let value = self.inner.visit_map(watch.over(map))?;
        watch.close(first)?;
        Ok(value)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Watched<'_, 'de, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_element_seed(self.watch.over(seed))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Watched<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let Some(Key(key)) = self.inner.next_key::<Key<'de>>()? else { return Ok(None) };
        let value = seed.deserialize(StrDeserializer::new(&key))?;
        self.watch.keys.borrow_mut().push(key);
        Ok(Some(value))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(self.watch.over(seed))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Watched<'_, 'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(self.watch.over(deserializer))
    }
}

/// A key, borrowed from the body where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
