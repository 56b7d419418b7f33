//! Locks that keep two agents of one conversation from sharing its transcript.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{ids::ConversationId, project::ProjectName};

use super::{Agents, invocation::LaunchRequest};

type Name = (ProjectName, ConversationId);

/// One lock for each conversation in use.
#[derive(Debug, Default)]
pub(super) struct ConversationLocks(std::sync::Mutex<HashMap<Name, Arc<Mutex<()>>>>);

impl Agents {
    /// Waits for other agents of the request's conversation to end. The guard keeps others out; a
    /// request without a conversation gets `None`.
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
