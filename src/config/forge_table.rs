//! Forge tables: what `[discovery.forges.NAME]` may hold, and the address, the hosts and the keys of projects
//! that follow from it.

use std::{path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::{Table, Value};
use url::Url;

use crate::{
    authority::Authority,
    config::values::{As, HumanDuration},
    forge::{ApiKind, ForgeApi, ForgeSource, choice::RepositoryHosts},
    git_remote::address::RemoteAddress,
};

/// What a table of a forge may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgeTable {
    /// What is asked: the API of GitHub, GitLab, or Gitea and Forgejo, or a list of addresses.
    pub(super) kind: ForgeKind,
    /// Address of the API, or of the list. `https://api.github.com` and `https://gitlab.com/api/v4` need not
    /// be written.
    pub(super) url: Option<String>,
    /// The organisation, group or user whose repositories are served.
    pub(super) owner: Option<String>,
    /// File with the list, in place of `url`.
    pub(super) file: Option<String>,
    /// Patterns for names of repositories, such as `shop-*`; none: all.
    #[serde(default)]
    pub(super) include: Vec<String>,
    /// Patterns for names that are left out.
    #[serde(default)]
    pub(super) exclude: Vec<String>,
    /// Whether archived repositories are served.
    #[serde(default)]
    pub(super) archived: bool,
    /// Whether forks are served.
    #[serde(default)]
    pub(super) forks: bool,
    /// Further hosts from which repositories may be fetched, beside that of `url`.
    #[serde(default)]
    pub(super) hosts: Vec<String>,
    /// Time between two looks at the list; 1 hour.
    #[serde(default = "one_hour", deserialize_with = "As::<HumanDuration>::deserialize")]
    #[schemars(with = "As<HumanDuration>")]
    pub(super) refresh: Duration,
    /// Time between two looks at each repository; 15 minutes.
    #[serde(default = "quarter_of_an_hour")]
    #[schemars(with = "As<HumanDuration>")]
    pub(super) fetch: String,
    /// People and groups for whom its projects exist; none: for everybody.
    #[serde(default)]
    pub(super) access: Vec<String>,
    /// The agent that answers in its projects, where a conversation names none.
    pub(super) agent: Option<String>,
    /// File with what agents of its projects are told besides.
    pub(super) instructions: Option<String>,
    /// Whether agents of its projects are told the `AGENTS.md` or `CLAUDE.md` of each.
    #[serde(default)]
    pub(super) repository_instructions: bool,
    /// Branch or tag of each repository; without one, that which it calls its own.
    pub(super) branch: Option<String>,
    /// Several of them, each a project; the first has the name. After it, patterns such as `release-*`.
    #[serde(default)]
    pub(super) branches: Vec<String>,
    /// Commits of the history that are fetched; 50.
    #[schemars(range(min = 1))]
    pub(super) depth: Option<u32>,
    /// The user of the token, where the forge wants one.
    pub(super) user: Option<String>,
    /// File with a token, for the API and for https.
    pub(super) token_file: Option<String>,
    /// File with a private key, with which repositories are fetched over ssh.
    pub(super) ssh_key: Option<String>,
    /// File with the keys of servers, for ssh.
    pub(super) known_hosts: Option<String>,
}

/// What a table of a forge is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ForgeKind {
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

/// The keys that each project has. The login is not among them, as it depends on the address.
pub(super) fn git_keys(table: &ForgeTable) -> Table {
    let texts = [("refresh", Some(&table.fetch)), ("branch", table.branch.as_ref())];
    let texts = texts.into_iter().filter_map(|(key, text)| Some((key, Value::from(text?.clone()))));
    let branches = Some(&table.branches).filter(|branches| !branches.is_empty());
    let branches = branches.map(|branches| ("branches", Value::from(branches.clone())));
    let depth = table.depth.map(|depth| ("depth", Value::from(i64::from(depth))));
    texts.chain(branches).chain(depth).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Where the list comes from. The error is for a person.
pub(super) fn source(
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
pub(super) fn hosts(
    table: &ForgeTable,
    source: &ForgeSource,
) -> Result<Option<RepositoryHosts>, String> {
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
