//! The calls that run, so that a client can cancel one by its id.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::Notify;

/// A session of a client: its user, where that is known, and the name that it was given. The name is a
/// secret of the client, as the ids of its requests are not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ClientSession {
    pub(super) user: Option<String>,
    pub(super) name: String,
}

/// A session, and the id of a request in it.
type CallKey = (ClientSession, String);

static RUNNING: LazyLock<Mutex<HashMap<CallKey, Arc<Notify>>>> = LazyLock::new(Mutex::default);

fn running() -> MutexGuard<'static, HashMap<CallKey, Arc<Notify>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call until it is dropped. One without a session is cancelled by closing its connection.
#[derive(Debug)]
pub(super) struct RunningCall {
    key: Option<CallKey>,
    cancelled: Arc<Notify>,
}

impl RunningCall {
    pub(super) fn begin(session: Option<ClientSession>, id: &Value) -> Self {
        let key = session.map(|session| (session, id.to_string()));
        let call = Self { key, cancelled: Arc::default() };
        if let Some(key) = &call.key {
            running().insert(key.clone(), Arc::clone(&call.cancelled));
        }
        call
    }

    /// Waits until it is cancelled.
    pub(super) async fn cancelled(&self) {
        self.cancelled.notified().await;
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        let Some(key) = &self.key else { return };
        let mut running = running();
        // A client that gives an id again means the later call.
        if running.get(key).is_some_and(|it| Arc::ptr_eq(it, &self.cancelled)) {
            running.remove(key);
        }
    }
}

/// Cancels the call of that id, if it runs.
pub(super) fn cancel(session: &ClientSession, id: &Value) {
    if let Some(call) = running().get(&(session.clone(), id.to_string())) {
        call.notify_one();
    }
}

/// Cancels all calls of a session.
pub(super) fn cancel_all(session: &ClientSession) {
    running().iter().filter(|((of, _), _)| of == session).for_each(|(_, call)| call.notify_one());
}
