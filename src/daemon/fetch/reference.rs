//! What an image is called: `HOST[:PORT]/NAME[:TAG][@DIGEST]`, as the OCI distribution specification 1.1 (section "Pulling
//! manifests") and the reference grammar of its implementations have it.

use crate::daemon::digest::Digest;

/// Longer is no name.
const LONGEST: usize = 512;

/// A reference that names its registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub(super) host: &'a str,
    pub(super) name: &'a str,
    pub(super) which: Which<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Which<'a> {
    Tag(&'a str),
    Digest(Digest),
}

impl<'a> Reference<'a> {
    /// `None`: it is none, or it does not say in which registry.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (text, digest) = match text.split_once('@') {
            Some((text, digest)) => (text, Some(Digest::parse(digest.strip_prefix("sha256:")?)?)),
            None => (text, None),
        };
        let (host, rest) = text.split_once('/')?;
        let (name, tag) = rest.split_once(':').map_or((rest, None), |(name, tag)| (name, Some(tag)));
        // Without a dot or a port it is a folder of the registry that everybody means, which is none in particular.
        let names_a_host = host == "localhost" || host.contains(['.', ':']);
        let good = names_a_host && is_host(host) && name.split('/').all(is_part) && tag.is_none_or(is_tag);
        let which = digest.map_or_else(|| Which::Tag(tag.unwrap_or("latest")), Which::Digest);
        good.then_some(Self { host, name, which })
    }

    /// The same, by nothing but what it is.
    pub(super) fn pinned(&self, digest: &Digest) -> String {
        format!("{}/{}@{digest}", self.host, self.name)
    }
}

fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Letters and digits, with single separators between.
fn is_part(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = part.bytes().next().is_some_and(plain) && part.bytes().next_back().is_some_and(plain);
    let separators = part.split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    ends && separators
        .filter(|between| !between.is_empty())
        .all(|between| matches!(between, "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_registry_image_and_tag() {
        let check = |text: &str, host: &str, name: &str, tag: &str| {
            let expected = Reference { host, name, which: Which::Tag(tag) };
            assert_eq!(Reference::parse(text), Some(expected), "{text}");
        };
        check("registry.example.com/acme/model:1", "registry.example.com", "acme/model", "1");
        check("registry.example.com:5000/model", "registry.example.com:5000", "model", "latest");
        check("localhost/a-b.c__d/e--f:v1.0_x-Y", "localhost", "a-b.c__d/e--f", "v1.0_x-Y");
        let digest = Digest::parse(&"ab".repeat(32)).unwrap();
        for tag in ["", ":1"] {
            let text = format!("registry.example.com/model{tag}@{digest}");
            let found = Reference::parse(&text).unwrap();
            assert_eq!(found.which, Which::Digest(digest.clone()));
            assert_eq!(found.pinned(&digest), format!("registry.example.com/model@{digest}"));
        }
    }

    #[test]
    fn nothing_else_is_one() {
        let long = format!("registry.example.com/{}", "a".repeat(512));
        let others = [
            "",
            "model",
            "acme/model:1",
            "model:1",
            "registry.example.com/",
            "registry.example.com/:1",
            "registry.example.com/Model",
            "registry.example.com/a//b",
            "registry.example.com/../etc",
            "registry.example.com/-model",
            "registry.example.com/model:",
            "registry.example.com/model:.1",
            "registry.example.com/model:a/b",
            "registry.example.com/model@sha256:ab",
            "registry.example.com/model@md5:ab",
            "registry.example.com:0/model",
            "registry.example.com:x/model",
            "-registry.example.com/model",
            "user@registry.example.com/model",
            "https://registry.example.com/model",
            "registry.example.com/model 1",
            "registry.example.com/model?x",
            "registry.example.com/model%2e",
            "registry..example.com/model",
            long.as_str(),
        ];
        for other in others {
            assert_eq!(Reference::parse(other), None, "{other:?}");
        }
    }
}
