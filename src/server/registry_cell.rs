//! The registry, shared by the applications of all listening sockets.

use std::sync::OnceLock;

use actix::{Actor as _, Addr};
use tokio::sync::Notify;

use crate::{registry::Registry, session::Resources};

/// The registry, which lives on the worker's thread and is started there.
#[derive(Default)]
pub(super) struct RegistryCell {
    registry: OnceLock<Addr<Registry>>,
    is_started: Notify,
}

impl RegistryCell {
    /// The registry, started on this thread by the first call.
    pub(super) fn get_or_start(&self, resources: &Resources) -> Addr<Registry> {
        let registry = self.registry.get_or_init(|| Registry::new(resources.clone()).start());
        self.is_started.notify_one();
        registry.clone()
    }

    /// The registry, once the worker has started it.
    pub(super) async fn started(&self) -> Addr<Registry> {
        loop {
            if let Some(registry) = self.registry.get() {
                return registry.clone();
            }
            self.is_started.notified().await;
        }
    }
}
