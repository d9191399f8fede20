//! plugins/jenkins/README.md: its configurations are some, its job declares what they give, and no setting is left out.

use std::collections::BTreeSet;

use serde_json::json;

use crate::plant::Plant;

const MANUAL: &str = include_str!("../../plugins/jenkins/README.md");

fn blocks(language: &str) -> Vec<&'static str> {
    let opened = MANUAL.split("\n```").skip(1).step_by(2);
    opened.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

#[tokio::test]
async fn what_it_says_to_copy_is_a_configuration() {
    let plant = Plant::new(json!({})).await;
    let blocks = blocks("toml");
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let block = block.replace("/etc/scanrelay/credentials/jenkins-webhook", "token");
        let text = plant.general() + &block.replace("/etc/scanrelay/credentials/jenkins-token", "token");
        let mut check = plant.site.command(&["check"]);
        plant.site.write("scanrelay.toml", &text, 0o600);
        let (code, said, stderr) = crate::harness::ended(&mut check);
        assert_eq!((code, stderr.as_str()), (0, ""), "{said}");
    }
}

#[test]
fn its_job_declares_what_is_given() {
    let job: BTreeSet<&str> =
        blocks("groovy")[0].split("string(name: '").skip(1).map(|rest| rest.split('\'').next().unwrap()).collect();
    let line = MANUAL.lines().find(|line| line.starts_with("parameters = {")).unwrap();
    let given = line.split(['{', ',']).skip(1).map(|pair| pair.split('=').next().unwrap().trim());
    assert_eq!(job, given.chain(["SCANRELAY_RUN_ID"]).collect());
}

#[tokio::test]
async fn every_setting_has_its_row() {
    let plant = Plant::new(json!({})).await.with("nope = 1");
    let (_, said) = plant.summary("fraud");
    let (_, names) = said.split_once("expected one of ").unwrap_or_else(|| panic!("{said}"));
    let names: Vec<&str> = names.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 15, "{said}");
    let rows: Vec<&str> = MANUAL.lines().filter(|line| line.starts_with("| `")).collect();
    for name in names {
        assert!(rows.iter().any(|row| row.contains(&format!("`{name}`"))), "{name} has no row");
    }
}
