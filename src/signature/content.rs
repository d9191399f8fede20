//! What is signed.

use super::error::SchemeError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Id,
    Timestamp,
    Body,
    Text(String),
}

/// What is signed: a template of `{id}`, `{timestamp}`, `{body}` and the text between them.
///
/// ```
/// use scanrelay::signature::SignedContent;
///
/// assert!(SignedContent::parse("v0:{timestamp}:{body}").is_ok());
/// assert!(SignedContent::parse("{id}.{timestamp}").is_err(), "the body is what matters");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedContent(Vec<Part>);

impl Default for SignedContent {
    /// The body alone.
    fn default() -> Self {
        Self(vec![Part::Body])
    }
}

impl SignedContent {
    /// Reads a template. It must name `{body}` exactly once and the others at most once.
    pub fn parse(template: &str) -> Result<Self, SchemeError> {
        let fault = || SchemeError::Template(template.to_owned());
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                parts.push(Part::Text(rest[..open].to_owned()));
            }
            let close = rest[open..].find('}').ok_or_else(fault)? + open;
            let part = match &rest[open + 1..close] {
                "id" => Part::Id,
                "timestamp" => Part::Timestamp,
                "body" => Part::Body,
                _ => return Err(fault()),
            };
            if parts.contains(&part) {
                return Err(fault());
            }
            parts.push(part);
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if parts.contains(&Part::Body) { Ok(Self(parts)) } else { Err(fault()) }
    }

    pub(super) fn names(&self, part: &Part) -> bool {
        self.0.contains(part)
    }

    pub(super) fn parts<'a>(
        &'a self,
        id: &'a [u8],
        timestamp: &'a [u8],
        body: &'a [u8],
    ) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.0.iter().map(move |part| match part {
            Part::Id => id,
            Part::Timestamp => timestamp,
            Part::Body => body,
            Part::Text(text) => text.as_bytes(),
        })
    }
}

impl std::fmt::Display for SignedContent {
    /// The template, as [`SignedContent::parse`] takes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Id => f.write_str("{id}"),
            Part::Timestamp => f.write_str("{timestamp}"),
            Part::Body => f.write_str("{body}"),
            Part::Text(text) => f.write_str(text),
        })
    }
}
