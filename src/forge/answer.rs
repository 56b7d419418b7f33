//! Answers: the repositories on a page of a forge's API, and on the lines of a list. Pure.
//!
//! A missing or odd field loses one repository, which a note tells, and never the others.

use super::{ApiKind, ForgeApi, ListedRepository};
use crate::json::{self, Object, decode_text};

/// Longest name or address of a repository, in bytes.
const MAX_TEXT: usize = 2000;

/// The repositories of one answer, and what was left out, in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ListPage {
    pub(super) repositories: Vec<ListedRepository>,
    pub(super) notes: Vec<String>,
    /// Entries on it, with those that cannot be read.
    pub(super) count: usize,
}

/// Reads one page of an API. `None` where it is no list.
pub(super) fn page(api: &ForgeApi, body: &[u8]) -> Option<ListPage> {
    let text = decode_text(body);
    let entries = json::list(&text).ok()?;
    let mut page = ListPage { count: entries.len(), ..ListPage::default() };
    for entry in entries {
        let read = Object::read(entry.get()).map_err(|_| "it is no object".to_owned());
        match read.and_then(|object| repository(api, &object)) {
            Ok(repository) => page.repositories.push(repository),
            Err(why) => page.notes.push(format!("a repository is left out: {why}")),
        }
    }
    Some(page)
}

fn repository(api: &ForgeApi, object: &Object<'_>) -> Result<ListedRepository, String> {
    let field = |name: &str| {
        let text = object.get::<String>(name)?;
        (!text.is_empty() && text.len() <= MAX_TEXT).then_some(text)
    };
    let flag = |name: &str| object.get::<bool>(name).unwrap_or(false);
    let (name, fields, is_fork) = match api.kind {
        ApiKind::GitHub | ApiKind::Gitea => (field("name"), ["clone_url", "ssh_url"], flag("fork")),
        ApiKind::GitLab => {
            let path = field("path_with_namespace").map(|path| below_owner(&path, &api.owner));
            let is_fork = object.object("forked_from_project").is_some();
            (path.or_else(|| field("path")), ["http_url_to_repo", "ssh_url_to_repo"], is_fork)
        }
    };
    let name = name.ok_or("it has no name")?;
    let addresses: Vec<String> = fields.into_iter().filter_map(field).collect();
    if addresses.is_empty() {
        return Err(format!("{name:?} has no address"));
    }
    Ok(ListedRepository { name, addresses, is_archived: flag("archived"), is_fork })
}

/// The path of a project below its group.
fn below_owner(path: &str, owner: &str) -> String {
    let start = path.get(..owner.len()).filter(|start| start.eq_ignore_ascii_case(owner));
    let below = start.and_then(|_| path.get(owner.len()..)?.strip_prefix('/'));
    below.unwrap_or(path).to_owned()
}

/// Reads a list: an address on each line, with a name before it or without; `#` begins a comment.
pub(super) fn lines(text: &[u8]) -> ListPage {
    let text = decode_text(text);
    let mut page = ListPage::default();
    for (number, line) in (1..).zip(text.lines()) {
        let is_comment = |word: &&str| word.starts_with('#');
        let words: Vec<&str> = line.split_whitespace().take_while(|it| !is_comment(it)).collect();
        let (name, address) = match words[..] {
            [] => continue,
            [address] => (name_of(address), address),
            [name, address] => (name, address),
            _ => {
                page.notes.push(format!("line {number} is left out: it is no name and address"));
                continue;
            }
        };
        if line.len() > MAX_TEXT {
            page.notes.push(format!("line {number} is left out: it is too long"));
            continue;
        }
        page.repositories.push(ListedRepository {
            name: name.to_owned(),
            addresses: vec![address.to_owned()],
            is_archived: false,
            is_fork: false,
        });
    }
    page.count = page.repositories.len();
    page
}

