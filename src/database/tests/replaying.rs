//! Recorded writes, applied to an empty store, make the same store.

use proptest::{prelude::*, sample::Index};
use rusqlite::{Transaction, TransactionBehavior, types::Value};

use super::*;
use crate::{
    attachment::{AttachedFile, AttachedType, LoadedFile},
    database::{
        messages::{
            AcceptQuestion, ActionKind, AddAttachment, BeginTurn, CopiedAttachment,
            DeleteConversation, DeleteIfEmpty, FrozenCopy, KeepNote, NoteVisit, React,
            RecordAction, RenameConversation, ReserveSeq, SetAgentSession, SetSnapshot,
            ShareConversation, Sharing, credentials::ChangeCredential,
        },
        queries::{attachments::StoredFiles, conversations, credentials::StoredCredential},
        recorder::Recorder,
        recovery, schema, timestamp,
        writes::{self, Change, DropLooseAttachments, RecordImport, Write},
    },
    entry::UserMessage,
    ids::{ConversationId, Seq, TurnNumber},
    reaction::{AnswerVerdict, Reaction, Reactor},
    rights::Visibility,
};

pub(super) const PROJECTS: [&str; 3] = ["demo", "other", "third"];

/// Everything that a store holds. The index of the search is compared by its content: how its rows
/// are packed depends on where transactions begin.
const TABLES: [&str; 16] = [
    "SELECT * FROM snapshots ORDER BY conversation_id",
    "SELECT * FROM notes ORDER BY conversation_id, turn",
    "SELECT * FROM reactions ORDER BY conversation_id, turn, person",
    "SELECT * FROM guests ORDER BY conversation_id, user",
    "SELECT * FROM conversations ORDER BY id",
    "SELECT * FROM turns ORDER BY conversation_id, turn",
    "SELECT * FROM entries ORDER BY id",
    "SELECT * FROM visits ORDER BY browser, project",
    "SELECT * FROM attachments ORDER BY id",
    "SELECT * FROM imports ORDER BY project, source, source_conversation_id, source_created_at",
    "SELECT * FROM audit ORDER BY at, kind, project, conversation_id, user, detail",
    "SELECT * FROM answers ORDER BY conversation_id, turn",
    "SELECT * FROM credentials ORDER BY hash",
    "SELECT * FROM sqlite_sequence ORDER BY name",
    "SELECT * FROM search_docsize ORDER BY id",
    "SELECT term, doc, col, offset FROM words ORDER BY term, doc, offset",
];

#[derive(Debug, Clone)]
pub(super) enum Action {
    Create { project: usize, explicit: bool, greeting: bool },
    Accept { turn: i64, message: u8, content: &'static str },
    Attach { file: u8 },
    DropLoose,
    Begin { turn: i64 },
    WriteEntries(Vec<Plan>),
    Reserve { up_to: i64 },
    SetAgentSession(Option<u8>),
    Visit { browser: u8, seq: i64 },
    Rename(Option<&'static str>),
    Share(Sharing),
    React { turn: i64, user: u8, says: Option<bool> },
    Keep { turn: i64, user: Option<u8>, is_kept: bool },
    Publish { copy: Option<&'static str> },
    Delete,
    DeleteIfEmpty,
    Claim,
    Recover,
    Import { source: i64 },
    Record { is_of_project: bool },
    Credential { hash: u8, is_added: bool },
}

/// An entry to be written: a new one, or a state of one that may be there.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    turn: i64,
    known_seq: Option<i64>,
    grown: i64,
    kind: &'static str,
    content: &'static str,
}

/// Something that happens to one of the conversations, some seconds after what came before.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) conversation: Index,
    pub(super) elapsed: i64,
}

fn content() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["Where is main?", "in the Käse", "the socket is closed", ""])
}

fn plan() -> impl Strategy<Value = Plan> {
    let kinds = vec![
        "user_message",
        "text",
        "text",
        "text",
        "thinking",
        "withdrawn",
        "tool_call",
        "response_done",
        "error",
    ];
    let seq = prop_oneof![3 => Just(None), 1 => (1..12_i64).prop_map(Some)];
    (0..4_i64, seq, 0..3_i64, prop::sample::select(kinds), content()).prop_map(
        |(turn, known_seq, grown, kind, content)| Plan { turn, known_seq, grown, kind, content },
    )
}

