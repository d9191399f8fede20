//! The way back: MLflow's tags, and before the last of them the comment.
//!
//! The last tag is the end: where it stands, a retry finds nothing to do and writes no second comment.

use serde_json::{Value, json};

use super::Databricks;
use crate::Event;
use crate::event::Fact;
use crate::registry::answer::object;
use crate::registry::told::line;
use crate::registry::{Exchange, Outcome, Request, Step, mlflow};

const COMMENTS: &str = "comments/create";

pub(super) fn next(databricks: &Databricks, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
    let is_comment = |exchange: &&Exchange| exchange.request.path.ends_with(COMMENTS);
    let tags: Vec<Exchange> = seen.iter().filter(|exchange| !is_comment(exchange)).cloned().collect();
    let commented = seen.iter().find(is_comment);
    if let Some(Err(step)) = commented.map(object::<Value>) {
        return step;
    }
    let step = mlflow::tell(event, outcome, &tags);
    let is_last = || match &step {
        // Nothing but the last tag is between this step and the end.
        Step::Send(request) if !tags.is_empty() => {
            let mut all = tags.clone();
            all.push(Exchange::new(request.clone(), 200, "{}"));
            mlflow::tell(event, outcome, &all) == Step::Done
        }
        _ => false,
    };
    match line(outcome) {
        Some(line) if databricks.comment && commented.is_none() && is_last() => Step::Send(comment(event, &line)),
        _ => step,
    }
}

fn comment(event: &Event, text: &str) -> Request {
    let body = json!({ "name": event.model.name, "version": event.version.name, "comment": text });
    Request {
        method: "POST".to_owned(),
        path: [mlflow::API, COMMENTS].concat(),
        body: Some(body.to_string()),
        writes: vec![Fact::of_comment(event.subject(), text)],
    }
}
