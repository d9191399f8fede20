//! Tables for people, JSON for machines; data to stdout.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use scanrelay::Timestamp;
use scanrelay::plugin::printable;
use serde::Serialize;

use super::Outcome;

/// One line of JSON per value.
pub(super) fn json<T: Serialize>(value: &T) -> Outcome {
    let text = serde_json::to_string(value).map_err(anyhow::Error::from)?;
    line(&text)
}

pub(super) fn line(text: &str) -> Outcome {
    match writeln!(io::stdout(), "{text}") {
        // Whoever read us has seen enough: `scanrelay jobs list | head -1`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

pub(super) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.set_header(head.iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    table
}

pub(super) fn print(table: &Table) -> Outcome {
    let text = table.to_string();
    let trimmed: Vec<&str> = text.lines().map(str::trim_end).collect();
    line(&trimmed.join("\n"))
}

pub(super) fn cell(text: &str) -> Cell {
    Cell::new(printable(text))
}

/// A state in its colour: what is well, what is on its way, what needs somebody.
pub(super) fn state(word: &str) -> Cell {
    let color = match word {
        "done" => Color::Green,
        "dead" => Color::Red,
        "open" | "running" | "due" | "waiting" | "held" => Color::Yellow,
        _ => Color::Reset,
    };
    Cell::new(word).fg(color)
}

/// Bytes, in the largest unit that they fill.
pub(super) fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let Some((unit, bits)) = units.into_iter().find(|(_, bits)| bytes >> bits > 0) else { return format!("{bytes} B") };
    let tenths = (u128::from(bytes) * 10) >> bits;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// How long ago, in the largest unit that says something.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(at).as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_they_fill() {
        let check = |bytes, words| assert_eq!(size(bytes), words);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.0 KiB");
        check(1_048_575, "1023.9 KiB");
        check(3 << 19, "1.5 MiB");
        check(u64::MAX, "17179869183.9 GiB");
    }
}
