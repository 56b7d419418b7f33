//! A program that speaks the Agent Client Protocol as a guide to the project.

use std::path::{Path, PathBuf};

use crate::{
    agent::{
        AgentSession, Inner,
        acp::{AcpStart, PreparedAcp},
        choice::{find_on_path, is_executable},
        directories::{Directories, owned_dir},
        prompt,
        sandbox::{self, AccessNeeds, User, parts_of},
    },
    config::settings::agents::AcpConfig,
};

use super::{Invocation, LaunchRequest, cannot_make};

impl LaunchRequest {
    pub(super) fn prepare_acp(
        &self,
        config: &AcpConfig,
        own: User,
        place: &Directories,
    ) -> Result<Invocation, String> {
        let Inner { settings, server, limits, .. } = &*self.inner;
        let program = self.acp_program(config)?;
        let [_, temporary] = place.of_start(self.id);
        let chosen = self.user(own, place, &program)?;
        owned_dir(&temporary, chosen.user).map_err(|error| cannot_make(&temporary, &error))?;
        let start = AcpStart {
            command: &config.command,
            model: config.model.as_deref(),
            env: &config.env,
            settings,
            server: &server.environment,
            project: &self.project.name,
            dir: self.project.roots.first(),
            conversation: self.conversation,
            session: self.session.id(),
            resumes: matches!(self.session, AgentSession::Resume(_)),
            instructions: prompt::acp_prompt(
                &self.project,
                &self.specification,
                &self.instructions,
            ),
            tool_result_bytes: limits.tool_result_bytes,
        };
        let PreparedAcp { arguments, environment, ports, run } =
            start.prepare(place, &temporary, chosen.user)?;
        let mut invocation = Invocation {
            program: program.clone(),
            arguments,
            environment,
            dir: self.project.roots.first().to_owned(),
            profile: None,
            limits: self.limits(),
            note: chosen.note.clone(),
            allowed_tools: None,
            results: None,
            temporary,
            home: None,
            lent: None,
            acp: Some(run),
        };
        let more = config.ports.iter().map(|port| port.get());
        let mut ports = [sandbox::ports(&settings.ports, &invocation.environment), ports].concat();
        ports.extend(more);
        ports.sort_unstable();
        ports.dedup();
        let needs = AccessNeeds {
            project: Some(&self.project.roots),
            programs: [&program, &self.cicerone],
            environment: &invocation.environment,
            read: Vec::new(),
            write: invocation.own_directories(),
            ports,
        };
        match self.profile(needs, None, &chosen) {
            Ok(mut profile) => {
                if let Some(profile) = &mut profile {
                    profile.run.extend(scripts(&config.command, &invocation.environment));
                }
                Ok(Invocation { profile, ..invocation })
            }
            Err(words) => {
                invocation.close();
                Err(words)
            }
        }
    }

    /// The program of the command. The error is for a person.
    fn acp_program(&self, config: &AcpConfig) -> Result<PathBuf, String> {
        let name = Path::new(config.command.first().map_or("", String::as_str));
        let found = match name.is_absolute() {
            true => Some(name.to_owned()).filter(|program| is_executable(program)),
            false => find_on_path(&self.inner.server, name),
        };
        found.ok_or_else(|| {
            format!(
                "No agent is started: there is no program {name:?} that can be run. Install it, or \
                 correct `command` in the agent's table: an absolute path, or a name on the server's \
                 PATH."
            )
        })
    }
}

/// The files of scripts among the arguments, which an interpreter reads.
fn scripts(
    command: &[String],
    environment: &[(std::ffi::OsString, std::ffi::OsString)],
) -> Vec<PathBuf> {
    let path = sandbox::value(environment, "PATH").unwrap_or_default();
    let scripts = command.iter().skip(1).map(Path::new).filter(|script| script.is_absolute());
    scripts.filter(|script| script.is_file()).flat_map(|script| parts_of(script, path)).collect()
}
