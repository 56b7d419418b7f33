//! The `list` frame: what has changed in the project's list of conversations.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde::Serialize;

use crate::{
    ids::{ConversationId, ForkedFrom, TurnNumber},
    rights::{Action, Ownership, Principal},
};

/// Changes that wait for one client, at most; beyond them it reads the list anew.
const MAX_CHANGES: usize = 64;

/// What has changed in the list, the newest of each conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct ListUpdate {
    /// The position behind it, for the next `start`.
    pub at: String,
    /// Whether the client reads the list anew; there are no `changes` then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
    /// With `reset`, the conversations in which an answer is being written.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub answering: BTreeSet<ConversationId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ListChange>,
    /// Whose the private conversations of this update are. They are told to their readers alone.
    #[serde(skip)]
    pub private: BTreeMap<ConversationId, Ownership>,
}

/// The state of one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct ListChange {
    pub id: ConversationId,
    /// As the list has it; `None` if it is not in the list any more.
    pub conversation: Option<ListedConversation>,
    /// Whether a question is being answered, or waits.
    pub answering: bool,
    /// The last turn that has ended, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndedTurn>,
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct ListedConversation {
    pub id: ConversationId,
    pub title: Option<String>,
    /// UTC, ISO 8601.
    pub created_at: String,
    /// UTC, ISO 8601.
    pub updated_at: String,
    /// Messages of users and answers.
    pub message_count: i64,
    #[serde(flatten)]
    pub ownership: Ownership,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<ForkedFrom>,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct EndedTurn {
    pub turn: TurnNumber,
    /// `completed`, `stopped`, `interrupted` or `error`.
    pub outcome: &'static str,
    /// The beginning of the answer as plain text; empty if there is none.
    pub excerpt: String,
}

impl ListUpdate {
    /// Tells a client to read the list anew.
    pub(crate) fn reset(at: String, answering: BTreeSet<ConversationId>) -> Self {
        Self { at, reset: true, answering, ..Self::default() }
    }

    /// What `who` may know of it.
    pub(crate) fn readable_by(&self, who: &Principal) -> Cow<'_, Self> {
        let is_hidden = |id: &ConversationId| {
            self.private.get(id).is_some_and(|of| !of.allows(who, Action::Read))
        };
        if !self.private.keys().any(is_hidden) {
            return Cow::Borrowed(self);
        }
        let mut update = self.clone();
        update.changes.retain(|change| !is_hidden(&change.id));
        update.answering.retain(|id| !is_hidden(id));
        update.private.clear();
        Cow::Owned(update)
    }

    /// Adds what has changed since. A `reset` stays one, as do changes that are too many.
    pub(crate) fn merge(&mut self, newer: &Self) {
        if newer.reset {
            return self.clone_from(newer);
        }
        self.at.clone_from(&newer.at);
        for change in &newer.changes {
            if self.reset {
                self.set_answering(change.id, change.answering);
                continue;
            }
            match self.changes.iter_mut().find(|known| known.id == change.id) {
                Some(known) => known.clone_from(change),
                None => self.changes.push(change.clone()),
            }
        }
        if self.changes.len() > MAX_CHANGES {
            self.reset = true;
            for change in std::mem::take(&mut self.changes) {
                self.set_answering(change.id, change.answering);
            }
        }
    }

    fn set_answering(&mut self, id: ConversationId, answering: bool) {
        if answering {
            self.answering.insert(id);
        } else {
            self.answering.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rights::Visibility;

    fn update(at: usize, changes: &[(i64, bool)]) -> ListUpdate {
        let change = |(id, answering): &(i64, bool)| ListChange {
            id: ConversationId(*id),
            conversation: None,
            answering: *answering,
            ended: None,
        };
        let changes = changes.iter().map(change).collect();
        ListUpdate { at: at.to_string(), changes, ..ListUpdate::default() }
    }

    fn json(update: &ListUpdate) -> String {
        serde_json::to_string(update).unwrap()
    }

    #[test]
    fn only_the_newest_state_of_each_conversation_waits() {
        let mut waiting = update(1, &[(1, true), (2, true)]);
        waiting.merge(&update(2, &[(2, false), (3, false)]));
        assert_eq!(waiting, update(2, &[(1, true), (2, false), (3, false)]));
    }

    #[test]
    fn a_private_conversation_is_told_to_its_readers_alone() {
        let mut update = update(1, &[(1, true), (2, true)]);
        update.answering = BTreeSet::from([ConversationId(2)]);
        let user = |name: &str| Principal { user: Some(name.to_owned()), ..Principal::default() };
        let owned = Ownership::of_new(&user("ana"), Visibility::Private);
        update.private.insert(ConversationId(2), owned);
        assert_eq!(*update.readable_by(&user("ana")), update);
        let told = json(&update.readable_by(&user("ben")));
        let expected = r#"{"at":"1","changes":[{"id":1,"conversation":null,"answering":true}]}"#;
        assert_eq!(told, expected);
    }

    #[test]
    fn a_client_that_is_far_behind_reads_the_list_anew() {
        let mut waiting = update(0, &[]);
        for id in 1..=200 {
            waiting.merge(&update(id, &[(i64::try_from(id).unwrap(), id == 7 || id == 200)]));
        }
        waiting.merge(&update(201, &[(7, false)]));
        assert_eq!(json(&waiting), r#"{"at":"201","reset":true,"answering":[200]}"#);
        let answering = BTreeSet::from([ConversationId(5)]);
        waiting.merge(&ListUpdate::reset("9".to_owned(), answering));
        assert_eq!(json(&waiting), r#"{"at":"9","reset":true,"answering":[5]}"#);
    }
}
