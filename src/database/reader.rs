//! Reading the store, through connections of its own that never wait for the writer.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde_json::value::RawValue;

use crate::{
    entry::EntryRow,
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
};

use super::{
    Detail, StoredConversation, Summary,
    connection::Pool,
    error::DatabaseError,
    queries::{
        conversations,
        export::{self, EntryOrder, ExportCursor, StoredEntry},
        load,
        search::{self, FullTextQuery, SearchHit},
    },
    similar::{self, SimilarQuestion, SimilarityLimits, score::QuestionTerms},
    stats::StoreStats,
};

/// Reads the store. Cheap to clone; all clones counts a few connections.
///
/// The methods block: call them from a blocking task, or through [`Reader::ask`]. Each sees
/// the store as it was at one moment, with everything that was acknowledged before.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: Pool,
    stats: Arc<StoreStats>,
}

impl Reader {
    pub(super) fn new(pool: Pool, stats: Arc<StoreStats>) -> Self {
        Self { pool, stats }
    }

    /// Counts what is written to the store.
    pub fn stats(&self) -> &StoreStats {
        &self.stats
    }

    /// The project's conversations, the newest change first: those in which somebody wrote, and
    /// those that were asked for explicitly.
    pub fn conversations(&self, project: &ProjectName) -> Result<Vec<Summary>, DatabaseError> {
        self.read(|connection| conversations::conversations(connection, project))
    }

    /// How many conversations of the project were asked for explicitly and have nothing written in
    /// them; no more than `most` are counted.
    pub fn empty(&self, project: &ProjectName, most: usize) -> Result<usize, DatabaseError> {
        self.read(|connection| conversations::empty(connection, project, most))
    }

    /// A conversation as the original tells it. `None` when the project has no such one.
    pub fn conversation(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
    ) -> Result<Option<Detail>, DatabaseError> {
        self.read(|connection| conversations::detail(connection, project, conversation))
    }

    /// What a list shows of a conversation. `None` when the project has no such one.
    pub fn summary(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
    ) -> Result<Option<Summary>, DatabaseError> {
        self.read(|connection| conversations::summary(connection, project, conversation))
    }

    /// The next few entries of a conversation behind `after`; none at its end. Fails when the
    /// conversation is gone.
    pub fn entries(
        &self,
        conversation: ConversationId,
        order: EntryOrder,
        after: ExportCursor,
    ) -> Result<Vec<StoredEntry>, DatabaseError> {
        self.read(|connection| export::entries(connection, conversation, order, after))
    }

    /// Questions of a conversation that are accepted and have no entry yet: their turns, and what
    /// their entries will hold.
    pub fn questions_without_entry(
        &self,
        conversation: ConversationId,
    ) -> Result<Vec<(TurnNumber, Box<RawValue>)>, DatabaseError> {
        self.read(|connection| export::waiting(connection, conversation))
    }

    /// Messages of the project in which these words stand, newest first, at most `limit`.
    ///
    /// # Errors
    /// Besides what any read may fail with, [`DatabaseError::TookTooLong`] after `timeout`.
    pub fn search(
        &self,
        project: &ProjectName,
        words: &FullTextQuery,
        limit: usize,
        timeout: Duration,
    ) -> Result<Vec<SearchHit>, DatabaseError> {
        self.read(|connection| search::search(connection, project, words, limit, timeout))
    }

    /// Questions of the project that ask what `typed` asks, the closest first.
    pub fn similar(
        &self,
        project: &ProjectName,
        typed: &QuestionTerms,
        limits: SimilarityLimits,
    ) -> Result<Vec<SimilarQuestion>, DatabaseError> {
        self.read(|connection| similar::similar(connection, project, typed, limits))
    }

    /// Bytes of the store's file.
    pub fn bytes(&self) -> Result<u64, DatabaseError> {
        self.read(conversations::bytes)
    }

    /// A conversation with its newest entries, of `keep` bytes together, and the outlines of what is older.
    /// `None` when the project has no such one.
    pub fn load(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
        keep: usize,
    ) -> Result<Option<StoredConversation>, DatabaseError> {
        self.read(|connection| load::load(connection, project, conversation, keep))
    }

    /// The rows of a conversation whose first numbers are from `first` to `last`, in their order.
    pub fn rows(
        &self,
        conversation: ConversationId,
        first: Seq,
        last: Seq,
    ) -> Result<Vec<EntryRow>, DatabaseError> {
        self.read(|connection| load::rows(connection, conversation, first, last))
    }

    /// Conversations of all projects in which questions wait for an answer, the one that waits for
    /// longest first.
    pub fn unanswered(&self) -> Result<Vec<(ProjectName, ConversationId)>, DatabaseError> {
        let found = self.read(conversations::unanswered)?;
        let named = |(project, id): (String, ConversationId)| {
            Some((ProjectName::parse(&project).ok()?, id))
        };
        Ok(found.into_iter().filter_map(named).collect())
    }

    /// What a page missed that the server left while it waited for answers: the conversation that
    /// its browser was in last, and the number behind which everything is new to it. `None` when
    /// no turn was open there, or the page has seen what became of it.
    pub fn missed(
        &self,
        project: &ProjectName,
        browser: &str,
    ) -> Result<Option<(ConversationId, Seq)>, DatabaseError> {
        self.read(|connection| conversations::missed(connection, project, browser))
    }

    /// The conversation that a browser was in last, and its newest number.
    pub fn last_visited(
        &self,
        project: &ProjectName,
        browser: &str,
    ) -> Result<Option<(ConversationId, Seq)>, DatabaseError> {
        self.read(|connection| conversations::last_visited(connection, project, browser))
    }

    /// Runs `query` where blocking is allowed:
    /// `reader.ask(move |reader| reader.summary(&project, 12)).await`.
    pub async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Self) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let reader = self.clone();
        match tokio::task::spawn_blocking(move || query(&reader)).await {
            Ok(answer) => answer,
            Err(error) if error.is_panic() => Err(DatabaseError::Panicked(error.to_string())),
            Err(_) => Err(DatabaseError::Stopped),
        }
    }

    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let connection = self.pool.get()?;
        let moment = Transaction::new_unchecked(&connection, TransactionBehavior::Deferred)?;
        query(&moment)
    }
}
