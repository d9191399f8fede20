//! The model's files before a run: asked for at the registry, fetched into a folder beside the working directories.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::tell::Peer;
use crate::daemon::address::Reach;
use crate::daemon::config::Fetch as Configured;
use crate::daemon::fetch::{Bounds, Failure, Fetch, Fetched};
use crate::daemon::job::{Job, Outcome};
use crate::daemon::writeback::{BadTarget, Target};

/// Requests that lead to the list of files: to the build, and to the version.
const TO_THE_LIST: usize = 2;

/// Fetches from one registry.
pub(super) struct Files {
    fetch: Fetch,
    work_root: PathBuf,
    /// Requests that it may take to find them.
    most: usize,
    timeout: Duration,
}

impl Files {
    pub(super) fn new(target: &Target, fetch: &Configured, work_root: &Path) -> Result<Self, BadTarget> {
        let reach = Reach { allow: fetch.allow.clone() };
        let bounds = Bounds { max_size: fetch.max_size, max_files: fetch.max_files };
        Ok(Self {
            fetch: Fetch::new(target, reach, fetch.roots.clone(), bounds)?,
            work_root: work_root.to_owned(),
            most: TO_THE_LIST.saturating_add(fetch.max_files),
            timeout: fetch.timeout,
        })
    }

    /// The files of the version that the job is about, or what to do without them.
    pub(super) async fn fetch(
        &self,
        peer: &Peer,
        job: &Job,
        attempt: u32,
        stop: &CancellationToken,
    ) -> Result<Fetched, Outcome> {
        // It begins like the working directory's name, so that what a killed daemon leaves is removed with those.
        let folder = self.work_root.join(format!("{}.{attempt}.artifact", job.run_id));
        let work = async {
            let sources = peer.sources(job, self.most).await?;
            self.fetch.fetch(sources, &folder).await.map_err(|failure| match failure {
                Failure::Later(reason) => Outcome::Unreachable { reason, retry_after: None },
                Failure::Never(reason) => Outcome::Refused(reason),
            })
        };
        tokio::select! {
            fetched = timeout(self.timeout, work) => fetched.unwrap_or_else(|_| {
                let reason = format!("the model's files were not fetched within {} s: raise fetch.timeout", self.timeout.as_secs());
                Err(Outcome::Unreachable { reason, retry_after: None })
            }),
            () = stop.cancelled() => Err(Outcome::Drained),
        }
    }
}
