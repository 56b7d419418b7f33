//! Forges: the tables `[discovery.forges.NAME]`, each of whose repositories becomes a project from git.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::Duration,
};

use log::Level;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::{Table, Value};
use url::Url;

use crate::{
    authority::Authority,
    config::{
        agents,
        error::{ConfigMistake, ConfigWarning, ValueOrigin},
        git_source::{self, GitSource},
        keys::FORGES,
        layers::{GivenValue, Layers, bad_value},
        projects::ProjectSet,
        settings::{
            ProjectInstructions,
            agents::{AgentName, NamedAgent},
        },
        shown,
        values::{As, HumanDuration},
    },
    forge::{
        ApiKind, Forge, ForgeApi, ForgeSource,
        choice::{NamePatterns, RepositoryChoice, RepositoryHosts},
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

/// What a table of a forge may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgeTable {
    /// What is asked: the API of GitHub, GitLab, or Gitea and Forgejo, or a list of addresses.
    kind: ForgeKind,
    /// Address of the API, or of the list. `https://api.github.com` and `https://gitlab.com/api/v4` need not
    /// be written.
    url: Option<String>,
    /// The organisation, group or user whose repositories are served.
    owner: Option<String>,
    /// File with the list, in place of `url`.
    file: Option<String>,
    /// Patterns for names of repositories, such as `shop-*`; none: all.
    #[serde(default)]
    include: Vec<String>,
    /// Patterns for names that are left out.
    #[serde(default)]
    exclude: Vec<String>,
    /// Whether archived repositories are served.
    #[serde(default)]
    archived: bool,
    /// Whether forks are served.
    #[serde(default)]
    forks: bool,
    /// Further hosts from which repositories may be fetched, beside that of `url`.
    #[serde(default)]
    hosts: Vec<String>,
    /// Time between two looks at the list; 1 hour.
    #[serde(default = "one_hour", deserialize_with = "As::<HumanDuration>::deserialize")]
    #[schemars(with = "As<HumanDuration>")]
    refresh: Duration,
    /// Time between two looks at each repository; 15 minutes.
    #[serde(default = "quarter_of_an_hour")]
    #[schemars(with = "As<HumanDuration>")]
    fetch: String,
    /// People and groups for whom its projects exist; none: for everybody.
    #[serde(default)]
    access: Vec<String>,
    /// The agent that answers in its projects, where a conversation names none.
    agent: Option<String>,
    /// File with what agents of its projects are told besides.
    instructions: Option<String>,
    /// Whether agents of its projects are told the `AGENTS.md` or `CLAUDE.md` of each.
    #[serde(default)]
    repository_instructions: bool,
    /// Branch or tag of each repository; without one, that which it calls its own.
    branch: Option<String>,
    /// Several of them, each a project; the first has the name. After it, patterns such as `release-*`.
    #[serde(default)]
    branches: Vec<String>,
    /// Commits of the history that are fetched; 50.
    #[schemars(range(min = 1))]
    depth: Option<u32>,
    /// The user of the token, where the forge wants one.
    user: Option<String>,
    /// File with a token, for the API and for https.
    token_file: Option<String>,
    /// File with a private key, with which repositories are fetched over ssh.
    ssh_key: Option<String>,
    /// File with the keys of servers, for ssh.
    known_hosts: Option<String>,
}

/// What a table of a forge is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ForgeKind {
    GitHub,
    GitLab,
    Gitea,
    List,
}

fn one_hour() -> Duration {
    Duration::from_secs(60 * 60)
}

fn quarter_of_an_hour() -> String {
    "15m".to_owned()
}

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
    let source = source(&table, absolute)?;
    let choice = RepositoryChoice {
        include: NamePatterns::new(&table.include)?,
        exclude: NamePatterns::new(&table.exclude)?,
        archived: table.archived,
        forks: table.forks,
        is_over_ssh: login.ssh_key.is_some(),
        hosts: hosts(&table, &source)?,
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
    let read = FileForge { forge, keys: git_keys(&table), access, agent, instructions };
    // What is wrong with them is wrong for each repository.
    let is_over_ssh = table.ssh_key.is_some() || table.known_hosts.is_some();
    let samples = SAMPLES.into_iter().take(if is_over_ssh { 2 } else { 1 });
    samples.map(|address| read.project(address)).collect::<Result<Vec<_>, _>>()?;
    Ok(read)
}

