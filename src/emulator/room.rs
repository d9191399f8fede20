//! Room for the bytes that people put here: one file has a bound, and all of them together have one.

use actix_web::HttpRequest;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;

use super::Options;
use super::answer::Refusal;
use super::registry::{Registry, State};

/// Room for a file on its way, given back unless it arrives.
pub struct Room<'a> {
    registry: &'a Registry,
    bytes: usize,
}

impl<'a> Room<'a> {
    /// Takes in a body, as far as there is room for it.
    pub async fn fill(
        registry: &'a Registry,
        request: &HttpRequest,
        mut body: Payload,
    ) -> Result<(Self, Bytes), Refusal> {
        let Options { artifact_limit, .. } = registry.options;
        let announced = request.headers().get("Content-Length").and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > artifact_limit) {
            return Err(Refusal::too_large("the artifact", artifact_limit));
        }
        let (mut room, mut bytes) = (Self { registry, bytes: 0 }, BytesMut::new());
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| Refusal::invalid("the artifact broke off"))?;
            if bytes.len() + chunk.len() > artifact_limit {
                return Err(Refusal::too_large("the artifact", artifact_limit));
            }
            room.take(chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        Ok((room, bytes.freeze()))
    }

    fn take(&mut self, more: usize) -> Result<(), Refusal> {
        let limit = self.registry.options.artifacts_limit;
        let mut state = self.registry.state();
        if state.artifacts.taken + more > limit {
            return Err(Refusal::too_large("what this registry keeps of artifacts", limit));
        }
        state.artifacts.taken += more;
        self.bytes += more;
        Ok(())
    }

    /// The file stays, in the place of `old`.
    pub fn keep(mut self, state: &mut State, old: Option<&Bytes>) {
        self.bytes = 0;
        state.artifacts.taken -= old.map_or(0, Bytes::len);
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.registry.state().artifacts.taken -= self.bytes;
        }
    }
}
