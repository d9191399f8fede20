//! Everything as Jenkins' remote API tells it, whole: `tree` cuts it down.

use serde_json::{Value, json};

use super::state::{Build, Item, Jenkins, Job, Parameters, Place};
use crate::emulator::date;

const RUN: &str = "org.jenkinsci.plugins.workflow.job.WorkflowRun";
const JOB: &str = "org.jenkinsci.plugins.workflow.job.WorkflowJob";
const FOLDER: &str = "com.cloudbees.hudson.plugins.folder.Folder";
/// Builds that a job lists unless it is asked for all.
const LISTED: usize = 100;

pub struct Teller<'a> {
    pub jenkins: &'a Jenkins,
    /// Where Jenkins is, with a slash at its end.
    pub base: &'a str,
}

impl Teller<'_> {
    pub fn root(&self) -> Value {
        json!({
            "_class": "hudson.model.Hudson", "mode": "NORMAL", "nodeDescription": "the Jenkins controller's built-in node",
            "nodeName": "", "numExecutors": 2, "description": null, "jobs": self.below(""), "url": self.base,
            "quietingDown": self.jenkins.weather.shutting_down, "useCrumbs": !self.jenkins.weather.no_crumbs, "useSecurity": true,
            "views": [{ "_class": "hudson.model.AllView", "name": "all", "url": self.base }],
        })
    }

    pub fn user(&self, user: &str) -> Value {
        json!({
            "_class": "hudson.model.User", "absoluteUrl": format!("{}user/{user}", self.base), "description": null,
            "fullName": user, "id": user, "property": [],
        })
    }

    /// One node with an executor for each build that runs.
    pub fn computers(&self) -> Value {
        let running =
            self.jenkins.jobs.iter().flat_map(|(name, job)| job.builds.values().map(move |build| (name, build)));
        let running = running.filter(|(_, build)| build.in_progress());
        let executor = |(at, (name, build)): (usize, (&String, &Build))| json!({ "currentExecutable": self.build(name, build), "idle": false, "number": at, "progress": -1 });
        let executors: Vec<Value> = running.enumerate().map(executor).collect();
        json!({
            "_class": "hudson.model.ComputerSet", "busyExecutors": executors.len(), "totalExecutors": executors.len().max(2),
            "displayName": "Nodes",
            "computer": [{
                "_class": "hudson.model.Hudson$MasterComputer", "displayName": "Built-In Node", "executors": executors,
                "oneOffExecutors": [], "idle": executors.is_empty(), "numExecutors": 2, "offline": false,
            }],
        })
    }

    pub fn queue(&self) -> Value {
        let items: Vec<Value> = self.jenkins.waiting(None).map(|item| self.item_json(item)).collect();
        json!({ "_class": "hudson.model.Queue", "discoverableItems": [], "items": items })
    }

    pub fn item(&self, id: u64) -> Option<Value> {
        self.jenkins.items.get(&id).map(|item| self.item_json(item))
    }

    fn item_json(&self, item: &Item) -> Value {
        let url = self.job_url(&item.job);
        let name = item.job.rsplit('/').next();
        let told: String = item.parameters.iter().flat_map(|(name, value)| ["\n", name, "=", value]).collect();
        let mut told = json!({
            "actions": actions(&item.parameters), "blocked": false, "buildable": item.place == Place::Waiting, "id": item.id,
            "inQueueSince": item.since, "params": told, "stuck": false, "url": format!("queue/item/{}/", item.id),
            "task": { "_class": JOB, "name": name, "url": url, "color": "blue" }, "why": null,
        });
        match item.place {
            Place::Waiting => {
                told["_class"] = json!("hudson.model.Queue$BuildableItem");
                told["why"] = json!("Waiting for next available executor");
                told["buildableStartMilliseconds"] = json!(item.since);
                told["pending"] = json!(false);
            }
            Place::Left { build, .. } => {
                told["_class"] = json!("hudson.model.Queue$LeftItem");
                told["cancelled"] = json!(false);
                told["executable"] = json!({ "_class": RUN, "number": build, "url": format!("{url}{build}/") });
            }
            Place::Cancelled { .. } => {
                told["_class"] = json!("hudson.model.Queue$LeftItem");
                told["cancelled"] = json!(true);
                told["executable"] = Value::Null;
            }
        }
        told
    }

    pub fn job(&self, name: &str, job: &Job) -> Value {
        let builds: Vec<Value> = job.builds.values().rev().map(|build| self.build(name, build)).collect();
        let ended = |build: &&Value| build["inProgress"] == false;
        let definitions: Vec<Value> =
            job.how.parameters.iter().map(|name| definition(name, job.how.choices.get(name))).collect();
        let parameters =
            json!({ "_class": "hudson.model.ParametersDefinitionProperty", "parameterDefinitions": definitions });
        let property = if definitions.is_empty() { json!([]) } else { json!([parameters]) };
        json!({
            "_class": JOB, "actions": [{}], "description": "", "displayName": name.rsplit('/').next(), "fullDisplayName": name.replace('/', " » "),
            "fullName": name, "name": name.rsplit('/').next(), "url": self.job_url(name), "buildable": !job.how.disabled,
            "disabled": job.how.disabled, "color": "blue", "concurrentBuild": true, "keepDependencies": false, "property": property,
            "inQueue": self.jenkins.waiting(Some(name)).next().is_some(), "nextBuildNumber": job.given + 1,
            "firstBuild": builds.last(), "lastBuild": builds.first(), "lastCompletedBuild": builds.iter().find(ended),
            "builds": builds.iter().take(LISTED).collect::<Vec<_>>(), "allBuilds": builds,
        })
    }

    pub fn build(&self, job: &str, build: &Build) -> Value {
        let number = build.number;
        let artifacts = self.jenkins.jobs.get(job).map(|job| &job.how.artifacts).into_iter().flatten();
        let artifact = |(path, _): (&String, &String)| {
            let name = path.rsplit('/').next();
            json!({ "displayPath": name, "fileName": name, "relativePath": path })
        };
        let duration = match build.phase {
            super::state::Phase::Ended(_, at) => at.saturating_sub(build.started),
            _ => 0,
        };
        json!({
            "_class": RUN, "actions": actions(&build.parameters), "artifacts": artifacts.map(artifact).collect::<Vec<_>>(),
            "building": build.building(), "description": null, "displayName": format!("#{number}"), "duration": duration,
            "estimatedDuration": -1, "executor": null, "fullDisplayName": format!("{} #{number}", job.replace('/', " » ")),
            "id": number.to_string(), "inProgress": build.in_progress(), "keepLog": false, "number": number, "queueId": build.queue,
            "result": build.result().map(super::state::Outcome::word), "timestamp": build.started,
            "url": format!("{}{number}/", self.job_url(job)), "changeSets": [], "culprits": [],
            "elapsed": date::now().0.saturating_sub(build.started),
        })
    }

    /// A folder of that name, if any job is in one.
    pub fn folder(&self, name: &str) -> Option<Value> {
        let jobs = self.below(&format!("{name}/"));
        (!jobs.is_empty()).then(|| {
            json!({
                "_class": FOLDER, "actions": [{}], "description": null, "displayName": name.rsplit('/').next(), "fullName": name,
                "name": name.rsplit('/').next(), "url": self.job_url(name), "jobs": jobs, "views": [],
            })
        })
    }

    /// Jobs and folders just below.
    fn below(&self, folder: &str) -> Vec<Value> {
        let shown = self.jenkins.jobs.iter().filter(|(_, job)| !job.how.hidden);
        let mut names: Vec<(&str, bool)> = shown
            .filter_map(|(name, _)| name.strip_prefix(folder))
            .map(|rest| rest.split_once('/').map_or((rest, false), |(first, _)| (first, true)))
            .collect();
        names.dedup();
        let told = |(name, is_folder): (&str, bool)| {
            let class = if is_folder { FOLDER } else { JOB };
            let full = format!("{folder}{name}");
            json!({ "_class": class, "name": name, "fullName": full, "url": self.job_url(&full), "color": "blue" })
        };
        names.into_iter().map(told).collect()
    }

    fn job_url(&self, name: &str) -> String {
        let encoded = |part: &str| -> String {
            url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20")
        };
        let path: String =
            name.split('/').flat_map(|part| ["job/".to_owned(), encoded(part), "/".to_owned()]).collect();
        format!("{}{path}", self.base)
    }
}

fn definition(name: &str, choices: Option<&Vec<String>>) -> Value {
    let first = choices.and_then(|choices| choices.first()).map_or("", String::as_str);
    let default = json!({ "_class": "hudson.model.StringParameterValue", "name": name, "value": first });
    if let Some(choices) = choices {
        return json!({
            "_class": "hudson.model.ChoiceParameterDefinition", "defaultParameterValue": default, "description": "",
            "name": name, "type": "ChoiceParameterDefinition", "choices": choices,
        });
    }
    json!({
        "_class": "hudson.model.StringParameterDefinition", "defaultParameterValue": default, "description": "", "name": name,
        "type": "StringParameterDefinition",
    })
}

/// What a build or an item was given. Some actions have nothing to tell.
fn actions(parameters: &Parameters) -> Value {
    let value = |(name, value): &(String, String)| json!({ "_class": "hudson.model.StringParameterValue", "name": name, "value": value });
    let parameters: Vec<Value> = parameters.iter().map(value).collect();
    json!([{ "_class": "hudson.model.ParametersAction", "parameters": parameters }, {}])
}
