//! Which container image a run is about: asked once for a delivery, so that all its runs speak of the same.

use scanrelay::plugin::Image;
use tokio::sync::{mpsc, oneshot};

use super::Need;
use crate::daemon::config::Config;
use crate::daemon::digest::Digest;
use crate::daemon::fetch::{Failure, ImageRegistry, Images};
use crate::daemon::job::{Job, Outcome};
use crate::daemon::writeback::Target;

/// A manifest may be that long: the specification's own bound.
const LONGEST: usize = 4 << 20;

/// Those of the configuration.
pub(super) fn image_registries(config: &Config) -> Vec<ImageRegistry> {
    let registries = config.images.iter().map(|images| ImageRegistry {
        target: Target {
            key: format!("images.{}", images.name),
            url: images.url.clone(),
            credentials: Vec::new(),
            timeout: images.timeout,
            max_answer: LONGEST,
            authority: images.authority.clone(),
            proxy: None,
        },
        host: images.host.clone(),
        tokens: images.tokens.clone(),
        login: images.login.clone(),
    });
    registries.collect()
}

/// The image of the event's build; `None`: it has none.
pub(super) async fn resolved(images: &Images, job: &Job, needs: &mpsc::Sender<Need>) -> Result<Option<Image>, Outcome> {
    let Some(reference) = &job.event.build.image else { return Ok(None) };
    let resolve = async |known| {
        images.resolve(reference, known).await.map_err(|failure| match failure {
            Failure::Later(reason) => Outcome::Unreachable { reason, retry_after: None },
            Failure::Never(reason) => Outcome::Refused(reason),
        })
    };
    let known = kept(None, needs).await?;
    let found = resolve(known.clone()).await?;
    if known.is_some() {
        return Ok(Some(found));
    }
    // Another run may have found it first: then that one counts.
    let first = kept(Digest::parse(&found.digest), needs).await?;
    resolve(first).await.map(Some)
}

async fn kept(found: Option<Digest>, needs: &mpsc::Sender<Need>) -> Result<Option<Digest>, Outcome> {
    let (answer, answered) = oneshot::channel();
    if needs.send(Need::Image { found, answer }).await.is_ok()
        && let Ok(kept) = answered.await
    {
        return Ok(kept);
    }
    Err(Outcome::Unreachable { reason: "the store could not say which image it was".to_owned(), retry_after: None })
}
