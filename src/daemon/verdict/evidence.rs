//! What a vote was about, as the daemon saw it itself.

use scanrelay::plugin::Verdict;
use serde::{Deserialize, Serialize};

use super::{Sandboxed, Vote};
use crate::daemon::digest::Digest;

/// What a plugin was given, and what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The digest of the model's files, where it was given them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Digest>,
    /// The digest of the container image, where it was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Digest>,
    /// The digest of its program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Digest>,
    /// How far it was confined. `None`: it was not run, or by a daemon that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandboxed: Option<Sandboxed>,
}

impl Evidence {
    /// Whether it was about those bytes.
    pub fn is_of(&self, digest: &Digest) -> bool {
        self.artifact.as_ref() == Some(digest) || self.image.as_ref() == Some(digest)
    }
}

/// What the voting scanners looked at, all of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub artifact: Option<Digest>,
    pub image: Option<Digest>,
}

/// What the voting scanners looked at; `None`: some looked at other bytes than others, so that together they say nothing of
/// any. A scanner that did not come to a result says nothing of what it was given.
pub fn about(votes: &[Vote]) -> Option<About> {
    let of = |part: fn(&Evidence) -> Option<&Digest>| {
        let counting = votes.iter().filter(|vote| !vote.advisory && vote.verdict != Verdict::Error);
        let mut digests = counting.filter_map(|vote| part(&vote.evidence));
        let first = digests.next();
        digests.all(|other| Some(other) == first).then(|| first.cloned())
    };
    Some(About { artifact: of(|evidence| evidence.artifact.as_ref())?, image: of(|evidence| evidence.image.as_ref())? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: &str) -> Digest {
        Digest::parse(&byte.repeat(32)).unwrap()
    }

    fn vote(verdict: Verdict, advisory: bool, artifact: Option<&str>, image: Option<&str>) -> Vote {
        let evidence = Evidence { artifact: artifact.map(digest), image: image.map(digest), ..Evidence::default() };
        let (summary, url, version, waived) = (None, None, None, Vec::new());
        Vote {
            scanner: "one".to_owned(),
            verdict,
            summary,
            url,
            version,
            findings: 0,
            advisory,
            said_at: None,
            evidence,
            waived,
        }
    }

    #[test]
    fn votes_about_different_bytes_say_nothing_together() {
        use Verdict::{Error, Safe};
        let check = |votes: &[Vote], expected: Option<(Option<&str>, Option<&str>)>| {
            let expected =
                expected.map(|(files, image)| About { artifact: files.map(digest), image: image.map(digest) });
            assert_eq!(about(votes), expected, "{votes:?}");
        };
        check(&[], Some((None, None)));
        let files = vote(Safe, false, Some("aa"), None);
        check(std::slice::from_ref(&files), Some((Some("aa"), None)));
        check(&[files.clone(), vote(Safe, false, Some("aa"), Some("bb"))], Some((Some("aa"), Some("bb"))));
        check(&[files.clone(), vote(Safe, false, None, None)], Some((Some("aa"), None)));
        check(&[files.clone(), vote(Safe, false, Some("cc"), None)], None);
        check(&[files.clone(), vote(Error, false, Some("cc"), None)], Some((Some("aa"), None)));
        check(&[files, vote(Safe, true, Some("cc"), None)], Some((Some("aa"), None)));
        check(&[vote(Safe, false, None, Some("aa")), vote(Safe, false, None, Some("bb"))], None);
    }
}
