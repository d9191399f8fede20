//! The story, in plain words, with what really happened; and whether it is what should have happened.

use serde_json::Value;

use super::client::{APPROVER, AUTHOR, Version};
use super::stage::Stage;
use crate::command::output::line;
use crate::command::{Failure, Outcome};
use scanrelay::plugin::printable;

/// `{"weights": [0.25, -1.5, 3.0]}`, as Python pickles it.
const HARMLESS: &[u8] =
    b"\x80\x04\x95\x2d\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x07weights\x94]\x94(G?\xd0\x00\x00\x00\x00\x00\x00G\xbf\xf8\x00\x00\x00\x00\x00\x00G@\x08\x00\x00\x00\x00\x00\x00es.";
/// Whoever unpickles this runs a command. Nobody here does.
const MALICIOUS: &[u8] = b"cos\nsystem\n(S'echo this model has run a command'\ntR.";

pub(super) async fn tell(stage: &Stage) -> Outcome {
    let client = &stage.client;
    line("scanrelay demo: two models, two scans, two promotions\n")?;
    line(&format!("1. A development registry stands in for Verta at {}", stage.registry))?;
    line(&format!("   scanrelay takes its webhooks at {}/hooks/verta", stage.intake))?;
    let status = client.webhook(&format!("{}/hooks/verta", stage.intake), Stage::secret()).await?;
    line(&format!("   A webhook with a shared secret is made; its signed test is answered {status}"))?;
    same("the answer to the webhook's test", &status, "202")?;

    line("\n2. Two models are registered, each with a file")?;
    let good = client.register("harmless", HARMLESS).await?;
    let bad = client.register("malicious", MALICIOUS).await?;
    line("   harmless: a pickle with three numbers")?;
    line("   malicious: a pickle that runs a command when it is loaded; nobody loads it")?;

    line("\n3. A scan of each is requested; the registry posts a signed event, scanrelay runs pickle-imports")?;
    for (version, safety) in [(&good, "safe"), (&bad, "unsafe")] {
        client.request_scan(version).await?;
        let scan = client.scan_ended(version, |scan| show(version, &scan["scan_status"])).await?;
        line(&format!("   {}: {}, {}", version.name, word(&scan["scan_status"]), word(&scan["safety_status"])))?;
        same(&format!("the scan of {}", version.name), &word(&scan["safety_status"]), safety)?;
    }

    line(&format!("\n4. {AUTHOR} wants both in production, {APPROVER} approves and commits"))?;
    line("   The route has a scanner before its action, so that nothing unsafe is announced")?;
    for (version, ending) in [(&good, "complete"), (&bad, "failed")] {
        client.promote(version).await?;
        let metadata = client.promotion_ended(version, |metadata| show(version, &metadata["status"])).await?;
        let end = word(&metadata["status"]);
        same(&format!("the promotion of {}", version.name), &end, ending)?;
        let more = [&metadata["url"], &metadata["summary"]].into_iter().find_map(Value::as_str).unwrap_or_default();
        line(format!("   {}: {end} {}", version.name, printable(more)).trim_end())?;
    }
    line("\nAll of it stands in the registry as it should. Nothing is left behind.")
}

/// A state on the way.
fn show(version: &Version, state: &Value) {
    let state = word(state);
    if !["", "unscanned", "scanned", "complete", "failed"].contains(&state.as_str()) {
        // A broken pipe shows itself at the next line that matters.
        let _ = line(&format!("   {}: {state} …", version.name));
    }
}

fn word(value: &Value) -> String {
    printable(value.as_str().unwrap_or_default()).into_owned()
}

/// The demo is also a test of this machine.
fn same(what: &str, found: &str, expected: &str) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Failure::Failed(format!("{what} should have been {expected}, the registry says {found:?}")))
}
