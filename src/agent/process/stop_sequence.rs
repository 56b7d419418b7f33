//! The orderly end of an agent: interrupt, end of input, SIGTERM, SIGKILL.

use std::{
    process::ExitStatus,
    time::{Duration, Instant},
};

use tokio::{
    process::Child,
    sync::{mpsc, watch},
    time::sleep_until,
};

use super::control::ProcessControl;
use crate::agent::codec::AgentLines;

/// Stops an agent in steps of increasing force, each with a time limit.
pub(in crate::agent) struct StopSequence<'a> {
    pub control: &'a ProcessControl,
    pub dialect: AgentLines,
    pub input: mpsc::Sender<String>,
    pub close_input: watch::Sender<bool>,
    pub step: Duration,
}

impl StopSequence<'_> {
    /// Waits for the process to end; kills a supervisor that does not end in time.
    pub(crate) async fn run(
        self,
        child: &mut Child,
        output_ended: &mut watch::Receiver<bool>,
    ) -> std::io::Result<ExitStatus> {
        let control = self.control;
        tokio::select! {
            status = self.until_exit(child, output_ended) => return status,
            () = control.outlives_kill() => control.kill_group(),
        }
        child.wait().await
    }

    /// Waits for the process to end, and stops it once that is requested or stdout has closed.
    async fn until_exit(
        self,
        child: &mut Child,
        output_ended: &mut watch::Receiver<bool>,
    ) -> std::io::Result<ExitStatus> {
        let mut stop = self.control.stop.subscribe();
        let mut turn = self.control.turn.subscribe();
        tokio::select! {
            status = child.wait() => return status,
            _ = output_ended.wait_for(|ended| *ended) => (),
            _ = stop.wait_for(|asked| *asked) => {
                if *turn.borrow() {
                    // An interrupted turn reports its end; closing stdin at once would lose it.
                    self.dialect.interrupt().map(|line| self.input.try_send(line).ok());
                    tokio::select! {
                        status = child.wait() => return status,
                        _ = turn.wait_for(|open| !*open) => (),
                        () = self.step_is_over() => (),
                    }
                }
            }
        }
        self.close_input.send_replace(true);
        tokio::select! {
            status = child.wait() => return status,
            () = self.step_is_over() => (),
        }
        self.control.terminate();
        tokio::select! {
            status = child.wait() => return status,
            () = self.step_is_over() => (),
        }
        self.control.kill();
        child.wait().await
    }

    /// Resolves when a step that begins now is out of time.
    async fn step_is_over(&self) {
        let since = Instant::now();
        let mut hurry = self.control.hurry.subscribe();
        loop {
            let step = hurry.borrow_and_update().map_or(self.step, |step| step.min(self.step));
            tokio::select! {
                () = sleep_until((since + step).into()) => return,
                // The sender lives as long as this.
                _ = hurry.changed() => (),
            }
        }
    }
}
