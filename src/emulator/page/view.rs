//! The page as a reader sees it.

use serde_json::Value;

use super::super::activities::What;
use super::super::builds::Build;
use super::super::date;
use super::super::deliver::{Call, CallStatus};
use super::super::entity::{ModelVersion, Stage, Uint64};
use super::super::registry::State;
use super::html::Html;
use super::promotion::Promotion;

/// Calls that are shown; all are in the event service.
const SHOWN_CALLS: usize = 30;
/// What nobody has answered after so long will not be answered by looking again and again, in milliseconds.
const PATIENCE: u64 = 10 * 60 * 1000;

/// `again` is where to look again while something is in progress, if that is not this same page.
pub fn page(state: &State, origin: &str, again: Option<&str>) -> Html {
    let mut html = Html::new();
    head(&mut html, busy(state).then_some(again.unwrap_or_default()));
    html.raw("<h1>Development registry</h1><p class=\"quiet\">A stand-in for Verta on this machine. ")
        .raw("All of it is in memory and gone when it stops.</p><h2>Model versions</h2>");
    if state.versions.is_empty() {
        show_first_steps(&mut html, origin);
    }
    for version in state.versions.values().rev() {
        show_version(&mut html, state, version);
    }
    show_webhooks(&mut html, state);
    show_calls(&mut html, state);
    html
}