/// The last part of an address, without `.git`.
fn name_of(address: &str) -> &str {
    let path = address.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
    path.rsplit(['/', ':']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn api(kind: ApiKind) -> ForgeApi {
        let url = Url::parse("https://example.org/api").unwrap();
        ForgeApi { kind, url, owner: "Acme".to_owned() }
    }

    fn listed(name: &str, addresses: &[&str]) -> ListedRepository {
        ListedRepository {
            name: name.to_owned(),
            addresses: addresses.iter().map(|&it| it.to_owned()).collect(),
            is_archived: false,
            is_fork: false,
        }
    }

    #[test]
    fn an_odd_repository_is_lost_alone() {
        let body = br#"[
            {"name": "shop", "clone_url": "https://a.b/shop.git", "ssh_url": "git@a.b:shop.git",
             "fork": false, "archived": false, "id": 1},
            {"name": "old", "clone_url": "https://a.b/old.git", "archived": true, "fork": true},
            {"name": 7, "clone_url": "https://a.b/seven.git"},
            {"name": "bare"},
            {"name": "odd", "clone_url": null, "ssh_url": ["x"]},
            {"name": "torn", "clone_url": "https://a.b/torn.git", "archived": "no", "fork": {}},
            null, 3, "x", []
        ]"#;
        for kind in [ApiKind::GitHub, ApiKind::Gitea] {
            let page = page(&api(kind), body).unwrap();
            let old = ListedRepository {
                is_archived: true,
                is_fork: true,
                ..listed("old", &["https://a.b/old.git"])
            };
            let expected = [
                listed("shop", &["https://a.b/shop.git", "git@a.b:shop.git"]),
                old,
                listed("torn", &["https://a.b/torn.git"]),
            ];
            assert_eq!(page.repositories, expected);
            assert_eq!((page.notes.len(), page.count), (7, 10), "{:?}", page.notes);
        }
    }

    #[test]
    fn a_project_of_gitlab_is_named_by_its_path_below_the_group() {
        let body = br#"[
            {"path": "shop", "path_with_namespace": "acme/shop", "http_url_to_repo": "https://a.b/acme/shop.git"},
            {"path": "web", "path_with_namespace": "acme/front/web", "ssh_url_to_repo": "git@a.b:acme/front/web.git",
             "forked_from_project": {"id": 3}},
            {"path": "far", "path_with_namespace": "acmeother/far", "http_url_to_repo": "https://a.b/x.git"}
        ]"#;
        let page = page(&api(ApiKind::GitLab), body).unwrap();
        let names: Vec<_> =
            page.repositories.iter().map(|it| (it.name.as_str(), it.is_fork)).collect();
        assert_eq!(names, [("shop", false), ("front/web", true), ("acmeother/far", false)]);
    }

    #[test]
    fn what_is_no_list_is_no_page() {
        for body in ["{\"message\": \"x\"}", "<html>", "", "null", "[{]"] {
            assert_eq!(page(&api(ApiKind::GitHub), body.as_bytes()), None, "{body}");
        }
        assert_eq!(page(&api(ApiKind::GitHub), b"[]"), Some(ListPage::default()));
        let deep = "[".repeat(100_000);
        assert_eq!(page(&api(ApiKind::GitHub), deep.as_bytes()), None);
    }

    #[test]
    fn a_list_has_an_address_on_each_line() {
        let text = b"# ours\n\nhttps://a.b/team/shop.git\nweb  git@a.b:team/website.git # a name\n\
                     git@a.b:tool\nfile:///srv/git/lib/\na b c\n";
        let page = lines(text);
        let expected = [
            listed("shop", &["https://a.b/team/shop.git"]),
            listed("web", &["git@a.b:team/website.git"]),
            listed("tool", &["git@a.b:tool"]),
            listed("lib", &["file:///srv/git/lib/"]),
        ];
        assert_eq!(page.repositories, expected);
        assert_eq!(page.notes, ["line 7 is left out: it is no name and address"]);
    }
}
