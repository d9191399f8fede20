//! Hides warnings and errors that repeat. Two are the same when they are said in the same place with the same words,
//! whatever numbers stand in them: a flood that counts its attempts is a flood.

use std::fmt::{self, Debug, Write};
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
        let mut words = Visited(Hashed::default());
        event.record(&mut words);
        let mut hasher = DefaultHasher::new();
        place.callsite().hash(&mut hasher);
        let key = Key { place: hasher.finish(), words: words.0.0.finish() };
        self.0.may_say(key, || {
            // Asked for once in a pause: a flood is only compared.
            let mut words = Visited(Shown::default());
            event.record(&mut words);
            words.0.0
        })
    }
}

/// Takes strings and errors; what is a number is not looked at.
trait Words: Write {
    fn begin(&mut self, name: &str);
}

/// Without the digits in it.
#[derive(Default)]
struct Hashed(DefaultHasher);

impl Words for Hashed {
    fn begin(&mut self, name: &str) {
        self.0.write(name.as_bytes());
    }
}

impl Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.as_bytes().split(u8::is_ascii_digit).for_each(|run| self.0.write(run));
        Ok(())
    }
}

/// The beginning of it, for people.
#[derive(Default)]
struct Shown(String);

impl Words for Shown {
    fn begin(&mut self, name: &str) {
        let gap = if self.0.is_empty() { "" } else { ", " };
        let (name, blank) = if name == "message" { ("", "") } else { (name, " ") };
        let _ = write!(self, "{gap}{name}{blank}");
    }
}

impl Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = WORDS.saturating_sub(self.0.len()).min(text.len());
        let end = (0..=room).rev().find(|at| text.is_char_boundary(*at));
        self.0.push_str(&text[..end.unwrap_or(0)]);
        Ok(())
    }
}

struct Visited<W>(W);

impl<W: Words> Visit for Visited<W> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.begin(field.name());
        let _ = write!(self.0, "{value:?}");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.begin(field.name());
        let _ = self.0.write_str(value);
    }

    fn record_f64(&mut self, _: &Field, _: f64) {}
    fn record_i64(&mut self, _: &Field, _: i64) {}
    fn record_u64(&mut self, _: &Field, _: u64) {}
    fn record_i128(&mut self, _: &Field, _: i128) {}
    fn record_u128(&mut self, _: &Field, _: u128) {}
    fn record_bool(&mut self, _: &Field, _: bool) {}
}
