//! One line of ours in a comment that others write too.
//!
//! Comet replaces the whole comment. So it is read, our line is put in the place of the one that is there or behind all
//! others, and every other line stays as it was, byte for byte.

/// The comment with our line in it, which replaces every line with the same mark.
pub(super) fn merged(comment: &str, line: &str) -> String {
    let mark = line.split_inclusive(']').next().unwrap_or(line);
    let mut placed = false;
    let mut kept: Vec<&str> = Vec::new();
    for old in comment.split('\n').filter(|_| !comment.is_empty()) {
        match old.starts_with(mark) {
            true if placed => {}
            true => {
                placed = true;
                kept.push(line);
            }
            false => kept.push(old),
        }
    }
    if !placed {
        kept.push(line);
    }
    kept.join("\n")
}
