//! How a body may have looked before somebody read it and wrote it again.

use std::fmt::{self, Write as _};
use std::iter;

use crate::body;

/// What was done to a body after it was signed. Each is proved: the signature fits the body as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Only whitespace differs; how the signed body had it.
    Whitespace(&'static str),
    /// Only the line ends differ; how the signed body had them.
    LineEnds(&'static str),
    /// Strings are escaped in another way; how the signed body had them.
    Escapes(&'static str),
    /// The keys are in another order.
    Keys,
    /// There is more than Content-Length announced.
    Longer,
    /// An empty body was signed.
    Empty,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CURE: &str = "post the signed bytes themselves, and let nothing on the way parse and rewrite them";
        match self {
            Self::Whitespace(before) | Self::LineEnds(before) => {
                write!(f, "only whitespace differs, it was signed {before}: {CURE}")
            }
            Self::Escapes(before) => write!(f, "only escapes in strings differ, it was signed {before}: {CURE}"),
            Self::Keys => write!(f, "only the order of keys differs, it was signed with its keys sorted: {CURE}"),
            Self::Longer => {
                f.write_str("it is good up to its Content-Length, and bytes follow: save no more than was sent")
            }
            Self::Empty => f.write_str("an empty body was signed: have the sender sign the body that it posts"),
        }
    }
}

/// The bodies that may have been signed, with what has been done to each. The likeliest come first.
pub(super) fn variants(body: &[u8], announced: Option<u64>) -> impl Iterator<Item = (Change, Vec<u8>)> {
    let cut = announced.and_then(|length| usize::try_from(length).ok()).and_then(|length| body.get(..length));
    let cut = cut.filter(|_| !body.is_empty()).map(|cut| (line_end_or_longer(body, cut), cut.to_vec()));
    let empty = iter::once((Change::Empty, Vec::new()));
    cut.into_iter().chain(ends(body)).chain(written_again(body)).chain(empty).filter(move |(_, before)| before != body)
}

/// An editor's line end is not the sender's fault.
fn line_end_or_longer(body: &[u8], cut: &[u8]) -> Change {
    let rest = &body[cut.len()..];
    if rest.iter().all(u8::is_ascii_whitespace) {
        Change::LineEnds("without the line end after it")
    } else {
        Change::Longer
    }
}

fn ends(body: &[u8]) -> Vec<(Change, Vec<u8>)> {
    let bare = body.trim_ascii_end();
    let crlf = |body: &[u8]| body.split_inclusive(|byte| *byte == b'\n').flat_map(to_crlf).collect::<Vec<u8>>();
    let mut lf = body.to_vec();
    lf.retain(|byte| *byte != b'\r');
    vec![
        (Change::LineEnds("without the line end after it"), bare.to_vec()),
        (Change::LineEnds("with a line end after it"), [bare, b"\n"].concat()),
        (Change::LineEnds("with a CRLF after it"), [bare, b"\r\n"].concat()),
        (Change::LineEnds("with CRLF line ends"), crlf(&lf)),
        (Change::LineEnds("with LF line ends"), lf),
        (
            Change::Whitespace("without the byte order mark"),
            body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).to_vec(),
        ),
    ]
}

fn to_crlf(line: &[u8]) -> Vec<u8> {
    line.strip_suffix(b"\n").map_or_else(|| line.to_vec(), |line| [line, b"\r\n"].concat())
}

/// As other libraries write JSON.
fn written_again(body: &[u8]) -> impl Iterator<Item = (Change, Vec<u8>)> + use<> {
    // What is not one object, or is too deep, is nobody's webhook.
    let text = std::str::from_utf8(body).ok().filter(|_| body::check(body).is_ok()).map(str::to_owned);
    let ways = [false, true].into_iter().flat_map(|sorted| {
        STRINGS.iter().flat_map(move |strings| LAYOUTS.iter().map(move |layout| (sorted, strings, layout)))
    });
    text.into_iter().flat_map(move |text| {
        ways.clone().flat_map(move |(sorted, (strings, write), layout)| {
            let change = match (sorted, strings) {
                (true, _) => Change::Keys,
                (false, Some(strings)) => Change::Escapes(strings),
                (false, None) => Change::Whitespace(layout.name),
            };
            let written = Node::read(&text).map(|node| {
                let mut written = String::with_capacity(text.len() * 2);
                node.write(&Way { layout, sorted, string: *write }, 0, &mut written);
                written
            });
            written.into_iter().flat_map(move |written| {
                let ended = format!("{written}\n");
                [(change, written.into_bytes()), (change, ended.into_bytes())]
            })
        })
    })
}

/// Between the tokens.
struct Layout {
    name: &'static str,
    comma: &'static str,
    colon: &'static str,
    indent: Option<&'static str>,
}

