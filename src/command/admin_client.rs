//! The way to a running daemon: the socket beside its store. With the daemon stopped, the store itself, under its lock.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Failure;
use super::acts::{act, by, now, unreadable};
use crate::daemon::{
    Act, DeliveryRow, Filter, JobRow, Overview, RejectionRow, Store, Vacuumed, show_delivery, show_job,
};

const NO_DAEMON: &str = "rejections are kept by a running daemon only: start scanrelay serve";

/// How the daemon's knowledge is reached.
pub enum Access {
    Daemon { client: reqwest::Client, socket: PathBuf },
    Stopped { store: Store },
}

impl Access {
    /// Through the socket when somebody listens there, else through the file.
    pub async fn open(store: &Path, socket: &Path) -> Result<Self, Failure> {
        if tokio::net::UnixStream::connect(socket).await.is_ok() {
            let client = reqwest::Client::builder().unix_socket(socket.to_owned()).no_proxy().build();
            let client = client.map_err(|error| Failure::Failed(format!("{}: {error}", socket.display())))?;
            return Ok(Self::Daemon { client, socket: socket.to_owned() });
        }
        if !store.exists() {
            return Err(Failure::Failed(format!(
                "no daemon listens on {} and there is no store at {}: start scanrelay serve, or name the right --config",
                socket.display(),
                store.display()
            )));
        }
        let store = Store::open(store, 16).await.map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(Self::Stopped { store })
    }

    pub async fn deliveries(&self, filter: Filter) -> Result<Vec<DeliveryRow>, Failure> {
        match self {
            Self::Daemon { .. } => {
                self.get(&format!("/api/v1/deliveries?{}", query(&filter))).await.map(Option::unwrap_or_default)
            }
            Self::Stopped { store } => store.deliveries(filter).await.map_err(failed),
        }
    }

    pub async fn delivery(&self, id: i64) -> Result<Option<Value>, Failure> {
        match self {
            Self::Daemon { .. } => self.get(&format!("/api/v1/deliveries/{id}")).await,
            Self::Stopped { store } => show_delivery(store, id).await.map_err(failed),
        }
    }

    pub async fn jobs(&self, filter: Filter) -> Result<Vec<JobRow>, Failure> {
        match self {
            Self::Daemon { .. } => {
                self.get(&format!("/api/v1/jobs?{}", query(&filter))).await.map(Option::unwrap_or_default)
            }
            Self::Stopped { store } => store.jobs(filter).await.map_err(failed),
        }
    }

    pub async fn job(&self, id: i64) -> Result<Option<Value>, Failure> {
        match self {
            Self::Daemon { .. } => self.get(&format!("/api/v1/jobs/{id}")).await,
            Self::Stopped { store } => show_job(store, id).await.map_err(failed),
        }
    }

