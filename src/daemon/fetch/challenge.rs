//! How a registry of images wants to be told who asks: `WWW-Authenticate` (RFC 9110 section 11.6.1), as far as they use it.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A user and a password.
    Basic,
    /// A token that somebody gives out.
    Bearer(Bearer),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bearer {
    pub(super) realm: String,
    pub(super) service: Option<String>,
    pub(super) scope: Option<String>,
}

impl Challenge {
    /// `None`: it is neither.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut bearer = Bearer::default();
        let mut rest = rest.trim_start();
        while !rest.is_empty() {
            let (key, after) = rest.split_once('=')?;
            // Values are quoted, since a scope has commas.
            let (value, after) = after.strip_prefix('"')?.split_once('"')?;
            match key.trim().to_ascii_lowercase().as_str() {
                "realm" => value.clone_into(&mut bearer.realm),
                "service" => bearer.service = Some(value.to_owned()),
                "scope" => bearer.scope = Some(value.to_owned()),
                _ => {}
            }
            rest = after.trim_start_matches([',', ' ']);
        }
        (!bearer.realm.is_empty()).then_some(Self::Bearer(bearer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_passwords_are_asked_for() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let (service, scope) = (service.map(str::to_owned), scope.map(str::to_owned));
            Some(Challenge::Bearer(Bearer { realm: realm.to_owned(), service, scope }))
        };
        let check = |text: &str, expected: Option<Challenge>| assert_eq!(Challenge::parse(text), expected, "{text}");
        check(
            r#"Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:acme/model:pull,push""#,
            bearer(
                "https://auth.example.com/token",
                Some("registry.example.com"),
                Some("repository:acme/model:pull,push"),
            ),
        );
        check(r#"bearer realm="https://a/t", error="x""#, bearer("https://a/t", None, None));
        check(r#"Basic realm="registry""#, Some(Challenge::Basic));
        check("Basic", Some(Challenge::Basic));
        for other in ["", "Digest realm=\"x\"", "Bearer", "Bearer service=\"x\"", "Bearer realm=x", "Bearer realm=\"x"]
        {
            check(other, None);
        }
    }
}
