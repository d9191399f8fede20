//! What an action demands to have been said.

use super::*;

fn with(keys: &str) -> String {
    format!(
        "[plugins.scan]\nkind = \"scanner\"\ncommand = [\"FOLDER/program\"]\nartifact = true\n\
         [plugins.blind]\nkind = \"scanner\"\ncommand = [\"FOLDER/program\"]\n\
         [plugins.act]\nkind = \"action\"\ncommand = [\"FOLDER/program\"]\n{keys}\n"
    )
}

#[test]
fn a_demanded_verdict_needs_the_files() {
    let place = Place::new();
    let demand = "require_verdict = { is = \"safe\", from = [\"scan\"], max_age = \"7d\" }";
    let config = place.load(&with(demand)).unwrap();
    let act = &config.plugins["act"];
    assert!(act.artifact);
    let demand = act.require_verdict.as_ref().unwrap();
    assert_eq!(
        (demand.from.as_slice(), demand.max_age),
        (&["scan".to_owned()][..], Some(std::time::Duration::from_hours(7 * 24)))
    );
    let words = "given the model's files, only when they were called safe by scan, at most 604800 s ago";
    assert!(config.explain().contains(words), "{}", config.explain());
    assert_eq!(place.load(&with("")).unwrap().plugins["act"].require_verdict, None);
}

#[test]
fn a_demand_that_nothing_could_meet_is_refused() {
    let at = "plugins.act.require_verdict";
    refused(&with("require_verdict = { is = \"unsafe\" }"), &format!("{at}.is: nothing but \"safe\" can be demanded"));
    refused(&with("require_verdict = { is = \"safe\", from = [\"scam\"] }"), "did you mean scan?");
    refused(&with("require_verdict = { is = \"safe\", from = [\"blind\"] }"), "no scanner \"blind\" looks at files");
    refused(&with("require_verdict = { is = \"safe\", from = [\"act\"] }"), "no scanner \"act\" looks at files");
    refused(&with("require_verdict = { is = \"safe\", max_age = \"0s\" }"), &format!("{at}.max_age"));
    refused(&with("require_verdict = { is = \"safe\" }\nartifact = false"), "remove artifact = false");
    refused(&with("[plugins.scan.require_verdict]\nis = \"safe\""), "plugins.scan.require_verdict: it is for actions");
}

#[test]
fn a_word_that_is_demanded_and_not_waited_for_is_a_warning() {
    let place = Place::new();
    let check = |route: &str, expected: usize| {
        let registry = "[registries.r]\nkind = \"verta\"\nurl = \"https://verta.example.com\"\nworkspace = \"w\"\n\
             webhook = { secrets = [{ file = \"webhook-secret\" }] }\n\
             credentials = { email = \"e@example.com\", developer_key = { file = \"webhook-secret\" } }\n";
        let demand = "require_verdict = { is = \"safe\", from = [\"scan\"] }";
        let config =
            place.load(&format!("{registry}{}[[routes]]\non = \"promotion\"\n{route}\n", with(demand))).unwrap();
        let words = "route 1: act demands the word of scan (require_verdict), which is advisory there";
        let found = config.warnings.iter().filter(|warning| warning.starts_with(words)).count();
        assert_eq!(found, expected, "{route}: {:?}", config.warnings);
    };
    check("advisory = [\"scan\"]\nactions = [\"act\"]", 1);
    check("scanners = [\"scan\"]\nactions = [\"act\"]", 0);
    check("actions = [\"act\"]", 0);
}
