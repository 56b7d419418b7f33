//! The actor that owns the writing: a queue, and one commit at a time.
//!
//! While one transaction commits on a blocking thread, arriving writes queue and form the next
//! one, so they share the cost of reaching the disk. Writes take effect in the order in which the
//! actor got them; each is answered after its commit.
//!
//! A fact of actix to know: a message whose `send()` future is dropped *before the actor handles
//! it* is never handled. Once handled, a write is done whether or not anyone still waits. What
//! must survive its sender is therefore sent from an actor's own context or a task of its own,
//! not awaited in a request handler that a disconnecting client can cancel.

mod journal;
mod upkeep;

use std::{collections::VecDeque, sync::Arc};

use actix::{
    Actor, ActorFutureExt as _, Addr, AsyncContext as _, Context, Handler, ResponseFuture,
    WrapFuture as _,
};

use crate::{entry::EntryRow, ids::Seq};

use super::{
    Summary,
    batch::{self, Job, Writer},
    error::DatabaseError,
    fork,
    messages::{
        AcceptQuestion, AddAttachment, AttachmentAdded, BeginTurn, ClaimConversation,
        CreateConversation, DeleteConversation, DeleteIfEmpty, Flush, ForkConversation, Forked,
        KeepNote, Marked, NoteVisit, React, RecordAction, RenameConversation, ReserveSeq,
        SetAgentSession, SetSnapshot, ShareConversation, WriteEntries,
        credentials::ChangeCredential,
    },
    queries::{
        attachments, conversations, notes, reactions,
        snapshots::{self, PublishedSnapshot},
    },
    recorder::Recorder,
    recovery,
    writes::Change,
};

/// Writes in one transaction at most: its length is the wait of the next one.
const MAX_BATCH: usize = 512;

/// Writes that may wait. Beyond it they are refused as [`DatabaseError::Busy`].
const MAX_WAITING: usize = 4096;

/// Bytes of entries that may wait, for the same reason. One write alone may be larger.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// Notes of one project.
const MAX_NOTES: u32 = 1000;

/// People whose reactions to one answer are kept.
const MAX_REACTIONS: u32 = 200;

/// Senders that can hand over a write in one go.
const MAILBOX: usize = 256;

/// The only writer of the store.
pub struct Database {
    writer: Arc<Writer>,
    waiting: VecDeque<WaitingJob>,
    waiting_bytes: usize,
    is_committing: bool,
}

struct WaitingJob {
    job: Box<dyn Job>,
    bytes: usize,
}

type Reply<T> = ResponseFuture<Result<T, DatabaseError>>;

impl Database {
    pub(super) fn new(writer: Writer) -> Self {
        Self {
            writer: Arc::new(writer),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            is_committing: false,
        }
    }

    /// Queues work that holds `bytes` while it waits.
    fn enqueue<T: Send + 'static>(
        &mut self,
        context: &mut Context<Self>,
        bytes: usize,
        operation: impl FnOnce(&mut Recorder<'_>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Reply<T> {
        if self.is_full(bytes) {
            log::warn!("too much to write, refused a write waiting={}", self.waiting.len());
            return Box::pin(async { Err(DatabaseError::Busy) });
        }
        self.enqueue_unbounded(context, bytes, operation)
    }

    fn enqueue_unbounded<T: Send + 'static>(
        &mut self,
        context: &mut Context<Self>,
        bytes: usize,
        operation: impl FnOnce(&mut Recorder<'_>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Reply<T> {
        let (job, answer) = batch::job(operation);
        self.waiting.push_back(WaitingJob { job, bytes });
        self.waiting_bytes += bytes;
        self.commit(context);
        Box::pin(async move { answer.await.unwrap_or(Err(DatabaseError::Stopped)) })
    }

    fn is_full(&self, bytes: usize) -> bool {
        !self.waiting.is_empty()
            && (self.waiting.len() >= MAX_WAITING || self.waiting_bytes + bytes > MAX_WAITING_BYTES)
    }

