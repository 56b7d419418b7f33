//! Logins with a configured token that were ended before their time. Such a login is stored nowhere else.

use uuid::Uuid;

use super::{Credentials, Held, hash, now};
use crate::database::{
    DatabaseError, messages::credentials::ChangeCredential, queries::credentials::StoredCredential,
};

/// The kind of one.
const ENDED: &str = "ended";

impl Credentials {
    /// Notes that a login with a configured token was ended.
    pub(crate) async fn note_ended(&self, secret: &str, ends_at: i64) -> Result<(), DatabaseError> {
        let ended = StoredCredential {
            hash: hash(secret),
            id: Uuid::new_v4().to_string(),
            kind: ENDED.to_owned(),
            name: String::new(),
            user: String::new(),
            groups: Vec::new(),
            origin: String::new(),
            made_at: now(),
            ends_at,
            used_at: None,
        };
        self.held().insert(ended.hash.clone(), Held::new(ended.clone()));
        self.store(ChangeCredential::Add(ended)).await
    }

    /// Whether a login with a configured token was ended.
    pub(crate) fn is_ended(&self, secret: &str) -> bool {
        self.held().get(&hash(secret)).is_some_and(|it| it.stored.kind == ENDED)
    }
}