/// `refresh`: where to look again; nothing is here.
pub fn head(html: &mut Html, refresh: Option<&str>) {
    html.raw("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
        .raw("<title>Development registry</title><link rel=\"icon\" href=\"data:,\">")
        .raw("<link rel=\"stylesheet\" href=\"/dev/page.css\">");
    if let Some(again) = refresh {
        html.raw("<meta http-equiv=\"refresh\" content=\"2");
        if !again.is_empty() {
            html.raw("; url=").text(again);
        }
        html.raw("\">");
    }
}

fn show_first_steps(html: &mut Html, origin: &str) {
    html.raw(
        "<p>There is none yet. Register a model, and then a version of it with the id that this answers:</p><pre>",
    );
    for (body, path) in [
        (r#"{"name":"fraud"}"#, "workspaces/acme/registered_models"),
        (r#"{"version":"v1"}"#, "registered_models/ID/model_versions"),
    ] {
        html.raw("curl -H 'Grpc-Metadata-email: ada@example.com' -d '").text(body).raw("' \\\n  ");
        html.text(origin).raw("/api/v1/registry/").text(path).raw("\n");
    }
    html.raw("</pre>");
}

/// Whether something will look different soon.
fn busy(state: &State) -> bool {
    let lately = |at: Uint64| date::now().0.saturating_sub(at.0) < PATIENCE;
    state.versions.values().any(|version| Promotion::of(version).in_progress && lately(version.time_updated))
        || state
            .builds
            .values()
            .any(|build| build.in_progress() || (build.scan.awaited() && lately(build.scan.updated)))
        || state.calls.values().any(|call| call.status == CallStatus::InProgress)
}

fn show_version(html: &mut Html, state: &State, version: &ModelVersion) {
    let model = state.models.get(&version.registered_model_id).map_or("", |model| model.name.as_str());
    let workspace = state.workspace_name(version.id).unwrap_or_default();
    html.raw("<section class=\"version\" id=\"version-").text(version.id).raw("\"><div class=\"head\"><h3>");
    html.text(model).raw(" ").text(&version.version).raw("</h3><span class=\"stage\">");
    html.text(version.stage.name()).raw("</span><span class=\"quiet\">in ").text(workspace);
    html.raw(", id ").text(version.id).raw("</span></div>");
    let promotion = Promotion::of(version);
    show_promotion(html, &promotion);
    show_deployments(html, version);
    if let Some(path) = version.rest.get("model").and_then(|model| model["path"].as_str()) {
        html.raw("<p class=\"quiet\">Model file <code>").text(path).raw("</code></p>");
    }
    let mut builds = state.builds.values().rev().filter(|build| build.model_version == version.id).peekable();
    if builds.peek().is_none() {
        html.raw("<p class=\"quiet\">No build yet: requesting a scan makes one.</p>");
    } else {
        html.raw("<div class=\"scroll\"><table><tr><th>Build<th>Image<th>Scan<th>Report</tr>");
        builds.for_each(|build| show_build(html, build));
        html.raw("</table></div>");
    }
    show_comments(html, state, version);
    html.raw("<div class=\"acts\">");
    let place = format!("version-{}", version.id);
    let label = if version.stage == Stage::Production { "Promote again" } else { "Promote to production" };
    html.button("promote", version.id, &place, label);
    html.button("request-scan", version.id, &place, "Request a scan").raw("</div></section>");
}

fn show_promotion(html: &mut Html, promotion: &Promotion) {
    let Promotion { in_progress, status, address, summary, other } = promotion;
    if *in_progress {
        html.raw("<p class=\"busy\">Promotion in progress…</p>");
    } else if let Some(status) = status {
        let word = status.to_lowercase();
        let class = if word.starts_with("fail") || word.starts_with("err") {
            "<span class=\"bad\">"
        } else {
            "<span class=\"good\">"
        };
        html.raw("<p>Promotion ").raw(class).text(status).raw("</span>");
        if let Some(summary) = summary {
            html.raw(": ").text(summary);
        }
        html.raw("</p>");
    }
    if let Some(address) = address {
        html.raw("<p>Now at ").link(address).raw("</p>");
    }
    if let Some(other) = other {
        html.raw("<p>Redirect metadata <code>").text(other).raw("</code></p>");
    }
}

fn show_deployments(html: &mut Html, version: &ModelVersion) {
    let deployments = version.rest.get("external_deployments").and_then(Value::as_array);
    for deployment in deployments.into_iter().flatten() {
        let text = |key: &str| deployment[key].as_str().unwrap_or_default();
        html.raw("<p>Deployed at ").link(text("location_deployed")).raw(" <span class=\"quiet\">");
        html.text(text("description")).raw("</span></p>");
    }
}

fn show_build(html: &mut Html, build: &Build) {
    html.raw("<tr><td>").text(build.id).raw(" ");
    let (class, word) = if build.failed() {
        ("<span class=\"bad\">", "error")
    } else if build.in_progress() {
        ("<span class=\"busy\">", "building…")
    } else {
        ("<span class=\"quiet\">", "finished")
    };
    html.raw(class).text(word).raw("</span><td>");
    html.raw("<code>").text(build.location().unwrap_or_default()).raw("</code><td>");
    let word = build.scan.word();
    let class = match word {
        "safe" => "<span class=\"good\">",
        "unsafe" | "error" => "<span class=\"bad\">",
        "not scanned" => "<span class=\"quiet\">",
        "no verdict" => "<span>",
        _ => "<span class=\"busy\">",
    };
    let (class, word) = if build.failed() { ("<span class=\"quiet\">", "nothing to scan") } else { (class, word) };
    html.raw(class).text(word).raw("</span><td>");
    if let Some(url) = build.scan.url() {
        html.link(url);
    }
    html.raw("</tr>");
}

fn show_comments(html: &mut Html, state: &State, version: &ModelVersion) {
    let own = state.activities.iter().filter(|activity| activity.version == version.id);
    for comment in own.filter(|activity| matches!(activity.what, What::Comment)) {
        html.raw("<p><span class=\"quiet\">").text(&comment.author).raw(": </span>").text(&comment.comment).raw("</p>");
    }
}

fn show_webhooks(html: &mut Html, state: &State) {
    html.raw("<h2>Webhooks</h2>");
    if state.webhooks.is_empty() {
        html.raw("<p>Nobody listens yet: a promotion or a scan request reaches no daemon.</p>");
        return;
    }
    html.raw("<div class=\"scroll\"><table><tr><th>Name<th>Hears<th>Signs</tr>");
    for hook in state.webhooks.values() {
        html.raw("<tr><td>").text(&hook.name).raw("<td>");
        if hook.all_events {
            html.raw("everything");
        } else {
            let names: Vec<&str> = hook.event_types.iter().map(|event| event.name()).collect();
            html.text(names.join(", "));
        }
        html.raw("<td>").raw(if hook.target.secret.is_some() { "yes" } else { "no" }).raw("</tr>");
    }
    html.raw("</table></div>");
}

fn show_calls(html: &mut Html, state: &State) {
    html.raw("<h2 id=\"calls\">Webhook calls</h2>");
    if state.calls.is_empty() {
        html.raw("<p class=\"quiet\">None yet.</p>");
        return;
    }
    html.raw("<div class=\"scroll\"><table><tr><th>Call<th>Webhook<th>Event<th>Status<th>Answer<th></tr>");
    for call in state.calls.values().rev().take(SHOWN_CALLS) {
        show_call(html, state, call);
    }
    html.raw("</table></div>");
    if state.calls.len() > SHOWN_CALLS {
        html.raw("<p class=\"quiet\">and ").text(state.calls.len() - SHOWN_CALLS).raw(" older</p>");
    }
}

fn show_call(html: &mut Html, state: &State, call: &Call) {
    let hook = state.webhooks.get(&call.webhook_id);
    let event = call.body["event_type"].as_str().unwrap_or("CREATE");
    html.raw("<tr><td>").text(call.id).raw("<td>").text(hook.map_or("(deleted)", |hook| hook.name.as_str()));
    html.raw("<td>").text(event).raw("<br><code class=\"quiet\">").text(&call.event_uuid).raw("</code><td>");
    let (class, word) = match call.status {
        CallStatus::Success => ("<span class=\"good\">", "success"),
        CallStatus::Failure => ("<span class=\"bad\">", "failure"),
        CallStatus::InProgress => ("<span class=\"busy\">", "in progress…"),
        CallStatus::Unknown => ("<span>", "unknown"),
    };
    html.raw(class).text(word).raw("</span><td>");
    match (&call.response["status_code"], &call.response["error"]) {
        (Value::Number(status), _) => html.text(status),
        (_, Value::String(error)) => html.text(error),
        _ => html,
    };
    html.raw("<td>");
    if hook.is_some() && call.status != CallStatus::InProgress {
        html.button("retrigger", call.id, "calls", "Send again");
    }
    html.raw("</tr>");
}
