//! Where job time stood.

use scanrelay::Timestamp;

use super::{Store, StoreError};

impl Store {
    /// The newest moment that is known to have been: the next daemon's time goes on from there.
    pub async fn newest(&self) -> Result<Timestamp, StoreError> {
        self.read(|connection| {
            let query = "select max(
                coalesce((select received_at from delivery order by id desc limit 1), 0),
                coalesce((select created_at from job order by id desc limit 1), 0),
                coalesce((select max(ended_at) from delivery where ended_at is not null), 0))";
            Ok(Timestamp::from_millis(connection.query_row(query, [], |row| row.get(0))?))
        })
        .await
    }
}
