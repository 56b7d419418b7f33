//! Conversations in lists and by themselves, and what a browser missed of them.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use crate::{
    database::{ChatMessage, Detail, Reader, Summary, error::DatabaseError},
    ids::{ConversationId, ForkedFrom, Seq},
    project::ProjectName,
    rights::{Ownership, Principal, Visibility, readable},
};

/// The columns of a [`Summary`], of a conversation named `conversation`. The count is that of
/// the view `messages`, which would join all the text to get there.
macro_rules! summary_columns {
    () => {
        "conversation.id, conversation.project, conversation.title,
         conversation.created_at, conversation.updated_at,
         (SELECT count(*) FROM entries
          WHERE conversation_id = conversation.id AND kind = 'user_message')
         + (SELECT count(*) FROM turns
            WHERE turns.conversation_id = conversation.id AND turns.state = 'done' AND EXISTS (
                SELECT 1 FROM entries WHERE entries.conversation_id = turns.conversation_id
                    AND entries.kind = 'text' AND entries.turn = turns.turn)),
         conversation.owner, conversation.private,
         (SELECT json_group_array(user) FROM guests WHERE conversation_id = conversation.id),
         conversation.forked_from, conversation.forked_turn"
    };
}

impl Reader {
    /// The project's conversations that `who` may read, the newest change first: those in which
    /// somebody wrote, and those that were made explicitly.
    pub(crate) fn conversations(
        &self,
        project: &ProjectName,
        who: &Principal,
    ) -> Result<Vec<Summary>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(concat!(
                "SELECT ",
                summary_columns!(),
                " FROM conversations AS conversation
                 WHERE project = :project AND (explicit = 1 OR written = 1) AND ",
                readable!(),
                " ORDER BY updated_at DESC, id DESC"
            ))?;
            let rows = statement.query_map(
                named_params! {
                    ":project": project.as_str(),
                    ":user": who.user,
                    ":reads_all": who.reads_all,
                },
                read_summary,
            )?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Those of `ids` that [`conversations`](Self::conversations) lists for those who may read them.
    pub(crate) fn summaries(
        &self,
        project: &ProjectName,
        ids: &[ConversationId],
    ) -> Result<Vec<Summary>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(concat!(
                "SELECT ",
                summary_columns!(),
                " FROM conversations AS conversation
                 WHERE id = ?1 AND project = ?2 AND (explicit = 1 OR written = 1)"
            ))?;
            let mut listed = Vec::with_capacity(ids.len());
            for id in ids {
                let row = statement.query_row(params![id, project.as_str()], read_summary);
                listed.extend(row.optional()?);
            }
            Ok(listed)
        })
    }

    /// How many of the project's conversations were made explicitly and have nothing written in
    /// them; counts no further than `limit`.
    pub(crate) fn count_empty(
        &self,
        project: &ProjectName,
        limit: usize,
    ) -> Result<usize, DatabaseError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let count: u32 = self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT count(*) FROM (
                     SELECT 1 FROM conversations
                     WHERE project = ?1 AND explicit = 1 AND written = 0 LIMIT ?2)",
            )?;
            Ok(statement.query_row(params![project.as_str(), limit], |row| row.get(0))?)
        })?;
        Ok(count as usize)
    }

    /// The project's conversation with its messages. `None` when the project has no such one.
    pub(crate) fn conversation(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
    ) -> Result<Option<Detail>, DatabaseError> {
        self.read(|connection| {
            let Some(summary) = summary(connection, project, conversation)? else {
                return Ok(None);
            };
            Ok(Some(Detail {
                id: summary.id,
                project_name: summary.project_name,
                title: summary.title,
                created_at: summary.created_at,
                updated_at: summary.updated_at,
                messages: messages(connection, conversation)?,
                ownership: summary.ownership,
                forked_from: summary.forked_from,
            }))
        })
    }

    /// The project's conversation as a list shows it. `None` when the project has no such one.
    pub(crate) fn summary(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
    ) -> Result<Option<Summary>, DatabaseError> {
        self.read(|connection| summary(connection, project, conversation))
    }

    /// Whose the project's conversation is. `None` when the project has no such one.
    pub(crate) fn ownership(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
    ) -> Result<Option<Ownership>, DatabaseError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT owner, private,
                         (SELECT json_group_array(user) FROM guests WHERE conversation_id = id)
                     FROM conversations WHERE id = ?1 AND project = ?2",
                )?
                .query_row(params![conversation, project.as_str()], |row| read_ownership(row, 0))
                .optional()?)
        })
    }

    /// What the link of the project's conversation holds, if it has one.
    pub(crate) fn link(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
    ) -> Result<Option<String>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT link FROM conversations WHERE id = ?1 AND project = ?2")?;
            let link =
                statement.query_row(params![conversation, project.as_str()], |row| row.get(0));
            Ok(link.optional()?.flatten())
        })
    }

    /// Conversations of all projects in which questions wait for an answer, the one that waits
    /// longest first.
    pub(crate) fn unanswered(&self) -> Result<Vec<(ProjectName, ConversationId)>, DatabaseError> {
        let found: Vec<(String, ConversationId)> = self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT project, id FROM turns
                 JOIN conversations ON conversations.id = turns.conversation_id
                 WHERE state <> 'done' AND state = 'queued' ORDER BY updated_at, id",
            )?;
            let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let parsed = |(project, id): (String, ConversationId)| {
            Some((ProjectName::parse(&project).ok()?, id))
        };
        Ok(found.into_iter().filter_map(parsed).collect())
    }

    /// What a page missed that waited for answers when the server stopped: the conversation that
    /// its browser was in last, and the number behind which everything is new to it. `None` when
    /// no turn was open there, or the page has seen how it ended.
    pub(crate) fn missed(
        &self,
        project: &ProjectName,
        browser: &str,
    ) -> Result<Option<(ConversationId, Seq)>, DatabaseError> {
        // Of a turn that was cut off it misses the end alone; of one that waited everything but
        // its question, which may stand in the middle of the answer before. Later turns follow.
        self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT visit.conversation_id, iif(
                         final.payload ->> '$.outcome' = 'interrupted',
                         final.first_seq - 1,
                         max(question.first_seq, (
                             SELECT ifnull(max(last_seq), 0) FROM entries AS earlier
                             WHERE earlier.conversation_id = turn.conversation_id
                                 AND earlier.turn < turn.turn)))
                     FROM visits AS visit
                     JOIN turns AS turn ON turn.conversation_id = visit.conversation_id
                     LEFT JOIN entries AS final ON final.conversation_id = turn.conversation_id
                         AND final.turn = turn.turn AND final.kind IN ('response_done', 'error')
                     JOIN entries AS question ON question.conversation_id = turn.conversation_id
                         AND question.turn = turn.turn AND question.kind = 'user_message'
                     WHERE visit.browser = ?1 AND visit.project = ?2 AND turn.recovered = 1
                         AND ifnull(final.first_seq > visit.seq, 1)
                     ORDER BY turn.turn LIMIT 1",
                )?
                .query_row([browser, project.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?)
        })
    }

    /// The conversation that a browser was in last, and its newest number.
    pub(crate) fn last_visited(
        &self,
        project: &ProjectName,
        browser: &str,
    ) -> Result<Option<(ConversationId, Seq)>, DatabaseError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT conversation_id, ifnull((
                         SELECT max(last_seq) FROM entries AS entry
                         WHERE entry.conversation_id = visit.conversation_id), 0)
                     FROM visits AS visit WHERE browser = ?1 AND project = ?2",
                )?
                .query_row([browser, project.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?)
        })
    }

    /// Bytes of the store's file.
    pub(crate) fn bytes(&self) -> Result<u64, DatabaseError> {
        self.read(|connection| {
            let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
            let (pages, page_size): (i64, i64) = (pragma("page_count")?, pragma("page_size")?);
            Ok((pages * page_size).unsigned_abs())
        })
    }
}

