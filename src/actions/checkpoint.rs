//! Writing ahead: what an attempt is about to do is stored before it does it.

use std::path::Path;
use std::time::Duration;

use scanrelay::plugin::Line;
use serde_json::Value;

use super::say::say;

/// What the daemon renames to in the working directory once a checkpoint is committed.
const COMMITTED: &str = "checkpoint.json";
/// Committing is one write of the store; a disk that takes longer is looked at again by a later attempt.
const LONGEST: Duration = Duration::from_mins(1);
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(50);

/// Returns once that is what a next attempt would be given. An error: the daemon is gone or does not answer, and nothing may be
/// done that rests on it.
pub async fn keep(data: &Value) -> Result<(), String> {
    keep_in(Path::new(COMMITTED), data, LONGEST).await
}

async fn keep_in(committed: &Path, data: &Value, longest: Duration) -> Result<(), String> {
    say(&Line::Checkpoint { data: data.clone() })?;
    let seen = async {
        let mut pause = FIRST_LOOK;
        // The file is replaced as a whole, so whoever reads it reads all of one. There is no inotify here: its instances are few
        // for a user, and there may be as many of us as the operator likes.
        while !holds(committed, data) {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_LOOK);
        }
    };
    tokio::time::timeout(longest, seen).await.map_err(|_| "the daemon did not commit a checkpoint in time".to_owned())
}

fn holds(committed: &Path, data: &Value) -> bool {
    let read = std::fs::read(committed).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    read.as_ref() == Some(data)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn only_the_same_checkpoint_is_a_commit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(COMMITTED);
        let (older, newer) = (json!({ "queue": 25 }), json!({ "queue": 25, "build": 7 }));
        std::fs::write(&file, older.to_string()).unwrap();
        assert_eq!(keep_in(&file, &older, LONGEST).await, Ok(()));
        assert!(keep_in(&file, &newer, Duration::from_millis(20)).await.is_err());
        let (written, later) = (file.clone(), newer.clone());
        let writes = async move {
            tokio::task::yield_now().await;
            std::fs::write(written, later.to_string()).unwrap();
        };
        let (kept, ()) = tokio::join!(keep_in(&file, &newer, LONGEST), writes);
        assert_eq!(kept, Ok(()));
    }
}
