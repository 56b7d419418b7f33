//! The event streams that are open, each the way to the viewer of a client without a WebSocket.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use actix_web::web::Bytes;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::project::ProjectName;

use super::{access::rate_limit::Visitor, problem::Problem};

/// The open streams by their ids, which nobody can guess. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventStreams(Arc<Mutex<HashMap<Uuid, OpenStream>>>);

#[derive(Debug)]
pub(crate) struct OpenStream {
    pub project: ProjectName,
    pub user: Option<String>,
    pub frames: mpsc::Sender<Bytes>,
}

/// Keeps a stream among the open ones.
pub(crate) struct StreamGuard {
    streams: EventStreams,
    id: Uuid,
}

impl EventStreams {
    pub(crate) fn open(&self, stream: OpenStream) -> StreamGuard {
        let id = Uuid::new_v4();
        self.lock().insert(id, stream);
        StreamGuard { streams: self.clone(), id }
    }

    /// Ends a stream: the input of its viewer ends with its last sender.
    pub(crate) fn remove(&self, id: Uuid) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, OpenStream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way to the viewer of a stream of this project, if this visitor has opened it.
    pub(crate) fn find(
        &self,
        project: &str,
        id: &str,
        visitor: &Visitor,
    ) -> Result<(Uuid, mpsc::Sender<Bytes>), Problem> {
        let id = Uuid::parse_str(id).map_err(|_| ended())?;
        let streams = self.lock();
        let stream = streams.get(&id).ok_or_else(ended)?;
        let is_own = stream.user == visitor.principal.user && stream.project.as_str() == project;
        is_own.then(|| (id, stream.frames.clone())).ok_or_else(ended)
    }
}

pub(crate) fn ended() -> Problem {
    Problem::not_found("The event stream has ended; open another.")
}

impl StreamGuard {
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.streams.lock().remove(&self.id);
    }
}
