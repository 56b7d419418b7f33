//! Branches and tags that match a pattern of a project from git: which ones, a look at the remote tells. The
//! last ones are kept beside the repository, for the settings to be read without one.

use std::{fs, io};

use crate::{
    config::{error::ConfigWarning, git_source::MAX_BRANCHES, projects::ProjectSet},
    git_remote::{Repository, ServedBranch, address::BranchName},
    project::Project,
};

/// The names that matched last, by name. Blocks.
fn read(repository: &Repository) -> Vec<BranchName> {
    let text = fs::read_to_string(repository.matched_list()).unwrap_or_default();
    let names = text.lines().filter_map(BranchName::parse);
    // The patterns may be others by now.
    names.filter(|name| repository.is_matched(name)).take(MAX_BRANCHES).collect()
}

/// Keeps the names that match now, the last ones where there are too many. Answers whether they are others than
/// before. Blocks.
pub(crate) fn keep(repository: &Repository, names: &[BranchName]) -> io::Result<bool> {
    let more = names.len().saturating_sub(MAX_BRANCHES);
    let names = names.get(more..).unwrap_or_default();
    if read(repository) == names {
        return Ok(false);
    }
    let (path, new) = (repository.matched_list(), repository.matched_list().with_extension("new"));
    let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
    fs::write(&new, lines)?;
    fs::rename(new, path)?;
    if more > 0 {
        log::warn!("matching branches are left out number={more} home={:?}", repository.home);
    }
    Ok(true)
}

impl ProjectSet {
    /// Adds a project for each branch that matches, for those who have the first one. Names of other projects
    /// go first: who may push a branch decides nothing about them.
    pub(super) fn add_matched_branches(&mut self) {
        for repository in &mut self.repositories {
            let Some(first) = repository.branches.first().map(|it| it.project.clone()) else {
                continue;
            };
            let at = self.projects.iter().position(|project| project.name == first);
            let Some((access, origin)) = at.and_then(|at| {
                Some((self.projects.get(at)?.access.clone(), self.origins.get(at)?.clone()))
            }) else {
                continue;
            };
            for branch in read(repository) {
                let name = branch.project_of(&first);
                if self.projects.iter().any(|project| project.name == name) {
                    let text = format!(
                        "branch is left out, as another project has its name project={name} \
                         branch={branch}"
                    );
                    self.warnings.push(ConfigWarning::warn(text));
                    continue;
                }
                let mut project = Project::new(name.clone(), repository.link(&name));
                project.access = access.clone();
                self.projects.push(project);
                self.origins.push(origin.clone());
                let branch = ServedBranch { project: name, name: Some(branch), is_matched: true };
                repository.branches.push(branch);
            }
        }
    }
}
