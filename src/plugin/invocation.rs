//! What a plugin is given: one JSON document on stdin, the same as `event.json` in its working directory.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::PROTOCOL;
use crate::{Event, Timestamp};

/// The input of a run.
///
/// A Rust plugin reads it with `serde_json::from_reader(std::io::stdin())`:
///
/// ```
/// use scanrelay::plugin::{Invocation, Line, Verdict};
///
/// fn scan(input: &Invocation) -> Line {
///     let Some(artifact) = &input.artifact else { return Line::result_of_scan(Verdict::Inconclusive) };
///     let pickle = artifact.files.iter().any(|file| file.path.ends_with(".pkl"));
///     Line::result_of_scan(if pickle { Verdict::Unsafe } else { Verdict::Safe })
/// }
///
/// let stdin = br#"{"protocol":1,"run":{"id":"r1","attempt":1,"deadline":1669852800000},"plugin":"no-pickles",
///     "event":{"kind":"scan_request","registry":"verta"},"artifact":null,"checkpoint":null,"settings":{}}"#;
/// let input: Invocation = serde_json::from_reader(stdin.as_slice()).unwrap();
/// assert_eq!(scan(&input).to_string(), r#"{"type":"result","verdict":"inconclusive"}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Invocation {
    /// The contract's version: 1.
    pub protocol: u32,
    /// Which run this is.
    pub run: Run,
    /// The plugin's name in the configuration.
    pub plugin: String,
    /// What happened in the registry.
    pub event: Event,
    /// The model's files, for plugins with `artifact = true`; `null` for others.
    pub artifact: Option<Artifact>,
    /// The container image of the event's build, for plugins with `image = true`; absent for others, and where no build has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// What an earlier attempt of the same run saved last, at most 64 KiB; `null` when nothing was.
    pub checkpoint: Option<Value>,
    /// The plugin's `settings`, as they stand in manifest and configuration.
    pub settings: Map<String, Value>,
}

impl Invocation {
    /// The input of that run of that plugin, without artifact, checkpoint or settings.
    pub fn new(run: Run, plugin: impl Into<String>, event: Event) -> Self {
        let plugin = plugin.into();
        Self {
            protocol: PROTOCOL,
            run,
            plugin,
            event,
            artifact: None,
            image: None,
            checkpoint: None,
            settings: Map::new(),
        }
    }
}

/// Which run this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Run {
    /// The same on every attempt, and on no other run of any daemon: the key to make a trigger idempotent with.
    pub id: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When the daemon will stop it: SIGTERM to its process group, and SIGKILL after the grace.
    pub deadline: Timestamp,
}

impl Run {
    /// The run of that id.
    pub fn new(id: impl Into<String>, attempt: u32, deadline: Timestamp) -> Self {
        Self { id: id.into(), attempt, deadline }
    }
}

/// The model's files as they were fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Artifact {
    /// The folder, relative to the working directory.
    pub path: String,
    /// The digest of the tree, in hex: see [`Artifact::of`].
    pub sha256: String,
    /// Length of all files together, in bytes.
    pub size: u64,
    /// The files.
    pub files: Vec<ArtifactFile>,
}

impl Artifact {
    /// The artifact of these files.
    ///
    /// Its digest is SHA-256 over one record per file, sorted by their bytes: `<sha256 in hex> <size> <path>` and a line
    /// feed. The path is the file's name beneath the deepest folder that holds all of them, so that of a single file it is
    /// empty; a backslash in it is written `\\`, and a line feed `\n`. So the digest depends on content and on the names
    /// within the model, not on the order in which the registry listed them, nor on where the model lies: a registry's
    /// folder, its download and a copy under another name have the same. `scanrelay digest PATH` prints it.
    ///
    /// ```
    /// use scanrelay::plugin::{Artifact, ArtifactFile};
    ///
    /// let file = |name: &str| ArtifactFile::new("artifact/1.pkl", name, "ab".repeat(32), 7);
    /// let tree = |names: [&str; 2]| Artifact::of(names.map(file).into()).sha256;
    /// assert_eq!(tree(["model/a.pkl", "model/b/c.pkl"]), tree(["a.pkl", "b/c.pkl"]));
    /// assert_ne!(tree(["a.pkl", "b/c.pkl"]), tree(["a.pkl", "c.pkl"]));
    /// ```
    pub fn of(files: Vec<ArtifactFile>) -> Self {
        let above = folder_of_all(&files);
        let record = |file: &ArtifactFile| {
            let name = file.name[above..].replace('\\', "\\\\").replace('\n', "\\n");
            format!("{} {} {name}\n", file.sha256, file.size)
        };
        let mut records: Vec<String> = files.iter().map(record).collect();
        records.sort_unstable();
        let mut tree = Sha256::new();
        for record in &records {
            tree.update(record);
        }
        let sha256 = base16ct::lower::encode_string(&tree.finalize());
        let size = files.iter().fold(0_u64, |size, file| size.saturating_add(file.size));
        Self { path: "artifact/".to_owned(), sha256, size, files }
    }
}

/// The length of the deepest folder's name that all names begin with; of a single file, all of its name.
fn folder_of_all(files: &[ArtifactFile]) -> usize {
    let (first, others) = match files {
        [] => return 0,
        [only] => return only.name.len(),
        [first, others @ ..] => (&first.name, others),
    };
    let mut same = first.len();
    for other in others {
        let bytes = first.bytes().zip(other.name.bytes());
        same = same.min(bytes.take_while(|(one, other)| one == other).count());
    }
    first.as_bytes()[..same].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1)
}

/// One file of an artifact. An archive is one file, too: nothing is unpacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArtifactFile {
    /// Where it is: `artifact/N.ext`. Never the original name, which may be hostile.
    pub path: String,
    /// Its name in the registry: data.
    pub name: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
}

impl ArtifactFile {
    /// A file of that name in the registry, kept at `path`.
    pub fn new(path: impl Into<String>, name: impl Into<String>, sha256: impl Into<String>, size: u64) -> Self {
        Self { path: path.into(), name: name.into(), sha256: sha256.into(), size }
    }
}

/// A container image, and which one its tag was when it was asked for first: scanners of one delivery speak of the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Image {
    /// As the registry says it: data, and with a tag perhaps another image tomorrow.
    pub reference: String,
    /// `sha256:` and 64 hex digits: the digest of its manifest or index.
    pub digest: String,
    /// `HOST/NAME@sha256:…`: what to pull. Letters, digits and `.:/@_-` alone.
    pub pinned: String,
}

impl Image {
    /// The image of that reference, which is that digest.
    pub fn new(reference: impl Into<String>, digest: impl Into<String>, pinned: impl Into<String>) -> Self {
        Self { reference: reference.into(), digest: digest.into(), pinned: pinned.into() }
    }
}
