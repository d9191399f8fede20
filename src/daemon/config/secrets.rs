//! Secrets come from the environment, a file, or systemd's credentials, and never stand in the configuration itself.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use scanrelay::Secret;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::error::Fault;
use super::{Source, files};

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawSecret {
    Env(String),
    File(PathBuf),
    Credential(String),
    /// A secret written in place. Its value is not kept, so that it cannot be printed.
    Literal,
}

impl<'de> Deserialize<'de> for RawSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Place;
        impl<'de> Visitor<'de> for Place {
            type Value = RawSecret;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"{ env = "NAME" }, { file = "PATH" } or { credential = "NAME" }"#)
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<RawSecret, E> {
                Ok(RawSecret::Literal)
            }
            fn visit_i64<E: de::Error>(self, _: i64) -> Result<RawSecret, E> {
                Ok(RawSecret::Literal)
            }
            fn visit_u64<E: de::Error>(self, _: u64) -> Result<RawSecret, E> {
                Ok(RawSecret::Literal)
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<RawSecret, E> {
                Ok(RawSecret::Literal)
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<RawSecret, E> {
                Ok(RawSecret::Literal)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawSecret, A::Error> {
                let known = "a secret is one of { env = \"NAME\" }, { file = \"PATH\" } and { credential = \"NAME\" }";
                let Some((key, value)) = map.next_entry::<String, String>()? else {
                    return Err(de::Error::custom(known));
                };
                if map.next_key::<String>()?.is_some() {
                    return Err(de::Error::custom(known));
                }
                match key.as_str() {
                    "env" => Ok(RawSecret::Env(value)),
                    "file" => Ok(RawSecret::File(value.into())),
                    "credential" => Ok(RawSecret::Credential(value)),
                    _ => Err(de::Error::custom(known)),
                }
            }
        }
        deserializer.deserialize_any(Place)
    }
}

impl RawSecret {
    /// Reads the secret. One trailing newline is dropped.
    pub fn resolve(&self, key: &str, source: &Source) -> Result<Secret, Fault> {
        let (bytes, from) = match self {
            Self::Literal => {
                return Err(Fault::at(
                    key,
                    "a secret does not stand in the configuration: put it into a file and write { file = \"PATH\" }, or { env = \"NAME\" } or { credential = \"NAME\" }",
                ));
            }
            Self::Env(name) => {
                let value = source.environment.get(name).ok_or_else(|| {
                    Fault::at(key, format!("the environment variable {name} is not set: set it for the daemon, or use {{ file = \"PATH\" }}"))
                })?;
                (value.clone().into_bytes(), format!("the environment variable {name}"))
            }
            Self::File(path) => {
                let path = source.folder.join(path);
                (files::read_private(&path).map_err(|cause| Fault::at(key, cause))?, path.display().to_string())
            }
            Self::Credential(name) => {
                let folder = source.environment.get("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                    Fault::at(key, format!("CREDENTIALS_DIRECTORY is not set: add LoadCredential={name}:PATH to the unit, or use {{ file = \"PATH\" }}"))
                })?;
                if name.is_empty() || name.contains('/') || name.starts_with('.') {
                    return Err(Fault::at(key, "a credential's name has no slash and no leading dot"));
                }
                let path = PathBuf::from(folder).join(name);
                (files::read_private(&path).map_err(|cause| Fault::at(key, cause))?, path.display().to_string())
            }
        };
        let bytes = bytes.strip_suffix(b"\n").map_or(bytes.clone(), <[u8]>::to_vec);
        Secret::new(bytes).map_err(|_| Fault::at(key, format!("{from} is empty: put the secret into it")))
    }
}

/// Several secrets by name.
pub fn resolve_all(
    secrets: &BTreeMap<String, RawSecret>,
    key: &str,
    source: &Source,
) -> Result<Vec<(String, Secret)>, Fault> {
    secrets.iter().map(|(name, raw)| Ok((name.clone(), raw.resolve(&format!("{key}.{name}"), source)?))).collect()
}

/// Says so where others than its owner may read it.
pub fn warn_of_readers(path: &Path, warnings: &mut Vec<String>) {
    if files::read_by_others(path) {
        warnings.push(format!("{0} holds a secret and may be read by others: chmod go-r {0}", path.display()));
    }
}
