//! Groups: the table `[groups]`, each of whose entries serves several projects as one.

use std::path::{Path, PathBuf};

use log::Level;
use serde::Deserialize;
use toml::Value;

use crate::{
    config::{
        error::{ConfigMistake, ConfigWarning, ValueOrigin, hint, nearest},
        keys::GROUPS,
        layers::{GivenValue, Layers, bad_value},
        projects::{ProjectSet, parse_name},
        shown,
    },
    project::{Project, ProjectAccess, ProjectName, Roots},
};

/// Projects of one group.
pub(super) const MAX_MEMBERS: usize = 16;

/// A group of the file.
#[derive(Debug)]
pub(super) struct FileGroup {
    pub(super) name: String,
    pub(super) projects: Vec<String>,
    /// The agent that it names.
    pub(super) agent: Option<String>,
    pub(super) origin: ValueOrigin,
}

/// The table of a group that has more than projects.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupTable {
    projects: Vec<String>,
    agent: Option<String>,
}

/// The groups in the file's table, in its order.
pub(super) fn of_file(layers: &Layers) -> Result<Vec<FileGroup>, ConfigMistake> {
    layers.groups.iter().map(|(name, given)| read(name, given)).collect()
}

fn read(name: &str, given: &GivenValue) -> Result<FileGroup, ConfigMistake> {
    let table = match &given.value {
        list @ Value::Array(_) => Vec::deserialize(list.clone())
            .map(|projects| GroupTable { projects, agent: None })
            .map_err(|_| String::new()),
        Value::Table(_) => GroupTable::deserialize(given.value.clone())
            .map_err(|error| format!(": {}", shown::read_error(&error))),
        _ => Err(String::new()),
    };
    let GroupTable { projects, agent } = table.map_err(|why| {
        let expected = "a list of names of projects, or a table such as { projects = [\"api\", \
                        \"web\"], agent = \"guide\" }";
        bad_value(format!("{GROUPS}.{name}"), given, format!("{expected}{why}"))
    })?;
    Ok(FileGroup { name: name.to_owned(), projects, agent, origin: given.origin.clone() })
}

/// Adds the groups of the file to the projects. Where the command line or the environment names the
/// projects, a group of others is left out.
pub(super) fn add(found: &mut ProjectSet, layers: &Layers) -> Result<(), ConfigMistake> {
    let plain = found.projects.clone();
    let groups = of_file(layers)?;
    for group in &groups {
        let is_served = |name: &String| plain.iter().any(|it| it.name.as_str() == name);
        if found.is_named && !group.projects.iter().all(is_served) {
            let name = &group.name;
            let text = format!("group is not served, as not all of its projects are group={name}");
            found.warnings.push(ConfigWarning { level: Level::Info, text });
            continue;
        }
        let name = parse_name(&group.name, &group.origin)?;
        let roots = roots(group, &groups, &plain).map_err(|message| ConfigMistake::BadGroup {
            name: group.name.clone(),
            origin: group.origin.clone(),
            message,
        })?;
        let member = |it: &&Project| group.projects.iter().any(|name| it.name.as_str() == name);
        let access = ProjectAccess::all(plain.iter().filter(member).map(|it| &it.access));
        found.projects.push(Project { name, roots, access });
        found.origins.push(group.origin.clone());
    }
    Ok(())
}

/// The directories of a group's projects. The error is for a person.
fn roots(group: &FileGroup, groups: &[FileGroup], plain: &[Project]) -> Result<Roots, String> {
    let FileGroup { name, projects, .. } = group;
    if plain.iter().any(|project| project.name.as_str() == name) {
        return Err("a project has this name: choose another".to_owned());
    }
    if projects.len() > MAX_MEMBERS {
        return Err(format!("a group has at most {MAX_MEMBERS} projects"));
    }
    let mut members: Vec<(ProjectName, PathBuf)> = Vec::new();
    for wanted in projects {
        if members.iter().any(|(name, _)| name.as_str() == wanted) {
            return Err(format!("`{wanted}` is in it twice: remove one"));
        }
        let Some(project) = plain.iter().find(|it| it.name.as_str() == wanted) else {
            if groups.iter().any(|group| group.name == *wanted) {
                return Err(format!("`{wanted}` is a group: name the projects that it is of"));
            }
            let near = nearest(wanted, plain.iter().map(|it| it.name.as_str()));
            return Err(format!("no project `{wanted}` is served{}", hint(near.as_deref())));
        };
        let dir = project.roots.first();
        if let Some((other, around)) = members.iter().find(|(_, other)| overlap(dir, other)) {
            return Err(format!(
                "the directories of `{other}` ({}) and `{wanted}` ({}) are the same, or one lies in \
                 the other, so that files would be in it twice: leave one out",
                around.display(),
                dir.display()
            ));
        }
        members.push((project.name.clone(), dir.to_owned()));
    }
    Roots::of_group(members).ok_or_else(|| "name at least one project".to_owned())
}

fn overlap(one: &Path, other: &Path) -> bool {
    let resolved = |dir: &Path| dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let (one, other) = (resolved(one), resolved(other));
    one.starts_with(&other) || other.starts_with(&one)
}

/// Lets a group whose projects include an offline one be offline too.
pub(super) fn spread_offline(offline: &mut Vec<String>, projects: &[Project]) {
    let has_web = |project: &ProjectName| offline.iter().all(|name| name != project.as_str());
    let groups = projects.iter().filter(|it| it.roots.is_group() && !it.allows(has_web));
    let groups: Vec<_> = groups.map(|it| it.name.to_string()).collect();
    offline.extend(groups);
}
