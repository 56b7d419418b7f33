//! Lets one agent of a conversation at a time use what is kept of it.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{ids::ConversationId, project::ProjectName};

use super::{Agents, invocation::LaunchRequest};

/// A conversation of a project.
type Name = (ProjectName, ConversationId);

/// Who is at it, by conversations.
#[derive(Debug, Default)]
pub(super) struct ConversationLocks(std::sync::Mutex<HashMap<Name, Arc<Mutex<()>>>>);

impl Agents {
    /// Waits until no other agent of the request's conversation is left. What is given keeps others
    /// out; `None` is for an request of no conversation.
    pub(super) fn lock_conversation(
        &self,
        request: &LaunchRequest,
    ) -> impl Future<Output = Option<OwnedMutexGuard<()>>> + use<> {
        let name = request.conversation.map(|id| (request.project.name.clone(), id));
        let turn = name.map(|name| {
            let mut known =
                self.inner.conversation_locks.0.lock().unwrap_or_else(|it| it.into_inner());
            known.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(known.entry(name).or_default())
        });
        async move { Some(turn?.lock_owned().await) }
    }
}
