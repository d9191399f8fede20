//! A registry that cannot be reached for a while.

use serde_json::json;

use crate::client::Client;
use crate::harness::weather::{Weather, Weathered};
use crate::harness::{Registry, until};
use crate::site::{Gate, ended, plain_webhook, words};

#[tokio::test]
async fn an_outcome_waits_for_the_registry_and_is_written_once() {
    let registry = Registry::start();
    let sky = Weathered::new(&registry.url);
    let gate = Gate::new(&sky.url, "");
    gate.site.pipe("go");
    gate.site.plugin("scan", "echo ran >> $SITE/scanned; read word < $SITE/go; echo '{\"type\":\"result\",\"verdict\":\"unsafe\",\"summary\":\"two pickles\"}'");
    let daemon = gate.start();
    let mut ada = Client::start(&registry.url);
    ada.registers("fraud");
    plain_webhook(&registry, &daemon).await;
    ada.changes("add_tag", "fraud", "tag", "Scan me");
    until("the scan", || std::future::ready(gate.site.lines("scanned").len()), |runs| *runs == 1).await;
    let under_way = || std::future::ready(ada.reads("fraud"));
    until("the word that it has begun", under_way, |read| read["metadata"]["scanrelay.verdict"] == "scanning").await;

    let garbage = Weather::Says(200, "Content-Type: text/html\r\n", "<title>Log in</title>");
    let mut bad =
        [Weather::Down, Weather::Says(503, "", ""), Weather::Says(401, "", "{\"msg\":\"no\"}"), garbage].into_iter();
    sky.turns(bad.next().unwrap());
    let before = sky.asked().len();
    gate.site.tell("go").await;
    let asked = || std::future::ready(sky.asked().len());
    let mut last = until("a try", asked, |asked| *asked > before).await;
    for weather in bad {
        sky.turns(weather);
        last = until("another try", asked, |asked| *asked > last).await;
    }
    assert_eq!(ada.reads("fraud")["metadata"]["scanrelay.verdict"], "scanning", "it knows nothing of the end yet");
    sky.turns(Weather::Fine);
    assert_eq!(words(&ended(&daemon, 1).await[0]), ("scan_request", "done"));

    let read = ada.reads("fraud");
    assert_eq!(read["metadata"]["scanrelay.verdict"], "unsafe");
    assert_eq!(read["metadata"]["scanrelay.summary"], "scan: unsafe");
    assert_eq!(read["tags"], json!(["Scan me"]), "a stage is nothing that we write");
    assert_eq!(gate.site.lines("scanned").len(), 1, "a finished scan is not redone");
    let writes = registry.writes().await;
    let comments = writes.iter().filter(|write| write["path"].as_str().unwrap().ends_with("/item/update"));
    assert_eq!(comments.count(), 1, "{writes:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_believed_and_nothing_is_written_twice() {
    let registry = Registry::start();
    let sky = Weathered::new(&registry.url);
    let gate = Gate::new(&sky.url, "");
    gate.site.pipe("go");
    gate.site
        .plugin("act", "cat > /dev/null; read word < $SITE/go; echo '{\"type\":\"result\",\"status\":\"complete\"}'");
    let daemon = gate.start();
    let mut ada = Client::start(&registry.url);
    ada.registers("fraud");
    plain_webhook(&registry, &daemon).await;
    ada.changes("add_tag", "fraud", "tag", "Production");
    let begun = || std::future::ready(ada.reads("fraud"));
    until("the word that it has begun", begun, |read| read["metadata"]["scanrelay.deployment_status"] == "in_progress")
        .await;
    let before = sky.asked().len();
    sky.turns(Weather::BreaksOff);
    gate.site.tell("go").await;
    until("some tries", || std::future::ready(sky.asked().len()), |asked| *asked > before + 2).await;
    sky.turns(Weather::Fine);
    assert_eq!(words(&ended(&daemon, 1).await[0]), ("promotion", "done"));
    let read = ada.reads("fraud");
    assert_eq!(read["comment"], "by ada\n[scanrelay promotion] complete");
    assert_eq!(read["metadata"]["scanrelay.deployment_status"], "complete");
}
