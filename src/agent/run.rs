//! The life of one agent's process: started by the launcher, read, written to, ended step by
//! step, reaped, and told of. What its lines mean is the codec's matter.

mod pipes;

use std::{
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::Arc,
    time::Duration,
};

use actix::Recipient;
use rustix::process::Pid;
use tokio::sync::{mpsc, watch};

use super::{
    AgentKind, Agents,
    codec::{self, Codec, CodecSettings},
    directories::Directories,
    invocation::{Invocation, LaunchRequest},
    messages::{AgentExit, AgentExited, AgentOutput},
    process::{
        control::ProcessControl,
        disk_quota::{self, DiskQuota},
        limit_message,
        spawner::Spawner,
        stop_sequence::StopSequence,
    },
};
use crate::{ids::ConversationId, policy::Policy, project::Project};
use pipes::{OutputEnd, OutputReader};

/// Lines that may wait to be written to an agent.
pub(super) const INPUT_LINES: usize = 64;

/// How long the pipes of a reaped agent are read on: a process that left the group may hold them.
const LINGER: Duration = Duration::from_secs(1);

/// Why an agent did not start that was to end before it could.
const NOT_WANTED: &str = "The agent was to end before it had started.";

/// Everything that running an agent needs.
pub(super) struct AgentRun {
    pub conversation: ConversationId,
    pub epoch: u64,
    pub kind: AgentKind,
    /// Put into place before the start, where blocking is allowed. Its error is the reason told.
    pub request: LaunchRequest,
    /// Say whether one may start.
    pub agents: Agents,
    /// Removed at the end: a file and a directory.
    pub leftovers: [PathBuf; 2],
    pub tool_result_bytes: usize,
    pub line_bytes: usize,
    pub stop_timeout: Duration,
    /// What it may keep on disk.
    pub disk: DiskQuota,
    pub spawner: Spawner,
    pub control: Arc<ProcessControl>,
    pub input: mpsc::Sender<String>,
    pub lines: mpsc::Receiver<String>,
    pub output: Recipient<AgentOutput>,
}

/// Runs the agent to its end and tells of it.
pub(super) async fn run(run: AgentRun, exited: Recipient<AgentExited>) {
    let (conversation, epoch, kind) = (run.conversation, run.epoch, run.kind);
    let leftovers = run.leftovers.clone();
    let exit = live(run).await.unwrap_or_else(|reason| AgentExit {
        kind,
        status: None,
        stderr_tail: String::new(),
        session_lost: false,
        reason: Some(reason),
    });
    log::info!(
        "agent exited conversation={conversation} epoch={epoch} status={:?} reason={:?}",
        exit.status,
        exit.reason
    );
    Directories::remove(leftovers).await;
    let fact = AgentExited { conversation, epoch, exit };
    if exited.send(fact).await.is_err() {
        log::debug!("nobody waits for the agent's exit conversation={conversation}");
    }
}

/// The process from its start to its end; the error says why it did not start.
async fn live(run: AgentRun) -> Result<AgentExit, String> {
    let (cicerone, project) = (run.request.cicerone.clone(), run.request.project.clone());
    let mut stop = run.control.stop.subscribe();
    tokio::select! {
        allowed = run.agents.may_start(&project) => allowed?,
        _ = stop.wait_for(|asked| *asked) => return Err(NOT_WANTED.to_owned()),
    }
    // Two agents of one conversation, as after a session's failure, would share what is kept of it.
    let lock = run.agents.lock_conversation(&run.request);
    let _lock = tokio::select! {
        lock = lock => lock,
        _ = stop.wait_for(|asked| *asked) => return Err(NOT_WANTED.to_owned()),
    };
    let mut run = run;
    let (agents, request) = (run.agents.clone(), run.request.clone());
    // It goes on by itself where nobody waits any more: its files go with its end.
    let knows = actix::spawn(async move { agents.knows_restricted(&request).await });
    run.request.is_restricted = tokio::select! {
        knows = knows => knows.unwrap_or_default(),
        _ = stop.wait_for(|asked| *asked) => return Err(NOT_WANTED.to_owned()),
    };
    let mut policy = Policy::new(project.dir.clone(), run.request.secrets.clone());
    if !run.request.inner.settings.has_web(&project.name) {
        policy = policy.without_web();
    }
    #[cfg(feature = "faults")]
    if run.request.is_unlocked("calls") {
        policy = policy.unlocked();
    }
    let request = run.request.clone();
    let prepared = tokio::task::spawn_blocking(|| request.prepare()).await;
    let mut invocation =
        prepared.map_err(|error| format!("The agent could not be prepared: {error}."))??;
    let is_unwanted = *stop.borrow();
    let lived = match is_unwanted {
        true => Err(NOT_WANTED.to_owned()),
        false => run_in(run, &mut invocation, policy, &cicerone, &project).await,
    };
    let closed = tokio::task::spawn_blocking(move || invocation.close()).await;
    closed.map_err(|error| format!("The agent's home could not be closed: {error}."))?;
    lived
}

