//! What was written back, for tests: `GET /dev/writes`.

use serde_json::{Value, json};

/// One accepted write-back.
pub(super) fn write(method: &str, path: &str, body: &Value, at: i64) -> Value {
    json!({ "method": method, "path": path, "body": body, "at": at })
}
