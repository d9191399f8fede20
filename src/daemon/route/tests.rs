//! Against a checked configuration, as the daemon has it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use scanrelay::Stage;

use super::*;
use crate::daemon::verdict::Policy;

const REGISTRIES: &str = r#"
[registries.verta]
kind = "verta"
url = "https://verta.example.com"
workspace = "acme"
credentials = { email = "bot@example.com", developer_key = { file = "secret" } }
webhook = { secrets = [{ file = "secret" }] }

[registries.silent]
kind = "verta"
confirm = false
webhook = { secrets = [{ file = "secret" }] }

[plugins.alpha]
kind = "scanner"
command = ["FOLDER/program"]

[plugins.beta]
kind = "scanner"
command = ["FOLDER/program"]

[plugins.gamma]
kind = "scanner"
command = ["FOLDER/program"]

[plugins.deploy]
kind = "action"
command = ["FOLDER/program"]
"#;

/// Two registries, three scanners, an action, and these routes.
fn config(routes: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    write("secret", "a secret of the routes' tests", 0o600);
    write("program", "#!/bin/sh\n", 0o755);
    let text = format!("{REGISTRIES}{routes}").replace("FOLDER", &folder.path().display().to_string());
    Config::load(&write("scanrelay.toml", &text, 0o600), BTreeMap::new()).unwrap_or_else(|error| panic!("{error}"))
}

fn scan(registry: &str, workspace: Option<&str>) -> Event {
    let mut event = Event::new(EventKind::ScanRequest, registry);
    event.workspace = workspace.map(str::to_owned);
    event.build.id = Some("5150".to_owned());
    event
}

fn promotion(id: &str, name: Option<&str>, stage: Option<&str>) -> Event {
    let mut event = Event::new(EventKind::Promotion, "verta");
    event.model.id = Some(id.to_owned());
    event.model.name = name.map(str::to_owned);
    event.change.stage_to = stage.map(Stage::new);
    event
}

/// The event takes the route of that number, or none for that reason.
fn check(config: &Config, event: &Event, expected: Result<usize, &str>) {
    let found = plan(config, event).map(|plan| plan.route);
    assert_eq!(found, expected.map_err(str::to_owned), "{event:?}");
}

#[test]
fn the_first_that_matches_wins() {
    let config = config(
        r#"
[[routes]]
on = "scan_request"
registries = ["silent"]
scanners = ["alpha"]

[[routes]]
on = "scan_request"
scanners = ["beta"]

[[routes]]
on = "scan_request"
scanners = ["gamma"]
"#,
    );
    check(&config, &scan("silent", None), Ok(1));
    check(&config, &scan("verta", None), Ok(2));
    assert_eq!(plan(&config, &scan("verta", None)).unwrap().scanners, ["beta"]);
}

#[test]
fn a_plan_says_what_the_route_says() {
    let config = config(
        r#"
[[routes]]
on = "scan_request"
scanners = ["alpha", "beta"]
advisory = ["gamma"]
verdict = { quorum = 1 }
on_error = "unsafe"

[[routes]]
on = "promotion"
scanners = ["alpha"]
actions = ["deploy"]

[[routes]]
on = "version_created"
scanners = ["alpha"]
"#,
    );
    let planned = |event: &Event| plan(&config, event).unwrap();
    let first = Plan {
        route: 1,
        scanners: vec!["alpha".to_owned(), "beta".to_owned()],
        advisory: vec!["gamma".to_owned()],
        policy: Policy::Quorum(1),
        error_is_unsafe: true,
        actions: Vec::new(),
        report: true,
        latest_only: false,
        confirm_first: false,
        configuration: config.digest.clone(),
    };
    assert_eq!(planned(&scan("verta", None)), first);
    assert_eq!(planned(&scan("silent", None)), Plan { report: false, ..first }, "there is nowhere to report to");
    let second = planned(&promotion("1", None, None));
    assert_eq!((second.actions, second.policy, second.report), (vec!["deploy".to_owned()], Policy::All, true));
    let third = planned(&Event::new(EventKind::VersionCreated, "verta"));
    assert_eq!((third.route, third.report), (3, false), "the registry has no place for it");
}

