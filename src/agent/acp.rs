//! Agents of the Agent Client Protocol: how each is started so that it only reads. What is known of
//! single ones stands in recipes; an unknown one is confined by the kernel alone.

mod environment;
mod home;
mod recipe;
mod recipes;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{codec::acp::AcpSettings, directories::Directories, sandbox::User};
use crate::{
    config::settings::{AgentSettings, Sandbox},
    ids::ConversationId,
    project::ProjectName,
};

pub(super) use home::AcpHome;
pub(super) use recipe::Recipe;

/// A start of an agent.
#[derive(Debug)]
pub(super) struct AcpStart<'a> {
    /// The program, a path or a name on the `PATH`, and its arguments.
    pub command: &'a [String],
    /// The model to ask for, where the recipe knows how.
    pub model: Option<&'a str>,
    /// Names of the server's variables that the agent gets besides those of its recipe.
    pub env: &'a [String],
    pub settings: &'a AgentSettings,
    pub server: &'a [(OsString, OsString)],
    pub project: &'a ProjectName,
    /// The project's directory.
    pub dir: &'a Path,
    /// The conversation whose session is kept.
    pub conversation: Option<ConversationId>,
    pub session: Uuid,
    pub resumes: bool,
    /// What the agent is told before the first question.
    pub instructions: String,
    pub tool_result_bytes: usize,
}

/// An agent that is ready to be started.
#[derive(Debug)]
pub(super) struct PreparedAcp {
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
    /// TCP ports to connect to, besides those of the settings.
    pub ports: Vec<u16>,
    pub run: AcpRun,
}

/// What a run of an agent needs besides its process.
#[derive(Debug)]
pub(super) struct AcpRun {
    pub home: AcpHome,
    /// Whether the session to resume is gone, so that a start is no use.
    pub is_lost: bool,
    /// Where the agent's own id of its session is to be written, if it is kept.
    pub session_file: Option<PathBuf>,
    pub settings: AcpSettings,
}

impl AcpStart<'_> {
    /// Makes the agent's home and all that depends on it. The error is for a person. Blocks.
    pub(super) fn prepare(
        self,
        place: &Directories,
        temporary: &Path,
        owner: Option<User>,
    ) -> Result<PreparedAcp, String> {
        let recipe = Recipe::of(self.command);
        let home = match self.conversation {
            Some(conversation) => {
                AcpHome::of(place, self.project, conversation, self.session, recipe)
            }
            None => AcpHome::passing(place, temporary),
        };
        let fill = |text: &str| {
            let text = text.replace("{home}", &home.dir().to_string_lossy());
            text.replace("{retries}", &self.settings.api_retries.to_string())
        };
        let arguments = recipe.arguments(self.command, self.model, &fill)?;
        let named = [self.env, &self.settings.env];
        let mut environment = environment::environment(self.server, recipe, &named, &fill);
        let auth_method = environment::auth_method(&environment, recipe);
        self.check(recipe, auth_method.is_some())?;
        let model =
            recipe.model_variable.zip(self.model).map(|(name, model)| (name, Path::new(model)));
        for (name, value) in model.into_iter().chain([("TMPDIR", temporary)]) {
            environment.retain(|(known, _)| known != name);
            environment.push((name.into(), value.into()));
        }
        let files: Vec<(&str, String)> =
            recipe.files.iter().map(|(path, text)| (*path, fill(text))).collect();
        let resume = home.make(self.resumes, &files, owner).map_err(|error| {
            home.close();
            format!("Cannot write the agent's files, such as {:?}: {error}.", home.dir())
        })?;
        let is_lost = self.resumes && resume.is_none();
        let meta = recipe.meta(&self.instructions);
        let settings = AcpSettings {
            tool_result_bytes: self.tool_result_bytes,
            dir: self.dir.to_string_lossy().into_owned(),
            session: self.session,
            auth_method: auth_method.map(str::to_owned),
            mode: recipe.mode.map(str::to_owned),
            preface: meta.is_none().then_some(self.instructions),
            meta,
            usage: recipe.usage,
            log_in: recipe.log_in.to_owned(),
            resume,
        };
        Ok(PreparedAcp {
            arguments: arguments.into_iter().map(OsString::from).collect(),
            ports: environment::ports(&environment),
            environment,
            run: AcpRun { session_file: home.session_file(), home, is_lost, settings },
        })
    }

    /// Refuses a start that would come to nothing. The error is for a person.
    fn check(&self, recipe: &Recipe, has_account: bool) -> Result<(), String> {
        if recipe.listens && self.settings.sandbox != Sandbox::Off {
            return Err(format!(
                "No agent is started: {} opens a port for itself, to which everybody on this machine \
                 can connect, and the sandbox does not let it. Choose another agent.",
                recipe.title
            ));
        }
        // One that is only tried needs no account.
        if recipe.needs_login && !has_account && self.conversation.is_some() {
            return Err(format!("The agent has no account to answer with. {}", recipe.log_in));
        }
        Ok(())
    }
}
