//! Rust's text as words, and the paths in them. As much of the language as the house rules need.

/// A word or a sign, and its line.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// A path as it was written out: `use a::{b, c::d}` holds `a::b` and `a::c::d`.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    pub names: Vec<String>,
    pub line: usize,
}

/// The words of a file, without comments, without what stands in texts, and without what only tests see.
pub fn tokens(text: &str) -> Vec<Token> {
    without_tests(&words(text))
}

fn words(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => find(&chars, at, |rest| rest[0] == '\n'),
            '/' if chars.get(at + 1) == Some(&'*') => block_comment(&chars, at),
            '"' => quoted(&chars, at),
            '\'' => character(&chars, at),
            c if c.is_alphanumeric() || c == '_' => {
                let end = find(&chars, at, |rest| !rest[0].is_alphanumeric() && rest[0] != '_');
                let word: String = chars[at..end].iter().collect();
                match chars.get(end) {
                    Some('"' | '#') if ["r", "br", "cr"].contains(&word.as_str()) => raw(&chars, end),
                    _ => {
                        tokens.push(Token { text: word, line });
                        end
                    }
                }
            }
            ':' if chars.get(at + 1) == Some(&':') => {
                tokens.push(Token { text: "::".to_owned(), line });
                at + 2
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(Token { text: c.to_string(), line });
                }
                at + 1
            }
        };
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    tokens
}

/// The first place from `at` whose rest is so; the end if there is none.
fn find(chars: &[char], at: usize, is: impl Fn(&[char]) -> bool) -> usize {
    (at..chars.len()).find(|at| is(&chars[*at..])).unwrap_or(chars.len())
}

fn block_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn quoted(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// A raw text, from its first `#` or quote; `r#name` is a word, and there only the `#` is passed.
fn raw(chars: &[char], start: usize) -> usize {
    let open = find(chars, start, |rest| rest[0] != '#');
    if chars.get(open) != Some(&'"') {
        return open;
    }
    let mut close = vec!['"'];
    close.resize(1 + open - start, '#');
    (find(chars, open + 1, |rest| rest.starts_with(&close)) + close.len()).min(chars.len())
}

/// A character, or the quote of a lifetime.
fn character(chars: &[char], at: usize) -> usize {
    match chars[at + 1..] {
        ['\\', _, ..] => (find(chars, at + 3, |rest| rest[0] == '\'') + 1).min(chars.len()),
        [_, '\'', ..] => at + 3,
        _ => at + 1,
    }
}

/// Without each item under `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if starts(&tokens[at..], &["#", "[", "cfg", "(", "test", ")", "]"]) {
            at = item_end(tokens, at + 7);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

pub fn starts(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

/// Behind the semicolon or the closing brace of the item that begins here.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" if depth == 1 => return at + 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Every path of two names and more, trees written out.
pub fn paths(tokens: &[Token]) -> Vec<Path> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let begins = is_name(&tokens[at]) && (at == 0 || tokens[at - 1].text != "::");
        // What stands in a tree was written out with its root.
        if begins && tokens.get(at + 1).is_some_and(|next| next.text == "::") && !in_tree(tokens, at) {
            tree(tokens, at, &[], &mut found);
        }
    }
    found
}

fn is_name(token: &Token) -> bool {
    token.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Whether the place stands within the braces of a use tree.
fn in_tree(tokens: &[Token], at: usize) -> bool {
    let mut depth = 0_usize;
    for place in (0..at).rev() {
        match tokens[place].text.as_str() {
            "}" => depth += 1,
            "{" if depth > 0 => depth -= 1,
            "{" => return place > 0 && tokens[place - 1].text == "::",
            ";" if depth == 0 => return false,
            _ => {}
        }
    }
    false
}

/// Reads the tree at that place; gives the place behind it.
fn tree(tokens: &[Token], mut at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    let mut names = prefix.to_vec();
    let line = tokens[at].line;
    loop {
        match tokens.get(at) {
            Some(token) if token.text == "{" => {
                at += 1;
                while at < tokens.len() && tokens[at].text != "}" {
                    at = if tokens[at].text == "," { at + 1 } else { tree(tokens, at, &names, found) };
                }
                return at + 1;
            }
            // `self` in a tree is the path before it.
            Some(token) if token.text == "self" && !prefix.is_empty() => {}
            Some(token) if is_name(token) => names.push(token.text.clone()),
            // `*`, or the generics of a type.
            _ => {
                found.push(Path { names, line });
                return at + 1;
            }
        }
        at += 1;
        if tokens.get(at).is_none_or(|next| next.text != "::") {
            found.push(Path { names, line });
            // `as` and its name.
            return if tokens.get(at).is_some_and(|next| next.text == "as") { at + 2 } else { at };
        }
        at += 1;
    }
}
