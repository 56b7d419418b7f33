//! Stores that share a journal hold the same, whoever writes what and whatever is lost on the way.

use std::sync::Arc;

use proptest::{prelude::*, sample::Index};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::types::Value;

use super::{
    memory_journal::{Fault, Log, MemoryJournal},
    replaying::{self, Action, Known, PROJECTS, Step, create, step},
    *,
};
use crate::database::{
    batch::{self, Writer},
    journal::{JournalScope, Owner, Placed, Position, positions, replay},
    messages::{BeginTurn, RecordAction},
    recorder::Recorder,
    recovery,
    writes::Change,
};

/// A store in memory that writes through a journal.
struct Node {
    writer: Writer,
    pool: r2d2::Pool<SqliteConnectionManager>,
    journal: Arc<MemoryJournal>,
    log: Log,
}

impl Node {
    fn new(name: &str, log: &Log) -> Self {
        let manager = SqliteConnectionManager::memory().with_init(|connection| {
            replaying::prepare(connection);
            positions::prepare(connection)
        });
        let pool = r2d2::Pool::builder().max_size(1).build(manager).unwrap();
        let journal = MemoryJournal::new(name, "first", log);
        let writer = Writer::new(pool.clone(), Clock::system(), None, Some(journal.clone()));
        Self { writer, pool, journal, log: Arc::clone(log) }
    }

    /// Runs jobs in one transaction.
    fn commit<T: Send + 'static>(
        &self,
        jobs: Vec<impl FnOnce(&mut Recorder<'_>) -> Result<T, DatabaseError> + Send + 'static>,
    ) -> Vec<Result<T, DatabaseError>> {
        let (jobs, answers): (Vec<_>, Vec<_>) = jobs.into_iter().map(batch::job).unzip();
        self.writer.commit(jobs);
        answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect()
    }

    fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Recorder<'_>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        self.commit(vec![job]).pop().unwrap()
    }

    /// Makes a project this node's, as if all others were gone.
    fn take(&self, project: &ProjectName) -> Result<(), DatabaseError> {
        let owner = self.owner_of(project);
        let project = project.clone();
        self.run(move |recorder| {
            recorder.open(&project, owner.as_ref())?;
            recovery::recover(recorder, &project).map(drop)
        })
    }

    fn owner_of(&self, project: &ProjectName) -> Option<Owner> {
        positions::owner(&self.pool.get().unwrap(), &JournalScope::Project(project.clone()))
            .unwrap()
    }

    /// Applies at most `most` of the records that it has not looked at.
    fn follow(&self, most: usize) {
        let connection = self.pool.get().unwrap();
        let watermark: i64 = one(&connection, "SELECT watermark FROM journal_state");
        let seen = Position(watermark.unsigned_abs());
        let log = self.log.lock().unwrap();
        let new: Vec<Placed> =
            log.iter().filter(|placed| placed.at > seen).take(most).cloned().collect();
        drop(log);
        let transaction = connection.unchecked_transaction().unwrap();
        replay::apply(&transaction, &new).unwrap();
        if let Some(last) = new.last() {
            positions::set_watermark(&transaction, last.at).unwrap();
        }
        transaction.commit().unwrap();
    }

    fn contents(&self) -> Vec<Vec<Vec<Value>>> {
        let connection = self.pool.get().unwrap();
        let mut contents = replaying::contents(&connection);
        let mut statement = connection
            .prepare(
                "SELECT scope, applied, node, incarnation, sessions_of FROM journal ORDER BY 1",
            )
            .unwrap();
        let rows = statement.query_map((), |row| (0..5).map(|at| row.get(at)).collect());
        contents.push(rows.unwrap().collect::<Result<_, _>>().unwrap());
        contents
    }

    fn count(&self, query: &str) -> i64 {
        one(&self.pool.get().unwrap(), query)
    }
}

fn nodes(log: &Log) -> Vec<Node> {
    ["a", "b", "c"].into_iter().map(|name| Node::new(name, log)).collect()
}

fn named(name: &str) -> ProjectName {
    ProjectName::parse(name).unwrap()
}

