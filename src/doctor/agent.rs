//! Checks of the agent: program, account, sandbox, and a trial start.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, Context, Handler};
use tokio::{sync::mpsc, time::timeout};
use uuid::Uuid;

use crate::{
    agent::{
        AccountOwner, AgentExited, AgentKind, AgentOutput, AgentSession, Agents, Flow,
        NO_CONVERSATION, PERSONAL_LOGIN, StartAgent,
        event::AgentEvent,
        sandbox::self_test::{SelfTest, Verdict},
    },
    config::settings::{
        AgentSettings, Sandbox, Settings,
        agents::{AgentConfig, AgentName},
    },
    model::look::ServiceCheck,
    project::Project,
    reader::Readers,
    tools::ProjectTools as _,
};

use super::{Check, home_relative};

/// Time for the agent to end after its trial start.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Passes on the agent's handshake and its exit.
struct Listener(mpsc::UnboundedSender<AgentSignal>);

enum AgentSignal {
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
            // An error means that the wait has timed out.
            self.0.send(AgentSignal::Ready).ok();
        }
        Flow::Continue
    }
}

impl Handler<AgentExited> for Listener {
    type Result = ();

    fn handle(&mut self, exited: AgentExited, _: &mut Self::Context) {
        self.0.send(AgentSignal::Exited(exited.exit.words())).ok();
    }
}

/// All checks of the agent.
pub(super) async fn checks(agents: &Agents, settings: &Arc<Settings>) -> Vec<Check> {
    let test = agents.test_sandbox(&settings.live.projects).await;
    let mut checks = Vec::new();
    if let Some(project) = settings.live.projects.first() {
        checks.push(reader(Readers::new(agents.clone(), Arc::clone(settings)), project).await);
    }
    match agents.kind() {
        Err(error) => checks.push(Check::fail("agent", error.to_string())),
        Ok(kind) => {
            if let Some(project) = settings.live.projects.first() {
                checks.push(program(agents, project).await);
                checks.push(start(agents, project, settings.agent.start_timeout, None).await);
            }
            if kind == AgentKind::Claude {
                checks.push(account(agents, &settings.agent));
            }
        }
    }
    if let Some(project) = settings.live.projects.first() {
        checks.extend(named(agents, settings, project).await);
    }
    checks.extend(sandbox(&test, settings.agent.sandbox));
    checks
}

/// The agents that the configuration names: each is looked at or tried.
async fn named(agents: &Agents, settings: &Settings, project: &Project) -> Vec<Check> {
    let mut checks = Vec::new();
    for agent in &settings.agent.named {
        match &agent.config {
            AgentConfig::Model(config) => {
                let found = agents.check_service(project, &agent.name).await;
                let model = config.model.as_deref().unwrap_or("its model");
                checks.push(service(&agent.name, model, found));
            }
            AgentConfig::Acp(_) | AgentConfig::Replay(_) => {
                let limit = settings.agent.start_timeout;
                checks.push(start(agents, project, limit, Some(agent.name.clone())).await);
            }
            AgentConfig::Claude(_) | AgentConfig::Guide(_) => (),
        }
    }
    checks
}

/// What was found at the service of a model.
fn service(name: &AgentName, model: &str, found: Result<ServiceCheck, String>) -> Check {
    const ABOUT: &str = "model";
    let found = match found {
        Ok(ServiceCheck { problem: Some(words), .. }) | Err(words) => {
            return Check::fail(ABOUT, format!("`{name}`: {words}"));
        }
        Ok(found) => found,
    };
    let context = match found.context {
        Some(tokens) => format!("a context of {tokens} tokens"),
        None => "a context of unknown size (set `context`)".to_owned(),
    };
    let tools = match found.has_tools {
        Some(true) => "with tools",
        Some(false) => "without tools: it gets passages that a search finds",
        None => "tools unknown",
    };
    let text = format!("`{name}`: {model}, {context}, {tools}");
    match (found.is_listed, found.has_tools) {
        (Some(false), _) => Check::fail(
            ABOUT,
            format!(
                "`{name}`: the service does not list {model:?}; correct `model`, or load it there"
            ),
        ),
        (_, Some(false)) => Check::warn(ABOUT, text),
        _ => Check::ok(ABOUT, text),
    }
}

/// Starts the reader of a project, which reads its files for the server and the agents.
async fn reader(readers: Readers, project: &Project) -> Check {
    const ABOUT: &str = "reader";
    let began = Instant::now();
    match readers.specification(project.clone()).await {
        Ok(_) => {
            let took = began.elapsed().as_millis();
            Check::ok(ABOUT, format!("a project's reader answered after {took} ms"))
        }
        Err(words) => Check::fail(ABOUT, words),
    }
}

