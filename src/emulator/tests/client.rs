//! What Verta's own client asks beside the way of a promotion: who and where, finding, replacing, and what is told of
//! a version.

use serde_json::{Value, json};

use super::harness::Site;

const REGISTRY: &str = "/api/v1/registry";

#[tokio::test]
async fn a_client_logs_in_and_learns_where_it_is() {
    let site = Site::start();
    assert_eq!(site.must("GET", "/api/v1/modeldb/project/verifyConnection", Value::Null).await["status"], true);
    let uac = "/api/v1/uac-proxy";
    let me = site.must("GET", &format!("{uac}/uac/getCurrentUser"), Value::Null).await;
    assert_eq!((&me["email"], &me["verta_info"]["username"]), (&json!("ada@example.com"), &json!("ada")));
    let own = me["verta_info"]["default_workspace_id"].as_str().unwrap();
    let get = async |call: &str| site.must("GET", &format!("{uac}/workspace/{call}"), Value::Null).await;
    assert_eq!(get(&format!("getWorkspaceById?id={own}")).await["org_name"], "default");
    let named = get("getWorkspaceByName?name=acme").await;
    let seen = get("getVisibleWorkspaces").await["workspace"].take();
    assert!(seen.as_array().unwrap().contains(&named) && seen.as_array().unwrap().len() == 2, "{seen}");
    let model = json!({ "name": "fraud" });
    let model = site.must("POST", &format!("{REGISTRY}/workspaces/acme/registered_models"), model).await;
    assert_eq!(model["registered_model"]["workspace_id"], named["id"]);
    for query in ["id=99", "id=x", ""] {
        let (status, ..) = site.refused("GET", &format!("{uac}/workspace/getWorkspaceById?{query}"), Value::Null).await;
        assert_eq!(status, if query == "id=99" { 404 } else { 400 });
    }
}

#[tokio::test]
async fn models_and_versions_are_found() {
    let site = Site::start();
    let (path, version) = site.version("fraud").await;
    let (other, _) = site.version("churn").await;
    site.must("PATCH", &path, json!({ "labels": ["safe", "small"] })).await;
    for name in ["v2", "v3"] {
        site.must("POST", other.rsplit_once('/').unwrap().0, json!({ "version": name })).await;
    }
    let models = format!("{REGISTRY}/workspaces/acme/registered_models");
    let named = site.must("GET", &format!("{models}/fraud"), Value::Null).await;
    assert_eq!(named["registered_model"]["id"], version["registered_model_id"]);
    let (status, code, _) = site.refused("GET", &format!("{models}/nothing"), Value::Null).await;
    assert_eq!((status, code), (404, 5), "as the client wants it");
    assert_eq!(
        site.refused("GET", &format!("{REGISTRY}/workspaces/no/registered_models/fraud"), Value::Null).await.0,
        404
    );

    let names = |found: &Value, list: &str, key: &str| -> Vec<String> {
        found[list].as_array().unwrap().iter().map(|one| one[key].as_str().unwrap().to_owned()).collect()
    };
    let found = site.must("POST", &format!("{models}/find"), json!({})).await;
    assert_eq!(
        (names(&found, "registered_models", "name"), &found["total_records"]),
        (vec!["churn".into(), "fraud".into()], &json!("2"))
    );
    let of = json!({ "workspace_name": "other" });
    assert_eq!(site.must("POST", &format!("{REGISTRY}/registered_models/find"), of).await["total_records"], "0");

    let (of_fraud, of_churn) = (path.rsplit_once('/').unwrap().0, other.rsplit_once('/').unwrap().0);
    let page = json!({ "ascending": true, "sort_key": "version", "pagination": { "page_number": 2, "page_limit": 2 } });
    let found = site.must("POST", &format!("{of_churn}/find"), page).await;
    assert_eq!(
        (names(&found, "model_versions", "version"), &found["total_records"]),
        (vec!["v3".to_owned()], &json!("3"))
    );
    let by =
        |predicate: Value| json!({ "predicates": [predicate], "pagination": { "page_number": 1, "page_limit": -1 } });
    for (place, predicate, total) in [
        (format!("{REGISTRY}/model_versions"), json!({ "key": "version", "value": "v1" }), "2"),
        (format!("{REGISTRY}/model_versions"), json!({ "key": "version", "value": "v1", "operator": "NE" }), "2"),
        (format!("{REGISTRY}/model_versions"), json!({ "key": "labels", "value": "mall", "operator": "CONTAIN" }), "1"),
        (of_fraud.to_owned(), json!({ "key": "labels", "value": "safe" }), "1"),
        (of_fraud.to_owned(), json!({ "key": "labels", "value": "safe", "operator": "NOT_CONTAIN" }), "0"),
        (format!("{models}/churn/model_versions"), json!({ "key": "stage", "value": "UNASSIGNED" }), "3"),
        (format!("{REGISTRY}/workspaces/acme/model_versions"), json!({ "key": "id", "value": version["id"] }), "1"),
        (format!("{REGISTRY}/workspaces/other/model_versions"), json!({ "key": "id", "value": version["id"] }), "0"),
    ] {
        let found = site.must("POST", &format!("{place}/find"), by(predicate.clone())).await;
        assert_eq!(found["total_records"], total, "{place} {predicate}");
    }
    let bad = by(json!({ "key": "version", "value": "v1", "operator": "LIKE" }));
    assert_eq!(site.refused("POST", &format!("{of_fraud}/find"), bad).await.1, 3);
    assert_eq!(
        site.refused("POST", &format!("{REGISTRY}/registered_models/99/model_versions/find"), json!({})).await.0,
        404
    );
}

