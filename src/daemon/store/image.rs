//! Which container image a delivery is about.

use rusqlite::params;

use super::statement::Statements as _;
use super::{Store, StoreError};
use crate::daemon::digest::Digest;

impl Store {
    /// What its tag was found to be; the first that is found counts.
    pub async fn image(&self, delivery: i64, found: Option<Digest>) -> Result<Option<Digest>, StoreError> {
        self.write(move |connection| {
            if let Some(found) = &found {
                connection
                    .statement("update delivery set image = coalesce(image, ?2) where id = ?1")?
                    .execute(params![delivery, found.hex()])?;
            }
            let kept: Option<String> = connection
                .statement("select image from delivery where id = ?1")?
                .query_row([delivery], |row| row.get(0))?;
            Ok(kept.as_deref().and_then(Digest::parse))
        })
        .await
    }
}
