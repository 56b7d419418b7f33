//! Whose conversations are: in old stores, by links, and in lists as the rights have it.

use super::*;
use crate::{
    database::{
        messages::{ForkConversation, Forked, ShareConversation, Sharing},
        queries::search::FullTextQuery,
        similar::{SimilarityLimits, score::QuestionTerms},
    },
    ids::ForkedFrom,
    rights::{Action, Visibility},
};

const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

impl Store {
    async fn share(&self, conversation: ConversationId, sharing: Sharing) -> Option<Ownership> {
        let share = ShareConversation { project: project(), conversation, sharing };
        let shared = self.database.send(share).await.unwrap().unwrap();
        shared.map(|summary| summary.ownership)
    }

    /// A conversation in which somebody asked after a quokka.
    async fn owned(&self, owner: Option<&str>, visibility: Visibility) -> ConversationId {
        let principal = user(owner);
        let new = CreateConversation {
            project: project(),
            explicit: true,
            reserved_seq: Seq(10),
            agent_session: None,
            entries: vec![question(TurnNumber(1), Seq(1), "m", "Where is the quokka parsed?")],
            ownership: Ownership::of_new(&principal, visibility),
            forked_from: None,
            copied: Vec::new(),
        };
        self.database.send(new).await.unwrap().unwrap().id
    }
}

fn user(name: Option<&str>) -> Principal {
    Principal { user: name.map(str::to_owned), ..Principal::default() }
}

#[actix::test]
async fn lists_search_and_asked_before_have_what_the_rights_allow_and_nothing_else() {
    let store = Store::new();
    let mut all = Vec::new();
    for owner in [None, Some("ana"), Some("ben")] {
        for visibility in [Visibility::Team, Visibility::Private] {
            all.push(store.owned(owner, visibility).await);
        }
    }
    let shared = store.owned(Some("ana"), Visibility::Private).await;
    all.push(shared);
    store.share(shared, Sharing::Link(Some("secret".to_owned()))).await;
    let link = "secret".to_owned();
    store.share(shared, Sharing::Guest { user: "cem".to_owned(), link }).await;

    let reads_all = Principal { is_admin: true, reads_all: true, ..user(None) };
    let people = [user(None), user(Some("ana")), user(Some("ben")), user(Some("cem")), reads_all];
    let mut counts = Vec::new();
    for who in &people {
        let may_read = |id: &&ConversationId| {
            let ownership = store.reader.ownership(&project(), **id).unwrap().unwrap();
            ownership.allows(who, Action::Read)
        };
        let expected: Vec<ConversationId> = all.iter().filter(may_read).copied().collect();
        let sorted = |mut ids: Vec<ConversationId>| {
            ids.sort_unstable();
            ids
        };
        let listed = store.reader.conversations(&project(), who).unwrap();
        assert_eq!(sorted(listed.into_iter().map(|it| it.id).collect()), expected, "{who:?}");
        let words = FullTextQuery::parse("quokka").unwrap().unwrap();
        let hits = store.reader.search((&project(), who), &words, 50, TIMEOUT).unwrap();
        let found = hits.into_iter().map(|it| it.conversation_id).collect();
        assert_eq!(sorted(found), expected, "{who:?}");
        // Of questions with the same words the newest that the person may read is told.
        let limits = SimilarityLimits { candidates: 100, results: 9, timeout: TIMEOUT };
        let typed = QuestionTerms::typed("Where is the quokka parsed?");
        let similar = store.reader.similar((&project(), who), &typed, limits).unwrap();
        assert_eq!(
            similar.first().map(|it| it.conversation_id),
            expected.last().copied(),
            "{who:?}"
        );
        counts.push(expected.len());
    }
    // Two that are open and one of nobody; own ones; by link; all.
    assert_eq!(counts, [4, 6, 5, 5, 7]);
}

#[actix::test]
async fn a_link_lets_guests_in_until_it_is_withdrawn() {
    let store = Store::new();
    let id = store.owned(Some("ana"), Visibility::Private).await;
    let link = |text: &str| Sharing::Link(Some(text.to_owned()));
    let guest =
        |user: &str, link: &str| Sharing::Guest { user: user.to_owned(), link: link.to_owned() };
    store.share(id, guest("ben", "first")).await;
    store.share(id, link("first")).await;
    store.share(id, guest("cem", "wrong")).await;
    let of = store.share(id, guest("dan", "first")).await.unwrap();
    let again = store.share(id, guest("dan", "first")).await.unwrap();
    assert_eq!(of, again);
    assert_eq!(of.guests.into_iter().collect::<Vec<_>>(), ["dan"]);
    assert_eq!(store.reader.link(&project(), id).unwrap().as_deref(), Some("first"));
    // Who opens it at the moment at which it is withdrawn comes too late.
    let gone = store.share(id, Sharing::Link(None)).await.unwrap();
    assert!(gone.guests.is_empty(), "{gone:?}");
    let late = store.share(id, guest("dan", "first")).await.unwrap();
    assert!(late.guests.is_empty(), "{late:?}");
    let other = ProjectName::parse("other").unwrap();
    assert_eq!(store.reader.link(&other, id).unwrap(), None);
    assert_eq!(store.reader.ownership(&other, id).unwrap(), None);
    assert_eq!(store.share(ConversationId(99), link("x")).await, None);
}