#[tokio::test]
async fn put_replaces_and_patch_adds() {
    let site = Site::start();
    let (path, _) = site.version("fraud").await;
    site.must(
        "PATCH",
        &path,
        json!({ "labels": ["one"], "attributes": [{ "key": "a", "value": 1 }], "description": "d" }),
    )
    .await;
    let more = json!({ "labels": ["two", "one"], "attributes": [{ "key": "a", "value": 2 }, { "key": "b" }] });
    let mut whole = site.must("PATCH", &path, more).await["model_version"].take();
    assert_eq!(
        (&whole["labels"], &whole["attributes"]),
        (&json!(["one", "two"]), &json!([{ "key": "a", "value": 2 }, { "key": "b" }]))
    );

    whole["labels"] = json!(["two"]);
    whole.as_object_mut().unwrap().remove("description");
    // The client sends zero values for what it does not know of.
    whole["group_owner_id"] = json!("");
    let put = site.must("PUT", &path, whole.clone()).await["model_version"].take();
    assert_eq!((&put["labels"], put.get("description"), put.get("group_owner_id")), (&json!(["two"]), None, None));
    assert_eq!(put["attributes"], whole["attributes"]);
    whole["stage"] = json!("PRODUCTION");
    assert_eq!(site.refused("PUT", &path, whole).await.1, 3, "a stage has its own way");

    let model = path.split_once("/model_versions").unwrap().0;
    let changed =
        site.must("PATCH", model, json!({ "description": "d", "labels": ["one"] })).await["registered_model"].take();
    assert_eq!((&changed["description"], &changed["labels"]), (&json!("d"), &json!(["one"])));
    let put = site.must("PUT", model, json!({ "name": "fraud", "labels": ["two"] })).await["registered_model"].take();
    assert_eq!((put.get("description"), &put["labels"], &put["name"]), (None, &json!(["two"]), &json!("fraud")));
    let (status, _, message) = site.refused("PATCH", model, json!({ "stage": "x" })).await;
    assert!(status == 400 && message.contains("a registered model has no such field"), "{message}");
    assert_eq!(site.must("GET", "/dev/writes", Value::Null).await.as_array().unwrap().len(), 5, "what was accepted");
}

#[tokio::test]
async fn attributes_deployments_and_messages_are_told_beside() {
    let site = Site::start();
    let (path, version) = site.version("fraud").await;
    let log = format!("{REGISTRY}/model_versions/{}/logAttributes", version["id"].as_str().unwrap());
    let attribute = json!({ "key": "scanrelay.run", "value": "https://runs.example.com/1", "value_type": "STRING" });
    site.must("POST", &log, json!({ "attributes": [attribute] })).await;
    assert_eq!(site.must("GET", &path, Value::Null).await["model_version"]["attributes"], json!([attribute]));
    for bad in [json!({}), json!({ "attributes": [{ "value": 1 }] })] {
        assert_eq!(site.refused("POST", &log, bad).await.1, 3);
    }

    let deployments = format!("{REGISTRY}/registered_models/model_versions/external_deployments");
    let mut body = json!({ "model_version_id": version["id"], "location_deployed": "https://prod.example.com/fraud", "location_type": "DEVICE" });
    let made = site.must("POST", &deployments, body.clone()).await["external_deployment"].take();
    body["id"] = made["id"].clone();
    body["location_deployed"] = json!("https://prod.example.com/fraud/2");
    site.must("PUT", &deployments, body.clone()).await;
    let read = site.must("GET", &path, Value::Null).await["model_version"].take();
    assert_eq!(read["external_deployments"], json!([body]));
    let page = site.client.get(format!("{}/", site.url)).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("href=\"https://prod.example.com/fraud/2\""), "{page}");
    body["id"] = json!("99");
    assert_eq!(site.refused("PUT", &deployments, body).await.0, 404);
    assert_eq!(
        site.refused("POST", &deployments, json!({ "model_version_id": version["id"], "location_deployed": "" }))
            .await
            .1,
        3
    );

    let scan = site.build(Some("registry.example.com/acme/fraud:1")).await;
    let other = json!({ "model_version_id": version["id"], "external_location": "registry.example.com/acme/fraud:2" });
    site.must("POST", "/api/v1/deployment/workspace/acme/builds", other).await;
    let text = Value::String("\"scanned by hand\"".to_owned());
    site.must("PUT", &format!("{}/message", scan.trim_end_matches("/scan")), text.clone()).await;
    let list = |query: &str| format!("/api/v1/deployment/{query}");
    let all = site.must("GET", &list("workspace/acme/builds"), Value::Null).await["builds"].take();
    assert_eq!((all.as_array().unwrap().len(), &all[1]["message"]), (2, &json!("scanned by hand")));
    let own = list(&format!("builds?model_version_id={}", version["id"].as_str().unwrap()));
    let own = site.must("GET", &own, Value::Null).await["builds"].take();
    assert_eq!((own.as_array().unwrap().len(), &own[0]["id"]), (1, &json!(5151)));
    site.must("PUT", &list("builds/5151/message"), text.clone()).await;
    assert_eq!(site.refused("PUT", &list("builds/99/message"), text.clone()).await.0, 404);
    assert_eq!(site.refused("PUT", &list("workspace/other/builds/5151/message"), text).await.0, 404);
}