fn action() -> impl Strategy<Value = Action> {
    use Action::*;
    let title = prop::option::of(content());
    prop_oneof![
        3 => (0..3_usize, any::<bool>(), any::<bool>())
            .prop_map(|(project, explicit, greeting)| Create { project, explicit, greeting }),
        4 => (1..5_i64, 0..6_u8, content())
            .prop_map(|(turn, message, content)| Accept { turn, message, content }),
        2 => (0..6_u8).prop_map(|file| Attach { file }),
        1 => Just(DropLoose),
        2 => (1..5_i64).prop_map(|turn| Begin { turn }),
        8 => prop::collection::vec(plan(), 1..5).prop_map(WriteEntries),
        1 => (0..2000_i64).prop_map(|up_to| Reserve { up_to }),
        1 => any::<Option<u8>>().prop_map(SetAgentSession),
        3 => (0..4_u8, 0..50_i64).prop_map(|(browser, seq)| Visit { browser, seq }),
        1 => title.prop_map(Rename),
        2 => sharing().prop_map(Share),
        2 => (1..5_i64, 0..3_u8, any::<Option<bool>>())
            .prop_map(|(turn, user, says)| React { turn, user, says }),
        2 => (1..5_i64, any::<Option<u8>>(), any::<bool>())
            .prop_map(|(turn, user, is_kept)| Keep { turn, user, is_kept }),
        2 => prop::option::of(content()).prop_map(|copy| Publish { copy }),
        2 => Just(Delete),
        1 => Just(DeleteIfEmpty),
        2 => Just(Claim),
        1 => Just(Recover),
        1 => (0..5_i64).prop_map(|source| Import { source }),
        1 => any::<bool>().prop_map(|is_of_project| Record { is_of_project }),
        2 => (0..4_u8, any::<bool>())
            .prop_map(|(hash, is_added)| Credential { hash, is_added }),
    ]
}

fn sharing() -> impl Strategy<Value = Sharing> {
    let link = || prop::sample::select(vec!["a", "b"]).prop_map(str::to_owned);
    prop_oneof![
        Just(Sharing::Visibility(Visibility::Team)),
        Just(Sharing::Visibility(Visibility::Private)),
        prop::option::of(link()).prop_map(Sharing::Link),
        link().prop_map(|link| Sharing::Guest { user: "ben".to_owned(), link }),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let elapsed = prop_oneof![8 => 0..60_i64, 1 => -100..0_i64, 1 => 3000..4000_i64];
    (action(), any::<Index>(), elapsed).prop_map(|(action, conversation, elapsed)| Step {
        action,
        conversation,
        elapsed,
    })
}

fn empty_store() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    prepare(&connection);
    connection
}

/// Makes an empty store of an empty database.
pub(super) fn prepare(connection: &Connection) {
    connection.pragma_update(None, "foreign_keys", true).unwrap();
    schema::migrate(connection).unwrap();
    connection
        .execute_batch("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, search, instance)")
        .unwrap();
}

pub(super) fn contents(connection: &Connection) -> Vec<Vec<Vec<Value>>> {
    connection.execute_batch("INSERT INTO search (search) VALUES ('integrity-check')").unwrap();
    let table = |query| {
        let mut statement = connection.prepare(query).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map((), |row| (0..columns).map(|at| row.get(at)).collect());
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    TABLES.into_iter().map(table).collect()
}

fn begin(connection: &Connection) -> Transaction<'_> {
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate).unwrap()
}

/// A conversation as the test knows it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) project: ProjectName,
    pub(super) id: ConversationId,
    last_seq: i64,
}

impl Known {
    fn row(&mut self, plan: &Plan) -> EntryRow {
        let first = plan.known_seq.unwrap_or(self.last_seq + 1);
        let last = first + plan.grown;
        self.last_seq = self.last_seq.max(last);
        let message_id = (plan.kind == "user_message").then(|| format!("entry {first}"));
        let payload = serde_json::json!({
            "message_id": message_id, "content": plan.content, "outcome": "completed", "block": 0,
        });
        entry(TurnNumber(plan.turn), Seq(first), Seq(last), plan.kind, &payload.to_string())
    }
}

/// Takes steps as a server does, and keeps what it wrote.
fn record(connection: &Connection, steps: &[Step]) -> Vec<Write> {
    let mut known: Vec<Known> = Vec::new();
    let mut recorded = Vec::new();
    let mut seconds = 0;
    for Step { action, conversation, elapsed } in steps {
        seconds += elapsed;
        let transaction = begin(connection);
        let mut recorder = Recorder::new(&transaction, timestamp(at(seconds))).unwrap();
        let done = match (action, known.is_empty()) {
            (Action::Create { project, explicit, greeting }, _) => {
                let project = ProjectName::parse(PROJECTS[*project]).unwrap();
                create(&mut recorder, project, *explicit, *greeting).map(|new| known.push(new))
            }
            (_, true) => Ok(()),
            (action, false) => {
                let at = conversation.index(known.len());
                act(&mut recorder, action, &mut known[at])
            }
        };
        let writes = recorder.finish().0.writes;
        if done.is_ok() {
            transaction.commit().unwrap();
            recorded.extend(writes);
        }
    }
    recorded
}