#[test]
fn without_a_match_the_nearest_route_and_its_filter_are_named() {
    let config = config(
        r#"
[[routes]]
on = "scan_request"
registries = ["verta"]
workspace = "acme-*"
scanners = ["alpha"]

[[routes]]
on = "promotion"
registries = ["verta"]
model = "fraud-*"
stage = "production"
actions = ["deploy"]

[[routes]]
on = "promotion"
registries = ["verta"]
model = "churn"
stage = "staging"
actions = ["deploy"]
"#,
    );
    let other = "no route: route 1 is for scan_request, this is other(CREATE)";
    check(&config, &Event::new(EventKind::Other("CREATE".to_owned()), "verta"), Err(other));
    check(&config, &scan("silent", Some("acme-1")), Err("no route: route 1 is for registries verta"));
    check(&config, &scan("verta", Some("other")), Err("no route: route 1 is for another workspace"));
    // Of equally near ones, the first.
    check(&config, &promotion("1", Some("ranking"), None), Err("no route: route 2 is for other models"));
    let stage = "no route: route 2 is for stage production, this is staging";
    check(&config, &promotion("1", Some("fraud-eu"), Some("STAGING")), Err(stage));
    let stage = "no route: route 3 is for stage staging, this is none";
    check(&config, &promotion("1", Some("churn"), None), Err(stage));
}

#[test]
fn without_routes_there_is_none() {
    check(&config(""), &scan("verta", None), Err("no route is configured"));
}

#[test]
fn globs_match_whole_names_and_ids() {
    let config = config(
        r#"
[[routes]]
on = "promotion"
model = "fraud-*"
actions = ["deploy"]

[[routes]]
on = "promotion"
model = "{42,churn?}"
actions = ["deploy"]

[[routes]]
on = "scan_request"
workspace = "acme"
scanners = ["alpha"]
"#,
    );
    let models = Err("no route: route 1 is for other models");
    check(&config, &promotion("1", Some("fraud-eu"), None), Ok(1));
    check(&config, &promotion("fraud-7", None, None), Ok(1));
    check(&config, &promotion("42", Some("ranking"), None), Ok(2));
    check(&config, &promotion("1", Some("churn2"), None), Ok(2));
    check(&config, &promotion("1", Some("churn"), None), models);
    check(&config, &promotion("1", Some("my-fraud-eu"), None), models);
    check(&config, &promotion("1", None, None), models);
    check(&config, &scan("verta", Some("acme")), Ok(3));
    check(&config, &scan("verta", Some("acme2")), Err("no route: route 3 is for another workspace"));
    check(&config, &scan("verta", None), Err("no route: route 3 is for another workspace"));
}

#[test]
fn stages_match_whatever_their_case() {
    let config = config("\n[[routes]]\non = \"promotion\"\nstage = \"Production\"\nactions = [\"deploy\"]\n");
    for stage in ["PRODUCTION", "production"] {
        check(&config, &promotion("1", None, Some(stage)), Ok(1));
    }
}

#[test]
fn every_route_is_explained() {
    let config = config(
        r#"
[[routes]]
on = "promotion"
registries = ["silent"]
stage = "staging"
actions = ["deploy"]

[[routes]]
on = "scan_request"
scanners = ["alpha"]

[[routes]]
on = "promotion"
scanners = ["alpha"]

[[routes]]
on = "promotion"
stage = "production"
actions = ["deploy"]
"#,
    );
    let explained = |event: &Event| {
        let considered = explain(&config, event);
        assert!(considered.iter().all(|each| each.taken == each.why_not.is_none()));
        let taken = considered.iter().find(|each| each.taken).map(|each| each.route);
        assert_eq!(taken, plan(&config, event).ok().map(|plan| plan.route), "as it is planned");
        considered.into_iter().map(|each| each.why_not.unwrap_or_default()).collect::<Vec<_>>()
    };
    let expected = [
        "is for registries silent, and is for stage staging, this is production",
        "is for scan_request, this is promotion",
        "",
        "matches too, but route 3 comes first",
    ];
    assert_eq!(explained(&promotion("1", None, Some("PRODUCTION"))), expected);
    assert!(!explained(&Event::new(EventKind::Comment, "verta")).contains(&String::new()));
}
