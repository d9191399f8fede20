//! The rules of a run (sections 3.19.23 and 3.49), and which of them a result is of (sections 3.27.5 to 3.27.7 and 3.52).

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::document::{Part, each, members, string};
use crate::plugin::Severity;

/// Rules of one run that are kept; the largest tools have some thousand.
const MAX_RULES: usize = 100_000;
/// A tool's driver and its extensions.
const MAX_COMPONENTS: usize = 256;
/// Parts of a hierarchical id that are taken off in search of its rule.
const MAX_PARTS: usize = 16;

/// What a rule says of its results.
pub(super) struct Rule<'d> {
    id: Option<Part<'d>>,
    name: Option<usize>,
    score: Option<Severity>,
    level: Option<Severity>,
    words: Option<Part<'d>>,
}

/// The driver, which is the first, or an extension.
struct Component<'d> {
    guid: Option<Cow<'d, str>>,
    name: Option<Cow<'d, str>>,
    /// The first of its rules among all, and how many they are.
    first: usize,
    count: usize,
}

/// Which rule a result is of.
#[derive(Clone, Copy)]
pub(super) enum Found<'r, 'd> {
    Rule(&'r Rule<'d>),
    /// It names none, or one of which nothing is said.
    None,
    /// It refers to one that is not there, or that is not the only one.
    Lost,
}

impl<'d> Found<'_, 'd> {
    pub(super) fn score(self) -> Option<Severity> {
        self.rule().and_then(|rule| rule.score)
    }

    pub(super) fn level(self) -> Option<Severity> {
        self.rule().and_then(|rule| rule.level)
    }

    pub(super) fn id(self) -> Option<Cow<'d, str>> {
        self.rule().and_then(|rule| string(rule.id?))
    }

    pub(super) fn words(self) -> Option<Part<'d>> {
        self.rule().and_then(|rule| rule.words)
    }

    fn rule(&self) -> Option<&Rule<'d>> {
        match self {
            Self::Rule(rule) => Some(rule),
            Self::None | Self::Lost => None,
        }
    }
}

/// All rules of a run, found without going through them.
#[derive(Default)]
pub(super) struct Rules<'d> {
    all: Vec<Rule<'d>>,
    components: Vec<Component<'d>>,
    /// A number for each id and each GUID.
    names: HashMap<Cow<'d, str>, usize>,
    /// The rule of that component and name. `None`: there are several, which do not say the same.
    by_name: HashMap<(usize, usize), Option<usize>>,
    /// The rule of that name, whichever component has it.
    anywhere: HashMap<usize, Option<usize>>,
}

impl<'d> Rules<'d> {
    pub(super) fn of(driver: Option<Part<'d>>, extensions: Option<Part<'d>>) -> Result<Self, String> {
        let mut all = Self::default();
        match driver {
            Some(driver) => all.add_component(driver)?,
            None => all.components.push(Component { guid: None, name: None, first: 0, count: 0 }),
        }
        if let Some(extensions) = extensions {
            each(extensions, |extension| all.add_component(extension))?;
        }
        Ok(all)
    }

    fn add_component(&mut self, component: Part<'d>) -> Result<(), String> {
        if self.components.len() == MAX_COMPONENTS {
            return Err(format!("a run of it is of more than {MAX_COMPONENTS} components"));
        }
        let [guid, name, rules] = members(component, ["guid", "name", "rules"])?;
        let first = self.all.len();
        if let Some(rules) = rules {
            each(rules, |rule| self.add(rule))?;
        }
        let (guid, name) = (guid.and_then(string), name.and_then(string));
        self.components.push(Component { guid, name, first, count: self.all.len() - first });
        Ok(())
    }

    fn add(&mut self, rule: Part<'d>) -> Result<(), String> {
        if self.all.len() == MAX_RULES {
            return Err(format!("a run of it has more than {MAX_RULES} rules"));
        }
        let parts = ["id", "guid", "properties", "defaultConfiguration", "shortDescription"];
        let [id, guid, properties, configuration, words] = members(rule, parts)?;
        let [level] = configuration.map_or(Ok([None]), |configuration| members(configuration, ["level"]))?;
        let name = id.and_then(string).map(|id| self.name(id));
        let score = score(properties)?;
        let number = self.all.len();
        self.all.push(Rule { id, name, score, level: level.map(self::level), words });
        let component = self.components.len();
        for name in [name, guid.and_then(string).map(|guid| self.name(guid))].into_iter().flatten() {
            put(&mut self.by_name, (component, name), number, &self.all);
            put(&mut self.anywhere, name, number, &self.all);
        }
        Ok(())
    }

    fn name(&mut self, name: Cow<'d, str>) -> usize {
        let next = self.names.len();
        *self.names.entry(name).or_insert(next)
    }

