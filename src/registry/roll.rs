//! All that stands of one version at once, where a registry tells the whole of it and not what changed.

/// The stages of one version. Whoever remembers which of them stood takes those away that are not on it.
///
/// A version has stages of two sorts: a list of them (tags), and a status. A body may tell of one sort only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Roll {
    /// How a version's `change_key`s begin: each goes on with the stage and ends with `=set`.
    pub prefix: String,
    /// The stages of the list, as they stand in keys; `None`: the list was not told.
    pub listed: Option<Vec<String>>,
    /// The status, as it stands in a key, empty where it has none; `None`: it was not told.
    pub status: Option<String>,
}
