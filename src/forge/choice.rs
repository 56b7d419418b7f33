//! Choice: which repositories of a list are served, and from which of their addresses. Pure.
//!
//! A list is written by others: what it names must not lead to this machine's files, nor a token to
//! another host.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use url::Url;

use super::{ForgeChange, ListedRepository};
use crate::{authority::Authority, git_remote::address::RemoteAddress};

/// Repositories of one list that are served.
pub(crate) const MAX_REPOSITORIES: usize = 500;

/// Notes that are told one by one.
const MAX_NOTES: usize = 20;

/// Which repositories are served.
#[derive(Debug, Clone)]
pub(crate) struct RepositoryChoice {
    /// Without any, all names.
    pub(crate) include: NamePatterns,
    pub(crate) exclude: NamePatterns,
    /// Whether archived ones are served.
    pub(crate) archived: bool,
    /// Whether forks are served.
    pub(crate) forks: bool,
    /// Whether they are fetched over ssh where there is a choice.
    pub(crate) is_over_ssh: bool,
    /// `None` for a list of this machine, whose addresses may lead anywhere.
    pub(crate) hosts: Option<RepositoryHosts>,
}

/// Patterns for the names of repositories.
#[derive(Debug, Clone, Default)]
pub(crate) struct NamePatterns {
    is_empty: bool,
    set: GlobSet,
}

/// The hosts from which repositories are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepositoryHosts {
    /// Whether what is sent there may be read on the way.
    is_open: bool,
    /// Each with the port of the web; `None` for the usual one.
    hosts: Vec<(String, Option<u16>)>,
}

/// A repository that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChosenRepository {
    pub(crate) name: String,
    pub(crate) address: RemoteAddress,
}

/// The repositories that are served, by name, and what was left out, in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) repositories: Vec<ChosenRepository>,
    pub(crate) notes: Vec<String>,
}

impl NamePatterns {
    /// The error is for a person.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let glob =
                GlobBuilder::new(pattern).literal_separator(true).case_insensitive(true).build();
            set.add(glob.map_err(|error| format!("{pattern:?} is no pattern: {}", error.kind()))?);
        }
        let set = set.build().map_err(|error| error.to_string())?;
        Ok(Self { is_empty: patterns.is_empty(), set })
    }
}

impl RepositoryHosts {
    /// The host of a list, and `others`. The API of GitHub has a name of its own, `api.` before that of the
    /// repositories.
    pub(crate) fn new(url: &Url, is_github: bool, others: &[Authority]) -> Self {
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_prefix("api.").filter(|_| is_github).unwrap_or(host);
        let others = others.iter().map(|it| (host_of(it), it.port));
        let hosts = [(host.to_owned(), url.port())].into_iter().chain(others).collect();
        Self { is_open: url.scheme() == "http", hosts }
    }

