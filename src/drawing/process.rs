//! One run of the process that draws, as the server sees it: bounded in time and output, killed at its
//! end. Whatever it prints is foreign.

use std::{process::ExitStatus, time::Duration};

use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    sync::oneshot,
    time::timeout,
};

use crate::{
    agent::{
        Agents, OwnProcess,
        process::{LIMIT_EXCEEDED, resources::ResourceLimits},
    },
    project::Project,
};

use super::{
    outcome::PrintedLine,
    program,
    sources::{DRAWING_TIME, DrawingSource},
    svg,
};

/// Time to start on a machine that is busy.
const START: Duration = Duration::from_secs(10);

/// Wait for the status of a process whose output has ended.
const LINGER: Duration = Duration::from_millis(500);

/// Memory in bytes, and processes and threads, those that start and supervise it included.
const LIMITS: ResourceLimits = ResourceLimits { memory: 256 << 20, tasks: 16 }; // 256 MiB

/// Longest output of one run: some of the largest diagrams, as JSON.
const MAX_OUTPUT: u64 = 8 * (svg::MAX_BYTES as u64);

/// What a run printed, and why it stopped before the last source.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) lines: Vec<PrintedLine>,
    pub(super) end: RunEnd,
}

#[derive(Debug)]
pub(super) enum RunEnd {
    /// Every source has its line.
    Complete,
    /// The next source took too long.
    TimedOut,
    /// The next source ended the process, or made it print something else.
    Died(String),
}

/// Draws sources for a project.
///
/// # Errors
/// The process cannot be started; the error is for a person.
pub(super) async fn run(
    agents: &Agents,
    project: &Project,
    sources: &[DrawingSource],
) -> Result<Run, String> {
    let input = serde_json::to_vec(sources).map_err(|error| error.to_string())?;
    let arguments = vec![program::SUBCOMMAND.into()];
    let process = agents.start_drawing(project.clone(), arguments, LIMITS).await?;
    // It is killed when `life` is dropped.
    let OwnProcess { mut stdin, stdout, stderr, life: _life, exited } = process;
    drop(stderr);
    let writing = tokio::spawn(async move {
        // A process that reads nothing prints nothing.
        if stdin.write_all(&input).await.is_ok() {
            stdin.shutdown().await.ok();
        }
    });
    let mut output = BufReader::new(stdout.take(MAX_OUTPUT));
    match timeout(START, next_line(&mut output)).await {
        Ok(Some(PrintedLine::Ready)) => (),
        Ok(_) => return Err("the process that draws did not start".to_owned()),
        Err(_) => return Err(format!("the process that draws did not start within {START:?}")),
    }
    let mut lines = Vec::new();
    let end = loop {
        if lines.len() == sources.len() {
            break RunEnd::Complete;
        }
        match timeout(DRAWING_TIME, next_line(&mut output)).await {
            Ok(Some(line)) => lines.push(line),
            Ok(None) => break RunEnd::Died(end_words(exited).await),
            Err(_) => break RunEnd::TimedOut,
        }
    };
    writing.abort();
    Ok(Run { lines, end })
}

/// The next line; `None` for the end, or for something that is none.
async fn next_line(output: &mut (impl AsyncBufRead + Unpin)) -> Option<PrintedLine> {
    let mut line = Vec::new();
    output.read_until(b'\n', &mut line).await.ok()?;
    serde_json::from_slice(&line).ok()
}

/// Why the process printed nothing more, as the end of a sentence.
async fn end_words(exited: oneshot::Receiver<Option<ExitStatus>>) -> String {
    match timeout(LINGER, exited).await {
        Ok(Ok(Some(status))) if status.code() == Some(LIMIT_EXCEEDED) => {
            "it takes too much memory".to_owned()
        }
        Ok(Ok(Some(status))) => format!("the library for it ended with {status}"),
        _ => "the library for it printed nonsense".to_owned(),
    }
}
