//! One discussion of a repository in which outcomes are told: found by its title, made when there is none, and read before a
//! comment is written.

use serde::Deserialize;
use serde_json::json;

use super::{get, nameless, repository};
use crate::Event;
use crate::event::Fact;
use crate::registry::answer::object;
use crate::registry::object::Object;
use crate::registry::told::line;
use crate::registry::{Exchange, Outcome, Request, Step};

/// What the discussion is called.
const TITLE: &str = "scanrelay: scans and promotions";
const OPENING: &str = "Outcomes of scans and promotions of this model.";
/// Pages of discussions that are looked through.
const MAX_PAGES: usize = 4;

#[derive(Deserialize)]
struct Page {
    discussions: Vec<Object<Row>>,
    #[serde(default)]
    count: usize,
    #[serde(default)]
    start: usize,
}

#[derive(Deserialize)]
struct Row {
    num: u64,
    title: String,
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
struct Made {
    num: u64,
}

#[derive(Deserialize)]
struct Discussion {
    #[serde(default)]
    events: Vec<Object<Happened>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Happened {
    data: Option<Object<Data>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    latest: Option<Object<Latest>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Latest {
    raw: Option<String>,
}

/// The answer to a comment.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commented {
    #[serde(rename = "newMessage")]
    _new_message: serde_json::Value,
}

pub(in crate::registry) fn next(event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
    // A word on the way would be a comment for nothing.
    let Some(line) = line(outcome) else { return Step::Done };
    let Some(repository) = repository(event) else { return Step::Refused(nameless()) };
    let at = event.version.id.as_deref().map(|sha| format!("\n\nCommit {sha}"));
    let text = [line.as_str(), &at.unwrap_or_default()].concat();
    Telling { event, base: format!("/api/models/{repository}/discussions"), text, seen: seen.iter() }
        .all()
        .unwrap_or_else(|step| step)
}

struct Telling<'a> {
    event: &'a Event,
    base: String,
    text: String,
    /// Answers that are still to be read, in the order of their requests.
    seen: std::slice::Iter<'a, Exchange>,
}

impl<'a> Telling<'a> {
    /// `Err` is the step that comes before the end.
    fn all(mut self) -> Result<Step, Step> {
        let number = if let Some(number) = self.find()? {
            number
        } else {
            let body = json!({ "title": TITLE, "description": OPENING, "pullRequest": false });
            let request = post(self.base.clone(), &body, self.echo(OPENING));
            object::<Made>(self.ask(request)?)?.num
        };
        let place = format!("{}/{number}", self.base);
        let discussion: Discussion = object(self.ask(get(place.clone()))?)?;
        let said = |Object(happened): &Object<Happened>| {
            let latest = happened.data.as_ref().and_then(|Object(data)| data.latest.as_ref());
            latest.and_then(|Object(latest)| latest.raw.clone())
        };
        // The last of ours stands: an older one with the same words is history.
        let mark = self.text.split_inclusive(']').next().unwrap_or_default();
        let last = discussion.events.iter().filter_map(said).rfind(|raw| raw.starts_with(mark));
        if last.as_deref() == Some(self.text.as_str()) {
            return Ok(Step::Done);
        }
        let request = post([&place, "/comment"].concat(), &json!({ "comment": self.text }), self.echo(&self.text));
        object::<Commented>(self.ask(request)?).map(|_| Step::Done)
    }

    /// The open discussion with our title.
    fn find(&mut self) -> Result<Option<u64>, Step> {
        for page in 0..MAX_PAGES {
            let request = get(format!("{}?type=discussion&status=open&p={page}", self.base));
            let Page { discussions, count, start } = object(self.ask(request)?)?;
            let ours = |row: &&Object<Row>| row.0.title == TITLE && matches!(row.0.status.as_str(), "open" | "");
            if let Some(Object(row)) = discussions.iter().find(ours) {
                return Ok(Some(row.num));
            }
            if discussions.is_empty() || start + discussions.len() >= count {
                break;
            }
        }
        Ok(None)
    }

    /// What the Hub tells of a comment of ours.
    fn echo(&self, text: &str) -> Vec<Fact> {
        let mut echo = Event::new(crate::EventKind::Comment, self.event.registry.as_str());
        echo.model = self.event.model.clone();
        vec![Fact::of_comment(echo.subject(), text)]
    }

    /// The answer to the next request, or the request.
    fn ask(&mut self, request: Request) -> Result<&'a Exchange, Step> {
        self.seen.next().ok_or(Step::Send(request))
    }
}

fn post(path: String, body: &serde_json::Value, writes: Vec<Fact>) -> Request {
    Request { method: "POST".to_owned(), path, body: Some(body.to_string()), writes }
}
