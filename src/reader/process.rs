//! One running reader, as the server sees it: its pipes, the requests that wait, and its end.
//!
//! Whatever it answers is foreign: a line that is too long or no answer to a request ends it.

use std::{
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{ChildStderr, ChildStdin, ChildStdout},
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};

use crate::{
    agent::{
        OwnProcess, ProcessLife,
        process::{
            LIMIT_EXCEEDED,
            lines::{LineSplitter, OutputLine},
            tail::Tail,
        },
    },
    project::ProjectName,
};

use super::{
    protocol::{AnswerFrame, ReaderAnswer, ReaderError, ReaderRequest, RequestFrame},
    waiting::{NotTaken, Overdue, Reply, WaitingRequests},
};

/// Size of one read: the capacity of a pipe.
const READ_BYTES: usize = 1 << 16; // 64 KiB

/// A longer answer is decoded on another thread, bytes.
const LONG_ANSWER: usize = 1 << 17; // 128 KiB

/// Bytes kept from the end of stderr.
const STDERR_BYTES: usize = 4 << 10; // 4 KiB

/// Requests that may wait to be written.
const INPUT_LINES: usize = 64;

/// Interval between looks at the deadlines.
const TICK: Duration = Duration::from_millis(250);

/// How long its last output is waited for after its end.
const LINGER: Duration = Duration::from_secs(1);

/// A reader that was started. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct ReaderProcess {
    shared: Arc<SharedState>,
    input: mpsc::Sender<Vec<u8>>,
    pub(super) started: Instant,
}

/// What the process' tasks and its askers share.
#[derive(Debug)]
struct SharedState {
    waiting: Mutex<WaitingRequests>,
    life: ProcessLife,
}

impl SharedState {
    fn waiting(&self) -> MutexGuard<'_, WaitingRequests> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the process for this reason.
    fn end(&self, reason: &str) {
        self.waiting().close(reason);
        self.life.kill();
    }
}

impl Drop for ReaderProcess {
    fn drop(&mut self) {
        self.shared.end("it was replaced");
    }
}

/// Bounds of a reader.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProcessLimits {
    /// Longest answer in bytes.
    pub line_bytes: usize,
    pub idle_timeout: Duration,
}

impl ReaderProcess {
    /// Attends to a process that was just started, on the current runtime.
    pub(super) fn attend(
        process: OwnProcess,
        project: ProjectName,
        limits: ProcessLimits,
    ) -> Arc<Self> {
        let OwnProcess { stdin, stdout, stderr, life, exited } = process;
        let now = Instant::now();
        let waiting = Mutex::new(WaitingRequests::new(now));
        let shared = Arc::new(SharedState { waiting, life });
        let (input, lines) = mpsc::channel(INPUT_LINES);
        tokio::spawn(write(stdin, lines));
        let stderr = tokio::spawn(read_tail(stderr, project.clone()));
        let output = tokio::spawn(read(stdout, Arc::clone(&shared), limits.line_bytes));
        tokio::spawn(watch(Arc::clone(&shared), input.clone(), limits.idle_timeout));
        let ended = Arc::clone(&shared);
        tokio::spawn(async move {
            let status = exited.await.ok().flatten();
            // Answers that it gave before its end still count.
            drop(tokio::time::timeout(LINGER, output).await);
            let tail = tokio::time::timeout(LINGER, stderr).await;
            let tail = tail.map_or_else(|_| String::new(), Result::unwrap_or_default);
            let mut waiting = ended.waiting();
            waiting.close(&end_words(status, &tail));
            log::info!(
                "reader ended project={project} reason={:?} stderr={tail:?}",
                waiting.closed()
            );
        });
        Arc::new(Self { shared, input, started: now })
    }

    /// The reader's answer; gives the request back where the reader has ended before it could take it.
    pub(super) async fn ask(
        &self,
        request: ReaderRequest,
        limit: Duration,
    ) -> Result<Result<ReaderAnswer, ReaderError>, ReaderRequest> {
        let (reply, mut answer) = oneshot::channel();
        let id = match self.register(reply, limit) {
            Ok(id) => id,
            Err(NotTaken::Busy) => return Ok(Err(ReaderError::Busy)),
            Err(NotTaken::Closed) => return Err(request),
        };
        let lost = |_| Err(ReaderError::Died("its end was not seen".to_owned()));
        let frame = line(&RequestFrame { id, request });
        // A reader that reads nothing must not hold anybody beyond the deadline.
        tokio::select! {
            biased;
            answer = &mut answer => return Ok(answer.unwrap_or_else(lost)),
            sent = self.input.send(frame) => if sent.is_err() {
                self.end("it reads nothing any more");
            }
        }
        Ok(answer.await.unwrap_or_else(lost))
    }

