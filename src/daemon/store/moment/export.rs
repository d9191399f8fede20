//! Everything that is in the file, one JSON document per line: a header, a line for each row, and an end that counts them.

use std::collections::BTreeMap;
use std::io::Write;

use base64ct::{Base64, Encoding};
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Moment;
use crate::daemon::store::StoreError;
use crate::daemon::store::open::SCHEMA_VERSION;

/// The first line says that it is an export, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub scanrelay_export: u32,
    pub schema: i64,
    pub store_id: String,
    /// The last delivery whose jobs are made.
    pub unfolded_to: i64,
}

/// Rows by table.
pub type RowCounts = BTreeMap<String, u64>;

/// The version of the lines' form.
pub const FORMAT: u32 = 1;

/// The tables, and the order of their rows. `pending` follows from the deliveries.
pub(in crate::daemon::store) const ROWS: [(&str, &str); 11] = [
    ("delivery", "id"),
    ("job", "id"),
    ("attempt", "job, token"),
    ("dedupe", "id"),
    ("verdict", "id"),
    ("waiver", "id"),
    ("written", "id"),
    ("claimed", "registry, aspect"),
    ("survey", "registry"),
    ("audit", "id"),
    ("paused", "queue"),
];

impl Moment {
    /// Writes it, a row at a time. `told` hears of the rows so far.
    pub fn export(&self, to: &mut impl Write, mut told: impl FnMut(u64)) -> Result<RowCounts, StoreError> {
        let store_id =
            self.connection.query_row("select value from meta where key = 'store_id'", [], |row| row.get(0))?;
        let unfolded_to = "select cast(value as integer) from meta where key = 'unfolded_to'";
        let unfolded_to = self.connection.query_row(unfolded_to, [], |row| row.get(0))?;
        line(to, &json!(Header { scanrelay_export: FORMAT, schema: SCHEMA_VERSION, store_id, unfolded_to }))?;
        let mut counts = RowCounts::new();
        let mut all = 0;
        for (table, order) in ROWS {
            let mut statement = self.connection.prepare(&format!("select * from {table} order by {order}"))?;
            let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut rows = statement.query([])?;
            let count = counts.entry(table.to_owned()).or_default();
            while let Some(row) = rows.next()? {
                line(to, &json!({ table: values(row, &columns)? }))?;
                *count += 1;
                all += 1;
                told(all);
            }
        }
        line(to, &json!({ "end": counts }))?;
        to.flush().map_err(StoreError::NotWritten)?;
        Ok(counts)
    }
}

fn line(to: &mut impl Write, value: &Value) -> Result<(), StoreError> {
    writeln!(to, "{value}").map_err(StoreError::NotWritten)
}

/// Numbers and texts as they are, bytes in base64.
fn values(row: &Row<'_>, columns: &[String]) -> Result<Map<String, Value>, StoreError> {
    let mut values = Map::new();
    for (index, column) in columns.iter().enumerate() {
        let value = match row.get_ref(index)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => number.into(),
            ValueRef::Real(number) => number.into(),
            ValueRef::Text(_) => Value::String(row.get(index)?),
            ValueRef::Blob(bytes) => Base64::encode_string(bytes).into(),
        };
        values.insert(column.clone(), value);
    }
    Ok(values)
}

/// The bytes of that text; `None`: it is no base64.
pub(in crate::daemon::store) fn base64(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}
