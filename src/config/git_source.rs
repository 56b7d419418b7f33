//! Projects from git: the keys beside `git` in the table of a project.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use toml::Table;

use crate::{
    config::{
        keys::PathKind,
        layers::stays_relative,
        shown,
        values::{As, Count, HumanDuration},
    },
    git_remote::{
        GitRemote, RemoteLogin, Repository, ServedBranch,
        address::{BranchName, BranchPattern, RemoteAddress},
    },
    project::ProjectName,
};

/// Branches of one repository.
pub(super) const MAX_BRANCHES: usize = 32;

/// Most commits that are fetched.
const MAX_DEPTH: usize = 100_000;

/// Where the files of a project come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProjectSource {
    Dir(PathBuf),
    Git(Box<GitSource>),
}

/// A remote, and what of it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GitSource {
    remote: GitRemote,
    branches: Vec<BranchName>,
    patterns: Vec<BranchPattern>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GitTable {
    branch: Option<String>,
    #[serde(default)]
    branches: Vec<String>,
    #[serde(default = "five_minutes", deserialize_with = "As::<HumanDuration>::deserialize")]
    refresh: Duration,
    #[serde(default = "some_commits", deserialize_with = "As::<Count>::deserialize")]
    depth: usize,
    user: Option<String>,
    token_file: Option<String>,
    #[serde(default)]
    credential_helper: Vec<String>,
    ssh_key: Option<String>,
    known_hosts: Option<String>,
}

fn five_minutes() -> Duration {
    Duration::from_secs(5 * 60)
}

fn some_commits() -> usize {
    50
}

/// Reads the keys beside `git`. The error is for a person.
pub(super) fn read(
    address: &str,
    keys: Table,
    absolute: &impl Fn(&str) -> PathBuf,
) -> Result<GitSource, String> {
    let address = RemoteAddress::parse(address)
        .map_err(|why| format!("an address that git fetches; this one {why}"))?;
    let table = GitTable::deserialize(toml::Value::Table(keys))
        .map_err(|error| format!("other keys: {}", shown::read_error(&error)))?;
    if table.branch.is_some() && !table.branches.is_empty() {
        return Err("`branch` or `branches`, not both".to_owned());
    }
    if table.branches.len() > MAX_BRANCHES {
        return Err(format!("at most {MAX_BRANCHES} `branches`"));
    }
    let mut branches: Vec<BranchName> = Vec::new();
    let mut patterns = Vec::new();
    for name in table.branch.iter().chain(&table.branches) {
        if let Some(pattern) = BranchPattern::parse(name) {
            if branches.is_empty() {
                return Err(format!(
                    "a branch by its name before the pattern {name:?} in `branches`"
                ));
            }
            patterns.push(pattern);
            continue;
        }
        let branch = BranchName::parse(name)
            .ok_or_else(|| format!("the name of a branch or tag, which {name:?} is not"))?;
        if branches.contains(&branch) {
            return Err(format!("each branch once, and {name:?} is there twice"));
        }
        branches.push(branch);
    }
    let login = RemoteLogin {
        credential_helper: helper(table.credential_helper, absolute),
        user: table.user,
        token_file: table.token_file.as_deref().map(absolute),
        ssh_key: table.ssh_key.as_deref().map(absolute),
        known_hosts: table.known_hosts.as_deref().map(absolute),
    };
    check_login(&address, &login)?;
    let depth = u32::try_from(table.depth.min(MAX_DEPTH)).unwrap_or(1);
    Ok(GitSource {
        remote: GitRemote { address, refresh: table.refresh, depth, login },
        branches,
        patterns,
    })
}

/// The program of a helper made absolute, if it is more than a name.
fn helper(mut words: Vec<String>, absolute: &impl Fn(&str) -> PathBuf) -> Vec<String> {
    if let Some(program) = words.first_mut().filter(|it| !stays_relative(PathKind::Program, it)) {
        *program = absolute(program).to_string_lossy().into_owned();
    }
    words
}

fn check_login(address: &RemoteAddress, login: &RemoteLogin) -> Result<(), String> {
    let is_web = matches!(address.scheme(), "https" | "http");
    let is_shell = address.scheme() == "ssh";
    let has_ends = |text: &String| text.contains(char::is_control);
    let wrong = match login {
        RemoteLogin { token_file: Some(_), .. } if !is_web => "`token_file` only with https",
        login if login.has_password() && !is_web => "`credential_helper` only with https",
        login if login.has_password() && address.is_open() => {
            "https: with http, the token could be read on the way"
        }
        RemoteLogin { token_file: Some(_), credential_helper, .. }
            if !credential_helper.is_empty() =>
        {
            "`token_file` or `credential_helper`, not both"
        }
        RemoteLogin { user: Some(_), .. } if !login.has_password() => {
            "`token_file` or `credential_helper` beside `user`"
        }
        RemoteLogin { credential_helper, .. }
            if credential_helper.first().is_some_and(String::is_empty) =>
        {
            "a program in `credential_helper`"
        }
        RemoteLogin { user: Some(user), .. } if has_ends(user) => "another `user`",
        RemoteLogin { ssh_key, known_hosts, .. }
            if !is_shell && (ssh_key.is_some() || known_hosts.is_some()) =>
        {
            "`ssh_key` and `known_hosts` only with ssh"
        }
        RemoteLogin { ssh_key, known_hosts, .. }
            if is_shell && (ssh_key.is_none() || known_hosts.is_none()) =>
        {
            "`ssh_key` and `known_hosts` beside an address of ssh"
        }
        _ => return Ok(()),
    };
    Err(wrong.to_owned())
}

