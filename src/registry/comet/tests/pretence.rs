//! A registry that exists only here: one version, and what it does where Comet's ways are not known.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

#[derive(Clone, Default)]
pub(super) struct Pretence {
    pub(super) metadata: BTreeMap<String, Value>,
    pub(super) comment: String,
    pub(super) status: String,
    /// A write of metadata takes the place of all of it.
    pub(super) replaces: bool,
    /// Writes are answered with nothing.
    pub(super) silent: bool,
    /// Writes are answered, and nothing is written.
    pub(super) forgets: bool,
}

impl Pretence {
    /// Tells it the outcome to the end: each step as a line, and every request.
    pub(super) fn told(&mut self, comet: &Comet, outcome: &Outcome) -> (Vec<String>, Vec<Request>) {
        let event = event(r#"{"workspaceName":"acme","modelName":"fraud","version":"1","stages":["Production"]}"#);
        let (mut seen, mut lines) = (Vec::<Exchange>::new(), Vec::new());
        loop {
            let step = comet.next(&event, outcome, &seen);
            lines.push(line(&step).replace("/api/rest/v2/", ""));
            let Step::Send(request) = step else { break };
            assert!(seen.len() < 9, "it does not end: {lines:?}");
            let answer = self.answer(&request);
            seen.push(Exchange::new(request, 200, answer));
        }
        (lines, seen.into_iter().map(|exchange| exchange.request).collect())
    }

    fn answer(&mut self, request: &Request) -> String {
        let body: Value = request.body.as_deref().map_or(Value::Null, |body| serde_json::from_str(body).unwrap());
        let path = request.path.strip_prefix("/api/rest/v2/").unwrap();
        if request.method == "GET" {
            let list: Vec<Value> =
                self.metadata.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
            return match path {
                "registry-model/item/i%2F1/metadata" => json!({ "metadata": list }).to_string(),
                "registry-model/item/details?workspaceName=acme&modelName=fraud&version=1" => {
                    json!({"registryModelItemId": "i/1", "comment": self.comment, "status": self.status, "tags": ["Production"]})
                        .to_string()
                }
                path => panic!("{path} is never asked for"),
            };
        }
        match path {
            _ if self.forgets => {}
            "write/registry-model/item/i%2F1/metadata" => {
                if self.replaces {
                    self.metadata.clear();
                }
                for entry in body["metadata"].as_array().unwrap() {
                    self.metadata.insert(entry["key"].as_str().unwrap().to_owned(), entry["value"].clone());
                }
            }
            "write/registry-model/item/update" => {
                assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["comment", "registryModelItemId"]);
                body["comment"].as_str().unwrap().clone_into(&mut self.comment);
            }
            "write/registry-model/item/status" => {
                assert_eq!(body["modelItemId"], "i/1");
                body["status"].as_str().unwrap().clone_into(&mut self.status);
            }
            path => panic!("{path} is never written"),
        }
        if self.silent { String::new() } else { "{}".to_owned() }
    }
}