pub(super) fn create(
    recorder: &mut Recorder<'_>,
    project: ProjectName,
    explicit: bool,
    is_greeted: bool,
) -> Result<Known, DatabaseError> {
    let id = recorder.allocate_conversation()?;
    let known = Known { project: project.clone(), id, last_seq: 2 };
    let new = CreateConversation {
        project,
        explicit,
        reserved_seq: Seq(20),
        agent_session: Some("first".to_owned()),
        entries: if is_greeted { greeting() } else { vec![] },
        ownership: Ownership::default(),
        forked_from: None,
        copied: Vec::new(),
    };
    recorder.apply(Change::CreateConversation { conversation: id, new })?;
    Ok(known)
}

pub(super) fn act(
    recorder: &mut Recorder<'_>,
    action: &Action,
    known: &mut Known,
) -> Result<(), DatabaseError> {
    let (project, conversation) = (known.project.clone(), known.id);
    let change = match action.clone() {
        Action::Create { .. } => unreachable!("it concerns no conversation"),
        Action::Accept { turn, message, content } => {
            let turn = TurnNumber(turn);
            let (message_id, content) = (Some(format!("message {message}")), content.to_owned());
            let (known, id) = attached(recorder.connection(), conversation);
            let copied = known.iter().map(|from| CopiedAttachment {
                from: from.clone(),
                to: format!("copy {conversation} {turn} {from}"),
            });
            let copied = copied.collect();
            let attachments = id.into_iter().map(|id| file(&id)).collect();
            let message =
                UserMessage { message_id, content, attachments, ..UserMessage::default() };
            let is_text_audited = turn.0 % 2 == 0;
            Change::AcceptQuestion(AcceptQuestion {
                project,
                conversation,
                turn,
                message,
                copied,
                is_text_audited,
            })
        }
        Action::Attach { file: number } => {
            let loaded = LoadedFile {
                file: file(&format!("{conversation} {number}")),
                content: vec![number; 3],
            };
            let most = StoredFiles { conversation: 0, loose: 0, n_loose: 0 };
            let sender = "user a".to_owned();
            Change::AddAttachment(AddAttachment { project, conversation, loaded, sender, most })
        }
        Action::DropLoose => Change::DropLooseAttachments(DropLooseAttachments { project }),
        Action::Begin { turn } => {
            let turn = TurnNumber(turn);
            Change::BeginTurn(BeginTurn { project, conversation, turn })
        }
        Action::WriteEntries(plans) => {
            let entries = plans.iter().map(|plan| known.row(plan)).collect();
            Change::WriteEntries(WriteEntries { project, conversation, entries })
        }
        Action::Reserve { up_to } => {
            let up_to = Seq(up_to);
            Change::ReserveSeq(ReserveSeq { project, conversation, up_to })
        }
        Action::SetAgentSession(session) => {
            let agent_session = session.map(|id| id.to_string());
            Change::SetAgentSession(SetAgentSession { project, conversation, agent_session })
        }
        Action::Visit { browser, seq } => {
            let (browser, seq) = (browser.to_string(), Seq(seq));
            Change::NoteVisit(NoteVisit { browser, project, conversation, seq })
        }
        Action::Rename(title) => {
            let title = title.map(str::to_owned);
            Change::RenameConversation(RenameConversation { project, conversation, title })
        }
        Action::Share(sharing) => {
            Change::ShareConversation(ShareConversation { project, conversation, sharing })
        }
        Action::React { turn, user, says } => {
            let user = user.to_string();
            let by = Reactor::of_person(Some(&user), "");
            let reaction = says.map(|is_useful| Reaction {
                verdict: if is_useful { AnswerVerdict::Useful } else { AnswerVerdict::Wrong },
                why: is_useful.then(|| "it helped".to_owned()),
            });
            let (turn, user) = (TurnNumber(turn), Some(user));
            Change::React(React { project, conversation, turn, by, user, reaction })
        }
        Action::Keep { turn, user, is_kept } => {
            let (turn, user) = (TurnNumber(turn), user.map(|it| it.to_string()));
            Change::KeepNote(KeepNote { project, conversation, turn, user, is_kept })
        }
        Action::Publish { copy } => {
            // A token belongs to one conversation.
            let copy = copy.map(|html| FrozenCopy {
                token: format!("{conversation} {html}"),
                title: None,
                user: None,
                html: html.to_owned(),
            });
            Change::SetSnapshot(SetSnapshot { project, conversation, copy })
        }
        Action::Delete => Change::DeleteConversation(DeleteConversation { project, conversation }),
        Action::DeleteIfEmpty => Change::DeleteIfEmpty(DeleteIfEmpty { project, conversation }),
        Action::Claim => {
            recovery::settle_open_turns(recorder, &project, Some(conversation))?;
            let reserved =
                conversations::reserved_seq(recorder.connection(), &project, conversation)?;
            let up_to = reserved.ok_or(DatabaseError::ConversationGone { conversation })? + 10;
            known.last_seq = up_to.0;
            Change::ReserveSeq(ReserveSeq { project, conversation, up_to })
        }
        Action::Recover => return recovery::recover(recorder, &project).map(drop),
        Action::Record { is_of_project } => Change::RecordAction(RecordAction {
            project: is_of_project.then_some(project),
            conversation: None,
            kind: ActionKind::LoggedIn,
            user: None,
            is_admin: false,
            detail: String::new(),
        }),
        Action::Credential { hash, is_added } => {
            Change::ChangeCredential(credential(hash, is_added))
        }
        Action::Import { source } => Change::RecordImport(RecordImport {
            project,
            conversation,
            source: "assistant.db".to_owned(),
            source_conversation: source,
            source_created_at: String::new(),
            title: Some("Imported".to_owned()),
            updated_at: None,
        }),
    };
    recorder.apply(change).map(drop)
}

