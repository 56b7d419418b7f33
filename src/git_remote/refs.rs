//! What a remote offers: its branches and tags, and which of them is meant.

use std::collections::{BTreeSet, HashMap};

use super::address::BranchName;

/// The references that a remote tells of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RemoteRefs {
    refs: HashMap<String, String>,
    /// The reference that `HEAD` stands for.
    head: Option<String>,
}

/// A reference to fetch, and the commit that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedRef {
    pub(crate) name: String,
    pub(crate) commit: String,
}

impl RemoteRefs {
    /// Reads what `git ls-remote --symref` prints.
    pub(crate) fn parse(text: &str) -> Self {
        let mut read = Self::default();
        for line in text.lines() {
            let Some((value, name)) = line.split_once('\t') else { continue };
            match value.strip_prefix("ref: ") {
                Some(target) if name == "HEAD" => read.head = Some(target.trim().to_owned()),
                Some(_) => (),
                None if is_commit(value) => {
                    read.refs.insert(name.to_owned(), value.to_owned());
                }
                None => (),
            }
        }
        read
    }

    /// The reference that is meant by a name; without one, that which the remote calls its own. The error
    /// is for a person.
    pub(crate) fn find(&self, name: Option<&BranchName>) -> Result<WantedRef, String> {
        if self.refs.is_empty() && self.head.is_none() {
            return Err(match name {
                None => {
                    "the repository is empty, or its HEAD leads nowhere: name a `branch`".to_owned()
                }
                Some(name) => format!("the repository has no branch or tag `{name}`"),
            });
        }
        let Some(name) = name else {
            let target = self.head.as_deref().unwrap_or("HEAD");
            let found = self.refs.get(target).or_else(|| self.refs.get("HEAD"));
            let commit = found
                .cloned()
                .ok_or("the HEAD of the repository leads nowhere: name a `branch`")?;
            // A branch is asked for by its name, which stays the same when HEAD is detached.
            let is_plain = target.strip_prefix("refs/heads/").and_then(BranchName::parse).is_some();
            let name = if is_plain && self.refs.contains_key(target) { target } else { "HEAD" };
            return Ok(WantedRef { name: name.to_owned(), commit });
        };
        for kind in ["refs/heads", "refs/tags"] {
            let full = format!("{kind}/{name}");
            if let Some(id) = self.refs.get(&full) {
                // A tag with a message is an object of its own.
                let commit = self.refs.get(&format!("{full}^{{}}")).unwrap_or(id).clone();
                return Ok(WantedRef { name: full, commit });
            }
        }
        Err(format!("the repository has no branch or tag `{name}`"))
    }
}

impl RemoteRefs {
    /// The names of branches and tags, each once, in order.
    pub(crate) fn names(&self) -> BTreeSet<BranchName> {
        let kinds = |name: &String| {
            let name = name.strip_suffix("^{}").unwrap_or(name);
            let name = name.strip_prefix("refs/heads/").or(name.strip_prefix("refs/tags/"))?;
            BranchName::parse(name)
        };
        self.refs.keys().filter_map(kinds).collect()
    }
}

/// Whether a text is a whole hash.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn find(text: &str, name: Option<&str>) -> Result<(String, String), String> {
        let name = name.map(|name| BranchName::parse(name).unwrap());
        RemoteRefs::parse(text).find(name.as_ref()).map(|it| (it.name, it.commit))
    }

    fn found(name: &str, commit: &str) -> Result<(String, String), String> {
        Ok((name.to_owned(), commit.to_owned()))
    }

    #[test]
    fn a_branch_goes_before_a_tag_and_a_tag_leads_to_its_commit() {
        let all = format!(
            "ref: refs/heads/main\tHEAD\n{ONE}\tHEAD\n{ONE}\trefs/heads/main\n{TWO}\trefs/heads/v1\n\
             {ONE}\trefs/tags/v1\n{ONE}\trefs/tags/v2\n{TWO}\trefs/tags/v2^{{}}\n"
        );
        assert_eq!(find(&all, None), found("refs/heads/main", ONE));
        assert_eq!(find(&all, Some("v1")), found("refs/heads/v1", TWO));
        assert_eq!(find(&all, Some("v2")), found("refs/tags/v2", TWO));
        assert!(find(&all, Some("v3")).unwrap_err().contains("no branch or tag `v3`"));
    }

    #[test]
    fn names_are_those_of_branches_and_tags() {
        let all = format!(
            "{ONE}\tHEAD\n{ONE}\trefs/heads/b\n{ONE}\trefs/heads/a/1\n{ONE}\trefs/tags/b\n\
             {ONE}\trefs/tags/c^{{}}\n{ONE}\trefs/pull/1/head\n{ONE}\trefs/heads/-x\n"
        );
        let names = RemoteRefs::parse(&all).names();
        assert_eq!(names.iter().map(BranchName::as_str).collect::<Vec<_>>(), ["a/1", "b", "c"]);
    }

    #[test]
    fn a_repository_without_a_head_or_without_anything_is_told_in_words() {
        let detached = format!("{ONE}\tHEAD\n{TWO}\trefs/heads/main\n");
        assert_eq!(find(&detached, None), found("HEAD", ONE));
        let headless = format!("{TWO}\trefs/heads/main\n");
        assert!(find(&headless, None).unwrap_err().contains("name a `branch`"));
        assert_eq!(find(&headless, Some("main")), found("refs/heads/main", TWO));
        assert!(find("", None).unwrap_err().contains("empty"));
        assert!(find("nonsense\n--x\tHEAD\n", None).unwrap_err().contains("empty"));
        let odd = format!("ref: --upload-pack=x\tHEAD\n{ONE}\tHEAD\n");
        assert_eq!(find(&odd, None), found("HEAD", ONE));
    }
}
