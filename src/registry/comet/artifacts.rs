//! The files of a version, as Comet's own client finds them: `GET registry-model/item/download-instructions`.
//!
//! A file that Comet keeps is at `experiment/asset/get-asset` of the registry, or behind a signed address where the
//! registry says so. One that it only knows of is where its link says, which is in a cloud's storage.

use serde::Deserialize;
use serde_json::Value;

use super::details::{nameless, place};
use super::{API, get};
use crate::Event;
use crate::registry::answer::{object, query};
use crate::registry::object::Object;
use crate::registry::scalar::Scalar;
use crate::registry::{ArtifactSource, ArtifactStep, Exchange, Location};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instructions {
    versions: Vec<Object<Version>>,
    #[serde(default)]
    s3_download_enabled: bool,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    assets: Vec<Object<Listed>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Listed {
    file_name: Scalar,
    asset_id: Scalar,
    experiment_key: Scalar,
    remote: Value,
    link: Scalar,
    s3_link: Scalar,
}

pub(in crate::registry) fn next(event: &Event, seen: &[Exchange]) -> ArtifactStep {
    let Some(place) = place(event) else { return ArtifactStep::Refused(nameless()) };
    let Some(asked) = seen.first() else {
        return ArtifactStep::Send(get(&["registry-model/item/download-instructions", &place].concat()));
    };
    let Instructions { versions, s3_download_enabled } = match object(asked) {
        Ok(instructions) => instructions,
        Err(step) => return step.into(),
    };
    let assets = versions.into_iter().next().map(|Object(version)| version.assets).unwrap_or_default();
    if assets.is_empty() {
        return ArtifactStep::Refused("the version has no files: log a model, then register it again".to_owned());
    }
    let sources = assets.into_iter().map(|Object(listed)| listed.source(s3_download_enabled)).collect::<Option<_>>();
    sources.map_or_else(
        // Whoever scanned the rest has not seen it.
        || ArtifactStep::Refused("the registry does not say where one of the version's files is".to_owned()),
        ArtifactStep::Found,
    )
}

impl Listed {
    fn source(self, signed: bool) -> Option<ArtifactSource> {
        let (name, link) = (self.file_name.get()?, self.link.get());
        let location = if self.remote == true {
            Location::Path(link?)
        } else if signed {
            Location::Url(self.s3_link.get()?)
        } else {
            let experiment = self.experiment_key.get().or_else(|| experiment_of(&link?))?;
            let pairs =
                [("assetId", self.asset_id.get()?), ("experimentKey", experiment), ("allow301", "false".into())];
            let query = query(&pairs.each_ref().map(|(name, value)| (*name, value.as_str())));
            Location::Own([API, "experiment/asset/get-asset", &query].concat())
        };
        let ending =
            name.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_owned());
        Some(ArtifactSource { extension: ending.filter(|ending| !ending.is_empty()), name, location })
    }
}

/// The key in a link's query. It is letters and digits, so that nothing of it is encoded.
fn experiment_of(link: &str) -> Option<String> {
    let (_, query) = link.split_once('?')?;
    let key = query.split(['&', '#']).find_map(|pair| pair.strip_prefix("experimentKey="))?;
    (!key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| key.to_owned())
}