/// See [`Reader::summary`].
pub(in crate::database) fn summary(
    connection: &Connection,
    project: &ProjectName,
    conversation: ConversationId,
) -> Result<Option<Summary>, DatabaseError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        summary_columns!(),
        " FROM conversations AS conversation WHERE id = ?1 AND project = ?2"
    ))?;
    Ok(statement.query_row(params![conversation, project.as_str()], read_summary).optional()?)
}

fn read_summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        id: row.get(0)?,
        project_name: row.get(1)?,
        title: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
        message_count: row.get(5)?,
        ownership: read_ownership(row, 6)?,
        forked_from: match (row.get(9)?, row.get(10)?) {
            (Some(conversation_id), Some(turn)) => Some(ForkedFrom { conversation_id, turn }),
            _ => None,
        },
    })
}

/// Reads an owner, whether it is private, and the guests as JSON, from the column `first` on.
fn read_ownership(row: &Row<'_>, first: usize) -> rusqlite::Result<Ownership> {
    let visibility = match row.get(first + 1)? {
        true => Visibility::Private,
        false => Visibility::Team,
    };
    let guests: String = row.get(first + 2)?;
    // SQLite itself has written the JSON.
    let guests = serde_json::from_str(&guests).unwrap_or_default();
    Ok(Ownership { owner: row.get(first)?, visibility, guests })
}

fn messages(
    connection: &Connection,
    conversation: ConversationId,
) -> rusqlite::Result<Vec<ChatMessage>> {
    connection
        .prepare_cached(
            "SELECT id, role, content, timestamp FROM messages
             WHERE conversation_id = ?1 ORDER BY first_seq",
        )?
        .query_map([conversation], |row| {
            Ok(ChatMessage {
                id: row.get(0)?,
                role: row.get(1)?,
                content: row.get(2)?,
                timestamp: row.get(3)?,
            })
        })?
        .collect()
}

/// The highest sequence number that may be in use. `None` when the project has no such
/// conversation.
pub(in crate::database) fn reserved_seq(
    connection: &Connection,
    project: &ProjectName,
    conversation: ConversationId,
) -> Result<Option<Seq>, DatabaseError> {
    Ok(connection
        .prepare_cached("SELECT reserved_seq FROM conversations WHERE id = ?1 AND project = ?2")?
        .query_row(params![conversation, project.as_str()], |row| row.get(0))
        .optional()?)
}
