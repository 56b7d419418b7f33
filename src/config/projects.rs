//! Projects: which directories are served under which names.
//!
//! Directories named on the command line or in the environment must exist; those of the file, of
//! `discovery.roots` and of a registry may come and go.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs, io,
    path::{Component, Path, PathBuf},
};

use log::Level;

use crate::{
    config::{
        error::{ConfigMistake, ConfigWarning, ValueOrigin},
        git_source::ProjectSource,
        keys::PROJECTS,
        layers::{Layers, PROJECT_VARIABLE},
        process_env::ProcessEnv,
        project_tables::{self, FileProject},
        registry,
        settings::{DiscoveryTable, ProjectInstructions, agents::AgentName},
    },
    git_remote::Repository,
    project::{MAX_NAME_LENGTH, Project, ProjectAccess, ProjectName},
};

/// Projects named on the command line.
#[derive(Debug, Clone, Default)]
pub struct NamedProjects {
    /// `NAME=DIR` each.
    pub pairs: Vec<String>,
    /// Served under their own names.
    pub dirs: Vec<PathBuf>,
}

/// The projects that were found.
#[derive(Debug, Default)]
pub(super) struct ProjectSet {
    /// Names are unique.
    pub(super) projects: Vec<Project>,
    /// The origin of each project.
    pub(super) origins: Vec<ValueOrigin>,
    /// Where those from git come from.
    pub(super) repositories: Vec<Repository>,
    /// The agents that answer in those of forges.
    pub(super) agents: HashMap<ProjectName, AgentName>,
    /// What agents of those of forges are told.
    pub(super) instructions: HashMap<ProjectName, ProjectInstructions>,
    /// Whether the command line or the environment names them.
    pub(super) is_named: bool,
    /// Names that were corrected and directories that are missing.
    pub(super) warnings: Vec<ConfigWarning>,
}

impl NamedProjects {
    fn is_any(&self) -> bool {
        !self.pairs.is_empty() || !self.dirs.is_empty()
    }
}

/// Whether the command line or the environment names the projects, so that the file's do not count.
pub(super) fn is_named(named: &NamedProjects, env: &ProcessEnv) -> bool {
    named.is_any() || env.variable(PROJECT_VARIABLE).is_some()
}

/// Finds the projects. Those of the command line replace those of the environment, and those replace
/// all others; without any, the current directory is the project.
pub(super) fn find(
    layers: &Layers,
    discovery: &DiscoveryTable,
    named: &NamedProjects,
    env: &ProcessEnv,
    data_dir: &Path,
) -> Result<ProjectSet, ConfigMistake> {
    let variable = env.variable(PROJECT_VARIABLE);
    let is_on_command_line = named.is_any();
    let is_named = is_named(named, env);
    let mut found = ProjectSet { is_named, ..ProjectSet::default() };
    if is_on_command_line {
        for text in &named.pairs {
            found.add_pair(text, ValueOrigin::Flag("--project".into()), layers)?;
        }
        for dir in &named.dirs {
            let origin = ValueOrigin::Argument(dir.clone());
            found.add_required_dir(&layers.absolute(dir, &origin), origin)?;
        }
    } else if let Some(pairs) = variable {
        for pair in separate(pairs) {
            let origin = ValueOrigin::Environment(PROJECT_VARIABLE.into());
            found.add_pair(&pair, origin, layers)?;
        }
    } else {
        found.add_configured(layers, discovery, data_dir)?;
        if found.projects.is_empty() && layers.forges.is_empty() {
            found.add_required_dir(&env.current_dir, ValueOrigin::CurrentDirectory)?;
        }
    }
    Ok(found)
}

/// Gives the projects the access that the file lists for their names, also where the command line or the
/// environment names their directories.
pub(super) fn add_access(found: &mut ProjectSet, layers: &Layers) -> Result<(), ConfigMistake> {
    for FileProject { name, access, origin, .. } in project_tables::of_file(layers)? {
        let list = ProjectAccess::new(&access).map_err(|why| ConfigMistake::BadValue {
            key: format!("{PROJECTS}.{name}.access"),
            origin,
            found: format!("{access:?}"),
            expected: format!("names of people and groups, but {why}"),
        })?;
        // The branches of a repository exist for the same people.
        let branches = found.repositories.iter().filter(|it| it.is_named(&name));
        let branches: Vec<_> = branches.flat_map(|it| &it.branches).map(|it| &it.project).collect();
        let is_meant = |it: &&mut Project| it.name.as_str() == name || branches.contains(&&it.name);
        for project in found.projects.iter_mut().filter(is_meant) {
            project.access = list.clone();
        }
    }
    Ok(())
}

