//! Forges: the tables `[discovery.forges.NAME]`, each of whose repositories becomes a project from git.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use log::Level;
use serde::Deserialize;
use toml::Table;

use crate::{
    config::{
        agents,
        error::{ConfigMistake, ConfigWarning, ValueOrigin},
        forge_table::{self, ForgeTable},
        git_source::{self, GitSource},
        keys::FORGES,
        layers::{GivenValue, Layers, bad_value},
        projects::ProjectSet,
        settings::{
            ProjectInstructions,
            agents::{AgentName, NamedAgent},
        },
        shown,
    },
    forge::{
        Forge,
        choice::{NamePatterns, RepositoryChoice},
    },
    git_remote::{RemoteLogin, Repository, address::RemoteAddress},
    hex,
    project::{MAX_NAME_LENGTH, Project, ProjectAccess, ProjectName},
};

use sha2::{Digest as _, Sha256};

/// Digits of the address that tell projects of one name apart.
const DIGEST_BYTES: usize = 3;

/// Addresses with which keys are tried that no repository has named yet.
const SAMPLES: [&str; 2] = ["https://forge.invalid/x", "ssh://git@forge.invalid/x"];

/// A forge of the file.
#[derive(Debug)]
pub(super) struct FileForge {
    pub(super) forge: Forge,
    /// The keys of a project from git, without its address.
    keys: Table,
    access: ProjectAccess,
    /// The agent that answers in its projects.
    agent: Option<AgentName>,
    instructions: ProjectInstructions,
}

/// The forges in the file's table, in its order.
pub(super) fn of_file(layers: &Layers) -> Result<Vec<FileForge>, ConfigMistake> {
    let agents = agents::find(layers)?;
    let read = |(name, given): &(String, GivenValue)| {
        read(layers, &agents, name, given)
            .map_err(|why| bad_value(format!("{FORGES}.{name}"), given, why))
    };
    layers.forges.iter().map(read).collect()
}

/// Reads a table. The error is for a person.
fn read(
    layers: &Layers,
    agents: &[NamedAgent],
    name: &str,
    given: &GivenValue,
) -> Result<FileForge, String> {
    if !given.value.is_table() {
        return Err("a table such as { kind = \"github\", owner = \"acme\" }".to_owned());
    }
    let name = ProjectName::parse(name)
        .map_err(|_| "a name of at most 50 letters, digits, hyphens and underscores".to_owned())?;
    let table = ForgeTable::deserialize(given.value.clone())
        .map_err(|error| format!("other keys: {}", shown::read_error(&error)))?;
    let absolute = |path: &String| layers.absolute(Path::new(path), &given.origin);
    let login = RemoteLogin {
        user: table.user.clone(),
        token_file: table.token_file.as_ref().map(absolute),
        ssh_key: table.ssh_key.as_ref().map(absolute),
        known_hosts: table.known_hosts.as_ref().map(absolute),
        ..RemoteLogin::default()
    };
    let source = forge_table::source(&table, absolute)?;
    let choice = RepositoryChoice {
        include: NamePatterns::new(&table.include)?,
        exclude: NamePatterns::new(&table.exclude)?,
        archived: table.archived,
        forks: table.forks,
        is_over_ssh: login.ssh_key.is_some(),
        hosts: forge_table::hosts(&table, &source)?,
    };
    let access = ProjectAccess::new(&table.access)
        .map_err(|why| format!("names of people and groups in `access`, but {why}"))?;
    let refresh = table.refresh;
    let agent = table.agent.as_deref().map(|text| {
        let known = agents::known(text, agents);
        known.ok_or_else(|| format!("as `agent` {}", agents::names(text, agents, None)))
    });
    let file = table.instructions.as_ref().filter(|file| !file.is_empty());
    let instructions = ProjectInstructions {
        file: file.map(absolute),
        of_repository: table.repository_instructions,
    };
    let forge = Forge { name, source, choice, login, refresh };
    let agent = agent.transpose()?;
    let read =
        FileForge { forge, keys: forge_table::git_keys(&table), access, agent, instructions };
    // What is wrong with them is wrong for each repository.
    let is_over_ssh = table.ssh_key.is_some() || table.known_hosts.is_some();
    let samples = SAMPLES.into_iter().take(if is_over_ssh { 2 } else { 1 });
    samples.map(|address| read.project(address)).collect::<Result<Vec<_>, _>>()?;
    Ok(read)
}