    /// The error is for a person.
    fn check(&self, address: &RemoteAddress) -> Result<(), String> {
        let scheme = address.scheme();
        let is_taken = matches!(scheme, "https" | "ssh") || (scheme == "http" && self.is_open);
        if !is_taken {
            return Err(format!(
                "its address is of the kind {scheme}, which is not taken from a list"
            ));
        }
        let host = address.host().unwrap_or_default();
        let is_it = |(name, port): &(String, Option<u16>)| {
            // That of ssh is another one.
            let has_port = scheme == "ssh" || port.or_else(|| usual_port(scheme)) == address.port();
            name.eq_ignore_ascii_case(host) && has_port
        };
        match self.hosts.iter().any(is_it) {
            true => Ok(()),
            false => {
                let port = address.port().filter(|_| scheme != "ssh");
                let port = port.filter(|port| usual_port(scheme) != Some(*port));
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                Err(format!(
                    "it is on {:?}, which is not among the `hosts`",
                    format!("{host}{port}")
                ))
            }
        }
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

/// As it stands in an address.
fn host_of(authority: &Authority) -> String {
    Authority { port: None, ..authority.clone() }.to_string()
}

impl RepositoryChoice {
    /// Chooses among the repositories of a list.
    pub(crate) fn choose(&self, listed: &[ListedRepository]) -> Chosen {
        let mut chosen = Chosen::default();
        for repository in listed.iter().filter(|it| self.is_wanted(it)) {
            let name = &repository.name;
            match self.address(repository) {
                Ok(address) => {
                    chosen.repositories.push(ChosenRepository { name: name.clone(), address });
                }
                Err(why) => chosen.notes.push(format!("{name:?} is left out: {why}")),
            }
        }
        chosen.repositories.sort_by(|one, other| one.key().cmp(&other.key()));
        // Pages overlap where something comes in between.
        chosen.repositories.dedup();
        shorten(&mut chosen.notes);
        let found = chosen.repositories.len();
        if found > MAX_REPOSITORIES {
            chosen.repositories.truncate(MAX_REPOSITORIES);
            chosen.notes.push(format!(
                "{found} repositories are found, and the first {MAX_REPOSITORIES} by name are served: \
                 choose with `include` and `exclude`"
            ));
        }
        chosen
    }

    /// How what is served changes from one list to the next.
    pub(super) fn compare(
        &self,
        before: &[ListedRepository],
        after: &[ListedRepository],
    ) -> ForgeChange {
        let (before, after) = (self.choose(before), self.choose(after));
        let keys = |of: &Chosen| -> BTreeSet<(String, String)> {
            let keys = of.repositories.iter().map(ChosenRepository::key);
            keys.map(|(name, address)| (name.to_owned(), address.to_owned())).collect()
        };
        let (before, after) = (keys(&before), keys(&after));
        ForgeChange {
            served: after.len(),
            added: after.difference(&before).count(),
            removed: before.difference(&after).count(),
        }
    }

    fn is_wanted(&self, repository: &ListedRepository) -> bool {
        let ListedRepository { name, is_archived, is_fork, .. } = repository;
        (self.include.is_empty || self.include.set.is_match(name))
            && !self.exclude.set.is_match(name)
            && (self.archived || !is_archived)
            && (self.forks || !is_fork)
    }

    /// The address to fetch from. The error is for a person, and repeats nothing secret.
    fn address(&self, repository: &ListedRepository) -> Result<RemoteAddress, String> {
        let mut read = Vec::new();
        let mut wrong = None;
        for text in &repository.addresses {
            match RemoteAddress::parse(text) {
                Ok(address) => read.push(address),
                Err(why) => wrong = wrong.or(Some(why)),
            }
        }
        let is_preferred = |it: &RemoteAddress| (it.scheme() == "ssh") == self.is_over_ssh;
        let preferred = read.iter().find(|it| is_preferred(it)).or_else(|| read.first());
        let wrong = || format!("its address {}", wrong.unwrap_or("is missing"));
        let address = preferred.ok_or_else(wrong)?;
        self.hosts.as_ref().map_or(Ok(()), |hosts| hosts.check(address))?;
        Ok(address.clone())
    }
}

/// Leaves the first notes, and how many more there are.
pub(super) fn shorten(notes: &mut Vec<String>) {
    let more = notes.len().saturating_sub(MAX_NOTES);
    if more > 0 {
        notes.truncate(MAX_NOTES);
        notes.push(format!("{more} more are left out"));
    }
}

impl ChosenRepository {
    fn key(&self) -> (&str, &str) {
        (&self.name, self.address.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice() -> RepositoryChoice {
        let url = Url::parse("https://api.example.org").unwrap();
        RepositoryChoice {
            include: NamePatterns::new(&[]).unwrap(),
            exclude: NamePatterns::new(&[]).unwrap(),
            archived: false,
            forks: false,
            is_over_ssh: false,
            hosts: Some(RepositoryHosts::new(&url, true, &[])),
        }
    }

    fn listed(name: &str, addresses: &[&str]) -> ListedRepository {
        ListedRepository {
            name: name.to_owned(),
            addresses: addresses.iter().map(|&it| it.to_owned()).collect(),
            is_archived: false,
            is_fork: false,
        }
    }

    fn names(choice: &RepositoryChoice, all: &[ListedRepository]) -> Vec<String> {
        choice.choose(all).repositories.into_iter().map(|it| it.name).collect()
    }

    /// The address that is fetched, or why there is none.
    fn fetched(choice: &RepositoryChoice, addresses: &[&str]) -> Result<String, String> {
        let mut chosen = choice.choose(&[listed("x", addresses)]);
        chosen
            .repositories
            .pop()
            .map(|it| it.address.to_string())
            .ok_or_else(|| chosen.notes.concat())
    }

    #[test]
    fn archived_ones_forks_and_excluded_names_are_left_out() {
        let url = |name: &str| format!("https://example.org/{name}");
        let plain = |name: &str| listed(name, &[&url(name)]);
        let mut all = ["web", "shop", "shop-old", "front/web"].map(plain).to_vec();
        all.push(ListedRepository { is_archived: true, ..plain("attic") });
        all.push(ListedRepository { is_fork: true, ..plain("fork") });
        all.push(plain("web"));
        assert_eq!(names(&choice(), &all), ["front/web", "shop", "shop-old", "web"]);
        let patterns = |texts: &[&str]| {
            NamePatterns::new(&texts.iter().map(|&it| it.to_owned()).collect::<Vec<_>>()).unwrap()
        };
        let some = RepositoryChoice {
            include: patterns(&["SHOP*", "front/*"]),
            exclude: patterns(&["*-old"]),
            ..choice()
        };
        assert_eq!(names(&some, &all), ["front/web", "shop"]);
        let every = RepositoryChoice { archived: true, forks: true, ..choice() };
        assert_eq!(names(&every, &all).len(), 6);
        assert!(NamePatterns::new(&["[".to_owned()]).unwrap_err().contains("\"[\" is no pattern"));
    }

    #[test]
    fn p10_an_address_that_leads_elsewhere_is_left_out_in_words() {
        for (address, words) in [
            ("file:///etc", "kind file"),
            ("ext::sh -c id", "spaces"),
            ("ext::sh", "helper"),
            ("/etc/passwd", "no address"),
            ("http://example.org/x", "kind http"),
            ("https://evil.example/x", "\"evil.example\""),
            ("https://example.org:8443/x", "\"example.org:8443\""),
            ("https://example.org.evil.example/x", "`hosts`"),
            ("https://api.example.org/x", "`hosts`"),
            ("https://example.org@evil.example/x", "user"),
            ("https://me:hunter2@example.org/x", "password"),
            ("https://127.0.0.1/x", "`hosts`"),
            ("ssh://git@localhost/x", "`hosts`"),
            ("git@evil.example:x", "`hosts`"),
            ("ssh://-oProxyCommand=id/x", "option"),
            ("git://example.org/x", "kind"),
            ("--upload-pack=id", "no address"),
        ] {
            let error = fetched(&choice(), &[address]).unwrap_err();
            assert!(error.contains(words) && !error.contains("hunter2"), "{address}: {error}");
        }
        let https = "https://example.org/x.git";
        assert_eq!(fetched(&choice(), &[https]).unwrap(), https);
        assert_eq!(fetched(&choice(), &["HTTPS://EXAMPLE.ORG:443/x.git"]).unwrap(), https);
        assert!(fetched(&choice(), &["git@example.org:x.git"]).unwrap().starts_with("ssh://"));
    }

    #[test]
    fn one_fetches_over_ssh_where_a_key_is_given_and_from_other_hosts_where_they_are_named() {
        let both = ["https://example.org/x.git", "ssh://git@example.org:2222/x.git"];
        assert_eq!(fetched(&choice(), &both).unwrap(), both[0]);
        let over_ssh = RepositoryChoice { is_over_ssh: true, ..choice() };
        assert_eq!(fetched(&over_ssh, &both).unwrap(), both[1]);
        assert_eq!(fetched(&over_ssh, &both[..1]).unwrap(), both[0]);
        let local = Url::parse("http://127.0.0.1:3000/api/v1").unwrap();
        let others = ["git.example.org".parse().unwrap(), "[::1]:8080".parse().unwrap()];
        let hosts = Some(RepositoryHosts::new(&local, false, &others));
        let more = RepositoryChoice { hosts, ..choice() };
        for address in
            ["http://127.0.0.1:3000/x", "https://git.example.org/x", "http://[::1]:8080/x"]
        {
            assert_eq!(fetched(&more, &[address]).unwrap(), address);
        }
        assert!(fetched(&more, &["http://127.0.0.1:3001/x"]).is_err());
        let any = RepositoryChoice { hosts: None, ..choice() };
        assert_eq!(fetched(&any, &["file:///srv/x"]).unwrap(), "file:///srv/x");
        assert!(fetched(&any, &["ext::sh"]).unwrap_err().contains("helper"));
    }

    #[test]
    fn a_list_is_bounded_and_its_changes_are_counted() {
        let many = |count: usize| -> Vec<ListedRepository> {
            let listed = |n| listed(&format!("r{n:04}"), &[&format!("https://example.org/{n}")]);
            (0..count).map(listed).collect()
        };
        let chosen = choice().choose(&many(501));
        assert_eq!(chosen.repositories.len(), 500);
        assert!(chosen.notes[0].starts_with("501 repositories are found"), "{:?}", chosen.notes);
        let bad: Vec<_> = (0..30).map(|n| listed(&format!("b{n}"), &["file:///x"])).collect();
        let notes = choice().choose(&bad).notes;
        assert_eq!((notes.len(), notes[20].as_str()), (21, "10 more are left out"));
        let change = choice().compare(&many(3), &many(5));
        assert_eq!(change, ForgeChange { served: 5, added: 2, removed: 0 });
        assert!(change.is_any() && !choice().compare(&many(3), &many(3)).is_any());
        assert_eq!(choice().compare(&many(3), &bad).removed, 3);
    }
}
