//! Checks of the agent: its program, its account, its sandbox, and whether it starts at all.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, Context, Handler};
use tokio::{sync::mpsc, time::timeout};
use uuid::Uuid;

use crate::{
    agent::{
        AgentExited, AgentKind, AgentOutput, AgentSession, Agents, Flow, NO_CONVERSATION,
        StartAgent,
        event::AgentEvent,
        sandbox::self_test::{SelfTest, Verdict},
    },
    config::settings::{Sandbox, Settings},
    project::Project,
};

use super::{Check, home_relative};

/// Time for an agent to end after it has shown that it starts.
const END: Duration = Duration::from_secs(5);

/// Hears the first word of an agent, and its last.
struct Listener(mpsc::UnboundedSender<Heard>);

enum Heard {
    Ready,
    Exited(String),
}

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<AgentOutput> for Listener {
    type Result = Flow;

    fn handle(&mut self, output: AgentOutput, _: &mut Self::Context) -> Flow {
        if output.events.iter().any(|event| matches!(event, AgentEvent::Ready)) {
            // Nobody waits any more once it was too late.
            self.0.send(Heard::Ready).ok();
        }
        Flow::Continue
    }
}

impl Handler<AgentExited> for Listener {
    type Result = ();

    fn handle(&mut self, exited: AgentExited, _: &mut Self::Context) {
        self.0.send(Heard::Exited(exited.exit.words())).ok();
    }
}

/// All checks of the agent.
pub(super) async fn checks(agents: &Agents, settings: &Arc<Settings>) -> Vec<Check> {
    let proof = agents.test_sandbox(&settings.projects).await;
    let mut checks = Vec::new();
    match agents.kind() {
        Err(error) => checks.push(Check::fail("agent", error.to_string())),
        Ok(kind) => {
            if let Some(project) = settings.projects.first() {
                checks.push(program(agents, project).await);
                checks.push(start(agents, project, settings.agent.start_timeout).await);
            }
            if kind == AgentKind::Claude {
                checks.push(account(agents));
            }
        }
    }
    checks.extend(sandbox(&proof, settings.agent.sandbox));
    checks
}

async fn program(agents: &Agents, project: &Project) -> Check {
    match agents.version(project).await {
        Ok(None) => Check::ok(
            "agent",
            "the built-in guide answers, without a model. To connect one, install Claude Code: \
             npm install -g @anthropic-ai/claude-code",
        ),
        Ok(Some((program, version))) => {
            Check::ok("agent", format!("{}, {version}", home_relative(&program)))
        }
        Err(words) => Check::fail("agent", format!("it does not tell its version: {words}")),
    }
}

/// Starts an agent, waits for its first word and ends it.
async fn start(agents: &Agents, project: &Project, limit: Duration) -> Check {
    const ABOUT: &str = "start";
    let (sender, mut heard) = mpsc::unbounded_channel();
    let listener = Listener(sender).start();
    let start = StartAgent {
        conversation: NO_CONVERSATION,
        epoch: 0,
        project: project.clone(),
        session: AgentSession::New(Uuid::new_v4()),
    };
    let began = Instant::now();
    let handle = match agents.start(start, listener.clone().recipient(), listener.recipient()) {
        Ok(handle) => handle,
        Err(error) => return Check::fail(ABOUT, error.to_string()),
    };
    let first = timeout(limit, heard.recv()).await;
    let took = began.elapsed().as_millis();
    handle.stop();
    match first {
        Ok(Some(Heard::Ready)) => {
            // Its files go with it.
            timeout(END, heard.recv()).await.ok();
            Check::ok(ABOUT, format!("an agent answers the handshake, after {took} ms"))
        }
        Ok(Some(Heard::Exited(words))) => Check::fail(ABOUT, words),
        Ok(None) | Err(_) => Check::fail(
            ABOUT,
            format!(
                "an agent did not answer the handshake in {limit:?}; if this machine is slow, raise \
                 `advanced.agent.start_timeout`"
            ),
        ),
    }
}

fn account(agents: &Agents) -> Check {
    const ABOUT: &str = "account";
    let account = agents.account();
    let dir = account.dir.as_deref().map_or_else(|| "no directory".to_owned(), home_relative);
    match (account.variable, account.is_there) {
        (Some(variable), _) => Check::ok(ABOUT, format!("from {variable}; state in {dir}")),
        (None, true) => Check::ok(ABOUT, format!("the login in {dir}")),
        (None, false) => Check::warn(
            ABOUT,
            format!(
                "there is no login in {dir} and no key in the environment: run `claude` once to \
                 log in, or set ANTHROPIC_API_KEY"
            ),
        ),
    }
}

fn sandbox(proof: &SelfTest, mode: Sandbox) -> Vec<Check> {
    let mut checks = vec![judged("sandbox".to_owned(), proof.verdict, &proof.words(), mode)];
    let notes = proof.missing.iter().filter(|_| proof.verdict == Verdict::Proved);
    checks.extend(notes.map(|note| Check::warn("sandbox", note.clone())));
    let other = proof.projects.iter().filter(|own| own.verdict != proof.verdict);
    checks.extend(other.map(|own| {
        let about = format!("project {}", own.project);
        judged(about, own.verdict, &own.words(), mode)
    }));
    checks
}

fn judged(about: String, verdict: Verdict, words: &str, mode: Sandbox) -> Check {
    let told = format!("{about} {}, {words}", verdict.as_str());
    let told = told.strip_prefix("sandbox ").unwrap_or(&told).to_owned();
    match (verdict, mode) {
        (Verdict::Proved, _) => Check::ok("sandbox", told),
        (_, Sandbox::Required) => Check::fail(
            "sandbox",
            format!(
                "{told}. No agent starts: mend that, or start agents regardless with --sandbox \
                 best-effort"
            ),
        ),
        (Verdict::Off | Verdict::Partly | Verdict::Failed, _) => Check::warn("sandbox", told),
    }
}
