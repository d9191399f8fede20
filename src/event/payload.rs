//! What was sent, as it was sent.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use serde_json::value::RawValue;

/// The payload as it was signed: one JSON document. Clones share its bytes.
///
/// `Debug` tells only its length, so that a payload reaches no log by accident.
#[derive(Clone)]
pub struct Payload(Bytes);

impl Payload {
    /// The payload of a body that is one JSON document; `None` when it is not.
    pub fn from_body(body: &[u8]) -> Option<Self> {
        serde_json::from_slice::<&RawValue>(body).ok().map(|raw| Self(Bytes::copy_from_slice(raw.get().as_bytes())))
    }

    /// The payload of a body that was found to be one JSON document in UTF-8.
    pub(crate) fn of_checked(body: Bytes) -> Self {
        Self(body)
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(self.as_str()).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(Bytes::copy_from_slice(raw.get().as_bytes())))
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.as_str().len())
    }
}
