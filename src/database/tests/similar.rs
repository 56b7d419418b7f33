//! Similar earlier questions.

use std::time::Duration;

use rusqlite::Connection;

use crate::{
    database::{
        similar::{self, SimilarityLimits, score::QuestionTerms},
        tests::{
            anybody,
            searching::{say, store},
        },
    },
    project::ProjectName,
};

const LIMITS: SimilarityLimits =
    SimilarityLimits { candidates: 100, results: 3, timeout: Duration::from_secs(60) };

fn similar(
    connection: &Connection,
    typed: &str,
    limits: SimilarityLimits,
) -> Vec<(i64, i64, String)> {
    let project = ProjectName::parse("demo").unwrap();
    let of = (&project, &anybody());
    let found = similar::similar(connection, of, &QuestionTerms::typed(typed), limits).unwrap();
    found.into_iter().map(|it| (it.conversation_id.0, it.turn.0, it.question)).collect()
}

#[test]
fn close_questions_are_found_the_closest_first_and_each_text_once() {
    let (_directory, connection) = store();
    let q = "user_message";
    let one = say(
        &connection,
        "demo",
        1,
        &[(q, "Where are sockets closed?"), ("text", "Where are sockets closed?"), (q, "Thanks")],
    );
    let two = say(&connection, "demo", 2, &[(q, "Where are the sockets closed after errors?")]);
    let three = say(&connection, "demo", 3, &[(q, "where are sockets closed?")]);
    say(&connection, "other", 4, &[(q, "Where are sockets closed?")]);
    assert!(one < two);
    assert_eq!(
        similar(&connection, "How do you close a socket", LIMITS),
        [
            (three, 1, "where are sockets closed?".to_owned()),
            (two, 1, "Where are the sockets closed after errors?".to_owned()),
        ]
    );
    assert_eq!(similar(&connection, "where is it?", LIMITS), []);
    assert_eq!(similar(&connection, "\" OR * NEAR( quokka ^", LIMITS), []);
}

#[test]
fn as_much_is_looked_at_and_given_as_is_allowed() {
    let (_directory, connection) = store();
    for n in 1..=9 {
        say(&connection, "demo", n, &[("user_message", &format!("Where are sockets closed {n}"))]);
    }
    let typed = "where are sockets closed";
    assert_eq!(similar(&connection, typed, LIMITS).len(), 3);
    assert_eq!(similar(&connection, typed, SimilarityLimits { candidates: 2, ..LIMITS }).len(), 2);
    let long = format!("Where are sockets closed?{}", " x".repeat(900));
    say(&connection, "demo", 10, &[("user_message", &long)]);
    let found = similar(&connection, typed, LIMITS);
    assert!(found.iter().all(|(_, _, question)| question.len() <= 500));
}
