//! The actor that owns the writing: it queues what is asked, and commits what has gathered.
//!
//! While one transaction commits on a blocking thread, arriving writes queue and form the next
//! one, so the cost of reaching the disk is shared by all that came together. Writes take effect
//! in the order in which the actor got them; each is answered after its commit.
//!
//! A fact of actix to know: a message whose `send()` future is dropped *before the actor handles
//! it* is never handled. Once handled, a write is done whether or not anyone still waits. What
//! must survive its asker is therefore sent from an actor's own context or a task of its own,
//! not awaited in a request handler that a disconnecting client can cancel.

use std::{collections::VecDeque, sync::Arc};

use actix::{
    Actor, ActorFutureExt as _, Addr, AsyncContext as _, Context, Handler, ResponseFuture,
    WrapFuture as _,
};
use rusqlite::Connection;

use crate::entry::EntryRow;

use super::{
    Summary,
    batch::{self, Job, Writer},
    error::DatabaseError,
    messages::{
        AcceptQuestion, BeginTurn, ClaimConversation, CreateConversation, DeleteConversation,
        DeleteIfEmpty, Flush, NoteVisit, RenameConversation, ReserveSeq, SetAgentSession,
        WriteEntries,
    },
    recovery,
    stats::WriteCounts,
    writes,
};

/// Most writes that counts one transaction: its length is the wait of whoever comes next.
const BATCH: usize = 512;

/// Most writes that may wait. Beyond it they are refused as [`DatabaseError::Busy`].
const WAITING: usize = 4096;

/// Most bytes of entries that may wait, for the same reason. One write alone may be larger.
const WAITING_BYTES: usize = 16 * 1024 * 1024;

/// Room in the mailbox: as many senders can hand over their write in one go.
const MAILBOX: usize = 256;

/// The only writer of the store.
pub struct Database {
    writer: Arc<Writer>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    committing: bool,
}

struct Waiting {
    job: Box<dyn Job>,
    bytes: usize,
}

type Answer<T> = ResponseFuture<Result<T, DatabaseError>>;

impl Database {
    pub(super) fn new(writer: Writer) -> Self {
        Self {
            writer: Arc::new(writer),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            committing: false,
        }
    }

    /// Queues a write of `bytes` of entries.
    fn enqueue<T: Send + 'static>(
        &mut self,
        context: &mut Context<Self>,
        bytes: usize,
        operation: impl FnOnce(&Connection, &str) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Answer<T> {
        if self.is_full(bytes) {
            log::warn!("too much to write, refused a write waiting={}", self.waiting.len());
            return Box::pin(async { Err(DatabaseError::Busy) });
        }
        self.enqueue_regardless(context, bytes, operation)
    }

    fn enqueue_regardless<T: Send + 'static>(
        &mut self,
        context: &mut Context<Self>,
        bytes: usize,
        operation: impl FnOnce(&Connection, &str) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Answer<T> {
        let (job, answer) = batch::job(operation);
        self.waiting.push_back(Waiting { job, bytes });
        self.waiting_bytes += bytes;
        self.commit(context);
        Box::pin(async move { answer.await.unwrap_or(Err(DatabaseError::Stopped)) })
    }

    fn is_full(&self, bytes: usize) -> bool {
        !self.waiting.is_empty()
            && (self.waiting.len() >= WAITING || self.waiting_bytes + bytes > WAITING_BYTES)
    }

    /// Starts the next transaction, unless one is under way or nothing waits.
    fn commit(&mut self, context: &mut Context<Self>) {
        if self.committing || self.waiting.is_empty() {
            return;
        }
        self.committing = true;
        let taken: Vec<_> = self
            .waiting
            .drain(..self.waiting.len().min(BATCH))
            .map(|waiting| {
                self.waiting_bytes -= waiting.bytes;
                waiting.job
            })
            .collect();
        let writer = self.writer.clone();
        let commit = tokio::task::spawn_blocking(move || writer.commit(taken))
            .into_actor(self)
            .map(|ended, database, context| {
                if let Err(error) = ended {
                    log::error!("a transaction was cut short error={error}");
                }
                database.committing = false;
                database.commit(context);
            });
        context.spawn(commit);
    }
}

