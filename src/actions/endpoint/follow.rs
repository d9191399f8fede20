//! The way of a run: intent, call, question after question, end; from wherever an earlier attempt has come to.

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use url::Url;

use super::settings::{Ask, Forward, Pointer, Settings};
use super::step::Step;
use super::{body, words};
use crate::call::Call;
use crate::end::End;
use crate::fields::Facts;
use crate::http::{Answer, LONGEST_ADDRESS, Request};
use crate::kept::Kept;
use crate::pace::{Pace, Patience};
use crate::say;
use crate::settings::Fault;
use crate::template::Template;

/// One run, and how far it is.
pub struct Run<'a> {
    settings: &'a Settings,
    facts: Facts,
    /// The address that is called.
    url: Url,
    body: Vec<u8>,
    /// The run's id.
    key: HeaderValue,
    step: Step,
}

impl<'a> Run<'a> {
    pub fn new(call: &Call, settings: &'a Settings) -> Result<Self, End> {
        let (facts, failed) = (call.facts(), |fault: Fault| End::failed(fault.to_string()));
        let path = settings.path.fill("path", &facts, &[]).map_err(failed)?;
        let Some(url) = settings.client.at(&path) else {
            return Err(failed(Fault::at("path", words::NO_PATH)));
        };
        let values = settings.body.values("body", &facts).map_err(failed)?;
        let body = body::filled(&settings.fixed, values).map_err(failed)?;
        let step = Kept::step(call, url.as_str(), "called")?.unwrap_or(Step::Open);
        if let (Ask::Path(path, pointer), Step::Open) = (&settings.ask, &step) {
            // With any id: what is wrong with it is told before the call.
            let id = pointer.as_ref().map(|_| "0".to_owned());
            asked_at(settings, path, &facts, id).map_err(failed)?;
        }
        let key =
            HeaderValue::from_str(call.run_id()).map_err(|error| End::Broken(format!("the run's id: {error}")))?;
        Ok(Self { settings, facts, url, body: body.to_string().into_bytes(), key, step })
    }

    /// What came of the run. Where it must be left, an attempt that follows finds what was stored.
    pub async fn follow(&mut self) -> End {
        loop {
            let gone_on = match self.step.clone() {
                Step::Open => match self.at(Step::Intent).await {
                    Ok(()) => self.call().await,
                    Err(end) => Err(end),
                },
                Step::Intent if self.settings.idempotent => self.call().await,
                Step::Intent => Err(untold("an earlier attempt was stopped in the middle of it")),
                Step::Begun { ask } => Err(self.ask(&ask).await),
            };
            if let Err(end) = gone_on {
                return end;
            }
        }
    }

    /// Stores how far it is before anything rests on it.
    async fn at(&mut self, step: Step) -> Result<(), End> {
        Kept::keep(self.url.as_str(), &step).await?;
        self.step = step;
        Ok(())
    }

    async fn call(&mut self) -> Result<(), End> {
        let mut request = Request::new(self.settings.method.clone(), self.url.clone());
        request.headers = self.settings.headers.clone();
        request.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        request.headers.insert(self.settings.key.clone(), self.key.clone());
        request.body.clone_from(&self.body);
        match self.settings.client.send(request).await {
            Ok(answer) if (200..300).contains(&answer.status) => self.begun(&answer).await,
            Ok(Answer { status: 429, .. }) => Err(self.not_called("the service is asked too often (429)").await),
            Ok(Answer { status: status @ (408 | 500..), .. }) => {
                Err(self.unknown(&format!("the service answered {status}")))
            }
            Ok(answer) => Err(End::failed(words::refused(answer.status))),
            Err(error) if error.unsent => Err(self.not_called(&error.to_string()).await),
            Err(error) => Err(self.unknown(&error.to_string())),
        }
    }

    /// Certainly not: a later attempt may call.
    async fn not_called(&mut self, reason: &str) -> End {
        match self.at(Step::Open).await {
            Ok(()) => End::Later(reason.to_owned()),
            Err(end) => end,
        }
    }

    fn unknown(&self, reason: &str) -> End {
        if self.settings.idempotent { End::Later(format!("{reason}: it is called again")) } else { untold(reason) }
    }