#[actix::test]
async fn conversations_of_an_old_store_belong_to_their_first_authors_and_stay_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let connection = look(&path);
    for step in [
        include_str!("../schema/1.sql"),
        include_str!("../schema/2.sql"),
        include_str!("../schema/3.sql"),
    ] {
        connection.execute_batch(step).unwrap();
    }
    connection
        .execute_batch(
            r#"PRAGMA user_version = 3;
             PRAGMA application_id = 1128874834;
             INSERT INTO conversations (id, project, reserved_seq, explicit, created_at, updated_at)
             VALUES (5, 'demo', 10, 1, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z'),
                 (6, 'demo', 10, 1, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z');
             INSERT INTO entries (conversation_id, turn, first_seq, last_seq, kind, payload,
                 created_at, updated_at)
             VALUES (5, 1, 1, 1, 'user_message', '{"content":"a","author":"ana"}', '', ''),
                 (5, 2, 2, 2, 'user_message', '{"content":"b","author":"ben"}', '', ''),
                 (6, 1, 1, 1, 'user_message', '{"content":"c"}', '', '');"#,
        )
        .unwrap();
    drop(connection);
    let store = Store::open(directory, Clock::system());
    let of = |id| store.reader.ownership(&project(), ConversationId(id)).unwrap().unwrap();
    assert_eq!(of(5), Ownership::of_new(&user(Some("ana")), Visibility::Team));
    assert_eq!(of(6), Ownership::default());
    let listed = store.reader.conversations(&project(), &user(Some("ben"))).unwrap();
    assert_eq!(listed.len(), 2);
}

#[actix::test]
async fn a_fork_has_the_turns_up_to_one_under_their_numbers_and_files_of_its_own() {
    let store = Store::new();
    let id = store.owned(Some("ana"), Visibility::Team).await;
    let file = r#"[{"id":"f","name":"a.txt","type":"text/plain","bytes":5}]"#;
    store
        .look()
        .execute_batch(&format!(
            "INSERT INTO attachments (id, conversation_id, name, type, created_at, content)
             VALUES ('f', {id}, 'a.txt', 'text/plain', '', x'68656c6c6f');
             UPDATE entries SET payload = json_set(payload, '$.attachments', json('{file}'));"
        ))
        .unwrap();
    let later = question(TurnNumber(2), Seq(3), "n", "And then?");
    store.write(id, vec![done(TurnNumber(1), Seq(2)), later]).await.unwrap();
    let fork = async |turn: i64| {
        let from = ForkedFrom { conversation_id: id, turn: TurnNumber(turn) };
        let ownership = Ownership::of_new(&user(Some("ben")), Visibility::Private);
        let fork = ForkConversation { project: project(), from, ownership, reserved: 50 };
        store.database.send(fork).await.unwrap().unwrap()
    };
    // The second has not ended, and there is no third.
    for turn in [2, 3] {
        assert!(matches!(fork(turn).await, Forked::NoSuchTurn), "turn {turn}");
    }
    let Forked::Made(made) = fork(1).await else { panic!("nothing was made") };
    let from = ForkedFrom { conversation_id: id, turn: TurnNumber(1) };
    assert_eq!((made.forked_from, made.title.is_some()), (Some(from), true), "{made:?}");
    assert_eq!(made.ownership, Ownership::of_new(&user(Some("ben")), Visibility::Private));
    let loaded = store.reader.load(&project(), made.id, usize::MAX).unwrap().unwrap();
    let numbers: Vec<_> = loaded.entries.iter().map(|it| (it.turn.0, it.first_seq.0)).collect();
    assert_eq!((numbers, loaded.reserved_seq), (vec![(1, 1), (1, 2)], Seq(52)));
    assert_eq!((loaded.next_turn, loaded.agent_session), (TurnNumber(2), None));
    let copy: String = one(&store.look(), "SELECT id FROM attachments WHERE id <> 'f'");
    assert!(loaded.entries[0].payload.contains(&copy), "{}", loaded.entries[0].payload);
    let copied = store.reader.loaded_file(&project(), made.id, &copy).unwrap();
    assert_eq!(copied.unwrap().content, b"hello");
}
