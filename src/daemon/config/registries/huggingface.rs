//! Hugging Face Hub: a token.

use scanrelay::registry::{HuggingFace, Registry};

use super::given::Given;
use crate::daemon::config::error::Fault;

pub(super) fn huggingface(given: &mut Given<'_>) -> Result<Registry, Fault> {
    given.need_credentials(r#"{ token = { file = "PATH" } }"#)?;
    let mut huggingface = HuggingFace::default();
    if let Some(mut login) = given.credentials(&["token"])? {
        huggingface.token = Some(login.secret("token")?);
    }
    Ok(Registry::HuggingFace(huggingface))
}
