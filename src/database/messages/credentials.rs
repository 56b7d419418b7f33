//! Credentials as they are stored: what lets people in under their names.

use actix::Message;
use serde::{Deserialize, Serialize};

use crate::database::DatabaseError;

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

/// Changes what lets people in.
#[derive(Message, Debug, Clone, Serialize, Deserialize)]
#[rtype(result = "Result<(), DatabaseError>")]
pub(crate) enum ChangeCredential {
    Add(StoredCredential),
    /// By its hash.
    End(String),
    Used {
        hash: String,
        at: i64,
    },
    /// A user is in other groups now.
    SetGroups {
        user: String,
        groups: Vec<String>,
    },
    /// Forgets those that have ended by then.
    DropEnded(i64),
}
