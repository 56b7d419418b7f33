//! This program as an agent or a reader: the guide, and who reads a project for the server.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
};

use crate::{
    agent::{
        Inner,
        directories::{Directories, own_user, owned_dir, owned_file},
        guide, model,
        process::{
            disk_quota::{self, DiskQuota},
            resources::ResourceLimits,
        },
        prompt,
        remove_dir::remove_dir_all,
        replay::ReplayProgram,
        sandbox::{self, AccessNeeds, User, user},
    },
    config::settings::agents::ModelConfig,
    history::git_dir,
    source::walk::outer,
};

use super::{Invocation, LaunchRequest, cannot_make, check_dirs, set};

impl LaunchRequest {
    /// The built-in guide to the project.
    pub(super) fn prepare_guide(
        &self,
        own: User,
        place: &Directories,
    ) -> Result<Invocation, String> {
        let chosen = self.user(own, place, &self.cicerone)?;
        let [_, temporary] = place.of_start(self.id);
        owned_dir(&temporary, chosen.user).map_err(|error| cannot_make(&temporary, &error))?;
        let arguments = guide::arguments(&self.project);
        self.own_program(arguments, Some(temporary), Vec::new(), self.limits(), chosen)
    }

    /// A recording: what plays it reads a copy of the file alone.
    pub(super) fn prepare_replay(
        &self,
        replay: &ReplayProgram,
        own: User,
        place: &Directories,
    ) -> Result<Invocation, String> {
        let chosen = self.user(own, place, &self.cicerone)?;
        let [copy, temporary] = place.of_start(self.id);
        let text = replay.read()?;
        owned_dir(&temporary, chosen.user)
            .and_then(|()| owned_file(&copy, &text, chosen.user))
            .map_err(|error| cannot_make(&copy, &error))?;
        let mut environment = guide::environment(self.inner.server.environment.iter().cloned());
        set(&mut environment, "TMPDIR", &temporary);
        let arguments = replay.arguments(&copy);
        self.without_project(arguments, environment, (copy, temporary), Vec::new(), chosen)
    }

    /// The model agent: it has a network to its service alone, and nothing of the project.
    pub(super) fn prepare_model(
        &self,
        config: &ModelConfig,
        own: User,
        place: &Directories,
    ) -> Result<Invocation, String> {
        let chosen = self.user(own, place, &self.cicerone)?;
        let [prompt, temporary] = place.of_start(self.id);
        let text = prompt::model_prompt(&self.project, &self.specification, &self.instructions);
        owned_dir(&temporary, chosen.user)
            .and_then(|()| owned_file(&prompt, &text, chosen.user))
            .map_err(|error| cannot_make(&prompt, &error))?;
        let Inner { settings, server, .. } = &*self.inner;
        let mut environment = model::environment(&server.environment, settings, config)?;
        set(&mut environment, "TMPDIR", &temporary);
        let ports = model::ports(config, &environment)?;
        let arguments = model::arguments(&self.project, &prompt);
        self.without_project(arguments, environment, (prompt, temporary), ports, chosen)
    }

    /// This program, which reads one file besides what every program needs, and writes to its temporary
    /// directory.
    fn without_project(
        &self,
        arguments: Vec<OsString>,
        environment: Vec<(OsString, OsString)>,
        (file, temporary): (PathBuf, PathBuf),
        ports: Vec<u16>,
        chosen: user::ChosenUser,
    ) -> Result<Invocation, String> {
        let needs = AccessNeeds {
            project: None,
            programs: [&self.cicerone, &self.cicerone],
            environment: &environment,
            read: vec![file],
            write: vec![temporary.clone()],
            ports,
        };
        let settings = &self.inner.settings;
        let mut profile = self.profile(needs, None, &chosen)?;
        if let Some(profile) = &mut profile {
            // What all agents may read is of no use to one that reads no files.
            profile.read.retain(|path| !settings.readable.contains(path));
        }
        Ok(Invocation {
            program: self.cicerone.clone(),
            arguments,
            environment,
            dir: temporary.clone(),
            profile,
            limits: self.limits(),
            note: chosen.note,
            allowed_tools: None,
            results: None,
            temporary,
            home: None,
            lent: None,
            acp: None,
        })
    }