    /// How many of the waiting jobs make the next transaction: a journal takes only so much at once.
    fn next_batch(&self) -> usize {
        let most = self.writer.most_bytes();
        let mut bytes = 0_usize;
        let fitting = self.waiting.iter().take(MAX_BATCH).take_while(|waiting| {
            bytes = bytes.saturating_add(waiting.bytes);
            bytes <= most
        });
        fitting.count().max(1)
    }

    /// Starts the next transaction, unless one is under way or nothing waits.
    fn commit(&mut self, context: &mut Context<Self>) {
        if self.is_committing || self.waiting.is_empty() {
            return;
        }
        self.is_committing = true;
        let count = self.next_batch();
        let jobs: Vec<_> = self
            .waiting
            .drain(..count)
            .map(|waiting| {
                self.waiting_bytes -= waiting.bytes;
                waiting.job
            })
            .collect();
        let writer = self.writer.clone();
        let commit = tokio::task::spawn_blocking(move || writer.commit(jobs)).into_actor(self).map(
            |ended, database, context| {
                if let Err(error) = ended {
                    log::error!("a transaction was cut short error={error}");
                }
                database.is_committing = false;
                database.commit(context);
            },
        );
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

/// Handles messages that are one change each: those that answer `()`, and those that answer
/// whether there was anything to change.
macro_rules! handle_changes {
    ($($message:ident -> $answer:ty, $convert:expr;)*) => {$(
        impl Handler<$message> for Database {
            type Result = Reply<$answer>;

            fn handle(&mut self, message: $message, context: &mut Context<Self>) -> Self::Result {
                let change = Change::$message(message);
                let bytes = payload_bytes(change.entries());
                self.enqueue(context, bytes, |recorder| recorder.apply(change).map($convert))
            }
        }
    )*};
}

handle_changes! {
    WriteEntries -> (), drop;
    BeginTurn -> (), drop;
    ReserveSeq -> (), drop;
    SetAgentSession -> (), drop;
    NoteVisit -> (), drop;
    RecordAction -> (), drop;
    ChangeCredential -> (), drop;
    DeleteConversation -> bool, |was_there| was_there;
    DeleteIfEmpty -> bool, |was_empty| was_empty;
}

impl Handler<AcceptQuestion> for Database {
    type Result = Reply<()>;

    fn handle(&mut self, question: AcceptQuestion, context: &mut Context<Self>) -> Self::Result {
        let bytes = question.message.content.len();
        self.enqueue(context, bytes, |recorder| {
            recorder.apply(Change::AcceptQuestion(question)).map(drop)
        })
    }
}

impl Handler<AddAttachment> for Database {
    type Result = Reply<AttachmentAdded>;

    fn handle(&mut self, add: AddAttachment, context: &mut Context<Self>) -> Self::Result {
        let bytes = add.loaded.content.len();
        self.enqueue(context, bytes, move |recorder| {
            let stored =
                attachments::stored_files(recorder.connection(), add.conversation, &add.sender)?;
            let fits = |stored: u64, most: u64| stored.saturating_add(bytes as u64) <= most;
            if !fits(stored.conversation, add.most.conversation) {
                return Ok(AttachmentAdded::ConversationFull);
            }
            if !fits(stored.loose, add.most.loose) || stored.n_loose >= add.most.n_loose {
                return Ok(AttachmentAdded::TooManyLoose);
            }
            recorder.apply(Change::AddAttachment(add))?;
            Ok(AttachmentAdded::Stored)
        })
    }
}

impl Handler<CreateConversation> for Database {
    type Result = Reply<Summary>;

    fn handle(&mut self, new: CreateConversation, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, payload_bytes(&new.entries), |recorder| {
            let (project, conversation) = (new.project.clone(), recorder.allocate_conversation()?);
            recorder.apply(Change::CreateConversation { conversation, new })?;
            conversations::summary(recorder.connection(), &project, conversation)?
                .ok_or(DatabaseError::ConversationGone { conversation })
        })
    }
}

impl Handler<ForkConversation> for Database {
    type Result = Reply<Forked>;

