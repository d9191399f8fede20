//! Any other sender: its mapping, and the requests that tell and ask it.

use std::collections::BTreeMap;

use scanrelay::EventKind;
use scanrelay::registry::generic::{Ask, Mapping, Method, Pointer, Tell, TemplateError, Words};
use scanrelay::registry::login::bearer;
use scanrelay::registry::{Generic, Registry};

use super::given::Given;
use crate::daemon::config::error::Fault;
use crate::daemon::config::raw::{RawAsk, RawMapping, RawTell};

pub(super) fn generic(given: &mut Given<'_>) -> Result<Registry, Fault> {
    let key = given.key.clone();
    let mut generic = Generic::default();
    generic.mapping = given.raw.mapping.take().map(|raw| mapping(raw, &format!("{key}.mapping"))).transpose()?;
    let tells = given.raw.tell.take().unwrap_or_default();
    generic.scan = tells.scan.map(|raw| tell(raw, &SCAN, &format!("{key}.tell.scan"))).transpose()?;
    generic.promotion =
        tells.promotion.map(|raw| tell(raw, &PROMOTION, &format!("{key}.tell.promotion"))).transpose()?;
    generic.confirm = given.raw.ask.take().map(|raw| ask(&raw, &format!("{key}.ask"))).transpose()?;
    if generic.confirm.is_none() {
        given.cannot_confirm("there is no ask, the request that says whether a promotion stands")?;
    }
    if let Some(mut login) = given.credentials(&["header", "token"])? {
        let header = login.optional_text("header");
        let token = login.secret("token")?;
        generic.credentials = Some(match header {
            Some(header) => (header, token),
            None => ("Authorization".to_owned(), bearer(&token)),
        });
    }
    Ok(Registry::Generic(Box::new(generic)))
}

fn mapping(raw: RawMapping, key: &str) -> Result<Mapping, Fault> {
    let mut mapping = Mapping::new(pointer(&raw.kind, &format!("{key}.kind"))?);
    mapping.kinds = raw.kinds.into_iter().map(|(word, kind)| (word, EventKind::from(kind))).collect();
    let unknown = mapping.kinds.iter().find(|(_, kind)| matches!(kind, EventKind::Other(_)));
    if let Some((word, _)) = unknown {
        let known = EventKind::KNOWN.iter().map(EventKind::word).collect::<Vec<_>>().join(", ");
        return Err(Fault::at(format!("{key}.kinds.{word:?}"), format!("it is none of {known}")));
    }
    let places = [
        ("id", raw.id, &mut mapping.id),
        ("occurred_at", raw.occurred_at, &mut mapping.occurred_at),
        ("workspace", raw.workspace, &mut mapping.workspace),
        ("model", raw.model, &mut mapping.model),
        ("model_id", raw.model_id, &mut mapping.model_id),
        ("version", raw.version, &mut mapping.version),
        ("version_id", raw.version_id, &mut mapping.version_id),
        ("stage_from", raw.stage_from, &mut mapping.stage_from),
        ("stage", raw.stage, &mut mapping.stage),
        ("alias", raw.alias, &mut mapping.alias),
        ("tag", raw.tag, &mut mapping.tag),
        ("tag_value", raw.tag_value, &mut mapping.tag_value),
        ("build", raw.build, &mut mapping.build),
        ("image", raw.image, &mut mapping.image),
        ("artifact_uri", raw.artifact_uri, &mut mapping.artifact_uri),
        ("actor", raw.actor, &mut mapping.actor),
    ];
    for (name, text, place) in places {
        *place = text.map(|text| pointer(&text, &format!("{key}.{name}"))).transpose()?;
    }
    Ok(mapping)
}

fn pointer(text: &str, key: &str) -> Result<Pointer, Fault> {
    Pointer::parse(text)
        .ok_or_else(|| Fault::at(key, "it is no JSON pointer: write /data/model, with ~1 for a slash in a key"))
}

const SCAN: [&str; 5] = ["scanning", "safe", "unsafe", "inconclusive", "error"];
const PROMOTION: [&str; 3] = ["in_progress", "complete", "failed"];

fn tell(raw: RawTell, known: &[&str], key: &str) -> Result<Tell, Fault> {
    let method = raw.method.as_deref().unwrap_or("POST");
    let method = Method::parse(method)
        .ok_or_else(|| Fault::at(format!("{key}.method"), format!("{method:?} is not one of POST, PUT, PATCH")))?;
    let words = words(raw.words, known, &format!("{key}.words"))?;
    let told = Tell::new(method, &raw.path, &raw.body, words).map_err(|error| at_fault(&error, key))?;
    Ok(if raw.progress { told.with_progress() } else { told })
}

fn words(raw: BTreeMap<String, String>, known: &[&str], key: &str) -> Result<Words, Fault> {
    let mut words = Words::default();
    for (name, word) in raw {
        let place = match name.as_str() {
            name if !known.contains(&name) => {
                return Err(Fault::at(format!("{key}.{name}"), format!("it is none of {}", known.join(", "))));
            }
            "scanning" => &mut words.scanning,
            "safe" => &mut words.safe,
            "unsafe" => &mut words.unsafe_,
            "inconclusive" => &mut words.inconclusive,
            "error" => &mut words.error,
            "in_progress" => &mut words.in_progress,
            "complete" => &mut words.complete,
            _ => &mut words.failed,
        };
        *place = word;
    }
    let not_safe = [&words.scanning, &words.unsafe_, &words.inconclusive, &words.error];
    if not_safe.contains(&&words.safe) {
        return Err(Fault::at(
            key,
            "the word for safe is the word for something else, too: nobody could tell them apart",
        ));
    }
    if [&words.in_progress, &words.failed].contains(&&words.complete) {
        return Err(Fault::at(key, "the word for complete is the word for something else, too"));
    }
    Ok(words)
}

fn ask(raw: &RawAsk, key: &str) -> Result<Ask, Fault> {
    let pointer = pointer(&raw.pointer, &format!("{key}.pointer"))?;
    Ask::new(&raw.path, pointer, &raw.equals).map_err(|error| at_fault(&error, key))
}

fn at_fault(error: &TemplateError, key: &str) -> Fault {
    Fault::at(key, error.to_string())
}
