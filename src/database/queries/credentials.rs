//! What lets people in.

use serde::{Deserialize, Serialize};

use crate::database::{Reader, error::DatabaseError};

/// A login of a browser or a personal token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredCredential {
    /// SHA-256 of the secret, in hexadecimal digits.
    pub(crate) hash: String,
    /// Names it where it is listed; no secret.
    pub(crate) id: String,
    /// `login`, or what a token may do: `read`, `ask` or `admin`.
    pub(crate) kind: String,
    /// What its owner calls a token.
    pub(crate) name: String,
    pub(crate) user: String,
    /// The user's groups, as they were told last.
    pub(crate) groups: Vec<String>,
    /// Which provider a login is of; empty for a token.
    pub(crate) origin: String,
    /// Seconds since 1970.
    pub(crate) made_at: i64,
    pub(crate) ends_at: i64,
    pub(crate) used_at: Option<i64>,
}

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