fn credential(hash: u8, is_added: bool) -> ChangeCredential {
    let hash = hash.to_string();
    if !is_added {
        return ChangeCredential::End(hash);
    }
    ChangeCredential::Add(StoredCredential {
        id: format!("id {hash}"),
        hash,
        kind: "login".to_owned(),
        name: String::new(),
        user: "ana".to_owned(),
        groups: Vec::new(),
        origin: String::new(),
        made_at: 0,
        ends_at: 0,
        used_at: None,
    })
}

/// A file of another conversation of the project, and one of this conversation.
fn attached(
    connection: &Connection,
    conversation: ConversationId,
) -> (Option<String>, Option<String>) {
    let find = |query| connection.query_row(query, [conversation], |row| row.get(0)).ok();
    (
        find(
            "SELECT attachments.id FROM attachments
             JOIN conversations ON conversations.id = conversation_id
             WHERE conversation_id <> ?1
                 AND project = (SELECT project FROM conversations WHERE id = ?1)
             ORDER BY attachments.id",
        ),
        find("SELECT id FROM attachments WHERE conversation_id = ?1 ORDER BY id"),
    )
}

fn file(id: &str) -> AttachedFile {
    AttachedFile {
        id: id.to_owned(),
        name: format!("{id}.txt"),
        content_type: AttachedType::Text,
        bytes: 3,
        width: None,
        height: None,
    }
}

fn replay<'a>(writes: impl IntoIterator<Item = &'a Write>) -> Vec<Vec<Vec<Value>>> {
    let connection = empty_store();
    let transaction = begin(&connection);
    for write in writes {
        writes::apply(&transaction, write).unwrap();
    }
    transaction.commit().unwrap();
    contents(&connection)
}

/// The writes in another order, in which those of one project follow each other as before.
fn interleaved<'a>(writes: &'a [Write], choices: &[Index]) -> Vec<&'a Write> {
    let of = |project: Option<&str>| {
        let is_of = |write: &&Write| write.change.project().map(ProjectName::as_str) == project;
        writes.iter().filter(is_of).rev().collect()
    };
    let mut left: Vec<Vec<&Write>> = PROJECTS.into_iter().map(Some).chain([None]).map(of).collect();
    let mut choices = choices.iter().cycle();
    let mut order = Vec::new();
    loop {
        left.retain(|project| !project.is_empty());
        if left.is_empty() {
            return order;
        }
        let chosen = choices.next().unwrap().index(left.len());
        order.extend(left[chosen].pop());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn recorded_writes_make_the_same_store(
        steps in prop::collection::vec(step(), 1..80),
        choices in prop::collection::vec(any::<Index>(), 1..40),
    ) {
        let connection = empty_store();
        let writes = record(&connection, &steps);
        let original = contents(&connection);
        prop_assert_eq!(replay(&writes), original.clone(), "in order");
        prop_assert_eq!(replay(interleaved(&writes, &choices)), original.clone(), "interleaved");
        let json = serde_json::to_string(&writes).unwrap();
        let read: Vec<Write> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(replay(&read), original, "after a round trip through JSON");
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }
}
