//! The action `command`.

use serde_json::Value;

use crate::alone::Given;
use crate::harness::{Daemon, until};
use crate::plant::Plant;

async fn plant(script: &str, more: &str) -> Plant {
    let mut plant = Plant::new("command", "", "").await;
    plant.site.plugin("deploy", script);
    let folder = plant.site.path("").display().to_string();
    plant.settings = format!(
        "run = [\"{folder}/deploy\", \"{folder}\"]\nvalues = {{ model = \"model.id\", version = \"version.id\" }}\n{more}"
    );
    plant
}

async fn waits(plant: &Plant, daemon: &Daemon) {
    let told = async || plant.site.lines("runs").len();
    until("the program", told, |runs| *runs == 1).await;
    let jobs = daemon.get("/api/v1/jobs").await.1;
    let started = |job: &Value| job["checkpoint"]["started"] == true;
    assert!(jobs.as_array().unwrap().iter().any(started), "{jobs}");
}

#[tokio::test]
async fn it_is_given_the_values_and_says_by_its_code_what_came_of_it() {
    let check = async |script: &str, more: &str, expected: [&str; 3]| {
        let values = "values = { model = \"model.id\", version = \"version.id\" }";
        let values = if more.contains("values = ") { "" } else { values };
        let run = serde_json::json!(["/bin/sh", "-c", script]);
        let ended = Given::new("command", &format!("run = {run}\n{values}\n{more}")).run().await;
        let [status, summary, url] = ended.result();
        assert_eq!((status, url), (expected[0], expected[2]), "{summary}");
        assert!(summary.contains(expected[1]), "{summary}");
    };
    check("grep -q '\"version\":\"[0-9]' && echo fine", "", ["complete", "fine", ""]).await;
    let link = "echo deploying; echo https://models.example.com/1";
    check(link, "forward = \"last-line\"", ["complete", "", "https://models.example.com/1"]).await;
    let template = "forward = { url = \"https://models.example.com/{version.id}\" }";
    check("cat >/dev/null", template, ["complete", "", "https://models.example.com/9"]).await;
    check("echo no room; exit 3", "failed = [3]", ["failed", "no room", ""]).await;
    check("exit 9", "", ["failed", "exited with 9, which the settings do not name: what it has done", ""]).await;
    check("kill -9 $$", "", ["failed", "signal 9 ended the program", ""]).await;
    check("true", "forward = \"last-line\"", ["failed", "printed no address", ""]).await;
    check("exit 0", "complete = [0]\nfailed = [0]", ["failed", "settings.failed: 0 means complete already", ""]).await;
    let clash = "values = { run_id = \"model.id\" }";
    check("exit 0", clash, ["failed", "settings.values.run_id: the run's own id stands there", ""]).await;
}

#[tokio::test]
async fn it_is_started_again_when_it_asks_for_that_and_what_it_leaves_running_is_not_waited_for() {
    let later = "test -e $1/again || { touch $1/again; exit 75; }; sleep 1000 & echo begun";
    let plant = plant(later, "later = [75]").await;
    let daemon = plant.start();
    plant.promote(&daemon).await;
    assert_eq!(plant.conclusion(&daemon).await, ["complete", "begun", ""]);
}

#[tokio::test]
async fn it_is_not_started_twice_unless_it_may_be() {
    for repeat in [false, true] {
        let script = "echo run >> $1/runs; test -e $1/go || exec sleep 1000";
        let plant = plant(script, &format!("repeat = {repeat}\n")).await;
        let daemon = plant.start();
        plant.promote(&daemon).await;
        waits(&plant, &daemon).await;
        daemon.kill();
        plant.site.write("go", "", 0o600);
        let daemon = plant.start();
        let [status, summary, _] = plant.conclusion(&daemon).await;
        let runs = plant.site.lines("runs").len();
        assert_eq!((status.as_str(), runs), if repeat { ("complete", 2) } else { ("failed", 1) });
        assert!(repeat || summary.contains("is not run twice"), "{summary}");
    }
}
