//! JSON as Python's `json.dumps` writes it, since a signature is over bytes: a space after `,` and `:`, and ASCII alone.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

pub fn dumps(value: &impl Serialize) -> Vec<u8> {
    let mut written = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut written, Spaced)).expect("texts and lists of texts are JSON");
    written
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.begin_array_value(writer, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    /// What JSON itself escapes comes by another way, and as Python writes it.
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for char in fragment.chars() {
            if (' '..='~').contains(&char) {
                write!(writer, "{char}")?;
                continue;
            }
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: &serde_json::Value, expected: &str) {
        assert_eq!(String::from_utf8(dumps(value)).unwrap(), expected);
    }

    /// Each is what Python 3.11 prints of the same.
    #[test]
    fn it_is_written_as_by_python() {
        check(&json!({ "a": 1, "b": [1, "2", null], "c": {} }), r#"{"a": 1, "b": [1, "2", null], "c": {}}"#);
        check(&json!("v\n\u{7f}\t\"\u{e9}\u{1f600}"), r#""v\n\u007f\t\"\u00e9\ud83d\ude00""#);
        check(&json!("\u{0}\u{1f}\u{8}\u{c}\r\\/"), r#""\u0000\u001f\b\f\r\\/""#);
        check(&json!({ "\u{e9}, :": [[]] }), r#"{"\u00e9, :": [[]]}"#);
    }
}