/// A job that makes an empty conversation.
fn creates(
    project: &str,
) -> impl FnOnce(&mut Recorder<'_>) -> Result<Known, DatabaseError> + Send + 'static {
    let project = named(project);
    move |recorder| create(recorder, project, true, false)
}

/// A step, the node that takes it, and what happens before and meanwhile.
#[derive(Debug, Clone)]
struct Event {
    node: usize,
    step: Step,
    /// Whether the node takes the project in any case, and not only where it has to.
    is_taken: bool,
    fault: Option<Fault>,
    follower: usize,
    followed: usize,
}

fn event() -> impl Strategy<Value = Event> {
    let fault = prop_oneof![
        8 => Just(None),
        1 => Just(Some(Fault::LostAnswer)),
        1 => Just(Some(Fault::NotSent)),
    ];
    (0..3_usize, step(), prop::bool::weighted(0.1), fault, 0..3_usize, 0..6_usize).prop_map(
        |(node, step, is_taken, fault, follower, followed)| Event {
            node,
            step,
            is_taken,
            fault,
            follower,
            followed,
        },
    )
}

/// Takes a step on a node. Whether it succeeds does not matter: what counts is that all stores are the same.
fn happen(nodes: &[Node], known: &mut Vec<Known>, event: &Event) {
    nodes[event.follower].follow(event.followed);
    let node = &nodes[event.node];
    let Step { action, conversation, .. } = &event.step;
    let at = (!known.is_empty()).then(|| conversation.index(known.len()));
    let project = match (action, at) {
        (Action::Create { project, .. }, _) => named(PROJECTS[*project]),
        (_, None) => return,
        (_, Some(at)) => known[at].project.clone(),
    };
    let is_mine = node.owner_of(&project).is_some_and(|owner| owner == *node.owner());
    if (event.is_taken || !is_mine) && node.take(&project).is_err() {
        // It does not know of the newest owner.
        node.follow(usize::MAX);
        node.take(&project).unwrap();
    }
    node.journal.faults.lock().unwrap().extend(event.fault);
    let action = action.clone();
    if let Action::Create { explicit, greeting, .. } = action {
        known.extend(node.run(move |recorder| create(recorder, project, explicit, greeting)));
    } else if let Some(at) = at {
        let mut of = known[at].clone();
        let done = node.run(move |recorder| {
            replaying::act(recorder, &action, &mut of)?;
            Ok(of)
        });
        if let Ok(of) = done {
            known[at] = of;
        }
    }
    node.journal.faults.lock().unwrap().clear();
}

impl Node {
    fn owner(&self) -> &Owner {
        use crate::database::journal::Journal as _;
        self.journal.owner()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn stores_that_share_a_journal_hold_the_same(
        events in prop::collection::vec(event(), 1..60),
        choices in prop::collection::vec(any::<Index>(), 1..40),
    ) {
        let log = Log::default();
        let nodes = nodes(&log);
        let mut known = Vec::new();
        for event in &events {
            happen(&nodes, &mut known, event);
        }
        let contents = nodes.iter().map(|node| {
            node.follow(usize::MAX);
            node.contents()
        });
        let contents: Vec<_> = contents.collect();
        prop_assert_eq!(&contents[0], &contents[1]);
        prop_assert_eq!(&contents[0], &contents[2]);

        // Also one that comes late, and gets the scopes in another order, as JSON.
        let records = log.lock().unwrap().clone();
        let late = Node::new("late", &Log::default());
        {
            let connection = late.pool.get().unwrap();
            let transaction = connection.unchecked_transaction().unwrap();
            for placed in interleaved(records, &choices) {
                let record = serde_json::to_string(&placed.record).unwrap();
                let record = serde_json::from_str(&record).unwrap();
                let scope = JournalScope::parse(placed.scope.as_str()).unwrap();
                replay::apply(&transaction, &[Placed { record, scope, ..placed }]).unwrap();
            }
            transaction.commit().unwrap();
        }
        prop_assert_eq!(&contents[0], &late.contents());
    }
}

/// The records in another order, in which those of one scope follow each other as before.
fn interleaved(records: Vec<Placed>, choices: &[Index]) -> Vec<Placed> {
    let mut left: Vec<Vec<Placed>> = Vec::new();
    for placed in records.into_iter().rev() {
        match left.iter_mut().find(|others| others[0].scope == placed.scope) {
            Some(others) => others.push(placed),
            None => left.push(vec![placed]),
        }
    }
    let mut choices = choices.iter().cycle();
    let mut order = Vec::new();
    while !left.is_empty() {
        let chosen = choices.next().unwrap().index(left.len());
        order.extend(left[chosen].pop());
        left.retain(|scope| !scope.is_empty());
    }
    order
}

#[test]
fn who_lost_a_project_writes_nothing_to_it_and_learns_so_at_once() {
    let log = Log::default();
    let [old, new, _] = nodes(&log).try_into().ok().unwrap();
    let project = named("demo");
    old.take(&project).unwrap();
    let known = old.run(creates("demo")).unwrap();
    new.follow(usize::MAX);
    new.take(&project).unwrap();
    let records = log.lock().unwrap().len();
    let begin = |conversation| {
        let (project, turn) = (named("demo"), TurnNumber(1));
        Change::BeginTurn(BeginTurn { project, conversation, turn })
    };
    // It has not heard of the new owner.
    let refused = old.run(move |recorder| recorder.apply(begin(known.id))).unwrap_err();
    assert!(matches!(&refused, DatabaseError::NotOwner { .. }) && refused.is_retryable());
    assert_eq!(old.count("SELECT count(*) FROM turns"), 0);
    assert_eq!(log.lock().unwrap().len(), records, "nothing was added");
    // It has.
    old.follow(usize::MAX);
    let refused = old.run(move |recorder| recorder.apply(begin(known.id))).unwrap_err();
    assert!(matches!(refused, DatabaseError::NotOwner { .. }), "{refused}");
    new.run(move |recorder| recorder.apply(begin(known.id))).unwrap();
}

#[test]
fn jobs_of_a_lost_project_fail_and_the_others_of_their_transaction_do_not() {
    let log = Log::default();
    let [one, other, _] = nodes(&log).try_into().ok().unwrap();
    for project in PROJECTS {
        one.take(&named(project)).unwrap();
    }
    other.follow(usize::MAX);
    other.take(&named("other")).unwrap();
    let jobs = ["demo", "other", "third", "demo"].map(creates).into();
    let outcomes: Vec<_> = one.commit(jobs).into_iter().map(|it| it.is_ok()).collect();
    assert_eq!(outcomes, [true, false, true, true]);
    assert_eq!(one.count("SELECT count(*) FROM conversations"), 3);
    for node in [&one, &other] {
        node.follow(usize::MAX);
    }
    assert_eq!(one.contents(), other.contents());
}

#[test]
fn what_others_wrote_is_not_taken_for_applied_where_its_transaction_was_undone() {
    type Boxed = Box<dyn FnOnce(&mut Recorder<'_>) -> Result<(), DatabaseError> + Send>;
    let log = Log::default();
    let [old, new, _] = nodes(&log).try_into().ok().unwrap();
    old.take(&named("demo")).unwrap();
    new.follow(usize::MAX);
    new.take(&named("demo")).unwrap();
    new.run(creates("demo")).unwrap();
    // The follower's work and a write to what is lost come into one transaction.
    let mut records = log.lock().unwrap().clone();
    records.retain(|placed| placed.scope == JournalScope::Ids);
    let follows: Boxed =
        Box::new(move |recorder| replay::apply(recorder.unrecorded(), &records).map(drop));
    let flushes: Boxed = Box::new(|_| Ok(()));
    let writes: Boxed = Box::new(|recorder| creates("demo")(recorder).map(drop));
    let outcomes = old.commit(vec![follows, flushes, writes]);
    assert!(matches!(&outcomes[0], Err(error) if error.is_retryable()), "{outcomes:?}");
    assert!(outcomes[1].is_ok(), "{outcomes:?}");
    assert!(matches!(&outcomes[2], Err(DatabaseError::NotOwner { .. })), "{outcomes:?}");
    old.follow(usize::MAX);
    assert_eq!(old.contents(), new.contents());
}

#[test]
fn a_record_whose_acknowledgement_was_lost_is_there_once() {
    let log = Log::default();
    let node = Node::new("a", &log);
    node.take(&named("demo")).unwrap();
    node.run(creates("demo")).unwrap();
    node.journal.faults.lock().unwrap().push_back(Fault::LostAnswer);
    let lost = node.run(creates("demo")).unwrap_err();
    assert!(matches!(lost, DatabaseError::JournalUnreachable(_)) && lost.is_retryable());
    assert_eq!(node.count("SELECT count(*) FROM conversations"), 1);
    // Nothing is written behind what it does not know.
    assert!(node.run(creates("demo")).is_err());
    node.follow(usize::MAX);
    assert_eq!(node.count("SELECT count(*) FROM conversations"), 2);
    node.run(creates("demo")).unwrap();
    assert_eq!(node.count("SELECT count(*) FROM conversations"), 3);
    node.follow(usize::MAX);
    assert_eq!(node.count("SELECT count(*) FROM conversations"), 3);
}

#[test]
fn a_commit_that_fails_after_its_record_was_added_is_made_up_for() {
    let log = Log::default();
    let node = Node::new("a", &log);
    node.take(&named("demo")).unwrap();
    let refuses = |is_full: bool| {
        let sql = match is_full {
            // What is deferred fails at the commit.
            true => "CREATE TABLE parent (id INTEGER PRIMARY KEY);
                CREATE TABLE child (of INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
                CREATE TRIGGER refuse AFTER INSERT ON conversations
                    BEGIN INSERT INTO child (of) VALUES (1); END;",
            false => "DROP TRIGGER refuse; DROP TABLE child; DROP TABLE parent;",
        };
        node.pool.get().unwrap().execute_batch(sql).unwrap();
    };
    refuses(true);
    assert!(node.run(creates("demo")).is_err());
    assert_eq!(*node.journal.failed_commits.lock().unwrap(), 1);
    assert_eq!(node.count("SELECT count(*) FROM conversations"), 0);
    refuses(false);
    node.follow(usize::MAX);
    assert_eq!(node.count("SELECT count(*) FROM conversations"), 1);
    node.run(creates("demo")).unwrap();
}

#[test]
fn ids_of_different_nodes_are_different_and_those_of_before_are_not_used_again() {
    let log = Log::default();
    let nodes = nodes(&log);
    let connection = nodes[0].pool.get().unwrap();
    // A store of a time without a journal.
    let insert = "INSERT INTO conversations
             (id, project, reserved_seq, explicit, created_at, updated_at)
         VALUES (70, 'demo', 0, 1, '', '')";
    connection.execute(insert, ()).unwrap();
    drop(connection);
    let mut ids = Vec::new();
    for _ in 0..3 {
        for (node, project) in nodes.iter().zip(PROJECTS) {
            node.follow(usize::MAX);
            if node.owner_of(&named(project)).is_none() {
                node.take(&named(project)).unwrap();
            }
            let jobs = std::iter::repeat_with(|| creates(project)).take(400).collect();
            ids.extend(node.commit(jobs).into_iter().map(|made| made.unwrap().id.0));
        }
    }
    assert!(ids.iter().all(|id| *id > 70));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3 * 3 * 400);
}

#[test]
fn what_is_of_no_project_is_written_by_all_in_one_order() {
    let log = Log::default();
    let nodes = nodes(&log);
    let action = |node: &str| RecordAction {
        project: None,
        conversation: None,
        kind: crate::database::messages::ActionKind::LoggedIn,
        user: Some(node.to_owned()),
        is_admin: false,
        detail: String::new(),
    };
    // Nobody hears of what the others write until all have written.
    for round in 0..3 {
        for (at, node) in nodes.iter().enumerate() {
            let action = action(&format!("{round} {at}"));
            node.run(move |recorder| recorder.apply(Change::RecordAction(action))).unwrap();
        }
    }
    for node in &nodes {
        node.follow(usize::MAX);
        assert_eq!(node.count("SELECT count(*) FROM audit"), 9);
    }
    assert_eq!(nodes[0].contents(), nodes[2].contents());
}

#[test]
fn the_session_of_an_agent_is_forgotten_where_another_node_goes_on() {
    let log = Log::default();
    let [one, other, _] = nodes(&log).try_into().ok().unwrap();
    let sessions = "SELECT count(agent_session) FROM conversations";
    one.take(&named("demo")).unwrap();
    one.run(creates("demo")).unwrap();
    one.run(|recorder| recorder.close(&named("demo"))).unwrap();
    assert!(one.run(creates("demo")).is_err(), "it is nobody's");
    one.take(&named("demo")).unwrap();
    assert_eq!(one.count(sessions), 1);
    other.follow(usize::MAX);
    other.take(&named("demo")).unwrap();
    assert_eq!(other.count(sessions), 0);
}

#[test]
fn a_record_of_a_newer_program_is_not_applied_in_part() {
    let log = Log::default();
    let node = Node::new("a", &log);
    node.take(&named("demo")).unwrap();
    let mut newer = log.lock().unwrap().last().unwrap().clone();
    newer.at.0 += 1;
    newer.record.v += 1;
    let connection = node.pool.get().unwrap();
    let transaction = connection.unchecked_transaction().unwrap();
    let refused = replay::apply(&transaction, &[newer]).unwrap_err().to_string();
    assert!(refused.contains("version 2") && refused.contains("upgrade"), "{refused}");
}
