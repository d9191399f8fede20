//! An address with facts of the event in it: `https://models.example.com/{model}/{version}`.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::fields::{Facts, Name};
use super::settings::Fault;

/// An address, in pieces.
#[derive(Clone, Debug)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Fact(Name),
    /// Something that only the plugin knows, by its name.
    Own(String),
}

/// The names that a plugin adds to the facts stand behind this.
const OWN: &str = "result.";
/// Why a value is not put into an address, with the cure.
const AWAY: &str = "it is missing or empty, or a . or .. between its slashes leads elsewhere, so name another one here";

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}').ok_or("a { has no }")?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(match name.strip_prefix(OWN) {
                Some(own) => Piece::Own(own.to_owned()),
                None => Piece::Fact(Name::new(name)?),
            });
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// The address for this event, what is filled in encoded so that it is one segment of a path or one value of a query.
    /// `key` is the template's, below `settings`; `own` is what the plugin knows, under `result.`.
    pub fn fill(&self, key: &str, facts: &Facts, own: &[(&str, String)]) -> Result<String, Fault> {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => Ok(text.clone()),
            Piece::Fact(name) => {
                let value = facts.get(name).filter(|value| !leads_away(value));
                let value = value.ok_or_else(|| {
                    Fault::at(key, format!("the event has no {name} that can stand in an address: {AWAY}"))
                })?;
                Ok(encoded(&value))
            }
            Piece::Own(name) => {
                let found = own.iter().find(|(known, _)| known == name);
                let (_, value) = found.ok_or_else(|| {
                    let known: Vec<String> = own.iter().map(|(known, _)| format!("{{{OWN}{known}}}")).collect();
                    Fault::at(
                        key,
                        format!("{{{OWN}{name}}} is nothing that the plugin knows: it knows {}", known.join(", ")),
                    )
                })?;
                if leads_away(value) {
                    return Err(Fault::at(key, format!("{{{OWN}{name}}} cannot stand in an address: {AWAY}")));
                }
                Ok(encoded(value))
            }
        };
        self.0.iter().map(piece).collect()
    }
}

/// RFC 3986: what is not unreserved is written as its bytes.
pub fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

/// Whether it leads elsewhere than it says, as a segment of a path.
pub fn leads_away(segment: &str) -> bool {
    segment.is_empty() || climbs(segment)
}

/// Whether a part of it, between slashes, is `.` or `..`. Encoded it leads elsewhere, too (WHATWG URL, 4.1), by the latest at a
/// service that decodes a slash.
pub fn climbs(path: &str) -> bool {
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
    plain.split(['/', '\\']).any(|part| matches!(part, "." | ".."))
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use scanrelay::plugin::{Invocation, Run};
    use scanrelay::{Event, EventKind, Timestamp};

    use super::*;

    fn check(template: &str, expected: Result<&str, &str>) {
        let mut event = Event::new(EventKind::Promotion, "verta");
        event.model.name = Some("a/b c?é".into());
        event.actor = Some("..".into());
        let facts = Facts::of(&Invocation::new(Run::new("r1", 1, Timestamp::default()), "jenkins", event));
        let filled = Template::parse(template).and_then(|template| {
            template
                .fill("url", &facts, &[("number", "7".to_owned()), ("up", "%2E.".to_owned())])
                .map_err(|fault| fault.to_string())
        });
        match (filled, expected) {
            (Ok(filled), Ok(expected)) => assert_eq!(filled, expected),
            (Err(said), Err(words)) => assert!(said.contains(words), "{said}"),
            (filled, _) => panic!("{template}: {filled:?}"),
        }
    }

    #[test]
    fn what_is_filled_in_is_one_segment() {
        check("https://x.example.com/", Ok("https://x.example.com/"));
        check("https://x.example.com/{model}/{result.number}", Ok("https://x.example.com/a%2Fb%20c%3F%C3%A9/7"));
        check("{run.id}{run.id}", Ok("r1r1"));
        check("/{version}", Err("settings.url: the event has no version"));
        check("/{modle}", Err("is no fact of an event"));
        check("/{result.nubmer}", Err("it knows {result.number}, {result.up}"));
        check("/{model", Err("a { has no }"));
        check("/{actor}", Err("the event has no actor that can"));
        check(
            "/{result.up}",
            Err("settings.url: {result.up} cannot stand in an address: it is missing or empty, or a . or"),
        );
    }

    #[test]
    fn what_leads_away_is_known_however_it_is_written() {
        for away in ["", ".", "..", "%2e", ".%2E", "%2E%2e", "a/../b", "../x", "x/..", "a\\..\\b", "..%2Fx", "..%5cx"] {
            assert!(leads_away(away), "{away}");
        }
        for fine in ["7", "...", "v1.2", "a/b", ".a", "..a", "a..", "%2", "a%2Fb", "é"] {
            assert!(!leads_away(fine), "{fine}");
        }
    }
}
