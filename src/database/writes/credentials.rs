//! Rows of credentials.

use rusqlite::{Connection, params};

use crate::database::{
    error::DatabaseError, messages::credentials::ChangeCredential,
    queries::credentials::StoredCredential,
};

pub(super) fn change(
    connection: &Connection,
    change: &ChangeCredential,
) -> Result<(), DatabaseError> {
    match change {
        ChangeCredential::Add(credential) => add(connection, credential)?,
        ChangeCredential::End(hash) => {
            connection
                .prepare_cached("DELETE FROM credentials WHERE hash = ?1")?
                .execute(params![hash])?;
        }
        ChangeCredential::Used { hash, at } => {
            connection
                .prepare_cached("UPDATE credentials SET used_at = ?2 WHERE hash = ?1")?
                .execute(params![hash, at])?;
        }
        ChangeCredential::SetGroups { user, groups } => {
            connection
                .prepare_cached("UPDATE credentials SET groups = ?2 WHERE user = ?1")?
                .execute(params![user, serde_json::to_string(groups)?])?;
        }
        ChangeCredential::DropEnded(now) => {
            connection
                .prepare_cached("DELETE FROM credentials WHERE ends_at <= ?1")?
                .execute(params![now])?;
        }
    }
    Ok(())
}

fn add(connection: &Connection, new: &StoredCredential) -> Result<(), DatabaseError> {
    let StoredCredential { hash, id, kind, name, user, groups, origin, .. } = new;
    connection
        .prepare_cached(
            "INSERT INTO credentials
             (hash, id, kind, name, user, groups, origin, made_at, ends_at, used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            hash,
            id,
            kind,
            name,
            user,
            serde_json::to_string(groups)?,
            origin,
            new.made_at,
            new.ends_at,
            new.used_at
        ])?;
    Ok(())
}