/// Warns of files of a project that others reach through another one.
pub(super) fn overlaps(projects: &[Project]) -> Vec<ConfigWarning> {
    if projects.iter().all(|project| project.access.is_open()) {
        return Vec::new();
    }
    let plain = projects.iter().filter(|project| !project.roots.is_group());
    let plain: Vec<(&Project, PathBuf)> =
        plain.map(|it| (it, resolve_as_far_as_it_exists(it.roots.first()))).collect();
    let restricted = plain.iter().filter(|(project, _)| !project.access.is_open());
    let overlapping = restricted.flat_map(|(restricted, real)| {
        let others = plain.iter().filter(move |(other, its)| {
            other.access != restricted.access && (real.starts_with(its) || its.starts_with(real))
        });
        others.map(move |(other, _)| (restricted, other))
    });
    let text = |(restricted, other): (&&Project, &&Project)| {
        format!(
            "files of project `{}` are also in project `{}`, whose `access` names others: list the \
             same there, or move one",
            restricted.name, other.name
        )
    };
    overlapping.map(text).map(ConfigWarning::warn).collect()
}

/// Refuses a directory inside a project that the server writes to, as that would change the project.
pub(super) fn check_written_dir(
    key: &'static str,
    written: &Path,
    projects: &[Project],
) -> Result<(), ConfigMistake> {
    match around(written, projects) {
        None => Ok(()),
        Some((name, dir)) => Err(ConfigMistake::WrittenDirInProject {
            key,
            written: written.to_owned(),
            name: name.clone(),
            dir: dir.to_owned(),
        }),
    }
}

/// Refuses credential helpers that change with a project: the server runs them outside of any cage.
pub(super) fn check_helpers(found: &ProjectSet) -> Result<(), ConfigMistake> {
    let helpers = found.repositories.iter().filter_map(|it| it.remote.login.helper());
    for program in helpers.map(Path::new).filter(|program| program.is_absolute()) {
        if let Some((name, _)) = around(program, &found.projects) {
            let (program, name) = (program.to_owned(), name.clone());
            return Err(ConfigMistake::HelperInProject { program, name });
        }
    }
    Ok(())
}

/// The project, and its directory, in which a path lies.
fn around<'a>(path: &Path, projects: &'a [Project]) -> Option<(&'a ProjectName, &'a Path)> {
    let real = resolve_as_far_as_it_exists(path);
    let mut all = projects.iter().flat_map(|it| it.roots.dirs().map(move |dir| (&it.name, dir)));
    all.find(|(_, dir)| real.starts_with(resolve_as_far_as_it_exists(dir)))
}

impl ProjectSet {
    fn add_pair(
        &mut self,
        text: &str,
        origin: ValueOrigin,
        layers: &Layers,
    ) -> Result<(), ConfigMistake> {
        let pair = text.split_once('=').filter(|(name, dir)| !name.is_empty() && !dir.is_empty());
        let Some((name, dir)) = pair else {
            let text = text.to_owned();
            return Err(ConfigMistake::NotNameAndDir { text, origin });
        };
        let name = parse_name(name, &origin)?;
        let dir = readable_dir(&layers.absolute(dir.as_ref(), &origin), &origin)?;
        self.add_named(name, dir, origin)
    }

    /// Adds a directory that must be there, under its own name.
    fn add_required_dir(&mut self, dir: &Path, origin: ValueOrigin) -> Result<(), ConfigMistake> {
        let dir = readable_dir(dir, &origin)?;
        self.add_under_own_name(dir, origin);
        Ok(())
    }

    /// Adds the projects of the file, of the roots and of the registry.
    fn add_configured(
        &mut self,
        layers: &Layers,
        discovery: &DiscoveryTable,
        data_dir: &Path,
    ) -> Result<(), ConfigMistake> {
        for FileProject { name, source, origin, .. } in project_tables::of_file(layers)? {
            let name = parse_name(&name, &origin)?;
            match source {
                ProjectSource::Dir(dir) => {
                    let dir = self.dir_or_warning(dir, &origin);
                    self.add_named(name, dir, origin)?;
                }
                ProjectSource::Git(source) => {
                    let repository = source.repository(&name, data_dir);
                    for branch in &repository.branches {
                        let dir = repository.link(&branch.project);
                        self.add_named(branch.project.clone(), dir, origin.clone())?;
                    }
                    self.repositories.push(repository);
                }
            }
        }
        for root in &discovery.roots {
            match children(root) {
                Ok(children) => {
                    for dir in children {
                        self.add_under_own_name(dir, ValueOrigin::Root(root.clone()));
                    }
                }
                Err(error) => self.warn(
                    Level::Warn,
                    format!(
                        "root cannot be read, its projects are not served dir={} error={error}",
                        root.display()
                    ),
                ),
            }
        }
        if let Some(path) = &discovery.registry {
            for (name, dir) in registry::read(path)? {
                let origin = ValueOrigin::Registry(path.clone());
                let dir = self.dir_or_warning(dir, &origin);
                let same = |project: &Project| {
                    project.name.as_str() == name && is_same_dir(project.roots.first(), &dir)
                };
                if !self.projects.iter().any(same) {
                    self.add_mended(&name, dir, origin);
                }
            }
        }
        Ok(())
    }

