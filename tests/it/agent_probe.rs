//! Runs agents without a server: a probe actor stands where a session would, and keeps what the
//! agent says.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use actix::{Actor, Context, Handler, Recipient};
use cicerone::{
    agent::{
        AgentExit, AgentExited, AgentHandle, AgentOutput, AgentSession, Agents, Flow, Server,
        StartAgent,
        event::{AgentEnd, AgentEvent, AgentResult, Liveness},
    },
    config::{
        self, CommandLine,
        settings::{
            AgentChoice, AgentSettings, Limits, Live, LiveSettings, Sandbox,
            agents::{AgentName, NamedAgent},
        },
    },
    ids::ConversationId,
    project::{Project, ProjectName, Roots},
    reader::Readers,
    tools::ProjectTools,
};
use tokio::{sync::mpsc, time::timeout};
use uuid::Uuid;

use crate::server::scripted_agent;

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_secs(40);

/// What the probe received.
#[derive(Debug)]
pub enum Heard {
    /// An event of the agent.
    Event(AgentEvent),
    /// Its exit.
    Exited(AgentExit),
}

struct Probe(mpsc::UnboundedSender<Heard>);

impl Actor for Probe {
    type Context = Context<Self>;
}

impl Handler<AgentOutput> for Probe {
    type Result = Flow;

    fn handle(&mut self, output: AgentOutput, _: &mut Self::Context) -> Flow {
        let tells_of_life = output.activity.liveness != Liveness::None;
        assert!(!output.events.is_empty() || tells_of_life, "an empty output was sent");
        for event in output.events {
            self.0.send(Heard::Event(event)).ok();
        }
        Flow::Continue
    }
}

impl Handler<AgentExited> for Probe {
    type Result = ();

    fn handle(&mut self, exited: AgentExited, _: &mut Self::Context) {
        self.0.send(Heard::Exited(exited.exit)).ok();
    }
}

/// A project and a data directory, and how agents are run in them.
pub struct Bench {
    pub base: tempfile::TempDir,
    pub settings: AgentSettings,
    pub live: LiveSettings,
    pub limits: Limits,
    /// The server's environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Whether the agents have the tools of the project.
    pub has_tools: bool,
    /// The directories in `base` of a group's projects; empty for the plain project.
    pub group: Vec<&'static str>,
}

/// A running agent and what it said so far.
pub struct Running {
    pub handle: AgentHandle,
    pub session: Uuid,
    heard: mpsc::UnboundedReceiver<Heard>,
}

/// What a turn came to.
#[derive(Debug, Default)]
pub struct Turn {
    /// The answer's text, as a viewer would see it in the end; blocks are joined.
    pub text: String,
    /// Everything that was said, in order.
    pub events: Vec<AgentEvent>,
}

/// Recipients of what nobody looks at.
pub fn nobody() -> (Recipient<AgentOutput>, Recipient<AgentExited>) {
    let probe = Probe(mpsc::unbounded_channel().0).start();
    (probe.clone().recipient(), probe.recipient())
}

impl Bench {
    /// A small project whose agent is `program`.
    pub fn new(program: &Path) -> Self {
        let base = tempfile::tempdir().unwrap();
        let project = base.path().join("project");
        std::fs::create_dir_all(project.join("src")).unwrap();
        std::fs::create_dir(base.path().join("outside")).unwrap();
        std::fs::write(project.join("README.md"), "# Tea shop\nWe sell tea.\n").unwrap();
        std::fs::write(project.join("src/main.rs"), "fn main() {\n    brew();\n}\n").unwrap();
        std::fs::write(project.join(".env"), "TOKEN=hidden-needle\n").unwrap();
        std::fs::write(base.path().join("outside/secret.txt"), "hidden-needle\n").unwrap();
        std::fs::create_dir(base.path().join("home")).unwrap();
        let home = base.path().join("home");
        let path = std::env::var_os("PATH").unwrap();
        Self {
            has_tools: true,
            group: Vec::new(),
            environment: vec![("PATH".into(), path), ("HOME".into(), home.into())],
            base,
            live: LiveSettings::default(),
            settings: AgentSettings {
                default: AgentChoice::Named(AgentName::claude()),
                claude: Some(program.to_owned()),
                model: None,
                share_login: false,
                record: None,
                env: Vec::new(),
                sandbox: Sandbox::BestEffort,
                user: None,
                ports: vec![443],
                readable: Vec::new(),
                secrets: Vec::new(),
                start_timeout: Duration::from_secs(30),
                silence_timeout: Duration::from_secs(120),
                progress_timeout: Duration::from_secs(600),
                stop_timeout: Duration::from_secs(2),
                idle_timeout: Duration::from_secs(600),
                offline_projects: Vec::new(),
                api_retries: 1,
                named: NamedAgent::built_in(),
                serves_others: false,
            },
            limits: Limits {
                message_bytes: 64 << 10,
                frame_bytes: 128 << 10,
                agent_line_bytes: 16 << 20,
                tool_result_bytes: 16 << 10,
                agent_open_files: 4096,
                agent_file_bytes: 1 << 30,
                agent_processes: 2048,
                agent_disk: 1 << 30,
                agent_files: 10_000,
                queued_messages: 8,
                agents: 8,
                agents_per_project: 8,
                agent_memory: usize::MAX,
                history_memory: 1 << 20,
                conversations_per_project: 8,
                connections: 64,
            },
        }
    }

