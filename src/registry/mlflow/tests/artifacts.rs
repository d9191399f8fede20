//! Where the files are.

use super::*;
use crate::registry::{ArtifactSource, Location};

fn sought(answers: &[&str]) -> (Vec<String>, ArtifactStep) {
    let (mut seen, mut lines) = (Vec::new(), Vec::new());
    for body in answers {
        match Registry::Mlflow(Mlflow::default()).artifacts(&alias("3"), &seen) {
            ArtifactStep::Send(request) => {
                lines.push(request.to_string());
                seen.push(Exchange::new(request, 200, (*body).to_owned()));
            }
            step => panic!("{step:?} after {lines:?}"),
        }
    }
    (lines, Registry::Mlflow(Mlflow::default()).artifacts(&alias("3"), &seen))
}

fn uri(uri: &str) -> String {
    format!(r#"{{"artifact_uri": "{uri}"}}"#)
}

const ROOT: &str = r#"{"files":[{"path":"MLmodel","is_dir":false,"file_size":1},{"path":"data é","is_dir":true}]}"#;
const BELOW: &str = r#"{"files":[{"path":"model.pkl","is_dir":false,"file_size":2}]}"#;

#[test]
fn mlflow_s_own_files_are_listed_folder_by_folder() {
    let (asked, found) = sought(&[&uri("mlflow-artifacts:/0/m/artifacts"), ROOT, BELOW]);
    assert_eq!(
        asked,
        [
            "GET /api/2.0/mlflow/model-versions/get-download-uri?name=fraud%2F%C3%A9&version=3",
            "GET /api/2.0/mlflow-artifacts/artifacts?path=0%2Fm%2Fartifacts",
            "GET /api/2.0/mlflow-artifacts/artifacts?path=0%2Fm%2Fartifacts%2Fdata%20%C3%A9",
        ]
    );
    let own = |path: &str| Location::Own(format!("/api/2.0/mlflow-artifacts/artifacts/0/m/artifacts/{path}"));
    assert_eq!(
        found,
        ArtifactStep::Found(vec![
            ArtifactSource::new("MLmodel", None, own("MLmodel")),
            ArtifactSource::new("data é/model.pkl", Some("pkl".into()), own("data%20%C3%A9/model.pkl")),
        ])
    );
}

#[test]
fn the_files_of_a_run_are_where_the_run_says() {
    let run = r#"{"run":{"info":{"run_id":"ab","artifact_uri":"mlflow-artifacts:/0/ab/artifacts"},"data":{}}}"#;
    let (asked, found) = sought(&[&uri("runs:/ab/model"), run, BELOW]);
    assert_eq!(asked[1], "GET /api/2.0/mlflow/runs/get?run_id=ab");
    assert_eq!(asked[2], "GET /api/2.0/mlflow-artifacts/artifacts?path=0%2Fab%2Fartifacts%2Fmodel");
    assert!(matches!(found, ArtifactStep::Found(files) if files.len() == 1));
}

#[test]
fn what_it_does_not_keep_is_a_place_of_its_own() {
    for place in ["s3://bucket/models/fraud", "/mnt/models/1", "file:///mnt/x", "mlflow-artifacts://elsewhere:1/0/m"] {
        let (_, found) = sought(&[&uri(place)]);
        let expected = ArtifactSource::new("model", None, Location::Path(place.into()));
        assert_eq!(found, ArtifactStep::Found(vec![expected]), "{place}");
    }
}

#[test]
fn no_name_leads_elsewhere_and_no_list_is_no_files() {
    let root = uri("mlflow-artifacts:/0/m");
    for name in ["../secret", "a/../../b", "/etc/passwd", "..", "", "a//b"] {
        let listing = format!(r#"{{"files":[{{"path":"{name}","is_dir":false}}]}}"#);
        let (_, found) = sought(&[&root, &listing]);
        assert!(matches!(found, ArtifactStep::Refused(_)), "{name:?}: {found:?}");
    }
    let (_, found) = sought(&[&uri("mlflow-artifacts:/../m")]);
    assert!(matches!(found, ArtifactStep::Found(sources) if matches!(sources[0].location, Location::Path(_))));
    for none in [r#"{"files":[]}"#, "{}", "<html>log in</html>"] {
        // Where its own list is empty, the folder's is asked for.
        let answers = [&root, none, none];
        let (_, found) = sought(&answers[..if none.starts_with('{') { 3 } else { 2 }]);
        assert!(matches!(found, ArtifactStep::Retry(_)), "{none}: {found:?}");
    }
}

#[test]
fn a_model_may_be_one_file() {
    let one = uri("mlflow-artifacts:/0/ab/artifacts/model.pkl");
    let (asked, found) = sought(&[&one, r#"{"files":[]}"#, BELOW]);
    assert_eq!(asked[2], "GET /api/2.0/mlflow-artifacts/artifacts?path=0%2Fab%2Fartifacts");
    let own = Location::Own("/api/2.0/mlflow-artifacts/artifacts/0/ab/artifacts/model.pkl".into());
    assert_eq!(found, ArtifactStep::Found(vec![ArtifactSource::new("model.pkl", Some("pkl".into()), own)]));
    let folder = r#"{"files":[{"path":"model.pkl","is_dir":true},{"path":"other.pkl","is_dir":false}]}"#;
    let (_, found) = sought(&[&one, "{}", folder]);
    assert!(matches!(found, ArtifactStep::Retry(_)), "an empty folder is no file, and its neighbour not the model");
    let (asked, _) = sought(&[&uri("mlflow-artifacts:/model.pkl"), "{}", BELOW]);
    assert_eq!(asked[2], "GET /api/2.0/mlflow-artifacts/artifacts");
}
