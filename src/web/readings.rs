//! Who reads conversations of others, for the audit log.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use actix_web::rt;

use crate::{
    database::messages::{ActionKind, RecordAction},
    ids::ConversationId,
    project::ProjectName,
    rights::{Ownership, Principal},
    session::Resources,
};

/// Time in which it is recorded once that somebody reads a conversation.
const ONCE_IN: Duration = Duration::from_secs(3600);

/// Readings that are remembered; beyond it some are recorded twice.
const MAX_REMEMBERED: usize = 10_000;

/// What was recorded of late.
#[derive(Debug, Default)]
pub(crate) struct Readings(Mutex<HashMap<(String, ConversationId), Instant>>);

impl Readings {
    /// Records that somebody reads a conversation, if that counts. Nobody waits for it, and what cannot be
    /// recorded is read still.
    pub(crate) fn record(
        &self,
        resources: &Resources,
        principal: &Principal,
        project: &ProjectName,
        conversation: ConversationId,
        of: &Ownership,
    ) {
        // Without a name there is nobody to tell of.
        let Some(user) = principal.user.clone() else { return };
        if !self.counts(&user, conversation, of, Instant::now()) {
            return;
        }
        let action = RecordAction {
            project: Some(project.clone()),
            conversation: Some(conversation),
            kind: ActionKind::Opened,
            user: Some(user),
            is_admin: principal.is_admin,
            detail: String::new(),
        };
        let (database, project) = (resources.database.clone(), project.clone());
        rt::spawn(async move {
            if !matches!(database.send(action).await, Ok(Ok(()))) {
                log::warn!(
                    "a reading is not recorded conversation={conversation} project={project}"
                );
            }
        });
    }

    /// Whether it is to be recorded that `user` reads a conversation: of somebody else, and for the first
    /// time in a while.
    pub(crate) fn counts(
        &self,
        user: &str,
        conversation: ConversationId,
        of: &Ownership,
        now: Instant,
    ) -> bool {
        if of.owner.as_deref().is_none_or(|owner| owner == user) {
            return false;
        }
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (user.to_owned(), conversation);
        if recorded.get(&key).is_some_and(|at| now.duration_since(*at) < ONCE_IN) {
            return false;
        }
        if recorded.len() >= MAX_REMEMBERED {
            recorded.retain(|_, at| now.duration_since(*at) < ONCE_IN);
        }
        if recorded.len() >= MAX_REMEMBERED {
            recorded.clear();
        }
        recorded.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_who_reads_what_is_of_another_counts_once_in_a_while() {
        let of = |owner: Option<&str>| Ownership {
            owner: owner.map(str::to_owned),
            ..Ownership::default()
        };
        let (readings, now, id) = (Readings::default(), Instant::now(), ConversationId(1));
        let (anas, later) = (of(Some("ana")), now + ONCE_IN);
        assert!(!readings.counts("ana", id, &anas, now));
        assert!(!readings.counts("ben", id, &of(None), now));
        assert!(readings.counts("ben", id, &anas, now));
        assert!(!readings.counts("ben", id, &anas, later - Duration::from_secs(1)));
        assert!(readings.counts("ben", ConversationId(2), &anas, now));
        assert!(readings.counts("ben", id, &anas, later));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (readings, now) = (Readings::default(), Instant::now());
        let of = Ownership { owner: Some("ana".to_owned()), ..Ownership::default() };
        for number in 0..=MAX_REMEMBERED {
            let id = ConversationId(i64::try_from(number).unwrap());
            assert!(readings.counts("ben", id, &of, now));
        }
        assert_eq!(readings.0.lock().unwrap().len(), 1);
    }
}
