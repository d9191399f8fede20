//! What a failure may have to do with the cell: a guess from the plugin's own words, for whoever reads the outcome.

use super::cell::Cell;

/// How programs and runtimes say, in the C locale that they run in, that something could not be opened …
const NOT_OPENED: &[&str] = &["Permission denied", "No module named", "cannot open shared object file"];
const CURE: &str = "`read` and `write` list what else it may open";
/// … and that a call was refused, as making a socket is.
const REFUSED: &str = "Operation not permitted";
const NETWORK: &str = "`network = true` lets it use the network";

/// To follow the reason of a failure. `None`: nothing points to the cell.
pub(super) fn hint(cell: &Cell, log: &[u8]) -> Option<String> {
    let log = String::from_utf8_lossy(log);
    let opened = NOT_OPENED.iter().map(|words| (*words, CURE));
    let called = (!cell.network).then_some((REFUSED, NETWORK));
    let (words, cure) = opened.chain(called).find(|(words, _)| log.contains(words))?;
    Some(format!("\"{words}\" in its log may come from its cell: {cure}"))
}
