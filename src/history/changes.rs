//! The difference between two commits, without files that may hold secrets.

use std::{collections::HashSet, path::Path};

use crate::policy::{Secrets, holds_private_key};

use super::{ChangedFile, Changes, HistoryError, git::Git, parse};

/// Files of one difference that are listed.
const MAX_FILES: usize = 1000;

/// Files of one difference whose lines are shown.
const MAX_SHOWN: usize = 200;

/// Longest list of files, in bytes.
const MAX_LIST_BYTES: usize = 1 << 20;

/// Files that look as if they held a key, of which each is looked at; further ones are not shown.
const MAX_SUSPECTS: usize = 16;

/// What files hold that [`holds_private_key`] knows.
const MARKS: [&str; 4] =
    ["PRIVATE KEY", "PuTTY-User-Key-File-", "$ANSIBLE_VAULT", "AGE-SECRET-KEY"];

/// How `to` differs from `base`, or from nothing, in `path` alone if that is given.
pub(super) fn between(
    git: &Git,
    secrets: &Secrets,
    base: Option<&str>,
    to: &str,
    path: Option<&str>,
    max_bytes: usize,
) -> Result<Changes, HistoryError> {
    let trees: Vec<&str> = base.map_or_else(|| vec!["--root", to], |base| vec![base, to]);
    let mut list = vec!["diff-tree", "-r", "-z", "-M", "--no-commit-id", "--name-status"];
    list.extend(["--no-ext-diff", "--no-textconv"]);
    list.extend(&trees);
    list.push("--");
    list.extend(path);
    let printed = git.run(&list, MAX_LIST_BYTES)?;
    let mut files = parse::changed_files(&printed.bytes);
    let mut is_cut = printed.is_cut || files.len() > MAX_FILES;
    files.truncate(MAX_FILES);
    let n_all = files.len();
    files.retain(|file| {
        let names = [Some(&file.path), file.from.as_ref()];
        !names.into_iter().flatten().any(|name| secrets.matches(Path::new(name)))
    });
    let mut n_secret = n_all - files.len();
    is_cut |= files.len() > MAX_SHOWN;
    let keys = keys(git, base.into_iter().chain([to]), &names_of(&files))?;
    let n_all = files.len();
    files.retain(|file| {
        let names = [Some(&file.path), file.from.as_ref()];
        !names.into_iter().flatten().any(|name| keys.contains(name))
    });
    n_secret += n_all - files.len();
    let names = names_of(&files);
    let mut diff = String::new();
    if !names.is_empty() {
        let mut args = vec!["diff-tree", "-r", "-p", "-M", "--no-commit-id", "--no-ext-diff"];
        args.extend(["--no-textconv", "--no-color", "-U3", "--inter-hunk-context=0"]);
        args.extend(["--src-prefix=a/", "--dst-prefix=b/", "--submodule=short"]);
        args.extend(&trees);
        args.push("--");
        args.extend(&names);
        let printed = git.run(&args, max_bytes)?;
        is_cut |= printed.is_cut;
        diff = printed.text().replace('\0', "\u{fffd}");
        if printed.is_cut {
            // The last line may have been cut within a character.
            diff.truncate(diff.rfind('\n').map_or(0, |end| end + 1));
        }
    }
    Ok(Changes { files, n_secret, diff, is_cut })
}

/// The files whose lines are shown, by their names before and after.
fn names_of(files: &[ChangedFile]) -> Vec<&str> {
    let names = files.iter().take(MAX_SHOWN).flat_map(|it| [Some(&it.path), it.from.as_ref()]);
    names.flatten().map(String::as_str).collect()
}

/// The files that hold a private key in one of the commits.
fn keys<'a>(
    git: &Git,
    commits: impl Iterator<Item = &'a str>,
    names: &[&str],
) -> Result<HashSet<String>, HistoryError> {
    let mut keys = HashSet::new();
    for commit in commits {
        keys.extend(with_keys(git, commit, names)?);
    }
    Ok(keys)
}

/// The files that hold a private key in a commit, whatever their names.
fn with_keys(git: &Git, commit: &str, names: &[&str]) -> Result<Vec<String>, HistoryError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = vec!["grep", "-l", "-z", "-a", "-F", "--no-textconv", "--threads=1"];
    args.push("--no-recurse-submodules");
    for mark in MARKS {
        args.extend(["-e", mark]);
    }
    args.extend([commit, "--"]);
    args.extend(names);
    let Some(printed) = git.found(&args, MAX_LIST_BYTES)? else { return Ok(Vec::new()) };
    let text = printed.text();
    let mut found = Vec::new();
    for (at, object) in text.split('\0').filter(|object| !object.is_empty()).enumerate() {
        let name = object.strip_prefix(commit).and_then(|rest| rest.strip_prefix(':'));
        let Some(name) = name else { continue };
        let is_key = at >= MAX_SUSPECTS
            || git.blob(object)?.is_none_or(|content| holds_private_key(&content));
        found.extend(is_key.then(|| name.to_owned()));
    }
    Ok(found)
}