    fn add_named(
        &mut self,
        name: ProjectName,
        dir: PathBuf,
        origin: ValueOrigin,
    ) -> Result<(), ConfigMistake> {
        if let Some(other) = self.projects.iter().find(|project| project.name == name) {
            return Err(ConfigMistake::DuplicateProject {
                name,
                first: other.roots.first().to_owned(),
                second: dir,
            });
        }
        self.projects.push(Project::new(name, dir));
        self.origins.push(origin);
        Ok(())
    }

    fn add_under_own_name(&mut self, dir: PathBuf, origin: ValueOrigin) {
        if self.projects.iter().any(|project| is_same_dir(project.roots.first(), &dir)) {
            let text = format!("directory is already served dir={}", dir.display());
            return self.warn(Level::Info, text);
        }
        let own_name = dir.file_name().unwrap_or(dir.as_os_str());
        let name = own_name.to_string_lossy().into_owned();
        self.add_mended(&name, dir, origin);
    }

    /// Adds a project under the valid and free name that is nearest to `wanted`.
    fn add_mended(&mut self, wanted: &str, dir: PathBuf, origin: ValueOrigin) {
        let mended = ProjectName::mend(wanted);
        let is_taken =
            |name: &ProjectName| self.projects.iter().any(|project| project.name == *name);
        let mut name = mended.clone();
        let mut number = 2;
        while is_taken(&name) {
            let suffix = format!("-{number}");
            let mut stem = mended.as_str().to_owned();
            stem.truncate(MAX_NAME_LENGTH - suffix.len());
            name = ProjectName::mend(&(stem + &suffix));
            number += 1;
        }
        if name.as_str() != wanted {
            let dir = dir.display();
            self.warn(
                Level::Info,
                format!(
                    "project is served under another name name={name} wanted={wanted:?} dir={dir}"
                ),
            );
        }
        self.projects.push(Project::new(name, dir));
        self.origins.push(origin);
    }

    fn dir_or_warning(&mut self, dir: PathBuf, origin: &ValueOrigin) -> PathBuf {
        readable_dir(&dir, origin).unwrap_or_else(|_| {
            let dir = dir.display();
            let text = format!("project directory cannot be read dir={dir} origin={origin}");
            self.warn(Level::Warn, text);
            PathBuf::from(dir.to_string())
        })
    }

    fn warn(&mut self, level: Level, text: String) {
        self.warnings.push(ConfigWarning { level, text });
    }
}

pub(super) fn parse_name(text: &str, origin: &ValueOrigin) -> Result<ProjectName, ConfigMistake> {
    ProjectName::parse(text).map_err(|rule| ConfigMistake::BadProjectName {
        rule,
        origin: origin.clone(),
        mended: ProjectName::mend(text),
    })
}

/// The path of a directory that can be listed, with links unresolved: they may move on.
fn readable_dir(dir: &Path, origin: &ValueOrigin) -> Result<PathBuf, ConfigMistake> {
    let unreadable = |source| ConfigMistake::ProjectUnreadable {
        dir: dir.to_owned(),
        origin: origin.clone(),
        source,
    };
    fs::read_dir(dir).map_err(unreadable)?;
    // What `..` means depends on the links before it.
    match dir.components().any(|part| part == Component::ParentDir) {
        true => dir.canonicalize().map_err(unreadable),
        false => Ok(dir.components().collect()),
    }
}

fn is_same_dir(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The directories in `root` that are not hidden, by name.
fn children(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut dirs = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && entry.path().is_dir() {
            dirs.push(entry.path());
        }
    }
    dirs.sort();
    Ok(dirs)
}

/// The entries of a variable that is separated like `PATH`.
fn separate(pairs: &OsStr) -> Vec<String> {
    std::env::split_paths(pairs)
        .map(|pair| pair.to_string_lossy().into_owned())
        .filter(|pair| !pair.is_empty())
        .collect()
}

/// The real path of the part of `path` that exists, and the rest as it is.
fn resolve_as_far_as_it_exists(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests;