    /// A reader of the project: this program with `arguments`, which may write to the directory of its
    /// index alone. It is confined as well as this kernel can: what it does in a cage, the server would
    /// have to do without one. Blocks.
    pub(in crate::agent) fn prepare_reader(
        &self,
        arguments: Vec<OsString>,
        limits: ResourceLimits,
    ) -> Result<Invocation, String> {
        check_dirs(&self.project)?;
        let place = Directories::new(&self.inner.data_dir);
        place.make().map_err(|error| cannot_make(&place.agents, &error))?;
        let chosen = self.user(own_user(), &place, &self.cicerone)?;
        let kept = place.of_index(&self.project.name);
        let write = match make_kept(&kept, self.disk_quota(), chosen.user) {
            Ok(()) => vec![kept],
            Err(error) => {
                log::warn!("an index cannot be kept dir={kept:?} error={error}");
                Vec::new()
            }
        };
        let mut invocation = self.own_program(arguments, None, write, limits, chosen)?;
        if let Some(profile) = &mut invocation.profile {
            profile.strict = false;
            // The commits of a work tree or a submodule.
            let outside = self.project.roots.dirs().filter_map(git_dir::outside);
            profile.read.extend(outside.map(|found| found.common));
        }
        Ok(invocation)
    }

    /// What draws: this program with `arguments`, which reads and writes no file and has no network.
    /// Blocks.
    pub(in crate::agent) fn prepare_drawing(
        &self,
        arguments: Vec<OsString>,
        limits: ResourceLimits,
    ) -> Result<Invocation, String> {
        let place = Directories::new(&self.inner.data_dir);
        place.make().map_err(|error| cannot_make(&place.agents, &error))?;
        let chosen = self.user(own_user(), &place, &self.cicerone)?;
        let environment = guide::environment(self.inner.server.environment.iter().cloned());
        let needs = AccessNeeds {
            project: None,
            programs: [&self.cicerone, &self.cicerone],
            environment: &environment,
            read: Vec::new(),
            write: Vec::new(),
            ports: Vec::new(),
        };
        let mut profile = self.profile(needs, None, &chosen)?;
        if let Some(profile) = &mut profile {
            profile.read.retain(|path| !self.inner.settings.readable.contains(path));
        }
        Ok(Invocation {
            program: self.cicerone.clone(),
            arguments,
            environment,
            dir: PathBuf::from("/"),
            profile,
            limits,
            note: chosen.note,
            allowed_tools: None,
            results: None,
            temporary: PathBuf::new(),
            home: None,
            lent: None,
            acp: None,
        })
    }

    /// This program, which reads the project, and writes to `temporary` and `write` alone.
    fn own_program(
        &self,
        arguments: Vec<OsString>,
        temporary: Option<PathBuf>,
        mut write: Vec<PathBuf>,
        limits: ResourceLimits,
        chosen: user::ChosenUser,
    ) -> Result<Invocation, String> {
        let mut environment = guide::environment(self.inner.server.environment.iter().cloned());
        if let Some(temporary) = &temporary {
            set(&mut environment, "TMPDIR", temporary);
        }
        // The project's files that git ignores by rules from outside of it are left out as well.
        let server = &self.inner.server.environment;
        let variables = |name: &str| sandbox::value(server, name).map(OsStr::to_owned);
        environment.extend(outer::excludes_variables(&variables));
        write.extend(temporary.iter().cloned());
        let needs = AccessNeeds {
            project: Some(&self.project.roots),
            programs: [&self.cicerone, &self.cicerone],
            environment: &environment,
            read: self
                .project
                .roots
                .dirs()
                .flat_map(|dir| outer::rule_files(dir, &variables))
                .collect(),
            write,
            ports: Vec::new(),
        };
        let profile = self.profile(needs, None, &chosen)?;
        Ok(Invocation {
            program: self.cicerone.clone(),
            arguments,
            environment,
            dir: self.project.roots.first().to_owned(),
            profile,
            limits,
            note: chosen.note,
            allowed_tools: None,
            results: None,
            temporary: temporary.unwrap_or_default(),
            home: None,
            lent: None,
            acp: None,
        })
    }
}

/// Makes the directory of an index, and empties one in which more was left than may be there.
fn make_kept(dir: &Path, most: DiskQuota, owner: Option<User>) -> io::Result<()> {
    if let Some(words) = disk_quota::excess(&[dir.to_owned()], most) {
        log::warn!("an index is built anew dir={dir:?} reason={words:?}");
        remove_dir_all(dir)?;
    }
    owned_dir(dir, owner)
}
