//! GitHub: a token, and what its commit statuses are called.

use scanrelay::registry::{GitHub, Registry};

use super::given::Given;
use crate::daemon::config::error::Fault;

pub(super) fn github(given: &mut Given<'_>) -> Result<Registry, Fault> {
    given.need_credentials(r#"{ token = { file = "PATH" } }"#)?;
    given.cannot_confirm("GitHub does not know whether a promotion stands")?;
    let mut github = GitHub::default();
    if let Some(mut login) = given.credentials(&["token"])? {
        github.token = Some(login.secret("token")?);
    }
    if let Some(context) = given.raw.write_back.context.take() {
        github.context = context;
    }
    Ok(Registry::GitHub(github))
}
