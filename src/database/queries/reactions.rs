//! What people say of answers: of one, of a conversation's, and of all for admins.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    database::{Reader, error::DatabaseError},
    ids::{ConversationId, TurnNumber},
    project::ProjectName,
    reaction::{AnswerMarks, AnswerVerdict, KeptNote, Reaction, Reactor, StoredReaction},
    rights::{Principal, readable},
};

/// Reactions of one conversation that are read, at most: those to its newest answers.
const MAX_OF_CONVERSATION: i64 = 5000;

/// Characters of a question that are told with an answer.
const MAX_QUESTION: i64 = 200;

macro_rules! columns {
    () => {
        "turn, person, user, verdict, why, reacted_at"
    };
}

/// How many people find an answer useful, and how many find one wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ReactionCounts {
    pub(crate) useful: u64,
    pub(crate) wrong: u64,
}

/// An answer that somebody finds wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct WrongAnswer {
    pub(crate) project: String,
    pub(crate) conversation_id: ConversationId,
    pub(crate) turn: TurnNumber,
    /// What was asked, cut off where it is long.
    pub(crate) question: Option<String>,
    /// Who finds it wrong, where users are known.
    pub(crate) user: Option<String>,
    pub(crate) why: Option<String>,
    /// UTC, ISO 8601.
    pub(crate) reacted_at: String,
}

impl Reader {
    /// What people say of a conversation's answers.
    pub(crate) fn answer_marks(
        &self,
        conversation: ConversationId,
    ) -> Result<BTreeMap<TurnNumber, AnswerMarks>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(concat!(
                "SELECT * FROM (SELECT ",
                columns!(),
                " FROM reactions WHERE conversation_id = ?1
                  ORDER BY turn DESC LIMIT ?2) ORDER BY turn, reacted_at, person"
            ))?;
            let mut marks: BTreeMap<_, AnswerMarks> = BTreeMap::new();
            let rows =
                statement.query_map(params![conversation, MAX_OF_CONVERSATION], read_reaction)?;
            for row in rows {
                let reaction: StoredReaction = row?;
                marks.entry(reaction.turn).or_default().reactions.push(reaction);
            }
            let mut statement = connection.prepare_cached(
                "SELECT turn, kept_by, kept_at FROM notes WHERE conversation_id = ?1",
            )?;
            for row in statement.query_map([conversation], read_kept)? {
                let (turn, note) = row?;
                marks.entry(turn).or_default().note = Some(note);
            }
            Ok(marks)
        })
    }

    /// What people say of one answer, in the order in which they said it.
    pub(crate) fn marks_of(
        &self,
        conversation: ConversationId,
        turn: TurnNumber,
    ) -> Result<AnswerMarks, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(concat!(
                "SELECT ",
                columns!(),
                " FROM reactions WHERE conversation_id = ?1 AND turn = ?2
                  ORDER BY reacted_at, person"
            ))?;
            let rows = statement.query_map(params![conversation, turn], read_reaction)?;
            let reactions = rows.collect::<Result<_, _>>()?;
            let mut statement = connection.prepare_cached(
                "SELECT turn, kept_by, kept_at FROM notes WHERE conversation_id = ?1 AND turn = ?2",
            )?;
            let note = statement.query_row(params![conversation, turn], read_kept).optional()?;
            Ok(AnswerMarks { reactions, note: note.map(|(_, note)| note) })
        })
    }

    /// The reactions in all projects.
    pub(crate) fn reaction_counts(&self) -> Result<ReactionCounts, DatabaseError> {
        self.read(|connection| {
            let count = |verdict: AnswerVerdict| -> rusqlite::Result<i64> {
                connection
                    .prepare_cached("SELECT count(*) FROM reactions WHERE verdict = ?1")?
                    .query_row([verdict.as_str()], |row| row.get(0))
            };
            Ok(ReactionCounts {
                useful: count(AnswerVerdict::Useful)?.unsigned_abs(),
                wrong: count(AnswerVerdict::Wrong)?.unsigned_abs(),
            })
        })
    }

    /// Answers that somebody finds wrong, in conversations that `who` may read, the newest reactions
    /// first.
    pub(crate) fn wrong_answers(
        &self,
        who: &Principal,
        limit: usize,
    ) -> Result<Vec<WrongAnswer>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(concat!(
                "SELECT conversation.project, reaction.conversation_id, reaction.turn,
                     (SELECT substr(payload ->> '$.content', 1, :question) FROM entries
                      WHERE entries.conversation_id = reaction.conversation_id
                          AND entries.turn = reaction.turn AND kind = 'user_message'),
                     reaction.user, reaction.why, reaction.reacted_at
                 FROM reactions AS reaction
                 JOIN conversations AS conversation ON conversation.id = reaction.conversation_id
                 WHERE reaction.verdict = 'wrong' AND ",
                readable!(),
                " ORDER BY reaction.reacted_at DESC LIMIT :limit",
            ))?;
            let rows = statement.query_map(
                named_params! {
                    ":question": MAX_QUESTION,
                    ":user": who.user,
                    ":reads_all": who.reads_all,
                    ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
                },
                |row| {
                    Ok(WrongAnswer {
                        project: row.get(0)?,
                        conversation_id: row.get(1)?,
                        turn: row.get(2)?,
                        question: row.get(3)?,
                        user: row.get(4)?,
                        why: row.get(5)?,
                        reacted_at: row.get(6)?,
                    })
                },
            )?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Whether a turn of a project's conversation has ended with an answer.
pub(in crate::database) fn is_answered(
    connection: &Connection,
    (project, conversation, turn): (&ProjectName, ConversationId, TurnNumber),
) -> Result<bool, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (
             SELECT 1 FROM turns JOIN conversations ON conversations.id = turns.conversation_id
             WHERE conversation_id = ?1 AND turn = ?2 AND turn > 0 AND state = 'done'
                 AND project = ?3 AND EXISTS (
                     SELECT 1 FROM entries WHERE entries.conversation_id = ?1
                         AND entries.kind = 'text' AND entries.turn = ?2))",
    )?;
    Ok(statement.query_row(params![conversation, turn, project.as_str()], |row| row.get(0))?)
}

/// How many other people have said something of the answer.
pub(in crate::database) fn others(
    connection: &Connection,
    (conversation, turn): (ConversationId, TurnNumber),
    by: &Reactor,
) -> Result<u32, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM reactions
         WHERE conversation_id = ?1 AND turn = ?2 AND person <> ?3",
    )?;
    Ok(statement.query_row(params![conversation, turn, by.as_str()], |row| row.get(0))?)
}

fn read_kept(row: &Row<'_>) -> rusqlite::Result<(TurnNumber, KeptNote)> {
    Ok((row.get(0)?, KeptNote { by: row.get(1)?, at: row.get(2)? }))
}

fn read_reaction(row: &Row<'_>) -> rusqlite::Result<StoredReaction> {
    let verdict: String = row.get(3)?;
    Ok(StoredReaction {
        turn: row.get(0)?,
        by: Reactor::stored(row.get(1)?),
        user: row.get(2)?,
        reaction: Reaction {
            // The table holds no other.
            verdict: AnswerVerdict::parse(&verdict).unwrap_or(AnswerVerdict::Useful),
            why: row.get(4)?,
        },
        reacted_at: row.get(5)?,
    })
}
