//! Conversations of an original, brought in.

use std::{fs, time::SystemTime};

use super::*;
use crate::database::{
    Detail,
    import::{self, ImportError, ImportReport},
};

/// An original with its schema and some of what its users said.
fn original(path: &Path) -> Connection {
    let connection = look(path);
    connection
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             CREATE TABLE conversations (
                 id INTEGER NOT NULL, project_name VARCHAR(100) NOT NULL, title VARCHAR(200),
                 created_at DATETIME, updated_at DATETIME, PRIMARY KEY (id));
             CREATE TABLE conversation_messages (
                 id INTEGER NOT NULL, conversation_id INTEGER NOT NULL, role VARCHAR(20) NOT NULL,
                 content TEXT NOT NULL, timestamp DATETIME, PRIMARY KEY (id),
                 FOREIGN KEY(conversation_id) REFERENCES conversations (id));
             INSERT INTO conversations VALUES
                 (3, 'old-name', 'Where is main?',
                  '2026-01-07 10:00:00.000001', '2026-01-07 10:00:09.500000'),
                 (4, 'old-name', NULL, '2026-01-08 10:00:00.000000', '2026-01-08 10:00:00.000000');
             INSERT INTO conversation_messages VALUES
                 (1, 3, 'assistant', 'Hello! I''m your guide.', '2026-01-07 10:00:00.000002'),
                 (2, 3, 'user', 'Where is main? Ünd \"why\"?', '2026-01-07 10:00:05.000000'),
                 (3, 3, 'system', 'note', '2026-01-07 10:00:06.000000'),
                 (4, 3, 'assistant', 'In src.', '2026-01-07 10:00:09.500000'),
                 (5, 4, 'assistant', 'Hello! I''m your guide.', '2026-01-08 10:00:00.000000'),
                 (6, 99, 'user', 'orphan', '2026-01-08 10:00:00.000000');",
        )
        .unwrap();
    connection
}

fn told(detail: &Detail) -> Vec<(&str, &str, &str)> {
    detail
        .messages
        .iter()
        .map(|m| (m.role.as_str(), m.content.as_str(), m.timestamp.as_str()))
        .collect()
}

/// Every file beside `path`, with its content and the time of its last change.
fn state_of(path: &Path) -> Vec<(PathBuf, Vec<u8>, SystemTime)> {
    let mut files: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let changed = fs::metadata(&path).unwrap().modified().unwrap();
            (path.clone(), fs::read(path).unwrap(), changed)
        })
        .collect();
    files.sort();
    files
}

fn source() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("assistant.db");
    (directory, path)
}

#[actix::test]
async fn an_original_comes_in_with_its_times_and_titles_and_stays_unchanged() {
    let (_directory, path) = source();
    drop(original(&path));
    let before = state_of(&path);
    // A server has the store open meanwhile.
    let store = Store::new();
    let report = import::run(&path, &project(), &store.path()).unwrap();
    assert_eq!(state_of(&path), before);
    assert_eq!((report.conversations, report.messages), (2, 4));
    assert_eq!(report.left_out.get("system"), Some(&1));
    assert_eq!(report.without_conversation, 1);

    let listed = store.reader.conversations(&project(), &anybody()).unwrap();
    let titles: Vec<_> = listed.iter().map(|s| (s.title.as_deref(), s.message_count)).collect();
    assert_eq!(titles, [(None, 1), (Some("Where is main?"), 3)]);
    assert_eq!(listed[1].created_at, "2026-01-07T10:00:00.000001Z");
    assert_eq!(listed[1].updated_at, "2026-01-07T10:00:09.500000Z");
    let id = listed[1].id;
    let detail = store.reader.conversation(&project(), id).unwrap().unwrap();
    let expected = [
        ("assistant", "Hello! I'm your guide.", "2026-01-07T10:00:00.000002Z"),
        ("user", "Where is main? Ünd \"why\"?", "2026-01-07T10:00:05.000000Z"),
        ("assistant", "In src.", "2026-01-07T10:00:09.500000Z"),
    ];
    assert_eq!(told(&detail), expected);

    // It can be gone on with.
    let stored = store.reader.load(&project(), id, usize::MAX).unwrap().unwrap();
    assert_eq!((stored.next_turn, stored.reserved_seq), (TurnNumber(2), Seq(5)));
    store.write(id, vec![question(TurnNumber(2), Seq(6), "a", "And then?")]).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(
        store.reader.conversations(&project(), &anybody()).unwrap().len(),
        2,
        "a restart removed some"
    );
}