const LAYOUTS: [Layout; 6] = [
    Layout { name: "compact", comma: ",", colon: ":", indent: None },
    Layout { name: "as Python's json.dumps writes it", comma: ", ", colon: ": ", indent: None },
    Layout { name: "with a blank after each colon", comma: ",", colon: ": ", indent: None },
    Layout { name: "indented by 2", comma: ",", colon: ": ", indent: Some("  ") },
    Layout { name: "indented by 4", comma: ",", colon: ": ", indent: Some("    ") },
    Layout { name: "indented by tabs", comma: ",", colon: ": ", indent: Some("\t") },
];

/// How a string is written again, given its text with quotes.
type Rewrite = fn(&str) -> String;

const STRINGS: [(Option<&str>, Rewrite); 5] = [
    (None, str::to_owned),
    (Some("with other characters than ASCII escaped"), ascii),
    (Some("with all characters as they are"), unescaped),
    (Some("with slashes escaped"), |text| ascii(text).replace('/', "\\/")),
    (Some("with <, > and & escaped"), |text| {
        unescaped(text).replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
    }),
];

fn unescaped(text: &str) -> String {
    let string = serde_json::from_str::<String>(text);
    string.and_then(|string| serde_json::to_string(&string)).unwrap_or_else(|_| text.to_owned())
}

fn ascii(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in unescaped(text).chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing into a String cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

/// JSON with every scalar as it was written.
enum Node<'a> {
    Scalar(&'a str),
    Array(Vec<Self>),
    Object(Vec<(&'a str, Self)>),
}

struct Way<'a> {
    layout: &'a Layout,
    sorted: bool,
    string: Rewrite,
}

impl<'a> Node<'a> {
    /// Of a document that was checked: its depth is bounded.
    fn read(text: &'a str) -> Option<Self> {
        Reader(text).node()
    }

    fn write(&self, way: &Way<'_>, depth: usize, out: &mut String) {
        match self {
            Self::Scalar(text) => out.push_str(&scalar(text, way)),
            Self::Array(nodes) => {
                way.list(['[', ']'], nodes, depth, out, |node, out| node.write(way, depth + 1, out));
            }
            Self::Object(members) => {
                let mut members: Vec<&(&str, Self)> = members.iter().collect();
                if way.sorted {
                    members.sort_by_key(|(key, _)| *key);
                }
                way.list(['{', '}'], &members, depth, out, |(key, node), out| {
                    out.push_str(&scalar(key, way));
                    out.push_str(way.layout.colon);
                    node.write(way, depth + 1, out);
                });
            }
        }
    }
}

fn scalar(text: &str, way: &Way<'_>) -> String {
    if text.starts_with('"') { (way.string)(text) } else { text.to_owned() }
}

impl Way<'_> {
    fn list<T>(&self, ends: [char; 2], all: &[T], depth: usize, out: &mut String, write: impl Fn(&T, &mut String)) {
        out.push(ends[0]);
        for (nth, each) in all.iter().enumerate() {
            if nth > 0 {
                out.push_str(self.layout.comma);
            }
            self.line(depth + 1, out);
            write(each, out);
        }
        if !all.is_empty() {
            self.line(depth, out);
        }
        out.push(ends[1]);
    }

    fn line(&self, depth: usize, out: &mut String) {
        if let Some(indent) = self.layout.indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    }
}

/// The text that is left.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn node(&mut self) -> Option<Node<'a>> {
        match self.peek()? {
            '{' => self
                .list('}', |reader| {
                    let key = reader.string()?;
                    reader.take(':')?;
                    Some((key, reader.node()?))
                })
                .map(Node::Object),
            '[' => self.list(']', Self::node).map(Node::Array),
            '"' => self.string().map(Node::Scalar),
            _ => {
                let end = self.0.find([',', ']', '}']).unwrap_or(self.0.len());
                let (word, rest) = self.0.split_at(end);
                self.0 = rest;
                Some(Node::Scalar(word.trim_ascii_end()))
            }
        }
    }

    fn list<T>(&mut self, end: char, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.0 = &self.0[1..];
        let mut all = Vec::new();
        while self.peek()? != end {
            if !all.is_empty() {
                self.take(',')?;
                self.peek()?;
            }
            all.push(item(self)?);
        }
        self.0 = &self.0[1..];
        Some(all)
    }

    fn string(&mut self) -> Option<&'a str> {
        self.peek().filter(|first| *first == '"')?;
        let mut escaped = false;
        let end = self.0.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        let (string, rest) = self.0.split_at(end + 2);
        self.0 = rest;
        Some(string)
    }

    /// The next character that is no whitespace.
    fn peek(&mut self) -> Option<char> {
        self.0 = self.0.trim_ascii_start();
        self.0.chars().next()
    }

    fn take(&mut self, character: char) -> Option<()> {
        self.peek().filter(|next| *next == character)?;
        self.0 = &self.0[1..];
        Some(())
    }
}
