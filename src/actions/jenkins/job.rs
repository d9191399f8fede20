//! The job before it is triggered: whether it is there, may be built, and takes every parameter.

use serde::Deserialize;
use serde_json::Value;

use super::server::{Server, with_tree};
use super::words;
use crate::end::End;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    buildable: Option<bool>,
    next_build_number: Option<u64>,
    #[serde(default)]
    property: Vec<Property>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(rename = "parameterDefinitions", default)]
    definitions: Vec<Definition>,
}

#[derive(Deserialize)]
struct Definition {
    name: String,
    #[serde(rename = "type", default)]
    kind: String,
    /// What a choice offers. Other kinds have other things by that name.
    #[serde(default)]
    choices: Value,
}

impl Definition {
    /// Whether Jenkins would refuse the value, and without saying why.
    fn refuses(&self, value: &str) -> bool {
        let choices = self.choices.as_array().filter(|_| self.kind == "ChoiceParameterDefinition");
        choices.is_some_and(|choices| !choices.iter().any(|choice| choice == value))
    }
}

/// The number that the job's next build will have, if all these parameters would reach it. Jenkins drops silently what is not
/// declared, and without the run's id nobody could find the build again.
pub async fn ready(server: &Server<'_>, name: &str, parameters: &[(String, String)]) -> Result<u64, End> {
    let tree = "buildable,nextBuildNumber,property[parameterDefinitions[name,type,choices]]";
    let url = with_tree(server.job(&["api", "json"]), tree);
    let answer = server.get(url).await.map_err(|error| End::Later(error.to_string()))?;
    if words::passes(answer.status) {
        return Err(End::Later(format!("Jenkins answered {}", answer.status)));
    }
    if answer.status != 200 {
        return Err(End::failed(words::refused(name, &answer)));
    }
    let job: Job = answer.json().map_err(|cause| End::failed(format!("{name}: {cause}: is url Jenkins' address?")))?;
    checked(&job, name, parameters).map_err(End::failed)
}

fn checked(job: &Job, name: &str, parameters: &[(String, String)]) -> Result<u64, String> {
    let (Some(buildable), Some(next)) = (job.buildable, job.next_build_number) else {
        return Err(format!("{name} is no job that can be built, but a folder or the like: write the job's own path"));
    };
    if !buildable {
        return Err(format!("{name} is disabled (409): enable it in Jenkins, then replay the delivery"));
    }
    let definitions = || job.property.iter().flat_map(|each| &each.definitions);
    let declared: Vec<&str> = definitions().map(|each| each.name.as_str()).collect();
    if declared.is_empty() {
        return Err(format!(
            "{name} takes no parameters (400): declare them in the job, as plugins/jenkins/README.md shows"
        ));
    }
    let dropped: Vec<&str> =
        parameters.iter().map(|(name, _)| name.as_str()).filter(|name| !declared.contains(name)).collect();
    if !dropped.is_empty() {
        let dropped = dropped.join(", ");
        return Err(format!(
            "{name} does not declare {dropped}, and Jenkins drops what is not declared: add `string(name: '…')` for each to its parameters"
        ));
    }
    // What the payload says is not repeated in a fault.
    let refuses =
        |(name, value): &&(String, String)| definitions().any(|each| each.name == *name && each.refuses(value));
    if let Some((parameter, _)) = parameters.iter().find(refuses) {
        return Err(format!(
            "{parameter} of {name} does not offer that value, and Jenkins would answer 500: add it to the choices in the job, or correct settings.parameters.{parameter}"
        ));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_ready_or_says_what_it_lacks() {
        let check = |job: serde_json::Value, expected: Result<u64, &str>| {
            let job: Job = serde_json::from_value(job).unwrap();
            let parameters = ["MODEL", "RUN"].map(|name| (name.to_owned(), "x".to_owned()));
            match (checked(&job, "deploy", &parameters), expected) {
                (Ok(next), Ok(expected)) => assert_eq!(next, expected),
                (Err(said), Err(words)) => assert!(said.contains(words), "{said}"),
                (said, _) => panic!("{said:?}"),
            }
        };
        let declared = |names: &[&str]| {
            let definitions: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
            json!({ "buildable": true, "nextBuildNumber": 8, "property": [{}, { "parameterDefinitions": definitions }] })
        };
        check(declared(&["RUN", "MODEL", "OTHER"]), Ok(8));
        check(declared(&["MODEL"]), Err("deploy does not declare RUN, and"));
        check(declared(&["OTHER"]), Err("does not declare MODEL, RUN, and"));
        let choice = |kind: &str, choices: serde_json::Value| {
            let mut job = declared(&["RUN", "MODEL"]);
            let definition = &mut job["property"][1]["parameterDefinitions"][1];
            (definition["type"], definition["choices"]) = (kind.into(), choices);
            job
        };
        check(choice("ChoiceParameterDefinition", json!(["x", "y"])), Ok(8));
        check(choice("ChoiceParameterDefinition", json!(["y"])), Err("MODEL of deploy does not offer that value, and"));
        check(choice("ChoiceParameterDefinition", json!(null)), Ok(8));
        check(choice("CascadeChoiceParameter", json!(["y"])), Ok(8));
        check(declared(&[]), Err("takes no parameters (400)"));
        check(json!({ "buildable": false, "nextBuildNumber": 8 }), Err("is disabled (409)"));
        check(json!({ "jobs": [] }), Err("a folder or the like"));
    }
}