    /// They are in the memory of a running daemon.
    pub async fn rejections(&self, registry: Option<&str>) -> Result<Vec<RejectionRow>, Failure> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(registry.iter().map(|registry| ("registry", registry)));
        let path = format!("/api/v1/rejections?{}", query.finish());
        match self {
            Self::Daemon { .. } => self.get(&path).await.map(Option::unwrap_or_default),
            Self::Stopped { .. } => Err(Failure::Failed(NO_DAEMON.to_owned())),
        }
    }

    /// A refused request itself, as raw HTTP.
    pub async fn save_rejection(&self, id: &str, act: &Act) -> Result<Vec<u8>, Failure> {
        let Self::Daemon { client, .. } = self else { return Err(Failure::Failed(NO_DAEMON.to_owned())) };
        if !id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Err(Failure::Failed(format!("{id:?} is no id of a rejection: see scanrelay rejections")));
        }
        let sent = client.post(format!("http://scanrelay/api/v1/rejections/{id}/save")).json(act).send().await;
        let answer = sent.map_err(|error| self.broken(&error))?;
        if answer.status().is_success() {
            return Ok(answer.bytes().await.map_err(|error| self.broken(&error))?.to_vec());
        }
        let answer: Value = answer.json().await.map_err(|error| self.broken(&error))?;
        Err(Failure::Failed(answer["message"].as_str().unwrap_or("the daemon refused").to_owned()))
    }

    pub async fn status(&self) -> Result<Overview, Failure> {
        match self {
            Self::Daemon { .. } => {
                let status = self.get("/api/v1/status").await?;
                status.ok_or_else(|| Failure::Failed("the daemon has no status: is it of another version?".to_owned()))
            }
            Self::Stopped { store } => {
                let status = store.status(Vec::new()).await.map_err(failed)?;
                Ok(Overview { status, breakers: Vec::new(), caches: Vec::new() })
            }
        }
    }

    /// More of a running attempt's log; `None` when nobody is at the job.
    pub async fn log(&self, job: i64, from: usize) -> Result<Option<Vec<u8>>, Failure> {
        let Self::Daemon { client, .. } = self else { return Ok(None) };
        let sent = client.get(format!("http://scanrelay/api/v1/jobs/{job}/log?from={from}"));
        let answer = sent.send().await.map_err(|error| self.broken(&error))?;
        match answer.status().as_u16() {
            200 => Ok(Some(answer.bytes().await.map_err(|error| self.broken(&error))?.to_vec())),
            _ => Ok(None),
        }
    }

    /// Gives the store's empty pages back, and tells how far it is: what it came to.
    pub(super) async fn vacuum(
        &self,
        reason: Option<String>,
        mut told: impl FnMut(Vacuumed),
    ) -> Result<Vacuumed, Failure> {
        let mut last = Vacuumed::default();
        let client = match self {
            Self::Daemon { client, .. } => client,
            Self::Stopped { store } => {
                let mut vacuum = store.vacuum(by(reason), now()).await.map_err(failed)?;
                while let Some(far) = vacuum.step().await.map_err(failed)? {
                    last = far;
                    told(last);
                }
                return Ok(last);
            }
        };
        let sent = client.post("http://scanrelay/api/v1/store/vacuum").json(&act(reason)).send().await;
        let mut answer = sent.map_err(|error| self.broken(&error))?;
        if !answer.status().is_success() {
            return Err(Failure::Failed(format!("the daemon answered {}: see its log", answer.status().as_u16())));
        }
        let mut lines = Vec::new();
        while let Some(more) = answer.chunk().await.map_err(|error| self.broken(&error))? {
            lines.extend_from_slice(&more);
            while let Some(end) = lines.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = lines.drain(..=end).collect();
                let far: Value = serde_json::from_slice(&line).unwrap_or_default();
                if let Some(message) = far["message"].as_str() {
                    return Err(Failure::Failed(message.to_owned()));
                }
                last = serde_json::from_value(far).map_err(|_| unreadable())?;
                told(last);
            }
        }
        Ok(last)
    }

    /// Asks the daemon to act: what came of it.
    pub(super) async fn post(&self, path: &str, act: &impl Serialize) -> Result<Value, Failure> {
        let Self::Daemon { client, .. } = self else {
            return Err(Failure::Failed("no daemon is running: start scanrelay serve".to_owned()));
        };
        let sent = client.post(format!("http://scanrelay{path}")).json(act).send().await;
        let answer = sent.map_err(|error| self.broken(&error))?;
        let accepted = answer.status().is_success();
        let answer: Value = answer.json().await.map_err(|error| self.broken(&error))?;
        if accepted {
            return Ok(answer);
        }
        Err(Failure::Failed(answer["message"].as_str().unwrap_or("the daemon refused").to_owned()))
    }

    /// `None`: there is none of that id.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        let Self::Daemon { client, .. } = self else { return Ok(None) };
        let answer = client.get(format!("http://scanrelay{path}")).send().await.map_err(|error| self.broken(&error))?;
        match answer.status().as_u16() {
            200 => answer.json().await.map(Some).map_err(|error| self.broken(&error)),
            404 => Ok(None),
            status => Err(Failure::Failed(format!("the daemon answered {status}: see its log"))),
        }
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        let socket = match self {
            Self::Daemon { socket, .. } => socket.display().to_string(),
            Self::Stopped { .. } => "the store".to_owned(),
        };
        Failure::Failed(format!("{socket}: {error}"))
    }
}

fn query(filter: &Filter) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let numbers = [("delivery", filter.delivery), ("before", filter.before), ("limit", filter.limit.map(i64::from))];
    for (key, value) in [("state", &filter.state), ("registry", &filter.registry)] {
        query.extend_pairs(value.iter().map(|value| (key, value)));
    }
    for (key, value) in numbers {
        query.extend_pairs(value.iter().map(|value| (key, value.to_string())));
    }
    query.finish()
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
pub(super) fn failed(error: crate::daemon::StoreError) -> Failure {
    Failure::Failed(error.to_string())
}
