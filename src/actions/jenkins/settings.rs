//! What the operator says about a job in Jenkins.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::webhook::Hook;
use crate::call::Call;
use crate::fields::Fields;
use crate::http::{Client, Reach};
use crate::settings::{Fault, Span};
use crate::template::{Template, leads_away};

/// As written. plugins/jenkins/README.md says what each is for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    job: Option<String>,
    user: Option<String>,
    #[serde(default)]
    login: Login,
    #[serde(default)]
    trigger: Trigger,
    hmac_header: Option<String>,
    #[serde(default)]
    parameters: Fields,
    run_parameter: Option<String>,
    #[serde(default)]
    unstable: Unstable,
    #[serde(default)]
    forward: Forward,
    #[serde(default)]
    cancel: bool,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    insecure_http: bool,
    request_timeout: Option<Span>,
    poll_first: Option<Span>,
    poll_most: Option<Span>,
    settle: Option<Span>,
}

/// What `JENKINS_TOKEN` is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Login {
    /// An API token, for which Jenkins asks no crumb.
    #[default]
    Token,
    /// The user's password: each request that changes something needs a crumb and its session.
    Password,
}

/// Who is told to start it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Trigger {
    /// The job itself.
    #[default]
    Build,
    /// The Generic Webhook Trigger plugin.
    GenericWebhook,
}

/// What a build is that ended UNSTABLE.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unstable {
    #[default]
    Failed,
    Complete,
}

/// Where the promoted model is, once the build has succeeded.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forward {
    /// At the build.
    #[default]
    Build,
    /// At the address that this file of the build's artifacts holds.
    Artifact(String),
    /// At this address.
    Url(Template),
}

/// The settings of one job, checked.
pub struct Settings {
    pub client: Client,
    /// The folders and the job, outermost first. Empty: a webhook triggers what nobody follows.
    pub job: Vec<String>,
    /// Triggered by the Generic Webhook Trigger plugin.
    pub hook: Option<Hook>,
    pub user: Option<String>,
    pub login: Login,
    pub parameters: Fields,
    pub run_parameter: String,
    pub unstable: Unstable,
    pub forward: Forward,
    pub cancel: bool,
    pub poll_first: Duration,
    pub poll_most: Duration,
    pub settle: Duration,
}

impl Settings {
    pub fn of(call: &Call) -> Result<Self, Fault> {
        let written: Written = call.settings()?;
        let poll_first = Span::within_an_hour("poll_first", written.poll_first, 1)?;
        let reach = Reach {
            url: &written.url,
            ca_file: written.ca_file.as_ref(),
            insecure_http: written.insecure_http,
            timeout: Span::within_an_hour("request_timeout", written.request_timeout, 15)?,
        };
        let run_parameter = written.run_parameter.unwrap_or_else(|| "SCANRELAY_RUN_ID".to_owned());
        if run_parameter.is_empty() || written.parameters.names().any(|name| name == run_parameter) {
            return Err(Fault::at(
                "run_parameter",
                "it is a parameter of its own, in which the run's id goes: give it another name",
            ));
        }
        if let Forward::Artifact(path) = &written.forward {
            segments("forward.artifact", path)?;
        }
        let hook = match written.trigger {
            Trigger::Build => None,
            Trigger::GenericWebhook => Some(Hook::new(written.hmac_header.as_deref())?),
        };
        let job = match written.job.as_deref() {
            Some(job) => segments("job", job)?,
            None if hook.is_none() => {
                return Err(Fault::at("job", "it is missing: write the job with its folders, such as models/deploy"));
            }
            None if matches!(written.forward, Forward::Artifact(_)) => {
                return Err(Fault::at(
                    "forward.artifact",
                    "of which job? Name it as job, so that its build is followed",
                ));
            }
            None => Vec::new(),
        };
        Ok(Self {
            client: Client::new(&reach)?,
            job,
            hook,
            user: written.user,
            login: written.login,
            parameters: written.parameters,
            run_parameter,
            unstable: written.unstable,
            forward: written.forward,
            cancel: written.cancel,
            poll_first,
            poll_most: Span::within_an_hour("poll_most", written.poll_most, 15)?.max(poll_first),
            settle: Span::within_an_hour("settle", written.settle, 10)?,
        })
    }
}

/// `folder/job` in its parts, none of which leads elsewhere.
pub fn segments(key: &str, path: &str) -> Result<Vec<String>, Fault> {
    let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    if parts.iter().any(|part| leads_away(part)) {
        return Err(Fault::at(key, format!("{path:?} is no path: write it as folder/name, without / at its ends")));
    }
    Ok(parts)
}