impl GitSource {
    /// The repository of the project `name`. Each branch but the first is a project of its own, under
    /// the name with the branch behind it.
    pub(super) fn repository(&self, name: &ProjectName, data_dir: &Path) -> Repository {
        let named = self.branches.iter().enumerate().map(|(number, branch)| ServedBranch {
            project: match number {
                0 => name.clone(),
                _ => branch.project_of(name),
            },
            name: Some(branch.clone()),
            is_matched: false,
        });
        let mut branches: Vec<ServedBranch> = named.collect();
        if branches.is_empty() {
            branches.push(ServedBranch { project: name.clone(), name: None, is_matched: false });
        }
        let home = Repository::home_of(data_dir, name, &self.remote.address);
        let patterns = self.patterns.clone();
        Repository { home, remote: self.remote.clone(), branches, patterns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<GitSource, String> {
        let mut keys: Table = toml::from_str(text).unwrap();
        let address = keys.remove("git").unwrap();
        read(address.as_str().unwrap(), keys, &|path| Path::new("/etc").join(path))
    }

    #[test]
    fn each_branch_is_a_project_and_without_any_it_is_that_of_the_remote() {
        let name = ProjectName::parse("shop").unwrap();
        let served = |text: &str| {
            let repository = source(text).unwrap().repository(&name, Path::new("/data"));
            let branches = repository.branches.iter();
            branches
                .map(|it| (it.project.to_string(), it.name.as_ref().map(ToString::to_string)))
                .collect::<Vec<_>>()
        };
        let pair = |name: &str, branch: Option<&str>| (name.to_owned(), branch.map(str::to_owned));
        assert_eq!(served("git = 'https://a.b/c'"), [pair("shop", None)]);
        assert_eq!(served("git = 'https://a.b/c'\nbranch = 'main'"), [pair("shop", Some("main"))]);
        assert_eq!(
            served("git = 'https://a.b/c'\nbranches = ['main', 'release/2.0']"),
            [pair("shop", Some("main")), pair("shop-release-2-0", Some("release/2.0"))]
        );
        let home = |text: &str| source(text).unwrap().repository(&name, Path::new("/data")).home;
        assert_ne!(home("git = 'https://a.b/c'"), home("git = 'https://a.b/d'"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_words() {
        for (text, words) in [
            ("git = 'https://a:b@c.d/e'", "password"),
            ("git = 'ext::sh'", "helper"),
            ("git = 'https://a.b/c'\nbranch = '-x'", "\"-x\" is not"),
            ("git = 'https://a.b/c'\nbranch = 'a'\nbranches = ['b']", "not both"),
            ("git = 'https://a.b/c'\nbranches = ['a', 'a']", "twice"),
            ("git = 'https://a.b/c'\nbranches = ['a-*', 'a']", "before the pattern"),
            ("git = 'https://a.b/c'\nbranch = 'a-*'", "before the pattern"),
            ("git = 'https://a.b/c'\nbranches = ['a', '-*']", "\"-*\" is not"),
            ("git = 'https://a.b/c'\nrefresh = 'x'", "duration"),
            ("git = 'https://a.b/c'\ndepth = 0", "whole number"),
            ("git = 'https://a.b/c'\nbrunch = 'a'", "brunch"),
            ("git = 'http://a.b/c'\ntoken_file = 't'", "on the way"),
            ("git = 'https://a.b/c'\nuser = 'u'", "`token_file`"),
            ("git = 'https://a.b/c'\nssh_key = 'k'", "only with ssh"),
            ("git = 'git@a.b:c'", "`known_hosts`"),
            ("git = 'git@a.b:c'\ncredential_helper = ['x']", "only with https"),
            ("git = 'http://a.b/c'\ncredential_helper = ['x']", "on the way"),
            ("git = 'https://a.b/c'\ncredential_helper = ['']", "a program"),
            ("git = 'https://a.b/c'\ncredential_helper = 'x'", "a sequence"),
            ("git = 'https://a.b/c'\ncredential_helper = ['x']\ntoken_file = 't'", "not both"),
            ("git = 'file:///a/b'\ntoken_file = 't'", "only with https"),
        ] {
            let error = source(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        let read =
            source("git = 'http://127.0.0.1:1/c'\ntoken_file = 't'\nrefresh = '30s'").unwrap();
        assert_eq!(read.remote.login.token_file.unwrap(), Path::new("/etc/t"));
        assert_eq!((read.remote.refresh, read.remote.depth), (Duration::from_secs(30), 50));
    }
}
