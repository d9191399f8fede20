//! What a row must look like: as its table says.

use rusqlite::Connection;
use rusqlite::types::Value as Stored;
use serde_json::Value;

use crate::daemon::store::StoreError;
use crate::daemon::store::moment::base64;

/// A table's columns.
pub(super) struct Shape {
    pub(super) table: &'static str,
    columns: Vec<Column>,
    insert: String,
}

struct Column {
    name: String,
    kind: Kind,
    required: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Number,
    Text,
    Bytes,
}

impl Shape {
    pub(super) fn of(connection: &Connection, table: &'static str) -> Result<Self, StoreError> {
        let mut statement = connection.prepare("select name, type, \"notnull\" or pk from pragma_table_info(?1)")?;
        let columns = statement.query_map([table], |row| {
            let kind = match row.get::<_, String>(1)?.to_lowercase().as_str() {
                "integer" => Kind::Number,
                "blob" => Kind::Bytes,
                _ => Kind::Text,
            };
            Ok(Column { name: row.get(0)?, kind, required: row.get(2)? })
        })?;
        let columns: Vec<Column> = columns.collect::<Result<_, _>>()?;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let places = vec!["?"; names.len()].join(", ");
        let insert = format!("insert into {table} ({}) values ({places})", names.join(", "));
        Ok(Self { table, columns, insert })
    }

    /// Every column, no other, each of its kind. What is wrong names the column and never what stands there.
    pub(super) fn insert(&self, connection: &Connection, row: &Value) -> Result<(), String> {
        let row = row.as_object().ok_or("it is no row")?;
        if let Some(name) = row.keys().find(|name| !self.columns.iter().any(|column| column.name == **name)) {
            return Err(format!("{} has no column {name}", self.table));
        }
        let values = self.columns.iter().map(|column| {
            let wrong = |what: &str| format!("{}.{} {what}", self.table, column.name);
            match (row.get(&column.name), column.kind) {
                (None, _) => Err(wrong("is missing")),
                (Some(Value::Null), _) if column.required => Err(wrong("is null")),
                (Some(Value::Null), _) => Ok(Stored::Null),
                (Some(value), Kind::Number) => {
                    value.as_i64().map(Stored::Integer).ok_or_else(|| wrong("is no whole number"))
                }
                (Some(value), Kind::Text) => {
                    value.as_str().map(|text| Stored::Text(text.to_owned())).ok_or_else(|| wrong("is no text"))
                }
                (Some(value), Kind::Bytes) => {
                    value.as_str().and_then(base64).map(Stored::Blob).ok_or_else(|| wrong("is no base64"))
                }
            }
        });
        let values = values.collect::<Result<Vec<Stored>, String>>()?;
        let insert = || connection.prepare_cached(&self.insert)?.execute(rusqlite::params_from_iter(values));
        insert().map(drop).map_err(|error| format!("{}: {error}", self.table))
    }
}
