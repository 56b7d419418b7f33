//! What is checked out in a repository, and whether its files differ from that.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{HistoryError, git::Git, parse};
use crate::project::ProjectName;

/// Longest list of names of settings, in bytes.
const MAX_SETTINGS: usize = 64 << 10;

/// Longest branch that is shown, in bytes.
const MAX_BRANCH: usize = 255;

/// What is checked out in one directory of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Checkout {
    /// The member of a group whose directory it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// `None` where no branch is checked out, but a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The whole hash of the commit.
    pub commit: String,
    /// Whether files that git knows differ from the commit; `None` where that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_changed: Option<bool>,
}

/// What is checked out in `dir`.
pub(super) fn of(dir: &Path) -> Result<Checkout, HistoryError> {
    let git = Git::open(dir)?;
    let commit = git.commit_id("HEAD")?.ok_or(HistoryError::Empty)?;
    let named = git.found(&["symbolic-ref", "--quiet", "--short", "HEAD"], MAX_BRANCH)?;
    let branch = named.map(|printed| printed.text().trim().to_owned());
    Ok(Checkout {
        member: None,
        branch: branch.filter(|branch| is_branch(branch)),
        commit,
        is_changed: is_changed(&git),
    })
}

impl Checkout {
    /// Whether its texts have the form of what they are, whoever wrote them.
    pub(crate) fn is_valid(&self) -> bool {
        let is_member = |name: &String| ProjectName::parse(name).is_ok();
        parse::is_full_id(&self.commit)
            && self.branch.as_deref().is_none_or(is_branch)
            && self.member.as_ref().is_none_or(is_member)
    }

    /// Memory of its texts, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let others = [&self.member, &self.branch];
        size_of::<Self>()
            + self.commit.len()
            + others.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// Whether a text may be shown as a branch.
pub(crate) fn is_branch(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_BRANCH && !text.contains(char::is_control)
}

/// Compares the files that git knows with the commit. What a repository has git run on the content of
/// files is switched off by name.
fn is_changed(git: &Git) -> Option<bool> {
    let filters = r"^filter\..*\.(clean|smudge|process|required)$";
    let listed = ["config", "--null", "--name-only", "--get-regexp", filters];
    let names = match git.found(&listed, MAX_SETTINGS).ok()? {
        None => String::new(),
        Some(printed) if printed.is_cut => return None,
        Some(printed) => printed.text(),
    };
    let mut args = Vec::new();
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        // It could not be told from its value.
        if name.contains('=') {
            return None;
        }
        let value = if name.ends_with(".required") { "false" } else { "" };
        args.extend(["-c".to_owned(), format!("{name}={value}")]);
    }
    let status = ["status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=all"];
    args.extend(status.map(str::to_owned));
    args.push("--untracked-files=no".to_owned());
    let printed = git.run(&args, 1).ok()?;
    Some(!printed.bytes.is_empty())
}
