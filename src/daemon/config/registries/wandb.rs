//! Weights & Biases: an API key.

use scanrelay::registry::{Registry, Wandb};

use super::given::Given;
use crate::daemon::config::error::Fault;

pub(super) fn wandb(given: &mut Given<'_>) -> Result<Registry, Fault> {
    given.need_credentials(r#"{ api_key = { file = "PATH" } }"#)?;
    let mut wandb = Wandb::default();
    if let Some(mut login) = given.credentials(&["api_key"])? {
        wandb.api_key = Some(login.secret("api_key")?);
    }
    Ok(Registry::Wandb(wandb))
}
