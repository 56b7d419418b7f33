//! What every job needs: the limits and the grammars.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    config::settings::HighlightingSettings,
    markdown::code::{Budget, Grammars},
};

#[derive(Debug)]
pub(super) struct HighlightContext {
    settings: HighlightingSettings,
    /// Locked while a grammar is unpacked, and therefore only on threads of jobs.
    grammars: Mutex<Option<Grammars>>,
}

impl HighlightContext {
    pub(super) fn new(settings: &HighlightingSettings) -> Self {
        Self { settings: settings.clone(), grammars: Mutex::default() }
    }

    pub(super) fn settings(&self) -> &HighlightingSettings {
        &self.settings
    }

    pub(super) fn grammars(&self) -> MutexGuard<'_, Option<Grammars>> {
        self.grammars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `run` within the limits, of whose time `spent` is used up. Also returns whether the
    /// time sufficed.
    pub(super) fn with_budget<T>(
        &self,
        spent: Duration,
        run: impl FnOnce(&mut Budget<'_>) -> T,
    ) -> (T, bool) {
        let end = Instant::now() + self.settings.timeout.saturating_sub(spent);
        let mut is_whole = true;
        let mut has_time = || {
            is_whole &= Instant::now() < end;
            is_whole
        };
        let line_bytes = self.settings.line_bytes;
        let done = run(&mut Budget { line_bytes, has_time: &mut has_time });
        (done, is_whole)
    }
}