    /// A project whose agent is the scripted one.
    pub fn scripted() -> Self {
        Self::new(scripted_agent())
    }

    /// As [`Bench::scripted`]; the agent starts as `SCRIPTED_AGENT_START` says.
    pub fn that_starts(how: &str) -> Self {
        let mut bench = Self::scripted();
        bench.settings.env.push("SCRIPTED_AGENT_START".to_owned());
        bench.environment.push(("SCRIPTED_AGENT_START".into(), how.into()));
        bench
    }

    /// The project's directory.
    pub fn project(&self) -> PathBuf {
        self.base.path().join("project")
    }

    /// The server's directory.
    pub fn data_dir(&self) -> PathBuf {
        self.base.path().join("data")
    }

    /// Where an agent that lives keeps its state.
    pub fn state_dir(&self) -> PathBuf {
        self.homes().pop().expect("no agent lives").join(".claude")
    }

    /// The homes of agents that live.
    pub fn homes(&self) -> Vec<PathBuf> {
        let homes = std::fs::read_dir(self.data_dir().join("agents/homes/tea-shop"));
        homes.into_iter().flatten().map(|home| home.unwrap().path()).collect()
    }

    /// Transcripts that are kept of agents that have ended.
    pub fn transcripts(&self) -> Vec<PathBuf> {
        let kept = std::fs::read_dir(self.data_dir().join("agents/claude/tea-shop/1"));
        kept.into_iter().flatten().map(|file| file.unwrap().path()).collect()
    }

    /// How agents are started here.
    pub fn agents(&self) -> Agents {
        let server = Server {
            program: Ok(PathBuf::from(env!("CARGO_BIN_EXE_cicerone"))),
            environment: self.environment.clone(),
        };
        self.agents_of(server)
    }

    /// Agents that get this from the server.
    pub fn agents_of(&self, server: Server) -> Agents {
        let live = Live::new(self.live.clone());
        Agents::of(server, &self.settings, live, &self.limits, &self.data_dir())
    }

    /// Starts an agent for a new conversation.
    pub fn start(&self) -> Running {
        self.start_session(&self.agents(), AgentSession::New(Uuid::new_v4()))
    }

    /// Starts an agent for `session` of a conversation.
    pub fn start_in(&self, agents: &Agents, conversation: i64, session: AgentSession) -> Running {
        let (sender, heard) = mpsc::unbounded_channel();
        let probe = Probe(sender).start();
        let (output, exited) = (probe.clone().recipient(), probe.recipient());
        let start = self.ordered(agents, conversation, session);
        let handle = agents.start(start, output, exited).unwrap();
        Running { handle, session: session.id(), heard }
    }

    fn ordered(&self, agents: &Agents, conversation: i64, session: AgentSession) -> StartAgent {
        let name = ProjectName::mend("tea-shop");
        let member = |dir: &&str| (ProjectName::mend(dir), self.base.path().join(dir));
        let project = match Roots::of_group(self.group.iter().map(member)) {
            Some(roots) => Project::of_roots(name, roots),
            None => Project::new(name, self.project()),
        };
        let conversation = ConversationId(conversation);
        let tools = self.has_tools.then(|| self.tools(agents));
        let trace_context = None;
        StartAgent { conversation, epoch: 1, project, session, agent: None, tools, trace_context }
    }

    /// The reader of the project, for its agents.
    pub fn tools(&self, agents: &Agents) -> Arc<dyn ProjectTools> {
        let file = self.base.path().join("cicerone.toml");
        std::fs::write(&file, "").unwrap();
        let loaded = config::load(&CommandLine { config_file: Some(file), ..Default::default() });
        Arc::new(Readers::new(agents.clone(), Arc::new(loaded.unwrap().settings)))
    }

