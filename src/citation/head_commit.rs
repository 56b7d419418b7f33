//! The commit that is checked out in a project, read from git's own files. Runs no program.

use std::path::Path;

use crate::{
    history::{
        checkout::{self, Checkout},
        git_dir::GitDir,
        parse,
    },
    policy::gate::Tree,
};

/// Largest file of git that is read, in bytes: a list of packed references may be long.
const MAX_BYTES: usize = 8 << 20; // 8 MiB

/// References that may point to each other.
const MAX_STEPS: usize = 5;

/// What every branch's reference begins with.
const BRANCHES: &str = "refs/heads/";

/// The commit that is checked out in `dir`, and its branch if there is one; `None` where there is no
/// repository of a known layout, or no commit yet.
pub(super) fn head_commit(dir: &Path) -> Option<Checkout> {
    let GitDir { own, common } = GitDir::of(dir).ok()?;
    let (own, common) = (Tree::open(&own).ok()?, Tree::open(&common).ok()?);
    let mut name = "HEAD".to_owned();
    let mut branch = None;
    for step in 0..MAX_STEPS {
        // Work trees share all references but their own `HEAD`.
        let tree = if step == 0 { &own } else { &common };
        let read = text(tree, Path::new(&name)).filter(|text| !text.trim().is_empty());
        let commit = match read.as_deref().map(str::trim) {
            None => packed(&text(&common, Path::new("packed-refs"))?, &name),
            Some(value) => match value.strip_prefix("ref:") {
                Some(target) => {
                    name = safe_name(target.trim())?;
                    let own = name.strip_prefix(BRANCHES).filter(|it| checkout::is_branch(it));
                    branch = branch.or_else(|| own.map(str::to_owned));
                    continue;
                }
                None => commit_id(value),
            },
        };
        return Some(Checkout { member: None, branch, commit: commit?, is_changed: None });
    }
    None
}

fn text(tree: &Tree, path: &Path) -> Option<String> {
    String::from_utf8(tree.read(path, MAX_BYTES).ok()?).ok()
}

/// The name of a reference if it cannot lead elsewhere.
fn safe_name(name: &str) -> Option<String> {
    let is_safe =
        name.starts_with("refs/") && !name.split('/').any(|part| part == ".." || part.is_empty());
    is_safe.then(|| name.to_owned())
}

/// The commit of a reference in a list of packed ones.
fn packed(list: &str, name: &str) -> Option<String> {
    list.lines().find_map(|line| {
        let (id, of) = line.split_once(' ')?;
        (of.trim() == name).then(|| commit_id(id)).flatten()
    })
}

fn commit_id(text: &str) -> Option<String> {
    parse::is_full_id(text).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_commit_is_found_in_all_layouts_and_nothing_else_is_taken_for_one() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let long = "0123456789abcdef".repeat(4);
        let main = "ref: refs/heads/main\n";
        for (files, expected) in [
            (vec![("HEAD", id.to_uppercase())], Some(id)),
            (vec![("HEAD", main.to_owned()), ("refs/heads/main", format!("{id}\n"))], Some(id)),
            (
                vec![
                    ("HEAD", main.to_owned()),
                    ("packed-refs", format!("# pack-refs with: peeled\n{long} refs/heads/main\n")),
                ],
                Some(long.as_str()),
            ),
            (vec![("HEAD", main.to_owned())], None),
            (vec![("HEAD", "ref: ../../secret\n".to_owned())], None),
            (vec![("HEAD", "ref: refs/../../secret\n".to_owned())], None),
            (vec![("HEAD", main.to_owned()), ("refs/heads/main", main.to_owned())], None),
            (vec![("HEAD", "not a commit\n".to_owned())], None),
            (vec![], None),
        ] {
            let project = tempfile::tempdir().unwrap();
            fs::write(project.path().join("secret"), id).unwrap();
            for (path, content) in &files {
                let path = project.path().join(".git").join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            let found = head_commit(project.path());
            assert_eq!(found.as_ref().map(|it| it.commit.as_str()), expected, "{files:?}");
            let is_on_main = files.first().is_some_and(|(_, head)| head == main);
            let branch = found.and_then(|it| it.branch);
            assert_eq!(branch.as_deref(), expected.filter(|_| is_on_main).map(|_| "main"));
        }
    }
}