async fn program(agents: &Agents, project: &Project) -> Check {
    match agents.version(project).await {
        Ok(None) => match agents.choice(Some(&project.name), None) {
            Err(error) => Check::fail("agent", error.to_string()),
            Ok(chosen) if chosen.kind != AgentKind::Guide => {
                Check::ok("agent", format!("`{}`, of kind `{}`, answers", chosen.name, chosen.kind))
            }
            Ok(chosen) => match chosen.no_model {
                None => Check::ok("agent", "the built-in guide answers, without a model"),
                Some(reason) => Check::warn(
                    "agent",
                    format!("the built-in guide answers, without a model: {reason}"),
                ),
            },
        },
        Ok(Some((program, version))) => {
            Check::ok("agent", format!("{}, {version}", home_relative(&program)))
        }
        Err(words) => Check::fail("agent", format!("cannot read its version: {words}")),
    }
}

/// Starts an agent, waits for the handshake and stops it.
async fn start(
    agents: &Agents,
    project: &Project,
    limit: Duration,
    agent: Option<AgentName>,
) -> Check {
    const ABOUT: &str = "start";
    let named = agent.as_ref().map(|name| format!("`{name}`: ")).unwrap_or_default();
    let (sender, mut signals) = mpsc::unbounded_channel();
    let listener = Listener(sender).start();
    let start = StartAgent {
        conversation: NO_CONVERSATION,
        epoch: 0,
        project: project.clone(),
        session: AgentSession::New(Uuid::new_v4()),
        agent,
        tools: None,
        trace_context: None,
    };
    let began = Instant::now();
    let handle = match agents.start(start, listener.clone().recipient(), listener.recipient()) {
        Ok(handle) => handle,
        Err(error) => return Check::fail(ABOUT, error.to_string()),
    };
    let first = timeout(limit, signals.recv()).await;
    let took = began.elapsed().as_millis();
    handle.stop();
    match first {
        Ok(Some(AgentSignal::Ready)) => {
            // Its files are removed at its end.
            timeout(END_TIMEOUT, signals.recv()).await.ok();
            Check::ok(ABOUT, format!("{named}an agent answered the handshake after {took} ms"))
        }
        Ok(Some(AgentSignal::Exited(words))) => Check::fail(ABOUT, named + &words),
        Ok(None) | Err(_) => Check::fail(
            ABOUT,
            format!(
                "{named}an agent did not answer the handshake in {limit:?}; if this machine is slow, raise \
                 `advanced.agent.start_timeout`"
            ),
        ),
    }
}

fn account(agents: &Agents, settings: &AgentSettings) -> Check {
    const ABOUT: &str = "account";
    let account = agents.account();
    let dir = account.dir.as_deref().map_or_else(|| "no directory".to_owned(), home_relative);
    let text = match (account.variable, account.owner) {
        (Some(variable), _) => format!("from {variable}; state in {dir}"),
        (None, AccountOwner::Person | AccountOwner::Operator) => format!("the login in {dir}"),
        (None, AccountOwner::Nobody) => {
            return Check::warn(
                ABOUT,
                format!(
                    "no login in {dir} and no key in the environment: run `claude` once to log in, \
                     or set ANTHROPIC_API_KEY"
                ),
            );
        }
    };
    if account.owner != AccountOwner::Person || !settings.serves_others {
        return Check::ok(ABOUT, text);
    }
    match settings.share_login {
        true => Check::warn(
            ABOUT,
            format!(
                "{text}; a personal account that answers others too, which \
             the terms of the service may forbid"
            ),
        ),
        false => Check::fail(ABOUT, format!("{text}; {PERSONAL_LOGIN}")),
    }
}

fn sandbox(test: &SelfTest, mode: Sandbox) -> Vec<Check> {
    let mut checks = vec![sandbox_check("sandbox".to_owned(), test.verdict, &test.words(), mode)];
    if let Some(words) = &test.models_refused {
        let text = format!("no agent with a model may start: {words}");
        checks.push(Check::warn("sandbox", text));
    }
    let notes = test.missing.iter().filter(|_| test.verdict == Verdict::Proved);
    checks.extend(notes.map(|note| Check::warn("sandbox", note.clone())));
    let other = test.projects.iter().filter(|own| own.verdict != test.verdict);
    checks.extend(other.map(|own| {
        let about = format!("project {}", own.project);
        sandbox_check(about, own.verdict, &own.words(), mode)
    }));
    checks
}

fn sandbox_check(about: String, verdict: Verdict, words: &str, mode: Sandbox) -> Check {
    let text = format!("{about} {}, {words}", verdict.as_str());
    let text = text.strip_prefix("sandbox ").unwrap_or(&text).to_owned();
    match (verdict, mode) {
        (Verdict::Proved, _) => Check::ok("sandbox", text),
        (_, Sandbox::Required) => Check::fail(
            "sandbox",
            format!(
                "{text}. No agent starts: fix this, or start agents regardless with --sandbox \
                 best-effort"
            ),
        ),
        (Verdict::Off | Verdict::Partly | Verdict::Failed, _) => Check::warn("sandbox", text),
    }
}
