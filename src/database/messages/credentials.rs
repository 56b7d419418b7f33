//! Credentials as they are stored: what lets people in under their names.

use actix::Message;
use serde::{Deserialize, Serialize};

use crate::database::{DatabaseError, queries::credentials::StoredCredential};

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
