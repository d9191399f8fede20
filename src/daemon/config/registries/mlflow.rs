//! MLflow: who we are, where somebody asks.

use scanrelay::registry::mlflow::Login;
use scanrelay::registry::{Mlflow, Registry};

use super::given::Given;
use crate::daemon::config::error::Fault;

pub(super) fn mlflow(given: &mut Given<'_>) -> Result<Registry, Fault> {
    let key = given.key.clone();
    let mut mlflow = Mlflow::default();
    if let Some(mut login) = given.credentials(&["user", "password", "token"])? {
        let (user, password) = (login.optional_text("user"), login.optional_secret("password")?);
        mlflow.login = Some(match (user, password, login.optional_secret("token")?) {
            (Some(user), _, _) if user.contains(':') => {
                return Err(Fault::at(format!("{key}.credentials.user"), "a user's name has no colon"));
            }
            (Some(user), Some(password), None) => Login::Basic(user, password),
            (None, None, Some(token)) => Login::Bearer(token),
            _ => {
                return Err(Fault::at(
                    format!("{key}.credentials"),
                    "they are a user and a password, or a token: { user = \"…\", password = { file = \"PATH\" } } or { token = { file = \"PATH\" } }",
                ));
            }
        });
    }
    Ok(Registry::Mlflow(mlflow))
}
