//! One line of JSON for one event: `timestamp`, `level`, the event's own fields, `target`.
//!
//! Written straight into a buffer, and given whole: a line for each delivery is a good part of what a delivery costs.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, format::Writer};
use tracing_subscriber::registry::LookupSpan;

/// Most lines are not longer.
const LINE: usize = 512;

pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::with_capacity(LINE);
        line.push_str("{\"timestamp\":\"");
        SystemTime.format_time(&mut Writer::new(&mut line))?;
        line.push_str("\",\"level\":\"");
        line.push_str(event.metadata().level().as_str());
        line.push('"');
        let mut fields = Fields { line: &mut line, written: Ok(()) };
        event.record(&mut fields);
        fields.text("target", event.metadata().target());
        fields.written?;
        line.push_str("}\n");
        writer.write_str(&line)
    }
}

struct Fields<'a> {
    line: &'a mut String,
    written: fmt::Result,
}

impl Fields<'_> {
    fn entry(&mut self, name: &str, value: impl FnOnce(&mut String) -> fmt::Result) {
        if self.written.is_ok() {
            self.line.push_str(",\"");
            self.line.push_str(name);
            self.line.push_str("\":");
            self.written = value(self.line);
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.entry(name, |line| {
            line.push('"');
            Escaped(line).write_str(text)?;
            line.push('"');
            Ok(())
        });
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, text: &str) {
        self.text(field.name(), text);
    }

    fn record_i64(&mut self, field: &Field, number: i64) {
        self.entry(field.name(), |line| write!(line, "{number}"));
    }

    fn record_u64(&mut self, field: &Field, number: u64) {
        self.entry(field.name(), |line| write!(line, "{number}"));
    }

    fn record_bool(&mut self, field: &Field, truth: bool) {
        self.entry(field.name(), |line| write!(line, "{truth}"));
    }

    fn record_f64(&mut self, field: &Field, number: f64) {
        // JSON has no word for the others.
        self.entry(
            field.name(),
            |line| {
                if number.is_finite() { write!(line, "{number}") } else { line.write_str("null") }
            },
        );
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.entry(field.name(), |line| {
            line.push('"');
            write!(Escaped(line), "{value:?}")?;
            line.push('"');
            Ok(())
        });
    }
}

/// Text within a string of JSON.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            self.0.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                b'\n' => self.0.push_str("\\n"),
                byte @ (b'"' | b'\\') => write!(self.0, "\\{}", char::from(byte))?,
                control => write!(self.0, "\\u{control:04x}")?,
            }
            rest = &rest[at + 1..];
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn said(say: impl FnOnce()) -> Value {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::fmt().event_format(Json).with_writer(kept.clone()).finish();
        tracing::subscriber::with_default(subscriber, say);
        let bytes = kept.0.lock().unwrap().clone();
        assert_eq!(bytes.iter().position(|byte| *byte == b'\n'), Some(bytes.len() - 1), "one event, one line");
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn every_kind_of_field_is_json() {
        let mut line = said(|| {
            let (none, ratio) = (None::<u64>, f64::NAN);
            tracing::warn!(delivery = 7_i64, size = 9_u64, fine = true, half = 0.5, ratio, none, subject = "a", "said");
        });
        let line = line.as_object_mut().unwrap();
        let timestamp = line.remove("timestamp").unwrap();
        assert!(timestamp.as_str().is_some_and(|text| text.ends_with('Z')), "{timestamp}");
        let expected = json!({
            "level": "WARN", "message": "said", "delivery": 7, "size": 9, "fine": true, "half": 0.5, "ratio": null,
            "subject": "a", "target": module_path!(),
        });
        assert_eq!(Value::Object(line.clone()), expected);
    }

    #[test]
    fn what_would_end_a_string_or_a_line_is_escaped() {
        let hostile = "\"},\\\n\r\t\u{0}\u{1b}[31m\u{7f}é😀";
        let line = said(|| tracing::info!(subject = hostile, shown = ?hostile, "a {hostile} b"));
        assert_eq!(line["subject"], hostile);
        assert_eq!(line["message"], format!("a {hostile} b"));
        assert_eq!(line["shown"], format!("{hostile:?}"));
    }
}