/// The process in what was prepared for it.
async fn run_in(
    run: AgentRun,
    invocation: &mut Invocation,
    mut policy: Policy,
    cicerone: &Path,
    project: &Project,
) -> Result<AgentExit, String> {
    if let Some(note) = &invocation.note {
        log::warn!(
            "agent not confined as well as could be conversation={} missing={note:?}",
            run.conversation
        );
    }
    if let Some(results) = &invocation.results {
        policy = policy.with_results(results.clone());
    }
    let control = run.control;
    let mut child = run
        .spawner
        .spawn(invocation.command(cicerone, &project.dir)?)
        .await
        .map_err(|error| format!("The agent did not start: {error}."))?;
    let leader = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(leader), (Some(stdin), Some(stdout), Some(stderr))) = (leader, pipes) else {
        return Err("The agent did not start: it has no pipes.".to_owned());
    };
    control.started(leader);
    log::info!(
        "agent started conversation={} epoch={} pid={}",
        run.conversation,
        run.epoch,
        leader.as_raw_nonzero()
    );

    let (close_input, closing) = watch::channel(false);
    let (reaped, was_reaped) = watch::channel(false);
    let login = invocation.lent.take().map(|lent| lent.watched(was_reaped.clone()));
    let login = login.map(actix::spawn);
    let (ended, mut has_ended) = watch::channel(false);
    actix::spawn(pipes::write(stdin, run.lines, closing));
    let stderr = actix::spawn(pipes::read_stderr(stderr, run.conversation, was_reaped.clone()));
    let home = invocation.home.as_ref().map(|home| home.dir().to_owned());
    let own = home.into_iter().chain([invocation.temporary.clone()]).collect();
    let killed = Arc::clone(&control);
    let disk = disk_quota::watch(own, run.disk, was_reaped.clone(), move || killed.kill());
    let disk = actix::spawn(disk);
    let reader = OutputReader {
        conversation: run.conversation,
        epoch: run.epoch,
        codec: Codec::new(CodecSettings {
            tool_result_bytes: run.tool_result_bytes,
            allowed_tools: invocation.allowed_tools.take(),
        }),
        policy: Arc::new(policy),
        control: Arc::clone(&control),
        input: run.input.clone(),
        output: run.output,
        reaped: was_reaped,
    };
    let reader = actix::spawn(async move {
        let end = reader.read(stdout, run.line_bytes).await;
        ended.send_replace(true);
        end
    });

    let sequence =
        StopSequence { control: &control, input: run.input, close_input, step: run.stop_timeout };
    let status = sequence.run(&mut child, &mut has_ended).await;
    control.reaped();
    run.spawner.forget(leader);
    reaped.send_replace(true);
    let end = reader.await.unwrap_or_else(|error| OutputEnd {
        session_lost: false,
        reason: Some(format!("The agent's output could not be read: {error}.")),
    });
    let stderr_tail = stderr.await.unwrap_or_default();
    let code = status.as_ref().ok().and_then(ExitStatus::code);
    let took_too_much = limit_message(code, &stderr_tail).map(str::to_owned);
    if let Some(login) = login
        && let Err(error) = login.await
    {
        log::error!("a login was not looked after error={error}");
    }
    Ok(AgentExit {
        kind: run.kind,
        session_lost: end.session_lost || stderr_tail.contains(codec::SESSION_LOST),
        status: status.ok(),
        stderr_tail,
        reason: end.reason.or(took_too_much).or(disk.await.unwrap_or_default()),
    })
}
