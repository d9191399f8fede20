//! What the configuration says of one registry, for those who know its kind.

use std::collections::BTreeMap;

use scanrelay::Secret;

use crate::daemon::config::Source;
use crate::daemon::config::error::Fault;
use crate::daemon::config::raw::{RawCredentials, RawRegistry};
use crate::daemon::config::secrets::{RawSecret, warn_of_readers};

/// One registry's section.
pub(super) struct Given<'a> {
    pub(super) raw: RawRegistry,
    /// `registries.NAME`.
    pub(super) key: String,
    /// Whether it is answered: it has a `url`.
    pub(super) answered: bool,
    pub(super) source: &'a Source,
    pub(super) warnings: &'a mut Vec<String>,
}

/// Its `credentials`.
pub(super) struct Login<'a> {
    texts: BTreeMap<&'static str, String>,
    secrets: BTreeMap<&'static str, RawSecret>,
    /// `registries.NAME.credentials`.
    key: String,
    source: &'a Source,
    warnings: &'a mut Vec<String>,
}

impl Given<'_> {
    /// Who is answered has to know who we are. `form` is how it is written.
    pub(super) fn need_credentials(&self, form: &str) -> Result<(), Fault> {
        if self.answered && self.raw.credentials.is_none() {
            return Err(Fault::at(
                format!("{}.credentials", self.key),
                format!("they are needed to answer to url: {form}"),
            ));
        }
        Ok(())
    }

    /// A registry whose paths hold the workspace. `reason` says where.
    pub(super) fn need_workspace(&self, reason: &str) -> Result<(), Fault> {
        if self.answered && self.raw.workspace.is_none() {
            return Err(Fault::at(
                format!("{}.workspace", self.key),
                format!("it is needed to answer to url: {reason}"),
            ));
        }
        Ok(())
    }

    /// A registry that cannot be asked whether a promotion stands: that is to be said, not found out. `reason` says why.
    pub(super) fn cannot_confirm(&self, reason: &str) -> Result<(), Fault> {
        if self.answered && self.raw.confirm != Some(false) {
            return Err(Fault::at(
                format!("{}.confirm", self.key),
                format!("{reason}: set confirm = false, and promotions are acted upon without asking"),
            ));
        }
        Ok(())
    }

    /// The credentials, which have these keys and no others.
    pub(super) fn credentials(&mut self, known: &[&str]) -> Result<Option<Login<'_>>, Fault> {
        let Some(raw) = self.raw.credentials.take() else { return Ok(None) };
        let key = format!("{}.credentials", self.key);
        let RawCredentials { email, organization, user, header, developer_key, api_key, token, password } = raw;
        let texts = [("email", email), ("organization", organization), ("user", user), ("header", header)];
        let secrets =
            [("developer_key", developer_key), ("api_key", api_key), ("token", token), ("password", password)];
        let login = Login {
            texts: texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect(),
            secrets: secrets.into_iter().filter_map(|(name, secret)| Some((name, secret?))).collect(),
            key,
            source: self.source,
            warnings: self.warnings,
        };
        let mut names = login.texts.keys().chain(login.secrets.keys());
        if let Some(foreign) = names.find(|name| !known.contains(name)) {
            return Err(Fault::at(
                format!("{}.{foreign}", login.key),
                format!("a registry of this kind has none: its credentials are {}", known.join(", ")),
            ));
        }
        Ok(Some(login))
    }
}

impl Login<'_> {
    /// A text that has to be there.
    pub(super) fn text(&mut self, name: &'static str) -> Result<String, Fault> {
        self.optional_text(name).ok_or_else(|| self.missing(name))
    }

    /// A text that may be there.
    pub(super) fn optional_text(&mut self, name: &'static str) -> Option<String> {
        self.texts.remove(name)
    }

    /// A secret that has to be there.
    pub(super) fn secret(&mut self, name: &'static str) -> Result<Secret, Fault> {
        self.optional_secret(name)?.ok_or_else(|| self.missing(name))
    }

    /// A secret that may be there.
    pub(super) fn optional_secret(&mut self, name: &'static str) -> Result<Option<Secret>, Fault> {
        let Some(raw) = self.secrets.remove(name) else { return Ok(None) };
        let secret = raw.resolve(&format!("{}.{name}", self.key), self.source)?;
        if let RawSecret::File(path) = &raw {
            warn_of_readers(&self.source.folder.join(path), self.warnings);
        }
        Ok(Some(secret))
    }

    fn missing(&self, name: &str) -> Fault {
        Fault::at(format!("{}.{name}", self.key), "it is missing")
    }
}
