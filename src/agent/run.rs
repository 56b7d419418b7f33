//! One run of an agent: prepared, started, read, ended and reported.

mod pipes;
mod tool_calls;

use std::{
    process::ExitStatus,
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix::Recipient;
use futures_util::future::OptionFuture;
use tokio::sync::{mpsc, watch};

use super::{
    AgentKind, Agents, NO_CONVERSATION,
    choice::AgentProgram,
    codec::{
        self, AgentCodec, AgentLines, Codec, CodecSettings,
        acp::{AcpCodec, AcpSettings, UsageScope},
    },
    directories::Directories,
    instructions::Instructions,
    invocation::{Invocation, LaunchRequest, check_dirs},
    messages::{AgentExit, AgentExited, AgentOutput},
    process::{
        control::ProcessControl, disk_quota, limit_message, spawner::SpawnedProcess,
        stop_sequence::StopSequence,
    },
    prompt::Specification,
    record::{self, LineRecorder, SecretPlaces},
};
use crate::{
    config::settings::agents::AgentName,
    ids::ConversationId,
    policy::Policy,
    project::{Project, identity::RootsIdentity},
    recording::{FORMAT_VERSION, Head, Protocol},
    tools::{Caller, ProjectTools},
};
use pipes::{OutputEnd, OutputReader};
use tool_calls::ToolCalls;

/// Lines that may wait to be written to an agent.
pub(super) const INPUT_LINES: usize = 64;

/// How long the pipes of a reaped agent are still read: a process outside the group may hold them.
const LINGER: Duration = Duration::from_secs(1);

/// The reason of an exit before the start.
const STOPPED_EARLY: &str = "The agent was stopped before it had started.";

/// An agent that is to run, and the ends of its channels.
pub(super) struct AgentRun {
    pub agents: Agents,
    /// As configured; the one of the request has its links resolved.
    pub project: Project,
    pub request: LaunchRequest,
    pub conversation: ConversationId,
    pub epoch: u64,
    pub name: AgentName,
    pub kind: AgentKind,
    /// Where it is noted in which directories the agent was started.
    pub started_in: Arc<OnceLock<RootsIdentity>>,
    pub control: Arc<ProcessControl>,
    /// Builds the lines for `input`.
    pub dialect: AgentLines,
    pub input: mpsc::Sender<String>,
    /// The other end of `input`.
    pub lines: mpsc::Receiver<String>,
    pub output: Recipient<AgentOutput>,
    pub tools: Option<Arc<dyn ProjectTools>>,
    /// The value of `TRACEPARENT` in its environment.
    pub trace_context: Option<String>,
}

/// Runs the agent to its end and reports the exit.
pub(super) async fn run(run: AgentRun, exited: Recipient<AgentExited>) {
    let (conversation, epoch, kind) = (run.conversation, run.epoch, run.kind);
    let leftovers = Directories::new(&run.agents.inner.data_dir).of_start(run.request.id);
    let exit = prepare_and_execute(run).await.unwrap_or_else(|reason| AgentExit {
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

/// The error says, for a person, why the agent did not start.
async fn prepare_and_execute(mut run: AgentRun) -> Result<AgentExit, String> {
    let mut stop = run.control.stop.subscribe();
    let place = unless_stopped(&mut stop, resolved(&run.project)).await?;
    // A project that is yet to come says so better than its directory.
    let absence = || run.agents.absences().of(&run.project);
    let place = place.map_err(|words| absence().unwrap_or(words))?;
    run.request.project.roots = place.roots.clone();
    run.started_in.set(place).ok();
    let (project, name) = (&run.request.project, &run.name);
    unless_stopped(&mut stop, run.agents.may_start(project, name, run.kind)).await??;
    // Two agents of one conversation, as after a session's failure, would share its transcript.
    let _lock = unless_stopped(&mut stop, run.agents.lock_conversation(&run.request)).await?;
    let (agents, request) = (run.agents.clone(), run.request.clone());
    // A task of its own: it removes its files even when nobody waits for it any more.
    let knows = actix::spawn(async move { agents.knows_restricted(&request).await });
    let prepared = async { tokio::join!(knows, specification(&run), instructions(&run)) };
    let (knows, specification, instructions) = unless_stopped(&mut stop, prepared).await?;
    run.request.is_restricted = knows.unwrap_or_default();
    run.request.specification = specification;
    run.request.instructions = instructions?;
    let request = run.request.clone();
    let prepared = tokio::task::spawn_blocking(|| request.prepare()).await;
    let mut invocation =
        prepared.map_err(|error| format!("The agent could not be prepared: {error}."))??;
    let trace = run.trace_context.take().map(|context| ("TRACEPARENT".into(), context.into()));
    invocation.environment.extend(trace);
    let is_stopped = *stop.borrow();
    let is_lost = invocation.acp.as_ref().is_some_and(|acp| acp.is_lost);
    let exit = match is_stopped {
        true => Err(STOPPED_EARLY.to_owned()),
        false if is_lost => Ok(AgentExit::session_lost(run.kind)),
        false => execute(run, &mut invocation).await,
    };
    let closed = tokio::task::spawn_blocking(move || invocation.close()).await;
    closed.map_err(|error| format!("The agent's home could not be closed: {error}."))?;
    exit
}

/// The project's directories as they are now, by which the agent will name its files.
async fn resolved(project: &Project) -> Result<RootsIdentity, String> {
    let project = project.clone();
    let resolved = tokio::task::spawn_blocking(move || {
        check_dirs(&project)?;
        RootsIdentity::of(&project).map_err(|(_, error)| error.to_string())
    });
    resolved.await.map_err(|error| error.to_string())?
}

/// What an agent with a model is told of the project's specification.
async fn specification(run: &AgentRun) -> Specification {
    let Some(tools) = run.tools.as_ref().filter(|_| run.kind.has_model()) else {
        return Specification::None;
    };
    match tools.specification(run.project.clone()).await {
        Ok(Some(text)) => Specification::Text(text),
        Ok(None) => Specification::None,
        Err(why) => {
            log::warn!("an agent starts without the project's specification reason={why:?}");
            Specification::Unread
        }
    }
}

/// What an agent with a model is told besides our own words. The error is for a person.
async fn instructions(run: &AgentRun) -> Result<Instructions, String> {
    match run.kind.has_model() {
        true => run.agents.told_instructions(&run.project, run.tools.as_deref()).await,
        false => Ok(Instructions::default()),
    }
}

/// Waits for `step`, but not beyond the moment when the agent is told to stop.
async fn unless_stopped<T>(
    stop: &mut watch::Receiver<bool>,
    step: impl Future<Output = T>,
) -> Result<T, String> {
    tokio::select! {
        done = step => Ok(done),
        _ = stop.wait_for(|is_stopped| *is_stopped) => Err(STOPPED_EARLY.to_owned()),
    }
}

/// Starts the process, follows it to its end and tells how it ended.
async fn execute(run: AgentRun, invocation: &mut Invocation) -> Result<AgentExit, String> {
    let policy = policy(&run.request, invocation);
    let SpawnedProcess { mut child, leader, stdin, stdout, stderr } =
        spawn(&run, invocation).await?;
    let (reaped, was_reaped) = watch::channel(false);
    let (close_input, closing) = watch::channel(false);
    let (output_end, mut output_ended) = watch::channel(false);
    let quota = run.request.disk_quota();
    let caller = match run.kind {
        AgentKind::Guide | AgentKind::Replay => Caller::Guide,
        AgentKind::Claude | AgentKind::Acp => Caller::Claude,
        AgentKind::Model => Caller::Model,
    };
    let recorder = recorder(&run, invocation);
    let acp_settings = acp_settings(&run, invocation);
    let (project, input) = (run.project.clone(), run.input.clone());
    let tool_calls = ToolCalls::new(policy, project, caller, run.tools.clone(), input);
    let AgentRun {
        agents, conversation, epoch, kind, control, dialect, input, lines, output, ..
    } = run;

    actix::spawn(pipes::write(stdin, lines, closing, recorder.clone()));
    let stderr = actix::spawn(pipes::read_stderr(stderr, conversation, was_reaped.clone()));
    let login = invocation.lent.take().map(|it| actix::spawn(it.watched(was_reaped.clone())));
    let (own, killed) = (invocation.own_directories(), Arc::clone(&control));
    let disk = disk_quota::watch(own, quota, was_reaped.clone(), move || killed.kill());
    let disk = actix::spawn(disk);
    let limits = &agents.inner.limits;
    let (tool_result_bytes, line_bytes) = (limits.tool_result_bytes, limits.agent_line_bytes);
    let allowed_tools = invocation.allowed_tools.take();
    let codec_settings = CodecSettings { caller, tool_result_bytes, allowed_tools };
    let session_file = invocation.acp.as_ref().and_then(|acp| acp.session_file.clone());
    let codec = match (&dialect, acp_settings) {
        (AgentLines::Acp(lines), Some(settings)) => {
            AgentCodec::Acp(Box::new(AcpCodec::new(settings, Arc::clone(lines))))
        }
        _ => AgentCodec::StreamJson(Box::new(Codec::new(codec_settings))),
    };
    let reader = OutputReader {
        conversation,
        epoch,
        codec,
        session_file,
        control: Arc::clone(&control),
        input: input.clone(),
        tool_calls,
        output,
        recorder: recorder.clone(),
        reaped: was_reaped,
    };
    let reader = actix::spawn(async move {
        let end = reader.read(stdout, line_bytes).await;
        output_end.send_replace(true);
        end
    });

    let step = agents.inner.settings.stop_timeout;
    let sequence = StopSequence { control: &control, dialect, input, close_input, step };
    let status = sequence.run(&mut child, &mut output_ended).await;
    control.reaped();
    agents.inner.spawner.forget(leader);
    reaped.send_replace(true);
    if let Some(Err(error)) = OptionFuture::from(login).await {
        log::error!("the task that renews an agent's login failed error={error}");
    }
    let end = reader.await.unwrap_or_else(|error| OutputEnd {
        session_lost: false,
        reason: Some(format!("The agent's output could not be read: {error}.")),
    });
    let stderr_tail = stderr.await.unwrap_or_default();
    let over_quota = disk.await.unwrap_or_default();
    let exit = exit(kind, status.ok(), end, stderr_tail, over_quota);
    recorder.note(&exit.words());
    Ok(exit)
}

/// Keeps what is said, where that is configured. An agent that is only tried is not recorded.
fn recorder(run: &AgentRun, invocation: &Invocation) -> LineRecorder {
    let inner = &run.agents.inner;
    let of_conversation = inner.recordings.as_ref().filter(|_| run.conversation != NO_CONVERSATION);
    let Some(recordings) = of_conversation else { return LineRecorder::default() };
    let usage = invocation.acp.as_ref().map(|acp| acp.settings.usage);
    let head = Head {
        cicerone_recording: FORMAT_VERSION,
        protocol: match run.dialect {
            AgentLines::StreamJson => Protocol::StreamJson,
            AgentLines::Acp(_) => Protocol::Acp,
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        agent: run.name.to_string(),
        kind: run.kind.to_string(),
        project: run.project.name.to_string(),
        started: record::now(),
        counts_session: usage == Some(UsageScope::Session),
    };
    let environment = [&*invocation.environment, &inner.server.environment].concat();
    let files = inner.live.get().agents.kept_from.clone();
    recordings.start(head, SecretPlaces { environment, files })
}

/// How an agent of the Agent Client Protocol is spoken to.
fn acp_settings(run: &AgentRun, invocation: &Invocation) -> Option<AcpSettings> {
    match (&invocation.acp, &run.request.program) {
        (Some(acp), _) => Some(acp.settings.clone()),
        (None, AgentProgram::Replay(replay)) => {
            let bytes = run.agents.inner.limits.tool_result_bytes;
            Some(replay.acp_settings(run.request.session.id(), bytes))
        }
        (None, _) => None,
    }
}

/// Why and how the agent ended; what stopped it comes before what it said itself.
fn exit(
    kind: AgentKind,
    status: Option<ExitStatus>,
    end: OutputEnd,
    stderr_tail: String,
    over_quota: Option<String>,
) -> AgentExit {
    let code = status.as_ref().and_then(ExitStatus::code);
    let over_limit = limit_message(code, &stderr_tail).map(str::to_owned);
    AgentExit {
        kind,
        session_lost: end.session_lost || stderr_tail.contains(codec::SESSION_LOST),
        status,
        stderr_tail,
        reason: end.reason.or(over_limit).or(over_quota),
    }
}

/// Decides on the agent's tool calls.
fn policy(request: &LaunchRequest, invocation: &Invocation) -> Policy {
    let mut policy = Policy::new(request.project.roots.clone(), request.secrets.clone());
    if !request.inner.live.get().agents.has_web(&request.project.name) {
        policy = policy.without_web();
    }
    if let Some(results) = &invocation.results {
        policy = policy.with_results(results.clone());
    }
    #[cfg(feature = "faults")]
    if request.is_unlocked("calls") {
        policy = policy.unlocked();
    }
    policy
}

async fn spawn(run: &AgentRun, invocation: &Invocation) -> Result<SpawnedProcess, String> {
    let (conversation, epoch, request) = (run.conversation, run.epoch, &run.request);
    if let Some(note) = &invocation.note {
        log::warn!("agent confined less than possible conversation={conversation} note={note:?}");
    }
    let command = invocation.command(&request.cicerone)?;
    let spawned = run.agents.inner.spawner.spawn_piped(command).await;
    let spawned = spawned.map_err(|error| format!("The agent did not start: {error}."))?;
    let leader = spawned.leader;
    run.control.started(leader);
    let pid = leader.as_raw_nonzero();
    log::info!("agent started conversation={conversation} epoch={epoch} pid={pid}");
    Ok(spawned)
}
