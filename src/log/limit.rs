//! Hides warnings and errors that repeat. Two are the same when they are said in the same place with the same words,
//! whatever numbers stand in them: a flood that counts its attempts is a flood.

use std::fmt::{Debug, Write as _};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::gather::Lines;
use super::repeats::Key;

/// What is kept of an error to say how often it was repeated.
const WORDS: usize = 256;

pub struct Limit(pub Arc<Lines>);

impl<S: Subscriber> Layer<S> for Limit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let place = event.metadata();
        if *place.level() > Level::WARN || place.target() == super::gather::TARGET {
            return true;
        }
        let mut words = Words::default();
        event.record(&mut words);
        let mut hasher = DefaultHasher::new();
        place.callsite().hash(&mut hasher);
        let key = Key { place: hasher.finish(), words: words.hasher.finish() };
        self.0.may_say(key, || words.first)
    }
}

/// Strings and errors; what is a number is not looked at.
#[derive(Default)]
struct Words {
    hasher: DefaultHasher,
    first: String,
}

impl Words {
    fn take(&mut self, field: &Field, text: &str) {
        self.hasher.write(field.name().as_bytes());
        text.bytes().filter(|byte| !byte.is_ascii_digit()).for_each(|byte| self.hasher.write_u8(byte));
        if self.first.len() < WORDS {
            let name = if field.name() == "message" { "" } else { field.name() };
            let gap = if self.first.is_empty() { "" } else { ", " };
            let _ = write!(self.first, "{gap}{name}{}{text}", if name.is_empty() { "" } else { " " });
            let end = (0..=WORDS.min(self.first.len())).rev().find(|at| self.first.is_char_boundary(*at));
            self.first.truncate(end.unwrap_or(0));
        }
    }
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value);
    }

    fn record_f64(&mut self, _: &Field, _: f64) {}
    fn record_i64(&mut self, _: &Field, _: i64) {}
    fn record_u64(&mut self, _: &Field, _: u64) {}
    fn record_i128(&mut self, _: &Field, _: i128) {}
    fn record_u128(&mut self, _: &Field, _: u128) {}
    fn record_bool(&mut self, _: &Field, _: bool) {}
}
