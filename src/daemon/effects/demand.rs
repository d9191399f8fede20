//! Whether an action may be run with the files that it would be given.

use scanrelay::plugin::{Conclusion, Status};
use tokio::sync::{mpsc, oneshot};

use super::Need;
use crate::daemon::digest::Digest;
use crate::daemon::job::Outcome;
use crate::daemon::verdict::{Demand, Evidence};

/// Whether enough was said of these very files to act on them. When not, the action has failed without being run: another
/// attempt would find the same files.
pub(super) async fn demanded(
    demand: &Demand,
    files: Option<&Digest>,
    needs: &mpsc::Sender<Need>,
) -> Result<(), Outcome> {
    let failed = |reason: String| {
        let conclusion = Conclusion::Action { status: Status::Failed, summary: Some(reason), url: None };
        let evidence = Box::new(Evidence { artifact: files.cloned(), ..Evidence::default() });
        Outcome::Concluded { conclusion, evidence }
    };
    let Some(digest) = files else {
        return Err(failed("not run: require_verdict, and there is no digest of the model's files".to_owned()));
    };
    let (answer, answered) = oneshot::channel();
    let asked = Need::Verdict { digest: digest.clone(), demand: demand.clone(), answer };
    let answered = if needs.send(asked).await.is_ok() { answered.await.ok() } else { None };
    match answered {
        Some(Ok(())) => Ok(()),
        Some(Err(reason)) => Err(failed(format!("not run: require_verdict, and of files {digest} {reason}"))),
        // The store could not be asked, or the daemon goes down.
        None => Err(Outcome::Unreachable {
            reason: "the store could not say what was said of the files".to_owned(),
            retry_after: None,
        }),
    }
}