    /// By its index, GUID or id, in the component that `reference` names, which is the driver where it names none.
    pub(super) fn find(
        &self,
        id: Option<Part<'d>>,
        index: Option<Part<'d>>,
        reference: Option<Part<'d>>,
    ) -> Result<Found<'_, 'd>, String> {
        let names = ["id", "index", "guid", "toolComponent"];
        let [its_id, its_index, guid, component] = reference.map_or(Ok([None; 4]), |part| members(part, names))?;
        let Some(number) = component.map_or(Ok(Some(0)), |component| self.component(component))? else {
            return Ok(Found::Lost);
        };
        let id = id.or(its_id).and_then(string);
        let indices = [index, its_index].map(given);
        if let Some(index) = indices[0].or(indices[1]) {
            let is_one = indices[1].is_none_or(|other| other == index);
            let rule = self.at(number, index).filter(|rule| is_one && self.agrees(rule, id.as_deref()));
            return Ok(rule.map_or(Found::Lost, Found::Rule));
        }
        let guid = guid.and_then(string);
        let by_guid = guid.iter().filter_map(|guid| self.names.get(guid).copied());
        let mut all = by_guid.chain(id.iter().flat_map(|id| self.named(id)));
        let found = all.find_map(|name| {
            let anywhere = || self.anywhere.get(&name).filter(|_| component.is_none());
            self.by_name.get(&(number, name)).or_else(anywhere).copied()
        });
        Ok(match found {
            Some(Some(rule)) => Found::Rule(&self.all[rule]),
            None if component.is_none() && guid.is_none() => Found::None,
            _ => Found::Lost,
        })
    }

    fn at(&self, component: usize, index: usize) -> Option<&Rule<'d>> {
        let component = self.components.get(component)?;
        (index < component.count).then(|| &self.all[component.first + index])
    }

    fn agrees(&self, rule: &Rule, id: Option<&str>) -> bool {
        let (Some(id), Some(name)) = (id, rule.name) else { return true };
        self.named(id).any(|named| named == name)
    }

    /// The names that an id has rules under: itself, and as a hierarchical one what it begins with (section 3.52.4).
    fn named(&self, id: &str) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(id), |id| Some(id.rsplit_once('/')?.0))
            .take(MAX_PARTS)
            .filter_map(|id| self.names.get(id).copied())
    }

    /// The number of the component that a reference is to (section 3.54).
    fn component(&self, reference: Part<'d>) -> Result<Option<usize>, String> {
        let [index, guid, name] = members(reference, ["index", "guid", "name"])?;
        if let Some(index) = given(index) {
            return Ok(index.checked_add(1).filter(|number| *number < self.components.len()));
        }
        let (guid, name) = (guid.and_then(string), name.and_then(string));
        if guid.is_some() {
            return Ok(self.components.iter().position(|component| component.guid == guid));
        }
        Ok(name.map_or(Some(0), |name| {
            self.components.iter().position(|component| component.name.as_ref() == Some(&name))
        }))
    }
}

fn put<K: Eq + std::hash::Hash>(map: &mut HashMap<K, Option<usize>>, key: K, number: usize, rules: &[Rule]) {
    match map.entry(key) {
        Entry::Vacant(entry) => drop(entry.insert(Some(number))),
        Entry::Occupied(mut entry) => {
            let says = |number: usize| (rules[number].score, rules[number].level);
            if entry.get().is_none_or(|before| says(before) != says(number)) {
                entry.insert(None);
            }
        }
    }
}

/// An index, where one is given: -1 is the default and says that none is. What is no index leads nowhere.
fn given(index: Option<Part<'_>>) -> Option<usize> {
    index.filter(|index| index.get() != "-1").map(|index| index.get().parse().unwrap_or(usize::MAX))
}

/// What `security-severity` says, a number from 0 to 10 whose bands are those of CVSS 3.1 (section 5). Written as a text, and by
/// some as a number.
pub(super) fn score(properties: Option<Part<'_>>) -> Result<Option<Severity>, String> {
    let [score] = properties.map_or(Ok([None]), |properties| members(properties, ["security-severity"]))?;
    let score = score.and_then(|score| match string(score) {
        Some(text) => text.trim().parse::<f64>().ok(),
        None => score.get().parse().ok(),
    });
    Ok(score.map(|score| match score {
        9.0.. => Severity::Critical,
        7.0.. => Severity::High,
        4.0.. => Severity::Medium,
        0.1.. => Severity::Low,
        0.0.. => Severity::Informational,
        _ => Severity::Unknown,
    }))
}

/// Section 3.27.10.
pub(super) fn level(level: Part<'_>) -> Severity {
    match string(level).as_deref() {
        Some("error") => Severity::High,
        Some("warning") => Severity::Medium,
        Some("note") => Severity::Low,
        Some("none") => Severity::Informational,
        _ => Severity::Unknown,
    }
}