    /// It was called: whether that was all, or where to ask on.
    async fn begun(&mut self, answer: &Answer) -> Result<(), End> {
        let ask = match &self.settings.ask {
            Ask::Nothing => return Err(self.ended_at_once(answer)),
            Ask::Location => answer.header("Location").and_then(|place| self.url.join(place).ok()),
            Ask::Path(path, pointer) => {
                let found = pointer.as_ref().map(|pointer| {
                    let found = answer.json::<Value>().ok().and_then(|answer| pointer.find(&answer));
                    found.ok_or_else(|| {
                        End::failed(format!(
                            "it was called, and its answer has no id at {:?}: correct settings.id",
                            pointer.as_str()
                        ))
                    })
                });
                let asked = asked_at(self.settings, path, &self.facts, found.transpose()?);
                let unasked =
                    |fault| End::failed(format!("it was called, and how it goes on cannot be asked: {fault}"));
                Some(asked.map_err(unasked)?)
            }
        };
        match ask {
            Some(ask) if ask.origin() == self.url.origin() && ask.as_str().len() <= LONGEST_ADDRESS => {
                self.at(Step::Begun { ask: ask.to_string() }).await
            }
            _ => Err(End::failed(
                "it was called, and where to ask how it goes on is no address of the service: look at its Location, or write poll",
            )),
        }
    }

    fn ended_at_once(&self, answer: &Answer) -> End {
        let said = answer.json::<Value>().unwrap_or(Value::Null);
        match self.end(&said) {
            Ok(end) => end,
            Err(word) => {
                End::failed(format!("it was called, and says {:?}, which is neither done nor failed", say::cut(word)))
            }
        }
    }

    /// Asks until it has ended.
    async fn ask(&self, address: &str) -> End {
        let Some(url) = Url::parse(address).ok().filter(|url| url.origin() == self.url.origin()) else {
            return End::Broken("the checkpoint is none of this plugin's".to_owned());
        };
        let (mut pace, mut gone) = (Pace::new(self.settings.poll_first, self.settings.poll_most), None::<Patience>);
        let mut told = None;
        loop {
            let mut request = Request::get(url.clone());
            request.headers = self.settings.headers.clone();
            let answer = self.settings.client.send(request).await;
            if !matches!(&answer, Ok(Answer { status: 404, .. })) {
                gone = None;
            }
            match answer {
                Ok(answer) if answer.status == 200 => match answer.json::<Value>().map(|said| self.end(&said)) {
                    Ok(Ok(end)) => return end,
                    Ok(Err(word)) if told.as_ref() != Some(&word) => {
                        pace.quicken();
                        if let Err(reason) = say::progress(format!("it is {word}")) {
                            return End::Broken(reason);
                        }
                        told = Some(word);
                    }
                    Ok(Err(_)) => {}
                    Err(reason) => say::log(&reason),
                },
                Ok(Answer { status: 404, .. }) => {
                    if gone.get_or_insert_with(|| Patience::of(self.settings.settle)).is_over() {
                        return End::failed("what was begun is not there any more (404): look at the service");
                    }
                }
                Ok(Answer { status: status @ (401 | 403), .. }) => return End::Later(words::unasked(status)),
                Ok(Answer { status: status @ (202 | 204 | 408 | 429 | 500..), .. }) => {
                    say::log(&words::unasked(status));
                }
                Ok(answer) => return End::failed(words::unasked(answer.status)),
                Err(error) => say::log(&error.to_string()),
            }
            pace.pause().await;
        }
    }

    /// How it ended, or the word for how far it is.
    fn end(&self, said: &Value) -> Result<End, String> {
        let settings = self.settings;
        let word = settings.state.as_ref().map(|state| state.find(said).unwrap_or_default());
        // Many a service writes an empty text where it has nothing to say.
        let told = |pointer: &Pointer| pointer.find(said).filter(|text| !text.is_empty());
        let summary = settings.summary.as_ref().and_then(told);
        let url = match &settings.forward {
            Some(Forward::Pointer(pointer)) => told(pointer),
            _ => None,
        };
        match (word, &settings.forward) {
            (Some(word), _) if settings.failed.contains(&word) => {
                Ok(End::Failed { summary: summary.unwrap_or_else(|| format!("the service says {word}")), url })
            }
            (Some(word), _) if !settings.done.contains(&word) => Err(word),
            (_, Some(Forward::Url(template))) => Ok(match template.fill("forward.url", &self.facts, &[]) {
                Ok(url) => End::Complete { url: Some(url), summary },
                Err(fault) => End::failed(fault.to_string()),
            }),
            _ => Ok(End::Complete { url, summary }),
        }
    }
}

/// Where it is asked how it goes on.
fn asked_at(settings: &Settings, path: &Template, facts: &Facts, id: Option<String>) -> Result<Url, Fault> {
    let own: Vec<(&str, String)> = id.map(|id| ("id", id)).into_iter().collect();
    let path = path.fill("poll", facts, &own)?;
    settings.client.at(&path).ok_or_else(|| Fault::at("poll", words::NO_PATH))
}

fn untold(reason: &str) -> End {
    End::failed(words::untold(reason))
}
