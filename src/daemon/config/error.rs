//! What is wrong with a configuration, in one line: file, key, cause, cure.

/// A configuration that is none. Never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {fault}")]
pub struct ConfigError {
    pub file: String,
    pub fault: Fault,
}

/// A fault and the key it is at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}{colon}{cause}", colon = if key.is_empty() { "" } else { ": " })]
pub struct Fault {
    pub key: String,
    pub cause: String,
}

impl Fault {
    pub fn at(key: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { key: key.into(), cause: cause.into() }
    }

    pub fn in_file(self, file: &std::path::Path) -> ConfigError {
        ConfigError { file: file.display().to_string(), fault: self }
    }
}

/// The known word that was probably meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|each| (distance(word, each), each));
    scored.filter(|(score, each)| *score <= each.len().max(word.len()) / 3 + 1).min().map(|(_, each)| each)
}

/// Edits between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