impl Actor for Database {
    type Context = Context<Self>;

    fn start(self) -> Addr<Self> {
        Self::create(|context| {
            context.set_mailbox_capacity(MAILBOX);
            self
        })
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        if !self.waiting.is_empty() {
            log::error!(
                "the database was stopped without a flush, unacknowledged writes are lost writes={}",
                self.waiting.len()
            );
        }
    }
}

impl Handler<CreateConversation> for Database {
    type Result = Answer<Summary>;

    fn handle(&mut self, new: CreateConversation, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, size(&new.entries), move |connection, now| {
            writes::create_conversation(connection, &new, now)
        })
    }
}

impl Handler<ClaimConversation> for Database {
    type Result = Answer<i64>;

    fn handle(&mut self, message: ClaimConversation, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, move |connection, now| {
            recovery::settle_open_turns(connection, Some(message.conversation), now)?;
            writes::claim(connection, &message)
        })
    }
}

impl Handler<AcceptQuestion> for Database {
    type Result = Answer<()>;

    fn handle(&mut self, message: AcceptQuestion, context: &mut Context<Self>) -> Self::Result {
        let bytes = message.message.content.len();
        self.enqueue(context, bytes, move |connection, now| {
            writes::accept_question(connection, &message, now)
        })
    }
}

impl Handler<WriteEntries> for Database {
    type Result = Answer<()>;

    fn handle(&mut self, write: WriteEntries, context: &mut Context<Self>) -> Self::Result {
        let (counts, stats) = (WriteCounts::of(&write.entries), self.writer.stats().clone());
        let written = self.enqueue(context, size(&write.entries), move |connection, now| {
            writes::write_entries(connection, write.conversation, &write.entries, now)
        });
        Box::pin(async move {
            written.await?;
            stats.add(counts);
            Ok(())
        })
    }
}

impl Handler<BeginTurn> for Database {
    type Result = Answer<()>;

    fn handle(&mut self, begin: BeginTurn, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, move |connection, now| {
            writes::begin_turn(connection, begin.conversation, begin.turn, now)
        })
    }
}

impl Handler<ReserveSeq> for Database {
    type Result = Answer<()>;

    fn handle(&mut self, reserve: ReserveSeq, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, move |connection, _| {
            writes::reserve_seq(connection, reserve.conversation, reserve.up_to)
        })
    }
}

impl Handler<SetAgentSession> for Database {
    type Result = Answer<()>;

    fn handle(&mut self, set: SetAgentSession, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, move |connection, _| {
            writes::set_agent_session(connection, set.conversation, set.agent_session.as_deref())
        })
    }
}

impl Handler<NoteVisit> for Database {
    type Result = Answer<()>;

    fn handle(&mut self, visit: NoteVisit, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, move |connection, now| writes::note_visit(connection, &visit, now))
    }
}

impl Handler<RenameConversation> for Database {
    type Result = Answer<Option<Summary>>;

    fn handle(&mut self, new: RenameConversation, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, move |connection, _| {
            writes::rename(connection, &new.project, new.conversation, new.title.as_deref())
        })
    }
}

impl Handler<DeleteConversation> for Database {
    type Result = Answer<bool>;

    fn handle(&mut self, delete: DeleteConversation, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, move |connection, _| {
            writes::delete_conversation(connection, &delete.project, delete.conversation)
        })
    }
}

impl Handler<DeleteIfEmpty> for Database {
    type Result = Answer<bool>;

    fn handle(&mut self, delete: DeleteIfEmpty, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, move |connection, _| {
            writes::delete_if_empty(connection, delete.conversation)
        })
    }
}

impl Handler<Flush> for Database {
    type Result = Answer<()>;

    /// A write of nothing: its commit comes after everything asked before it. Never refused.
    fn handle(&mut self, _: Flush, context: &mut Context<Self>) -> Self::Result {
        self.enqueue_regardless(context, 0, |_, _| Ok(()))
    }
}

fn size(entries: &[EntryRow]) -> usize {
    entries.iter().map(|entry| entry.payload.len()).sum()
}
