//! Ctrl-C: the first stops the turn, the second ends the program.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use super::client::{AskError, AskedTurnPlace, ServerClient};

/// What a shell reports of a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// A turn that can be stopped.
pub(super) struct RunningTurn {
    pub(super) client: ServerClient,
    pub(super) project: String,
    pub(super) place: AskedTurnPlace,
}

/// Watches for Ctrl-C. Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Interrupts(Arc<Mutex<Option<RunningTurn>>>);

impl Interrupts {
    /// From now on, Ctrl-C ends the program only if no turn runs.
    pub(super) fn watch() -> Result<Self, AskError> {
        let interrupts = Self::default();
        let unwatched = |source| AskError::Files { path: "signals".to_owned(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (runtime, watched) = (runtime.map_err(unwatched)?, interrupts.clone());
        let run = move || {
            while runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                watched.interrupt();
            }
        };
        thread::Builder::new().name("interrupts".to_owned()).spawn(run).map_err(unwatched)?;
        Ok(interrupts)
    }

    pub(super) fn begin(&self, turn: RunningTurn) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(turn);
    }

    pub(super) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn interrupt(&self) {
        let turn = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(turn) = turn else { std::process::exit(INTERRUPTED) };
        // The turn ends as stopped then, and so does the program.
        if let Err(error) = turn.client.stop(&turn.project, &turn.place) {
            log::warn!("the answer cannot be stopped: {error}");
            std::process::exit(INTERRUPTED);
        }
    }
}
