//! `glob`: files by a pattern for their paths.

use serde::Deserialize;

use crate::reader::serve::files::ReadableFiles;

use super::{
    named_path,
    path_pattern::PathPattern,
    scope::{LEFT_OUT, Scope},
};

/// Files that are shown.
const MAX_SHOWN: usize = 300;

/// Longest result, in bytes.
const MAX_BYTES: usize = 24 << 10; // 24 KiB

#[derive(Debug, Deserialize)]
pub(super) struct GlobArguments {
    pattern: String,
    #[serde(default)]
    path: String,
}

pub(super) fn glob(files: &ReadableFiles, asked: &GlobArguments) -> Result<String, String> {
    let pattern = PathPattern::new(&files.roots().path_of(&asked.pattern))?;
    let Scope::Directory(prefix) = Scope::of(files, &asked.path)? else {
        return Err(format!("{:?} is a file: give a directory.", asked.path));
    };
    let list = files.list();
    let inside = |path: &str| path.get(prefix.len()..).is_some_and(|it| pattern.matches(it));
    let mut found = list.below(&prefix).iter().filter(|file| inside(&file.path));
    let mut shown = String::new();
    let mut n_shown = 0;
    for file in found.by_ref() {
        shown.push_str(&named_path::shown(&file.path));
        shown.push('\n');
        n_shown += 1;
        if n_shown == MAX_SHOWN || shown.len() > MAX_BYTES {
            break;
        }
    }
    let total = n_shown + found.count();
    shown.push_str(&match total {
        0 => format!("(No file matches. {LEFT_OUT}"),
        _ if total > n_shown => {
            format!("(Cut: {n_shown} of {total} files. Narrow `pattern` or `path`.")
        }
        1 => "(Complete: 1 file.".to_owned(),
        _ => format!("(Complete: {total} files."),
    });
    shown.push_str(match list.truncated {
        true => " The project has more files than are listed.)\n",
        false => ")\n",
    });
    Ok(shown)
}
