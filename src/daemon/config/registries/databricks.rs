//! Databricks: a token, and whether there are comments.

use scanrelay::registry::{Databricks, Registry};

use super::given::Given;
use crate::daemon::config::error::Fault;

pub(super) fn databricks(given: &mut Given<'_>) -> Result<Registry, Fault> {
    given.need_credentials(r#"{ token = { file = "PATH" } }"#)?;
    let mut databricks = Databricks::default();
    if let Some(mut login) = given.credentials(&["token"])? {
        databricks.token = Some(login.secret("token")?);
    }
    databricks.comment = given.raw.write_back.comment.take().unwrap_or_default();
    Ok(Registry::Databricks(databricks))
}
