//! Who may come in: anybody with a name, and to change something with an API token or a crumb of their own session.

use actix_web::HttpResponse;
use actix_web::http::Method;
use base64ct::{Base64, Encoding as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::answer::{error, not_found, raw};
use super::paths::Asked;
use super::state::Jenkins;

const FIELD: &str = "Jenkins-Crumb";
const COOKIE: &str = "JSESSIONID.scanrelay";

/// Who asks, or the answer that turns them away.
pub fn enter(jenkins: &mut Jenkins, asked: &Asked) -> Result<String, Box<HttpResponse>> {
    if let Some(status) = jenkins.weather.refuse {
        return Err(error(status, "as /dev/jenkins/server says").into());
    }
    let Some((user, secret)) = login(asked) else {
        return Err(error(403, "anonymous is missing the Overall/Read permission").into());
    };
    if asked.method == Method::POST && !is_token(&secret) && !jenkins.weather.no_crumbs {
        let crumb = asked.header(FIELD).unwrap_or_default().to_owned();
        let known = session(asked).is_some_and(|session| jenkins.sessions.contains(&(crumb, session)));
        if !known {
            return Err(error(403, "No valid crumb was included in the request").into());
        }
    }
    Ok(user)
}

fn login(asked: &Asked) -> Option<(String, String)> {
    let encoded = asked.header("Authorization")?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(Base64::decode_vec(encoded).ok()?).ok()?;
    let (user, secret) = decoded.split_once(':')?;
    (!user.is_empty() && !secret.is_empty()).then(|| (user.to_owned(), secret.to_owned()))
}

/// The version of the token's form, and 128 random bits.
fn is_token(secret: &str) -> bool {
    secret.len() == 34 && secret.starts_with("11") && secret.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn session(asked: &Asked) -> Option<String> {
    let cookies = asked.header("Cookie")?.split(';').map(str::trim);
    cookies.filter_map(|cookie| cookie.split_once('=')).find(|(name, _)| *name == COOKIE).map(|(_, id)| id.to_owned())
}

/// A crumb of the session, which begins here where there is none.
pub fn crumb(jenkins: &mut Jenkins, asked: &Asked, user: &str) -> HttpResponse {
    if jenkins.weather.no_crumbs {
        return not_found();
    }
    let session = session(asked).unwrap_or_else(|| {
        jenkins.sessions_given += 1;
        format!("node0{:x}", jenkins.sessions_given)
    });
    let crumb = base16ct::lower::encode_string(&Sha256::digest(format!("{user};{session}")));
    jenkins.sessions.insert((crumb.clone(), session.clone()));
    let mut answer = raw(&json!({
        "_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": crumb, "crumbRequestField": FIELD,
    }));
    let cookie = format!("{COOKIE}={session}; Path=/jenkins; HttpOnly");
    if let (Ok(name), Ok(value)) = ("Set-Cookie".parse::<actix_web::http::header::HeaderName>(), cookie.parse()) {
        answer.headers_mut().insert(name, value);
    }
    answer
}
