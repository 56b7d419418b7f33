//! Search over what was said.

use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;

use crate::{
    database::{
        DatabaseError, connection,
        queries::search::{self, FullTextQuery, SearchHit},
        tests::anybody,
    },
    project::ProjectName,
};

const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn store() -> (tempfile::TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let connection = connection::connect(&directory.path().join(connection::FILE_NAME)).unwrap();
    (directory, connection)
}

/// A conversation of a project with messages: a role and a text each.
pub(super) fn say(
    connection: &Connection,
    project: &str,
    day: u32,
    messages: &[(&str, &str)],
) -> i64 {
    let time = format!("2027-01-{day:02}T08:00:00.000000Z");
    connection
        .execute(
            "INSERT INTO conversations
                 (project, title, reserved_seq, explicit, written, created_at, updated_at)
             VALUES (?1, 'T', 99, 0, 1, ?2, ?2)",
            (project, &time),
        )
        .unwrap();
    let id = connection.last_insert_rowid();
    for (turn, (kind, text)) in (1..).zip(messages) {
        connection
            .execute(
                "INSERT INTO turns (conversation_id, turn, state) VALUES (?1, ?2, 'done')",
                (id, turn),
            )
            .unwrap();
        connection
            .execute(
                "INSERT INTO entries (conversation_id, turn, first_seq, last_seq, kind, payload,
                     created_at, updated_at)
                 VALUES (?1, ?2, ?2, ?2, ?3, json_object('content', ?4), ?5, ?5)",
                (id, turn, kind, text, &time),
            )
            .unwrap();
    }
    id
}

fn find(connection: &Connection, typed: &str) -> Vec<SearchHit> {
    let project = ProjectName::parse("demo").unwrap();
    let Some(words) = FullTextQuery::parse(typed).unwrap() else { return Vec::new() };
    search::search(connection, (&project, &anybody()), &words, 10, TIMEOUT).unwrap()
}

/// The snippet with its hits in brackets.
fn shown(hit: &SearchHit) -> String {
    let pieces = hit.snippet.iter();
    pieces.map(|it| if it.hit { format!("[{}]", it.text) } else { it.text.clone() }).collect()
}

#[test]
fn messages_are_found_newest_first_with_their_hits_marked() {
    let (_directory, connection) = store();
    // Brought in later, and older.
    let newer = say(&connection, "demo", 9, &[("user_message", "Where are Sockets closed?")]);
    let older = say(&connection, "demo", 3, &[("text", "A socket, <b>the</b> wörd.")]);
    say(&connection, "other", 9, &[("text", "socket")]);
    let hits = find(&connection, "socket");
    let found: Vec<_> = hits.iter().map(|hit| (hit.conversation_id.0, hit.role)).collect();
    assert_eq!(found, [(newer, "user"), (older, "assistant")]);
    assert_eq!(shown(&hits[0]), "Where are [Sockets] closed?");
    assert_eq!(shown(&hits[1]), "A [socket], <b>the</b> wörd.");
    assert_eq!(hits[0].timestamp, "2027-01-09T08:00:00.000000Z");
    assert_eq!(hits[0].title.as_deref(), Some("T"));
    // Only the last word may be a beginning, and only while it is being typed.
    assert_eq!(find(&connection, "socket ").len(), 1);
    assert_eq!(find(&connection, "sock closed").len(), 0);
    assert_eq!(find(&connection, "WORD").len(), 1);
    assert_eq!(find(&connection, "\"closed sockets\"").len(), 0);
    assert_eq!(find(&connection, "closed sockets").len(), 1);
    assert_eq!(find(&connection, "\"sockets closed\"").len(), 1);
}

#[test]
fn an_answer_in_several_pieces_is_one_hit_and_a_greeting_is_none() {
    let (_directory, connection) = store();
    let id = say(&connection, "demo", 1, &[("text", "word one")]);
    for (turn, seq) in [(0, 10), (1, 11)] {
        connection
            .execute("INSERT OR IGNORE INTO turns (conversation_id, turn, state) VALUES (?1, ?2, 'done')", (id, turn))
            .unwrap();
        connection
            .execute(
                "INSERT INTO entries (conversation_id, turn, first_seq, last_seq, kind, payload,
                     created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?3, 'text', '{\"content\":\"word two\"}', 'x', 'x')",
                (id, turn, seq),
            )
            .unwrap();
    }
    let turns: Vec<_> = find(&connection, "word").iter().map(|hit| hit.turn.0).collect();
    assert_eq!(turns, [1]);
}

#[test]
fn a_search_that_takes_too_long_is_ended_and_the_next_is_not() {
    let (_directory, connection) = store();
    let many = vec![("text", "word"); 500];
    say(&connection, "demo", 1, &many);
    let project = ProjectName::parse("demo").unwrap();
    let words = FullTextQuery::parse("word").unwrap().unwrap();
    let ended = search::search(&connection, (&project, &anybody()), &words, 10, Duration::ZERO)
        .unwrap_err();
    assert!(matches!(ended, DatabaseError::TookTooLong(_)), "{ended}");
    assert_eq!(find(&connection, "word").len(), 10);
}

#[test]
fn whatever_is_typed_is_no_error() {
    let (_directory, connection) = store();
    say(&connection, "demo", 1, &[("text", "a b c ½ ² ⅷ ゙ ͅ")]);
    // What one side takes for a word and the other does not.
    for typed in ["½", "²", "ⅷ", "\u{3099}", "\u{345}", "a \u{345}", "\u{e000}", "\"\u{345}\" a"]
    {
        find(&connection, typed);
    }
    let strategy = "[ab\"*:^()\\-+{} \\PC]{0,12}";
    proptest!(|(typed in strategy)| { find(&connection, &typed); });
}