/// The keys that each project has. The login is not among them, as it depends on the address.
fn git_keys(table: &ForgeTable) -> Table {
    let texts = [("refresh", Some(&table.fetch)), ("branch", table.branch.as_ref())];
    let texts = texts.into_iter().filter_map(|(key, text)| Some((key, Value::from(text?.clone()))));
    let branches = Some(&table.branches).filter(|branches| !branches.is_empty());
    let branches = branches.map(|branches| ("branches", Value::from(branches.clone())));
    let depth = table.depth.map(|depth| ("depth", Value::from(i64::from(depth))));
    texts.chain(branches).chain(depth).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Where the list comes from. The error is for a person.
fn source(
    table: &ForgeTable,
    absolute: impl Fn(&String) -> PathBuf,
) -> Result<ForgeSource, String> {
    let ForgeTable { kind, url, owner, file, .. } = table;
    let (kind, usual, path) = match kind {
        ForgeKind::List => {
            return match (owner, file, url) {
                (Some(_), ..) => Err("no `owner` where `kind` is \"list\"".to_owned()),
                (None, Some(file), None) => Ok(ForgeSource::File(absolute(file))),
                (None, None, Some(url)) => Ok(ForgeSource::Web(web_address(url)?)),
                _ => Err("`file` or `url`, where the list is".to_owned()),
            };
        }
        ForgeKind::GitHub => (ApiKind::GitHub, Some("https://api.github.com"), "api/v3"),
        ForgeKind::GitLab => (ApiKind::GitLab, Some("https://gitlab.com"), "api/v4"),
        ForgeKind::Gitea => (ApiKind::Gitea, None, "api/v1"),
    };
    if file.is_some() {
        return Err("no `file`, as only a list has one".to_owned());
    }
    let is_owner = |owner: &&String| {
        let is_part = |part: &str| !matches!(part, "" | "." | "..");
        owner.split('/').all(is_part) && !owner.contains(char::is_control)
    };
    let owner = owner.as_ref().filter(is_owner);
    let owner = owner.ok_or("`owner`, the organisation, group or user to list")?.clone();
    let url = url.as_deref().or(usual).ok_or("`url`, the address of the forge")?;
    let mut url = web_address(url)?;
    // That of its page is known better than that of its API.
    let is_github = kind == ApiKind::GitHub;
    match url.host_str() {
        Some("api.github.com") if is_github => (),
        Some("github.com") if is_github => url = web_address("https://api.github.com")?,
        _ if url.path() == "/" => url.set_path(path),
        _ => (),
    }
    Ok(ForgeSource::Api(ForgeApi { kind, url, owner }))
}

/// An address to which a token may be sent. The error is for a person.
fn web_address(text: &str) -> Result<Url, String> {
    // It is looked at like that of a repository below it.
    let address = RemoteAddress::parse(&format!("{}/x", text.trim_end_matches('/')));
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    let url = url.ok_or("another `url`: an address with https://")?;
    let address = address.map_err(|why| format!("another `url`: it {why}"))?;
    match address.is_open() {
        true => Err("an address with https:// in `url` (http:// on this machine alone)".to_owned()),
        false => Ok(url),
    }
}

/// The hosts from which its repositories may be fetched. The error is for a person.
fn hosts(table: &ForgeTable, source: &ForgeSource) -> Result<Option<RepositoryHosts>, String> {
    let read = |text: &String| {
        let host = text.parse::<Authority>();
        host.map_err(|_| "names such as \"git.example.org\" in `hosts`".to_owned())
    };
    let hosts = table.hosts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    match source {
        ForgeSource::Api(api) => {
            let is_github = api.kind == ApiKind::GitHub;
            Ok(Some(RepositoryHosts::new(&api.url, is_github, &hosts)))
        }
        ForgeSource::Web(url) => Ok(Some(RepositoryHosts::new(url, false, &hosts))),
        ForgeSource::File(_) if hosts.is_empty() => Ok(None),
        ForgeSource::File(_) => Err("no `hosts`, as a list in a file may name any".to_owned()),
    }
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