#[actix::test]
async fn a_second_import_brings_in_only_what_is_new() {
    let (_directory, path) = source();
    let original = original(&path);
    let store = Store::new();
    let run = || import::run(&path, &project(), &store.path()).unwrap();
    run();
    original
        .execute_batch(
            "DELETE FROM conversations WHERE id = 4;
             INSERT INTO conversations VALUES
                 (4, 'old-name', 'Its id was used before', '2026-02-01 00:00:00.000000', NULL);",
        )
        .unwrap();
    let report = run();
    assert_eq!((report.conversations, report.already_there), (1, 1));
    let words = report.to_string();
    assert!(words.contains("1 were imported before"), "{words}");
    assert_eq!(store.reader.conversations(&project(), &anybody()).unwrap().len(), 3);
    let nothing = run();
    assert_eq!((nothing.conversations, nothing.already_there), (0, 2));
    assert_eq!(store.reader.conversations(&project(), &anybody()).unwrap().len(), 3);
}

#[test]
fn what_a_journal_holds_is_read_and_the_journal_stays_as_it_is() {
    let (_directory, path) = source();
    let original = original(&path);
    original.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    original
        .execute_batch("INSERT INTO conversation_messages VALUES (7, 4, 'user', 'late', NULL)")
        .unwrap();
    let before = state_of(&path);
    assert_eq!(before.len(), 3, "no journal");
    let store = tempfile::tempdir().unwrap();
    let report = import::run(&path, &project(), &store.path().join(FILE_NAME)).unwrap();
    assert_eq!(report.messages, 5);
    assert!(state_of(&path) == before, "the original changed");
}

#[test]
fn what_is_no_original_is_refused_in_words() {
    let (directory, path) = source();
    let store = directory.path().join("store").join(FILE_NAME);
    let refusal = || import::run(&path, &project(), &store).unwrap_err();
    assert!(matches!(refusal(), ImportError::Unreadable { .. }));
    fs::write(&path, "text").unwrap();
    let words = refusal().to_string();
    assert!(words.contains("no SQLite database"), "{words}");
    fs::remove_file(&path).unwrap();
    look(&path).execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    let words = refusal().to_string();
    assert!(words.contains("no assistant.db"), "{words}");
    assert!(!store.exists(), "a refused import made a store");
}

#[test]
fn a_report_names_only_what_happened() {
    let report = ImportReport { conversations: 2, messages: 5, ..ImportReport::default() };
    assert_eq!(report.to_string(), "imported conversations: 2, messages: 5");
}

#[test]
fn what_is_no_text_in_an_original_costs_its_bytes_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("assistant.db");
    let original = original(&path);
    original
        .execute_batch(
            "UPDATE conversation_messages SET content = CAST(x'61ff62' AS TEXT) WHERE id = 4;
             UPDATE conversations SET title = CAST(x'eda0bd' AS TEXT) WHERE id = 3;",
        )
        .unwrap();
    drop(original);
    let source = rusqlite::Connection::open(&path).unwrap();
    let read: String = source
        .query_row("SELECT content FROM conversation_messages WHERE id = 4", (), |row| {
            crate::sqlite_readonly::text(row, 0)
        })
        .unwrap();
    assert_eq!(read, "a\u{fffd}b");
}
