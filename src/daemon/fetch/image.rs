//! Which image a tag is: asked once, at a registry that the configuration names, so that scanners and whoever deploys speak of
//! the same bytes.
//!
//! A reference comes from outside. Nobody is asked for it but the registries of `[images]`, and credentials go to these and to
//! the token servers that stand beside them.

use bytes::BytesMut;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Client, Response};
use scanrelay::Secret;
use scanrelay::plugin::Image;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::challenge::{Bearer, Challenge};
use super::reference::{Reference, Which};
use super::{Failure, shown};
use crate::daemon::digest::Digest;
use crate::daemon::writeback::{BadTarget, Reasons, Target, basic, words};

/// OCI's and Docker's, of one platform or of several: a registry that is not told sends an old form.
const FORMS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// A registry of container images.
pub struct ImageRegistry {
    /// How it is reached. Credentials of its own are sent only where it asks for them: it has none here.
    pub target: Target,
    /// As it stands in references.
    pub host: String,
    /// Who gives tokens out; without, the registry itself.
    pub tokens: Option<Url>,
    pub login: Option<(String, Secret)>,
}

/// All that may be asked.
pub struct Images {
    registries: Vec<Asked>,
}

struct Asked {
    registry: ImageRegistry,
    client: Client,
    reasons: Reasons,
}

impl Images {
    pub fn new(registries: Vec<ImageRegistry>) -> Result<Self, BadTarget> {
        let asked = registries.into_iter().map(|registry| {
            let target = &registry.target;
            let client = target.client()?.timeout(target.timeout).build();
            let client = client.map_err(|error| target.bad(words(&error)))?;
            Ok(Asked { reasons: target.reasons(), client, registry })
        });
        Ok(Self { registries: asked.collect::<Result<_, _>>()? })
    }

    /// The image of that reference: what it is now, unless `known` says what it was found to be before.
    pub async fn resolve(&self, text: &str, known: Option<Digest>) -> Result<Image, Failure> {
        let reference = Reference::parse(text).ok_or_else(|| {
            Failure::Never(format!("{:?} is no image reference with a registry: HOST/NAME:TAG", shown(text)))
        })?;
        // Of one by its digest there is nothing to be asked. But who is given it asks that registry for it.
        let asked = self.registries.iter().find(|asked| asked.registry.host == reference.host);
        let asked = asked.ok_or_else(|| {
            let cure = "is not one that is asked: add it to [images]";
            Failure::Never(format!("the image registry {} {cure}", reference.host))
        })?;
        let digest = match (&reference.which, known) {
            (Which::Digest(digest), _) => digest.clone(),
            (Which::Tag(_), Some(known)) => known,
            (Which::Tag(tag), None) => asked.manifest(reference.name, tag).await?,
        };
        Ok(Image::new(text, digest.to_string(), reference.pinned(&digest)))
    }
}

impl Asked {
    /// The digest of a manifest: of the bytes that came, and not of what a header says of them.
    async fn manifest(&self, name: &str, tag: &str) -> Result<Digest, Failure> {
        let base = self.registry.target.url.as_str().trim_end_matches('/');
        let url = format!("{base}/v2/{name}/manifests/{tag}");
        let mut answer = self.get(&url, None).await?;
        if answer.status().as_u16() == 401 {
            let authorization = self.authorization(&answer).await?;
            answer = self.get(&url, Some(authorization)).await?;
        }
        let host = &self.registry.host;
        match answer.status().as_u16() {
            200 => {}
            404 => return Err(Failure::Never(format!("{host} has no image {name}:{tag}"))),
            status @ (401 | 403) => {
                let cure = format!("see {}.credentials", self.registry.target.key);
                return Err(Failure::Later(format!("{host} answered {status} when asked for {name}: {cure}")));
            }
            status @ (408 | 425 | 429 | 500..=599) => return Err(Failure::Later(format!("{host} answered {status}"))),
            status => return Err(Failure::Never(format!("{host} answered {status}"))),
        }
        let said =
            answer.headers().get("docker-content-digest").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = self.read(answer).await?;
        let (digest, _) = Digest::of(body.as_ref()).map_err(|error| Failure::Later(error.to_string()))?;
        // A registry may have another algorithm; where it has ours, both agree, or the answer is not the registry's.
        let other = said.and_then(|said| Digest::parse(said.strip_prefix("sha256:")?));
        if other.is_some_and(|other| other != digest) {
            return Err(Failure::Later(format!("{host} sent another manifest of {name}:{tag} than it says")));
        }
        Ok(digest)
    }

    async fn get(&self, url: &str, authorization: Option<HeaderValue>) -> Result<Response, Failure> {
        let mut request = self.client.get(url).header(ACCEPT, FORMS);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let host = &self.registry.host;
        request.send().await.map_err(|error| Failure::Later(format!("{host}: {}", self.reasons.words(&error))))
    }

    /// What it asks for: who we are, or a token (the token authentication of the distribution project).
    async fn authorization(&self, answer: &Response) -> Result<HeaderValue, Failure> {
        let host = &self.registry.host;
        let said = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match Challenge::parse(said) {
            Some(Challenge::Basic) => self.basic().ok_or_else(|| {
                Failure::Later(format!("{host} wants to know who asks: set {}.credentials", self.registry.target.key))
            }),
            Some(Challenge::Bearer(bearer)) => self.token(&bearer).await,
            None => Err(Failure::Later(format!("{host} answered 401 and does not say how to log in"))),
        }
    }

    async fn token(&self, bearer: &Bearer) -> Result<HeaderValue, Failure> {
        let registry = &self.registry;
        let later = |cause: String| Failure::Later(format!("{}: {cause}", registry.host));
        let mut url = Url::parse(&bearer.realm).map_err(|_| later("it names no token server".to_owned()))?;
        let known = registry.tokens.as_ref().unwrap_or(&registry.target.url);
        if url.origin() != known.origin() && url.origin() != registry.target.url.origin() {
            let from = url.origin().ascii_serialization();
            return Err(later(format!("its token server {from} is not named: set {}.tokens", registry.target.key)));
        }
        let pairs = [("service", &bearer.service), ("scope", &bearer.scope)];
        url.query_pairs_mut().extend_pairs(pairs.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))));
        let answer = self.get(url.as_str(), self.basic()).await?;
        if !answer.status().is_success() {
            return Err(later(format!("its token server answered {}", answer.status().as_u16())));
        }
        let body = self.read(answer).await?;
        let given: Given = serde_json::from_slice(&body).map_err(|_| later("its token server gave none".to_owned()))?;
        let token = given.token.or(given.access_token).ok_or_else(|| later("its token server gave none".to_owned()))?;
        sensitive(&Zeroizing::new(format!("Bearer {token}"))).ok_or_else(|| later("its token is no text".to_owned()))
    }

    fn basic(&self) -> Option<HeaderValue> {
        self.registry.login.as_ref().map(|(user, password)| basic(user, password))
    }

    async fn read(&self, mut answer: Response) -> Result<BytesMut, Failure> {
        let host = &self.registry.host;
        let mut body = BytesMut::new();
        while let Some(chunk) =
            answer.chunk().await.map_err(|error| Failure::Later(format!("{host}: {}", words(&error))))?
        {
            if body.len() + chunk.len() > self.registry.target.max_answer {
                return Err(Failure::Never(format!(
                    "{host} sent more than {} bytes for a manifest",
                    self.registry.target.max_answer
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// What a token server answers; either name is in use.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
