//! What readers see.

use super::*;

#[actix::test]
async fn an_answer_is_all_text_of_its_turn_once_the_turn_is_over() {
    let store = Store::new();
    let id = store.conversation().await;
    let entries = vec![
        question(TurnNumber(1), Seq(3), "a", "Where?"),
        text(TurnNumber(1), Seq(4), Seq(6), "In "),
        entry(TurnNumber(1), Seq(7), Seq(7), "thinking", r#"{"block":1,"content":"hmm"}"#),
        // Asked while the first answer streams.
        question(TurnNumber(2), Seq(8), "b", "And?"),
        text(TurnNumber(1), Seq(9), Seq(11), "src."),
    ];
    store.write(id, entries).await.unwrap();
    let told = || -> Vec<(String, String)> {
        let detail = store.reader.conversation(&project(), id).unwrap().unwrap();
        let listed = store.reader.conversations(&project(), &anybody()).unwrap();
        assert_eq!(listed[0].message_count, detail.messages.len() as i64);
        detail.messages.into_iter().map(|m| (m.role, m.content)).collect()
    };
    let pair = |role: &str, content: &str| (role.to_owned(), content.to_owned());

    let open = [pair("assistant", "Hello!"), pair("user", "Where?"), pair("user", "And?")];
    assert_eq!(told(), open);
    store.write(id, vec![done(TurnNumber(1), Seq(12))]).await.unwrap();
    let closed = [
        pair("assistant", "Hello!"),
        pair("user", "Where?"),
        pair("assistant", "In src."),
        pair("user", "And?"),
    ];
    assert_eq!(told(), closed);
}

#[actix::test]
async fn a_conversation_is_unknown_in_every_other_project() {
    let store = Store::new();
    let id = store.create(true, greeting()).await.id;
    let other = ProjectName::parse("other").unwrap();
    assert_eq!(store.reader.load(&other, id, usize::MAX).unwrap(), None);
    assert_eq!(store.reader.conversation(&other, id).unwrap(), None);
    assert_eq!(store.reader.conversations(&other, &anybody()).unwrap(), []);
    assert_eq!(store.reader.conversation(&project(), id + 1).unwrap(), None);
}

#[actix::test]
async fn conversations_are_listed_newest_change_first() {
    let store = Store::new();
    let mut ids = vec![];
    for _ in 0..3 {
        ids.push(store.create(true, vec![]).await.id);
    }
    store.write(ids[0], vec![question(TurnNumber(1), Seq(1), "a", "hi")]).await.unwrap();
    let listed: Vec<ConversationId> = store
        .reader
        .conversations(&project(), &anybody())
        .unwrap()
        .iter()
        .map(|summary| summary.id)
        .collect();
    assert_eq!(listed, [ids[0], ids[2], ids[1]]);
}

#[actix::test]
async fn the_fields_are_in_the_order_of_the_original() {
    let store = Store::new();
    let id = store.create(true, greeting()).await.id;
    let keys = |value: serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let listed = store.reader.conversations(&project(), &anybody()).unwrap();
    assert_eq!(
        keys(serde_json::to_value(&listed[0]).unwrap()),
        ["id", "project_name", "title", "created_at", "updated_at", "message_count"]
    );
    let detail = store.reader.conversation(&project(), id).unwrap().unwrap();
    assert_eq!(
        keys(serde_json::to_value(&detail).unwrap()),
        ["id", "project_name", "title", "created_at", "updated_at", "messages"]
    );
    assert_eq!(
        keys(serde_json::to_value(&detail.messages[0]).unwrap()),
        ["id", "role", "content", "timestamp"]
    );
}

#[actix::test]
async fn an_answer_can_be_searched_when_its_turn_is_over_and_follows_changes() {
    let store = Store::new();
    let id = store.conversation().await;
    let found = |word: &str| -> i64 {
        one(&store.look(), &format!("SELECT count(*) FROM search('{word}')"))
    };
    store
        .write(
            id,
            vec![
                question(TurnNumber(1), Seq(3), "a", "Wo ist Käse?"),
                text(TurnNumber(1), Seq(4), Seq(4), "im keller"),
            ],
        )
        .await
        .unwrap();
    assert_eq!((found("kase"), found("keller")), (1, 0));
    store
        .write(
            id,
            vec![text(TurnNumber(1), Seq(4), Seq(5), "im schrank"), done(TurnNumber(1), Seq(6))],
        )
        .await
        .unwrap();
    assert_eq!((found("schrank"), found("keller")), (1, 0));
    store.write(id, vec![text(TurnNumber(1), Seq(4), Seq(7), "am fenster")]).await.unwrap();
    assert_eq!((found("schrank"), found("fenster")), (0, 1));
    store
        .look()
        .execute_batch("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
        .unwrap();
}

#[actix::test]
async fn a_reader_asks_without_blocking_its_caller() {
    let store = Store::new();
    let id = store.create(true, vec![]).await.id;
    let stored =
        store.reader.ask(move |reader| reader.load(&project(), id, usize::MAX)).await.unwrap();
    assert_eq!(stored.unwrap().summary.id, id);
}

#[test]
fn a_reader_cannot_write() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let (_database, reader) = Database::open(&path).unwrap();
    let refused =
        reader.read(|connection| Ok(connection.execute("DELETE FROM conversations", ())?));
    assert!(matches!(refused, Err(DatabaseError::ReadOnly)), "{refused:?}");
}

#[actix::test]
async fn of_a_long_conversation_the_newest_entries_are_loaded_and_what_is_told_of_the_past() {
    let store = Store::new();
    let id = store.create(true, vec![]).await.id;
    let result = |turn: TurnNumber, seq: Seq| {
        let payload = format!(r#"{{"call_id":"c","ok":true,"content":"{}"}}"#, "x".repeat(500));
        entry(turn, seq, seq, "tool_result", &payload)
    };
    let turns = 1..=40_i64;
    let rows = turns.flat_map(|turn| {
        let seq = turn * 10;
        let (question, text) = (
            question(TurnNumber(turn), Seq(seq), &turn.to_string(), "?"),
            text(TurnNumber(turn), Seq(seq + 2), Seq(seq + 3), "!"),
        );
        [
            question,
            result(TurnNumber(turn), Seq(seq + 1)),
            text,
            done(TurnNumber(turn), Seq(seq + 4)),
        ]
    });
    let rows: Vec<_> = rows.collect();
    store.write(id, rows.clone()).await.unwrap();
    for (keep, results) in [(usize::MAX, 40), (1_500, 2), (0, 0)] {
        let stored = store.reader.load(&project(), id, keep).unwrap().unwrap();
        let count = |kind: &str| stored.entries.iter().filter(|row| row.kind == kind).count();
        assert_eq!(count("tool_result"), results, "{keep}");
        assert_eq!((count("user_message"), count("response_done")), (40, 40), "{keep}");
        assert_eq!(count("text"), if keep == usize::MAX { 40 } else { 32 }, "{keep}");
        // Together they are all there is, each once and in order.
        let mut seqs: Vec<_> = stored.outlines.iter().map(|it| it.first_seq).collect();
        assert!(seqs.is_sorted() && stored.entries.iter().map(|it| it.first_seq).is_sorted());
        seqs.extend(stored.entries.iter().map(|it| it.first_seq));
        seqs.sort_unstable();
        assert_eq!(seqs, rows.iter().map(|row| row.first_seq).collect::<Vec<_>>(), "{keep}");
        for outline in &stored.outlines {
            let row = rows.iter().find(|row| row.first_seq == outline.first_seq).unwrap();
            assert_eq!((&outline.kind, outline.bytes), (&row.kind, row.payload.len()));
        }
    }
}
