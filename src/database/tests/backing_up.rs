//! Copies of a store in use.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;
use crate::database::backup::{self, BackupError};

#[actix::test]
async fn a_copy_made_while_the_server_writes_can_be_served() {
    let store = Store::new();
    let id = store.conversation().await;
    store
        .write(
            id,
            vec![question(TurnNumber(1), Seq(3), "a", "Where?"), done(TurnNumber(1), Seq(4))],
        )
        .await
        .unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join(FILE_NAME);
    let path = store.path();
    let copying = {
        let target = target.clone();
        actix::spawn(async move { actix_copy(path, target).await })
    };
    // What is written meanwhile is in the copy or not, but never half.
    for turn in 2..100 {
        let seq = turn * 10;
        let asked = question(TurnNumber(turn), Seq(seq), &turn.to_string(), "more");
        store.write(id, vec![asked, done(TurnNumber(turn), Seq(seq + 1))]).await.unwrap();
    }
    let size = copying.await.unwrap().unwrap();
    let metadata = fs::metadata(&target).unwrap();
    assert_eq!(metadata.len(), size);
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let copy = look(&target);
    assert_eq!(one::<String>(&copy, "PRAGMA integrity_check"), "ok");
    let (questions, ends): (i64, i64) = (
        one(&copy, "SELECT count(*) FROM entries WHERE kind = 'user_message'"),
        one(&copy, "SELECT count(*) FROM entries WHERE kind = 'response_done'"),
    );
    assert_eq!(questions + 1, ends);
    assert_eq!(one::<i64>(&copy, "SELECT count(*) FROM search('where')"), 1);
    drop(copy);

    let (_database, reader) = Database::open(&target).unwrap();
    let copied = reader.load(&project(), id, usize::MAX).unwrap().unwrap();
    let original = store.reader.load(&project(), id, usize::MAX).unwrap().unwrap();
    assert!(original.entries.starts_with(&copied.entries));
    let next = store.conversation().await;
    assert!(next > id);
}

async fn actix_copy(path: PathBuf, target: PathBuf) -> Result<u64, BackupError> {
    tokio::task::spawn_blocking(move || backup::run(&path, &target)).await.unwrap()
}

#[test]
fn a_copy_never_goes_over_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let _open = Database::open(&path).unwrap();
    let target = directory.path().join("notes.txt");
    fs::write(&target, "mine").unwrap();
    let refused = backup::run(&path, &target).unwrap_err();
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
}

#[test]
fn a_missing_store_is_not_made_by_copying_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let words = backup::run(&path, &directory.path().join("copy")).unwrap_err().to_string();
    assert!(words.contains("--data-dir"), "{words}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn an_unfinished_copy_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    drop(Database::open(&path).unwrap());
    let connection = look(&path);
    connection
        .execute_batch(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = 'CREATE TABLE entries (' WHERE name = 'entries';",
        )
        .unwrap();
    drop(connection);
    let target = directory.path().join("copy");
    assert!(backup::run(&path, &target).is_err());
    assert!(!target.exists());
}