impl FileForge {
    /// A project from git at `address`, as if it stood in the file. The error is for a person.
    fn project(&self, address: &str) -> Result<GitSource, String> {
        let mut keys = self.keys.clone();
        let RemoteLogin { user, token_file, ssh_key, known_hosts, .. } = &self.forge.login;
        let path = |path: &Option<PathBuf>| Some(path.as_ref()?.to_str()?.to_owned());
        let login = match address.split_once("://") {
            Some(("https" | "http", _)) => {
                [("user", user.clone()), ("token_file", path(token_file))]
            }
            Some(("ssh", _)) => [("ssh_key", path(ssh_key)), ("known_hosts", path(known_hosts))],
            _ => [("user", None), ("user", None)],
        };
        let login =
            login.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.into())));
        keys.extend(login);
        git_source::read(address, keys, &|path| path.into())
    }
}

/// Adds the repositories of the kept lists. Names of other projects go first, and what is served from the
/// same address already is left out.
pub(super) fn add(
    found: &mut ProjectSet,
    layers: &Layers,
    data_dir: &Path,
) -> Result<Vec<Forge>, ConfigMistake> {
    let forges = match found.is_named {
        true => Vec::new(),
        false => of_file(layers)?,
    };
    for file_forge in &forges {
        let mut tell = |level, note: &str| {
            let text = format!("{note} forge={}", file_forge.forge.name);
            found.warnings.push(ConfigWarning { level, text });
        };
        let list = match file_forge.forge.kept(data_dir) {
            Ok(Some(list)) => list,
            Ok(None) => {
                tell(Level::Info, "the list of a forge is not known yet: a server asks for it");
                continue;
            }
            Err(words) => {
                tell(Level::Warn, &words);
                continue;
            }
        };
        let chosen = file_forge.forge.choice.choose(&list.repositories);
        list.notes.iter().chain(&chosen.notes).for_each(|note| tell(Level::Warn, note));
        for repository in chosen.repositories {
            found.add_listed(file_forge, &repository.name, &repository.address, data_dir);
        }
    }
    Ok(forges.into_iter().map(|it| it.forge).collect())
}

impl ProjectSet {
    fn add_listed(
        &mut self,
        forge: &FileForge,
        name: &str,
        address: &RemoteAddress,
        data_dir: &Path,
    ) {
        let tell = |level, text: String| {
            let text = format!("{text} forge={} address={address}", forge.forge.name);
            ConfigWarning { level, text }
        };
        if self.repositories.iter().any(|it| it.remote.address == *address) {
            let text = format!("repository is already served name={name:?}");
            return self.warnings.push(tell(Level::Info, text));
        }
        let source = match forge.project(address.as_str()) {
            Ok(source) => source,
            Err(why) => {
                let text = format!("{name:?} is left out: its project needs {why}");
                return self.warnings.push(tell(Level::Warn, text));
            }
        };
        let Some(repository) = self.with_free_names(&source, name, address, data_dir) else {
            let text =
                format!("{name:?} is left out: its branches have the names of other projects");
            return self.warnings.push(tell(Level::Warn, text));
        };
        let own = repository.name().map(ToString::to_string).unwrap_or_default();
        if own != name {
            let text = format!("project is served under another name name={own} wanted={name:?}");
            self.warnings.push(tell(Level::Info, text));
        }
        for branch in &repository.branches {
            let mut project =
                Project::new(branch.project.clone(), repository.link(&branch.project));
            project.access = forge.access.clone();
            self.set_for_agents(forge, &project.name);
            self.projects.push(project);
            self.origins.push(ValueOrigin::Forge(forge.forge.name.clone()));
        }
        self.repositories.push(repository);
    }

    fn set_for_agents(&mut self, forge: &FileForge, project: &ProjectName) {
        if let Some(agent) = &forge.agent {
            self.agents.insert(project.clone(), agent.clone());
        }
        if forge.instructions != ProjectInstructions::default() {
            self.instructions.insert(project.clone(), forge.instructions.clone());
        }
    }

    /// The repository under the name that is nearest to `wanted`. Where that is taken, digits of the address
    /// follow, so that a name leads to the same repository whatever else a list has.
    fn with_free_names(
        &self,
        source: &GitSource,
        wanted: &str,
        address: &RemoteAddress,
        data_dir: &Path,
    ) -> Option<Repository> {
        let taken: HashSet<&ProjectName> = self.projects.iter().map(|it| &it.name).collect();
        let name = ProjectName::mend(wanted);
        let digest = Sha256::digest(address.as_str());
        let digits = hex::digits(digest.get(..DIGEST_BYTES)?);
        let mut stem = name.as_str().to_owned();
        stem.truncate(MAX_NAME_LENGTH - 1 - digits.len());
        let names = [name, ProjectName::mend(&format!("{stem}-{digits}"))];
        names.iter().map(|name| source.repository(name, data_dir)).find(|repository| {
            let mut own = HashSet::new();
            let mut branches = repository.branches.iter().map(|it| &it.project);
            branches.all(|name| !taken.contains(name) && own.insert(name))
        })
    }
}
