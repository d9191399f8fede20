//! A checkpoint on its way: told, committed by whoever listens, then written where the plugin can see it.

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::Note;
use super::workdir::Workdir;

/// One checkpoint. Until it is settled no further line of the plugin's is looked at, which keeps their order.
pub(super) enum Checkpoint {
    Untold(Value),
    Told { answer: oneshot::Receiver<bool>, document: String },
}

impl Checkpoint {
    /// Goes one step. `Some`: it is settled, kept or not, and why not. Losing the future loses nothing.
    pub(super) async fn step(
        &mut self,
        notes: Option<&mpsc::Sender<Note>>,
        workdir: &Workdir,
    ) -> Option<Result<(), &'static str>> {
        match self {
            Self::Untold(data) => {
                const NOBODY: &str = "nobody is there to commit it";
                let Some(notes) = notes else { return Some(Err(NOBODY)) };
                let Ok(permit) = notes.reserve().await else { return Some(Err(NOBODY)) };
                let (committed, answer) = oneshot::channel();
                let document = data.to_string();
                permit.send(Note::Checkpoint { data: data.take(), committed });
                *self = Self::Told { answer, document };
                None
            }
            Self::Told { answer, document } => Some(match answer.await {
                // At most 64 KiB into the page cache: not worth a thread.
                Ok(true) => workdir
                    .keep("checkpoint.json", document.as_bytes())
                    .map_err(|_| "it is committed, but checkpoint.json was not written"),
                Ok(false) | Err(_) => Err("it was not committed"),
            }),
        }
    }
}
