//! The file as it is at one moment, read beside whoever owns it. Nothing is locked and nothing is changed.

mod check;
mod claims;
mod export;
mod stats;

use std::path::{Path, PathBuf};

use rusqlite::Connection;

pub use claims::Brought;
pub use export::{FORMAT, Header, RowCounts};

pub(super) use check::findings;
pub(super) use export::{ROWS, base64};

use super::StoreError;
use super::open::{Found, SCHEMA_VERSION, look, read_only};

/// One read transaction.
pub struct Moment {
    connection: Connection,
    path: PathBuf,
}

impl Moment {
    /// Of a store of this version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let name = || path.display().to_string();
        if !path.exists() {
            return Err(StoreError::NotThere { path: name() });
        }
        let cannot = |error: rusqlite::Error| StoreError::Open { path: name(), cause: error.to_string() };
        let connection = read_only(path).map_err(cannot)?;
        match look(&connection, path)? {
            Found::Version(SCHEMA_VERSION) => {}
            Found::Version(found) => return Err(StoreError::Older { path: name(), found }),
            Found::Nothing => return Err(StoreError::NotThere { path: name() }),
        }
        // The first read begins it.
        connection.execute_batch("begin; select count(*) from meta").map_err(cannot)?;
        Ok(Self { connection, path: path.to_owned() })
    }
}
