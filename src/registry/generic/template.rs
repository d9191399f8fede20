//! Text with placeholders, filled so that a value can be nothing but a value.

use serde_json::{Map, Value};

use crate::registry::answer::encoded;

/// What stands in a placeholder. `None`: it is not known.
pub(super) type Values<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A text with `{name}` in it; `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(String),
}

/// A template that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A brace without its other.
    #[error("a brace has no other: write {{{{ or }}}} where a brace itself is meant")]
    Brace,
    /// No value has that name.
    #[error("{{{0}}} is no value: the values are {1}")]
    Unknown(String, String),
    /// The path does not begin at the root, or has a fragment.
    #[error("a path begins with / and has no #")]
    Path,
    /// A query is `name=value` pairs, with placeholders in values only.
    #[error("a query is name=value&…, with placeholders in values only")]
    Query,
    /// The body is no JSON.
    #[error("the body is no JSON object: placeholders stand within its texts")]
    Body,
}

impl Template {
    /// Reads a template that names no values but these.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, after) = rest[at..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let (name, after) = after.split_once('}').filter(|_| brace == "{").ok_or(TemplateError::Brace)?;
            if !known.contains(&name) {
                return Err(TemplateError::Unknown(name.to_owned(), known.join(", ")));
            }
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Value(name.to_owned()));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }

    fn is_literal(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// `None`: a value that it needs is not known.
    pub(super) fn filled(&self, values: &Values<'_>) -> Option<String> {
        self.with(values, |value| value)
    }

    fn with(&self, values: &Values<'_>, escape: impl Fn(String) -> String) -> Option<String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Value(name) => filled.push_str(&escape(values(name)?)),
            }
        }
        Some(filled)
    }
}

/// A path and a query, each segment and each value a template of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathTemplate {
    segments: Vec<Template>,
    query: Vec<(String, Template)>,
}

impl PathTemplate {
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Self, TemplateError> {
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        let path = path.strip_prefix('/').filter(|_| !text.contains('#')).ok_or(TemplateError::Path)?;
        let segments = path.split('/').map(|segment| Template::parse(segment, known)).collect::<Result<_, _>>()?;
        let pairs = query.into_iter().flat_map(|query| query.split('&'));
        let pair = |pair: &str| {
            let (name, value) =
                pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(TemplateError::Query)?;
            if !Template::parse(name, known)?.is_literal() {
                return Err(TemplateError::Query);
            }
            Ok((name.to_owned(), Template::parse(value, known)?))
        };
        Ok(Self { segments, query: pairs.map(pair).collect::<Result<_, _>>()? })
    }

    /// `None`: a segment's value is not known, or would make it one that a URL parser takes for another. A query's value that
    /// is not known is left out with its name.
    pub(super) fn filled(&self, values: &Values<'_>) -> Option<String> {
        let mut path = String::new();
        for segment in &self.segments {
            let filled = segment.with(values, |value| encoded(&value))?;
            if [".", ".."].contains(&filled.as_str()) || (filled.is_empty() && !segment.is_literal()) {
                return None;
            }
            path.push('/');
            path.push_str(&filled);
        }
        let pairs = self.query.iter().filter_map(|(name, value)| {
            let value = value.with(values, |value| encoded(&value))?;
            Some([name.as_str(), "=", &value].concat())
        });
        let query = pairs.collect::<Vec<_>>().join("&");
        Some(if query.is_empty() { path } else { [path.as_str(), "?", &query].concat() })
    }
}

/// A JSON object whose texts are templates.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BodyTemplate(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(Template),
    Other(Value),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl BodyTemplate {
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Self, TemplateError> {
        match serde_json::from_str(text) {
            Ok(object @ Value::Object(_)) => Node::of(object, known).map(Self),
            _ => Err(TemplateError::Body),
        }
    }

    /// A member of an object or a list whose value is not known is left out.
    pub(super) fn filled(&self, values: &Values<'_>) -> Value {
        self.0.filled(values).unwrap_or_default()
    }
}

impl Node {
    fn of(value: Value, known: &[&str]) -> Result<Self, TemplateError> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(&text, known)?),
            Value::Array(items) => {
                Self::List(items.into_iter().map(|item| Self::of(item, known)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let members = members.into_iter().map(|(key, value)| Ok((key, Self::of(value, known)?)));
                Self::Object(members.collect::<Result<_, _>>()?)
            }
            other => Self::Other(other),
        })
    }

    fn filled(&self, values: &Values<'_>) -> Option<Value> {
        match self {
            Self::Text(template) => template.filled(values).map(Value::String),
            Self::Other(value) => Some(value.clone()),
            Self::List(items) => Some(items.iter().filter_map(|item| item.filled(values)).collect()),
            Self::Object(members) => {
                let members = members.iter().filter_map(|(key, value)| Some((key.clone(), value.filled(values)?)));
                Some(Value::Object(members.collect::<Map<_, _>>()))
            }
        }
    }
}
