//! What lets people in.

use crate::database::{Reader, error::DatabaseError, messages::credentials::StoredCredential};

impl Reader {
    /// Everything that lets somebody in, also what has ended.
    pub(crate) fn credentials(&self) -> Result<Vec<StoredCredential>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT hash, id, kind, name, user, groups, origin, made_at, ends_at, used_at
                 FROM credentials",
            )?;
            let rows = statement.query_map((), |row| {
                let groups: String = row.get(5)?;
                Ok(StoredCredential {
                    hash: row.get(0)?,
                    id: row.get(1)?,
                    kind: row.get(2)?,
                    name: row.get(3)?,
                    user: row.get(4)?,
                    groups: serde_json::from_str(&groups).unwrap_or_default(),
                    origin: row.get(6)?,
                    made_at: row.get(7)?,
                    ends_at: row.get(8)?,
                    used_at: row.get(9)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