    /// Starts an agent for `session`.
    pub fn start_session(&self, agents: &Agents, session: AgentSession) -> Running {
        self.start_in(agents, 1, session)
    }

    /// Starts an agent that reports to whom it is told to.
    pub fn start_with(
        &self,
        agents: &Agents,
        session: AgentSession,
        heard: mpsc::UnboundedReceiver<Heard>,
        output: Recipient<AgentOutput>,
        exited: Recipient<AgentExited>,
    ) -> Running {
        let start = self.ordered(agents, 1, session);
        let handle = agents.start(start, output, exited).unwrap();
        Running { handle, session: session.id(), heard }
    }

    /// Every path below the project with its content, for seeing that nothing changed.
    pub fn project_tree(&self) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        let mut tree = Vec::new();
        let mut dirs = vec![self.project()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path.clone());
                }
                tree.push((path.clone(), std::fs::read(&path).ok()));
            }
        }
        tree.sort();
        tree
    }
}

impl Running {
    /// The next thing heard.
    pub async fn next(&mut self) -> Heard {
        let heard = timeout(DEADLINE, self.heard.recv()).await;
        heard.expect("the agent said nothing for too long").expect("the probe is gone")
    }

    /// The next event; an exit fails the test.
    pub async fn next_event(&mut self) -> AgentEvent {
        match self.next().await {
            Heard::Event(event) => event,
            Heard::Exited(exit) => panic!("the agent exited: {} ({exit:?})", exit.words()),
        }
    }

    /// Waits for the handshake.
    pub async fn ready(&mut self) {
        while !matches!(self.next_event().await, AgentEvent::Ready) {}
    }

    /// Sends a message.
    pub fn say(&self, text: &str) {
        self.handle.send_message(text, Uuid::new_v4()).unwrap();
    }

    /// Waits for the end of the turn.
    pub async fn finish(&mut self) -> Turn {
        let mut turn = Turn::default();
        loop {
            let event = self.next_event().await;
            let is_end = matches!(event, AgentEvent::Finished(_));
            turn.hear(event);
            if is_end {
                return turn;
            }
        }
    }

    /// Sends a message and waits for the end of its turn.
    pub async fn ask(&mut self, text: &str) -> Turn {
        self.say(text);
        self.finish().await
    }

    /// Waits for the exit; what is said before is given too.
    pub async fn exit(&mut self) -> (Vec<AgentEvent>, AgentExit) {
        let mut events = Vec::new();
        loop {
            match self.next().await {
                Heard::Event(event) => events.push(event),
                Heard::Exited(exit) => return (events, exit),
            }
        }
    }

    /// Waits until nothing more can come: every sender is gone.
    pub async fn silence(&mut self) {
        let rest = timeout(DEADLINE, self.heard.recv()).await;
        let rest = rest.expect("the probe still runs");
        assert!(rest.is_none(), "something came after the exit: {rest:?}");
    }

    /// What it says, and the hold on it.
    pub fn into_parts(self) -> (mpsc::UnboundedReceiver<Heard>, AgentHandle) {
        (self.heard, self.handle)
    }

    /// Ends the agent in the orderly way.
    pub async fn stop(mut self) -> AgentExit {
        self.handle.stop();
        self.exit().await.1
    }
}

impl Turn {
    fn hear(&mut self, event: AgentEvent) {
        match &event {
            AgentEvent::TextDelta(text) => self.text.push_str(text),
            AgentEvent::TextReplaced(text) => self.text.clone_from(text),
            _ => (),
        }
        self.events.push(event);
    }

    /// How it ended.
    pub fn result(&self) -> &AgentResult {
        match self.events.last() {
            Some(AgentEvent::Finished(result)) => result,
            _ => panic!("the turn has no end"),
        }
    }

    /// Why it failed.
    pub fn failure(&self) -> &str {
        match &self.result().end {
            AgentEnd::Failed(failure) => &failure.content,
            end => panic!("the turn did not fail but was {end:?}: {}", self.text),
        }
    }

    /// The results of tools, in order: whether each succeeded, and its text.
    pub fn tool_results(&self) -> Vec<(bool, &str)> {
        let results = self.events.iter().filter_map(|event| match event {
            AgentEvent::ToolReturned { ok, content, .. } => Some((*ok, content.as_str())),
            _ => None,
        });
        results.collect()
    }
}

/// Waits until `condition` holds.
pub async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let waited = timeout(DEADLINE, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain until {what}");
}
