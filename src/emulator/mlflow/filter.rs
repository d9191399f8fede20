//! The filters of a search, as far as MLflow's client and a person need them: names and tags, equal or not, and `AND`.

use super::answer::Refusal;
use super::asked::Tags;

pub struct Filter(Vec<Clause>);

struct Clause {
    of: Of,
    /// Else it must be another.
    equal: bool,
    value: String,
}

enum Of {
    Name,
    Tag(String),
}

impl Filter {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refused = || Refusal::invalid(format!("Invalid clause(s) in filter string: {text}"));
        let (mut clauses, mut rest) = (Vec::new(), text.trim());
        while !rest.is_empty() {
            let (clause, after) = clause(rest).ok_or_else(refused)?;
            clauses.push(clause);
            rest = match word(after) {
                Some((and, more)) if and.eq_ignore_ascii_case("and") && !more.is_empty() => more,
                _ if after.is_empty() => after,
                _ => return Err(refused()),
            };
        }
        Ok(Self(clauses))
    }

    /// A tag that is not there is another than any.
    pub fn takes(&self, name: &str, tags: &Tags) -> bool {
        self.0.iter().all(|clause| {
            let now = match &clause.of {
                Of::Name => Some(name),
                Of::Tag(key) => tags.get(key).map(String::as_str),
            };
            (now == Some(&clause.value)) == clause.equal
        })
    }
}

/// One comparison, and what comes after it.
fn clause(text: &str) -> Option<(Clause, &str)> {
    let of_tag = ["tags.", "tag."].iter().find_map(|prefix| text.strip_prefix(prefix));
    let (of, rest) = match of_tag {
        Some(rest) => key(rest).map(|(key, rest)| (Of::Tag(key.to_owned()), rest))?,
        None => (Of::Name, text.strip_prefix("name")?),
    };
    let rest = rest.trim_start();
    let (equal, rest) = match rest.strip_prefix('=') {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix("!=")?),
    };
    let rest = rest.trim_start();
    let quote = rest.chars().next().filter(|quote| ['\'', '"'].contains(quote))?;
    let (value, rest) = rest[1..].split_once(quote)?;
    Some((Clause { of, equal, value: value.to_owned() }, rest.trim()))
}

/// A tag's key: in backquotes, or a word.
fn key(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('`') {
        Some(rest) => rest.split_once('`'),
        None => text.find([' ', '=', '!']).map(|end| text.split_at(end)),
    }
}

fn word(text: &str) -> Option<(&str, &str)> {
    text.split_once(char::is_whitespace).map(|(word, rest)| (word, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<bool>) {
        let tags = Tags::from([("owner".to_owned(), "ada".to_owned())]);
        let taken = Filter::parse(text).ok().map(|filter| filter.takes("fraud", &tags));
        assert_eq!(taken, expected, "{text}");
    }

    #[test]
    fn what_the_client_asks_is_understood_and_the_rest_is_refused() {
        for yes in [
            "",
            "name='fraud'",
            "name = \"fraud\"",
            "name != 'other'",
            "tags.owner = 'ada'",
            "name = 'fraud' AND tag.`mlflow.prompt.is_prompt` != 'true'",
            "tags.`owner`='ada' and name='fraud'",
        ] {
            check(yes, Some(true));
        }
        for no in ["name='other'", "name='fraud' AND tags.owner != 'ada'", "tags.missing = ''"] {
            check(no, Some(false));
        }
        for wrong in [
            "bogus !",
            "name",
            "name LIKE 'f%'",
            "name='fraud",
            "name='fraud' OR name='x'",
            "name='fraud' AND ",
            "name=fraud",
        ] {
            check(wrong, None);
        }
    }
}