    fn register(&self, reply: Reply, limit: Duration) -> Result<u64, NotTaken> {
        self.shared.waiting().add(reply, limit, Instant::now())
    }

    /// Ends it, because of what it did.
    pub(super) fn end(&self, reason: &str) {
        self.shared.end(reason);
    }

    /// Ends it if nothing is open. Returns whether it has ended.
    pub(super) fn end_if_idle(&self) -> bool {
        let is_idle = self.shared.waiting().close_if_idle(Duration::ZERO, Instant::now());
        if is_idle {
            self.shared.life.kill();
        }
        is_idle
    }

    /// Why it takes no more requests.
    pub(super) fn closed(&self) -> Option<String> {
        self.shared.waiting().closed().map(str::to_owned)
    }

    /// Whether it ended because nobody needed it.
    pub(super) fn is_rested(&self) -> bool {
        self.shared.waiting().is_rested()
    }

    /// The time of the last use, while nothing is open.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.shared.waiting().idle_since()
    }
}

fn line(frame: &RequestFrame) -> Vec<u8> {
    // Texts, numbers and paths are always JSON.
    let mut line = serde_json::to_vec(frame).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Why a reader ended by itself, as the end of a sentence.
fn end_words(status: Option<ExitStatus>, stderr: &str) -> String {
    let code = status.and_then(|status| status.code());
    match status {
        Some(_) if code == Some(LIMIT_EXCEEDED) => {
            "it needed more memory than `advanced.reader.memory`".to_owned()
        }
        Some(status) => match stderr.trim().lines().next_back() {
            Some(last) if !last.is_empty() => format!("{status}, {last:?}"),
            _ => status.to_string(),
        },
        None => "its end could not be seen".to_owned(),
    }
}

async fn write(mut stdin: ChildStdin, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if let Err(error) = stdin.write_all(&line).await {
            log::debug!("cannot write to the reader error={error}");
            return;
        }
    }
}

/// Reads answers until the output ends or something else comes.
async fn read(mut stdout: ChildStdout, shared: Arc<SharedState>, line_bytes: usize) {
    let mut splitter = LineSplitter::new(line_bytes);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let length = match stdout.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => length,
        };
        let mut lines = Vec::new();
        splitter.feed(buffer.get(..length).unwrap_or_default(), |line| {
            lines.push(match line {
                OutputLine::Whole(line) => Some(line.to_vec()),
                OutputLine::Shortened(..) | OutputLine::TooLong(_) => None,
            });
        });
        for line in lines {
            let is_answer = match line {
                Some(line) => on_line(line, &shared).await,
                None => false,
            };
            if !is_answer {
                return shared.end("it said what is no answer");
            }
        }
    }
}

/// Whether the line answers a request.
async fn on_line(line: Vec<u8>, shared: &SharedState) -> bool {
    let is_long = line.len() > LONG_ANSWER;
    let decode = move || serde_json::from_slice::<AnswerFrame>(&line).ok();
    let decoded = match is_long {
        true => spawn_blocking(decode).await.ok().flatten(),
        false => decode(),
    };
    decoded.is_some_and(|AnswerFrame { id, answer }| {
        shared.waiting().on_answer(id, answer, Instant::now())
    })
}

/// Looks at the deadlines until the reader has ended, and ends it when nobody needs it.
async fn watch(shared: Arc<SharedState>, input: mpsc::Sender<Vec<u8>>, idle_timeout: Duration) {
    loop {
        tokio::time::sleep(TICK).await;
        let now = Instant::now();
        let overdue = {
            let mut waiting = shared.waiting();
            if waiting.closed().is_some() {
                return;
            }
            if waiting.close_if_idle(idle_timeout, now) {
                Overdue::End("")
            } else {
                waiting.on_time(now)
            }
        };
        match overdue {
            Overdue::Nothing => (),
            Overdue::Ping => {
                let id = shared.waiting().add_ping(now);
                // If there is no room, the ping is late, as it should be.
                drop(input.try_send(line(&RequestFrame { id, request: ReaderRequest::Ping })));
            }
            Overdue::End(reason) => return shared.end(reason),
        }
    }
}

/// Reads stderr to its end and returns its tail.
async fn read_tail(mut stderr: ChildStderr, project: ProjectName) -> String {
    let mut tail = Tail::new(STDERR_BYTES);
    let mut buffer = vec![0; 4096];
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        let piece = buffer.get(..length).unwrap_or_default();
        log::debug!("reader project={project} says={:?}", String::from_utf8_lossy(piece));
        tail.push(piece);
    }
    tail.into_text()
}
