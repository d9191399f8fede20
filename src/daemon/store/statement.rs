//! Statements that are prepared once.

use rusqlite::{CachedStatement, Connection, StatementStatus};

pub(super) trait Statements {
    /// The statement, prepared at its first use.
    ///
    /// SQLite prepares a statement anew at every use when a value that is bound to it could change its plan: the value that
    /// a column of `order by`, `min`, `distinct` or a join is equal to, and that of `limit`. That costs more than the
    /// statement. Written `+?1` instead of `?1` the value is an expression, of which the plan does not depend.
    fn statement(&self, query: &str) -> Result<CachedStatement<'_>, rusqlite::Error>;
}

impl Statements for Connection {
    fn statement(&self, query: &str) -> Result<CachedStatement<'_>, rusqlite::Error> {
        let statement = self.prepare_cached(query)?;
        debug_assert!(statement.get_status(StatementStatus::RePrepare) < 3, "write +?1 where this says ?1: {query}");
        Ok(statement)
    }
}
