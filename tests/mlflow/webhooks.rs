//! The webhook that the command makes at MLflow's own server.

use std::process::Command;

use serde_json::{Value, json};

use crate::gate::Gate;
use crate::harness::ended;
use crate::server::{SECRET, Server};

#[tokio::test]
async fn the_command_makes_mlflow_s_webhook_tries_and_deletes_it() {
    let (server, _turn) = Server::turn().await;
    makes_tries_and_deletes(&Gate::new(&server.url)).await;
}

pub async fn makes_tries_and_deletes(gate: &Gate) {
    let daemon = gate.start();
    let text =
        gate.configuration().replace("[server]\n", &format!("[server]\npublic_url = \"http://{}\"\n", daemon.intake));
    let file = gate.site.write("commands.toml", &text, 0o600);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scanrelay"));
        let (code, stdout, stderr) = ended(command.arg("--config").arg(&file).args(arguments));
        assert!(!format!("{stdout}{stderr}").contains(SECRET), "{stdout}{stderr}");
        (code, stdout, stderr)
    };
    let webhook = |act: &str| run(&["webhook", act, "--registry", "mlflow", "--json"]);
    let did = |(code, stdout, stderr): (i32, String, String)| {
        assert_eq!(code, 0, "{stdout}{stderr}");
        serde_json::from_str::<Value>(&stdout).unwrap()
    };
    assert_eq!(did(webhook("create")), json!({ "did": "created" }));
    // MLflow gives no secret back, so it is given again.
    assert_eq!(did(webhook("create")), json!({ "did": "changed" }));
    let hooks = did(webhook("list"));
    assert_eq!(
        (hooks.as_array().unwrap().len(), &hooks[0]["ours"], &hooks[0]["missing"]),
        (1, &json!(true), &json!([]))
    );
    // 200: there is such a model, of another story's, and the catch-up has told of it already.
    let tested = did(webhook("test"));
    assert!([202, 200].map(|status| json!({ "did": "tested", "status": status })).contains(&tested), "{tested}");
    let (code, stdout, stderr) = run(&["doctor"]);
    assert!(code == 0 && stdout.contains("its test delivery was accepted"), "{stdout}{stderr}");
    assert!(stdout.contains("MLFLOW_WEBHOOK_ALLOWED_SCHEMES"), "{stdout}");
    assert_eq!(did(webhook("delete")), json!({ "did": "deleted", "count": 1 }));
    assert_eq!(did(webhook("list")), json!([]));
}
