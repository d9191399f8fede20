//! Requests to Jenkins as a user: API token, or password with crumb and session.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use super::place;
use super::settings::{Login, Settings};
use super::words;
use crate::call::Call;
use crate::http::{Answer, Request, Unreachable, basic};
use crate::settings::Fault;

/// The secret that is a token or a password.
pub const TOKEN: &str = "JENKINS_TOKEN";

/// Jenkins, as one user sees it.
pub struct Server<'a> {
    settings: &'a Settings,
    login: Option<HeaderValue>,
}

/// A form without an answer.
#[derive(Debug, thiserror::Error)]
pub enum Unposted {
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// What was asked for a crumb is no Jenkins.
    #[error(
        "the crumb's answer is no JSON, likely a login page: make JENKINS_TOKEN an API token and leave login out, or let requests with a login of their own pass what asks for one"
    )]
    NoCrumb,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Crumb {
    crumb: String,
    crumb_request_field: String,
}

impl<'a> Server<'a> {
    pub fn new(settings: &'a Settings) -> Result<Self, Fault> {
        let login = match (&settings.user, Call::secret(TOKEN)) {
            (Some(user), Some(token)) => Some(basic(user, &token)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(Fault::at("user", format!("its {TOKEN} is missing: give it under secrets of the plugin")));
            }
            (None, Some(_)) => return Err(Fault::at("user", format!("it is missing: whose {TOKEN} is it?"))),
        };
        Ok(Self { settings, login })
    }

    /// The address of the job's own, and what is below it.
    pub fn job(&self, below: &[&str]) -> Url {
        let job = self.settings.job.iter().flat_map(|name| ["job", name.as_str()]);
        let path: Vec<&str> = job.chain(below.iter().copied()).collect();
        self.settings.client.below(&path)
    }

    /// The folders and the job, as addresses have them.
    pub fn place(&self) -> Vec<String> {
        place::of_job(&self.job(&[""]))
    }

    /// The address of something that belongs to no job.
    pub fn own(&self, path: &[&str]) -> Url {
        self.settings.client.below(path)
    }

    pub async fn get(&self, url: Url) -> Result<Answer, Unreachable> {
        self.send(Request::get(url)).await
    }

    /// The same with as much of the answer as that.
    pub async fn get_some(&self, url: Url, most: usize) -> Result<Answer, Unreachable> {
        self.send(Request { most, ..Request::get(url) }).await
    }

    /// Posts a form. With a password, a crumb is asked first; where that is refused, its answer is this one's.
    pub async fn post(&self, url: Url, form: &[(&str, &str)]) -> Result<Answer, Unposted> {
        let mut request =
            Request::post(url).with(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request.body = Serializer::new(String::new()).extend_pairs(form).finish().into_bytes();
        if self.settings.login == Login::Password {
            let asked = self.get(self.own(&["crumbIssuer", "api", "json"])).await;
            let answer = asked.map_err(Unreachable::before)?;
            match (answer.status, answer.json::<Crumb>()) {
                (200, Ok(crumb)) => request.headers.extend(crumb_headers(&crumb, &answer.headers)),
                (200, Err(_)) => return Err(Unposted::NoCrumb),
                // Jenkins has its protection turned off.
                (404, _) if words::is_jenkins(&answer) => {}
                _ => return Ok(answer),
            }
        }
        Ok(self.send(request).await?)
    }

    async fn send(&self, request: Request) -> Result<Answer, Unreachable> {
        let request = match &self.login {
            Some(login) => request.with(AUTHORIZATION, login.clone()),
            None => request,
        };
        self.settings.client.send(request).await
    }
}

/// The crumb, and the session that it belongs to.
fn crumb_headers(crumb: &Crumb, answered: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let name = HeaderName::from_bytes(crumb.crumb_request_field.as_bytes());
    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&crumb.crumb)) {
        headers.insert(name, value);
    }
    let cookie = |value: &HeaderValue| value.to_str().ok()?.split(';').next().map(str::to_owned);
    let cookies: Vec<String> = answered.get_all(SET_COOKIE).iter().filter_map(cookie).collect();
    if let Ok(mut value) = HeaderValue::from_str(&cookies.join("; ")) {
        value.set_sensitive(true);
        headers.insert(COOKIE, value);
    }
    headers
}

/// Asks for these fields and no more.
pub fn with_tree(mut url: Url, tree: &str) -> Url {
    url.query_pairs_mut().append_pair("tree", tree);
    url
}
