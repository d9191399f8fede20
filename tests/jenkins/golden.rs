//! Golden input and output: what Jenkins is given for an event, and what the plugin says.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::plant::{JOB, Plant};

#[tokio::test]
async fn every_input_has_its_output() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/jenkins/golden");
    let mut inputs: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.retain(|path| path.to_string_lossy().ends_with(".in.json"));
    inputs.sort();
    assert!(inputs.len() >= 2, "{inputs:?}");
    for input in inputs {
        let output = input.to_string_lossy().replace(".in.json", ".out.json");
        let expected: Value = serde_json::from_slice(&fs::read(output).unwrap()).unwrap();
        let plant = Plant::new(json!({ "parameters": ["SCANRELAY_RUN_ID", "MODEL", "VERSION", "STAGE"] })).await;
        let plant = plant
            .with("parameters = { MODEL = \"model\", VERSION = \"version\", STAGE = \"change.stage_to\" }")
            .with("forward = { url = \"https://models.example.com/{model}/{version}/{result.number}\" }");
        let (_, said, stderr) =
            plant.run(&["plugin", "test", "jenkins", "--json", "--event", &input.display().to_string()]);
        let said: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{stderr}"));
        let mut sent = plant.jenkins().await["jobs"][JOB]["builds"][0]["parameters"].clone();
        if sent.is_object() {
            // Another one in each run.
            sent["SCANRELAY_RUN_ID"] = json!("RUN");
        }
        let found = json!({ "conclusion": said["conclusion"], "sent": sent });
        assert_eq!(found, expected, "{}: {said}", input.display());
    }
}