    fn handle(&mut self, request: ForkConversation, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, |recorder| fork::fork(recorder, request))
    }
}

impl Handler<ClaimConversation> for Database {
    type Result = Reply<Seq>;

    fn handle(&mut self, claim: ClaimConversation, context: &mut Context<Self>) -> Self::Result {
        let ClaimConversation { project, conversation, range } = claim;
        self.enqueue(context, 0, move |recorder| {
            recovery::settle_open_turns(recorder, &project, Some(conversation))?;
            let connection = recorder.connection();
            let reserved = conversations::reserved_seq(connection, &project, conversation)?
                .ok_or(DatabaseError::ConversationGone { conversation })?;
            let up_to = reserved + range;
            recorder.apply(Change::ReserveSeq(ReserveSeq { project, conversation, up_to }))?;
            Ok(reserved + 1)
        })
    }
}

impl Handler<RenameConversation> for Database {
    type Result = Reply<Option<Summary>>;

    fn handle(&mut self, rename: RenameConversation, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, |recorder| {
            let (project, conversation) = (rename.project.clone(), rename.conversation);
            recorder.apply(Change::RenameConversation(rename))?;
            conversations::summary(recorder.connection(), &project, conversation)
        })
    }
}

impl Handler<ShareConversation> for Database {
    type Result = Reply<Option<Summary>>;

    fn handle(&mut self, share: ShareConversation, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, |recorder| {
            let (project, conversation) = (share.project.clone(), share.conversation);
            recorder.apply(Change::ShareConversation(share))?;
            conversations::summary(recorder.connection(), &project, conversation)
        })
    }
}

impl Handler<React> for Database {
    type Result = Reply<Marked>;

    fn handle(&mut self, react: React, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, |recorder| {
            let of = (&react.project, react.conversation, react.turn);
            if !reactions::is_answered(recorder.connection(), of)? {
                return Ok(Marked::NoSuchAnswer);
            }
            let others = reactions::others(
                recorder.connection(),
                (react.conversation, react.turn),
                &react.by,
            )?;
            if react.reaction.is_some() && others >= MAX_REACTIONS {
                return Ok(Marked::TooMany);
            }
            recorder.apply(Change::React(react))?;
            Ok(Marked::Stored)
        })
    }
}

impl Handler<KeepNote> for Database {
    type Result = Reply<Marked>;

    fn handle(&mut self, keep: KeepNote, context: &mut Context<Self>) -> Self::Result {
        self.enqueue(context, 0, |recorder| {
            let of = (&keep.project, keep.conversation, keep.turn);
            if !reactions::is_answered(recorder.connection(), of)? {
                return Ok(Marked::NoSuchAnswer);
            }
            if keep.is_kept && notes::others(recorder.connection(), of)? >= MAX_NOTES {
                return Ok(Marked::TooMany);
            }
            recorder.apply(Change::KeepNote(keep))?;
            Ok(Marked::Stored)
        })
    }
}

impl Handler<SetSnapshot> for Database {
    type Result = Reply<Option<PublishedSnapshot>>;

    fn handle(&mut self, set: SetSnapshot, context: &mut Context<Self>) -> Self::Result {
        let bytes = set.copy.as_ref().map_or(0, |copy| copy.html.len());
        self.enqueue(context, bytes, |recorder| {
            let (project, conversation) = (set.project.clone(), set.conversation);
            recorder.apply(Change::SetSnapshot(set))?;
            Ok(snapshots::published(recorder.connection(), &project, conversation)?)
        })
    }
}

impl Handler<Flush> for Database {
    type Result = Reply<()>;

    /// Queues a job without a change: its commit comes after everything sent before. Never
    /// refused.
    fn handle(&mut self, _: Flush, context: &mut Context<Self>) -> Self::Result {
        self.enqueue_unbounded(context, 0, |_| Ok(()))
    }
}

fn payload_bytes(entries: &[EntryRow]) -> usize {
    entries.iter().map(|entry| entry.payload.len()).sum()
}
