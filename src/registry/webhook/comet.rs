//! Comet's webhooks: one configuration for each workspace or model, read, merged and written whole, since whether a write
//! replaces or merges is not documented. Entries of other people stay as they are, with every key that they have.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Did, Manager, Row, Wanted};
use crate::Secret;
use crate::registry::answer::{object, query};
use crate::registry::object::Object;
use crate::registry::{Comet, Exchange, Request, Rules, Step};

const PATH: &str = "/api/rest/v2/webhooks/config";

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Configs {
    webhook_configs: Vec<Object<Config>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    model_name: Option<String>,
    webhook_urls: Vec<Map<String, Value>>,
}

impl Manager for Comet {
    fn list(&self, _page: Option<&str>) -> Result<Request, String> {
        let workspace = self.workspace.as_deref();
        let workspace = workspace.ok_or("Comet keeps webhooks by workspace: set the registry's workspace")?;
        Ok(Request {
            method: "GET".to_owned(),
            path: [PATH, &query(&[("workspaceName", workspace)])].concat(),
            body: None,
            writes: Vec::new(),
        })
    }

    fn rows(&self, wanted: &Wanted, page: &Exchange) -> Result<(Vec<Row>, Option<String>), Step> {
        let rows = object::<Configs>(page)?.webhook_configs.into_iter().flat_map(|Object(config)| config.webhook_urls);
        let row = |entry: Map<String, Value>| {
            let triggers = entry.get("triggers").and_then(Value::as_array).into_iter().flatten();
            let triggers = triggers.filter_map(Value::as_str).map(str::to_owned).collect();
            let headers = entry.get("header").and_then(Value::as_object);
            let sent = headers.and_then(|headers| {
                headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(&wanted.header)).map(|(_, value)| value)
            });
            let sent = sent.and_then(Value::as_str).and_then(|text| Secret::new(text).ok());
            Row {
                id: None,
                address: entry.get("url").and_then(Value::as_str).unwrap_or_default().to_owned(),
                events: triggers,
                active: true,
                // In constant time.
                same_secret: Some(sent == wanted.secret),
            }
        };
        Ok((rows.map(row).collect(), None))
    }

    /// Which words Comet has for its triggers is documented for one of them only, so none are set.
    fn events(&self, _rules: &Rules) -> Vec<String> {
        Vec::new()
    }

    fn create(&self, wanted: &Wanted, listed: &[Exchange]) -> Request {
        self.written(wanted, listed, true)
    }

    fn change(&self, wanted: &Wanted, _row: &Row, listed: &[Exchange]) -> Request {
        self.written(wanted, listed, true)
    }

    fn delete(&self, wanted: &Wanted, _row: &Row, listed: &[Exchange]) -> Request {
        self.written(wanted, listed, false)
    }

    fn test(&self, _row: &Row) -> Result<Request, String> {
        Err("Comet sends no tests: set a stage of some version, and see scanrelay deliveries list".to_owned())
    }

    fn tested(&self, answer: &Exchange) -> Result<Did, Step> {
        object::<Value>(answer).map(|_| Did::Tested(None, None))
    }

    /// Its answer is not documented; an empty one is one.
    fn taken(&self, answer: &Exchange) -> Result<(), Step> {
        let is_empty = (200..=299).contains(&answer.status) && answer.body.trim_ascii().is_empty();
        if is_empty { Ok(()) } else { object::<Value>(answer).map(drop) }
    }
}

impl Comet {
    /// The workspace's own entries, with ours or without.
    fn written(&self, wanted: &Wanted, listed: &[Exchange], with_ours: bool) -> Request {
        let configs = listed.iter().filter_map(|page| object::<Configs>(page).ok());
        let of_all =
            configs.flat_map(|configs| configs.webhook_configs).filter(|Object(config)| config.model_name.is_none());
        let mut urls: Vec<Map<String, Value>> = of_all.flat_map(|Object(config)| config.webhook_urls).collect();
        let is_ours = |entry: &Map<String, Value>| entry.get("url").and_then(Value::as_str) == Some(&wanted.address);
        let before = urls.iter().find(|entry| is_ours(entry)).cloned();
        urls.retain(|entry| !is_ours(entry));
        if with_ours {
            // What somebody added to ours stays, too.
            let mut entry = before.unwrap_or_default();
            entry.insert("url".to_owned(), json!(wanted.address));
            let header = entry.entry("header").or_insert_with(|| json!({}));
            if let Some(headers) = header.as_object_mut() {
                headers.retain(|name, _| !name.eq_ignore_ascii_case(&wanted.header));
                headers.insert(wanted.header.clone(), json!(wanted.secret()));
            }
            entry.entry("name").or_insert_with(|| json!("scanrelay"));
            urls.push(entry);
        }
        let body = json!({ "webhookConfigs": [{ "workspaceName": self.workspace, "webhookUrls": urls }] });
        Request { method: "POST".to_owned(), path: PATH.to_owned(), body: Some(body.to_string()), writes: Vec::new() }
    }
}
