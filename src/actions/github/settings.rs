//! What the operator says about a workflow.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::HeaderValue;
use serde::Deserialize;

use crate::call::Call;
use crate::fields::Fields;
use crate::http::{Client, Reach, carried};
use crate::settings::{Fault, Pattern, Span};
use crate::template::Template;

/// The secret that is the token.
pub const TOKEN: &str = "GITHUB_TOKEN";

/// As written. plugins/github-dispatch/README.md says what each is for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: Option<String>,
    repository: String,
    workflow: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    event: Option<String>,
    #[serde(default)]
    inputs: Fields,
    run_input: Option<String>,
    #[serde(default)]
    neutral: Neutral,
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

/// What a run is whose conclusion is `neutral`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Neutral {
    #[default]
    Failed,
    Complete,
}

/// Where the promoted model is, once the run has succeeded.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forward {
    /// At the run.
    #[default]
    Run,
    /// At this address.
    Url(Template),
}

/// What is dispatched.
pub enum Dispatch {
    /// A workflow, by its file or its number, on a branch or a tag.
    Workflow { workflow: String, reference: String },
    /// An event of that type, for whichever workflows listen to it.
    Event(String),
}

/// The settings of one workflow, checked.
pub struct Settings {
    pub client: Client,
    pub token: HeaderValue,
    pub owner: String,
    pub name: String,
    pub dispatch: Dispatch,
    pub inputs: Fields,
    pub run_input: String,
    pub neutral: Neutral,
    pub forward: Forward,
    pub cancel: bool,
    pub poll_first: Duration,
    pub poll_most: Duration,
    pub settle: Duration,
}

impl Settings {
    pub fn of(call: &Call) -> Result<Self, Fault> {
        let written: Written = call.settings()?;
        let reach = Reach {
            url: written.url.as_deref().unwrap_or("https://api.github.com"),
            ca_file: written.ca_file.as_ref(),
            insecure_http: written.insecure_http,
            timeout: Span::within_an_hour("request_timeout", written.request_timeout, 15)?,
        };
        let plain = Pattern::new("[A-Za-z0-9._-]{1,100}").map_err(|cause| Fault::at("repository", cause))?;
        let named = |part: &str| plain.takes(part) && part != "." && part != "..";
        let (owner, name) = match written.repository.split_once('/') {
            Some((owner, name)) if named(owner) && named(name) => (owner.to_owned(), name.to_owned()),
            _ => return Err(Fault::at("repository", "write it as OWNER/NAME")),
        };
        let dispatch = match (written.workflow, written.event, written.reference) {
            (Some(workflow), None, reference) if named(&workflow) => {
                Dispatch::Workflow { workflow, reference: reference.unwrap_or_else(|| "main".to_owned()) }
            }
            (Some(_), None, _) => return Err(Fault::at("workflow", "write the name of its file, such as deploy.yml")),
            (None, Some(event), None) if (1..=100).contains(&event.chars().count()) => Dispatch::Event(event),
            (None, Some(_), None) => return Err(Fault::at("event", "it has 1 to 100 characters")),
            (None, Some(_), Some(_)) => {
                return Err(Fault::at("ref", "an event runs on the default branch: remove it, or name a workflow"));
            }
            (None, None, _) => return Err(Fault::at("workflow", "it is missing: the name of its file, or an event")),
            (Some(_), Some(_), _) => return Err(Fault::at("event", "workflow names what is dispatched already")),
        };
        let run_input = written.run_input.unwrap_or_else(|| "scanrelay_run_id".to_owned());
        if run_input.is_empty() || written.inputs.names().any(|name| name == run_input) {
            return Err(Fault::at(
                "run_input",
                "it is an input of its own, in which the run's id goes: give it another name",
            ));
        }
        let token = Call::secret(TOKEN).ok_or_else(|| {
            Fault::at("repository", format!("its {TOKEN} is missing: give it under secrets of the plugin"))
        })?;
        let token = carried("Bearer ", &token).ok_or_else(|| {
            Fault::at("repository", format!("{TOKEN} has bytes that no header can carry: check for a line feed in it"))
        })?;
        Ok(Self {
            client: Client::new(&reach)?,
            token,
            owner,
            name,
            dispatch,
            inputs: written.inputs,
            run_input,
            neutral: written.neutral,
            forward: written.forward,
            cancel: written.cancel,
            poll_first: Span::within_an_hour("poll_first", written.poll_first, 2)?,
            poll_most: Span::within_an_hour("poll_most", written.poll_most, 30)?,
            settle: Span::within_an_hour("settle", written.settle, 60)?,
        })
    }
}
