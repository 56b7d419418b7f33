//! What a copy is a copy of: a name without what backups, editors and file managers put to it.

use super::words::COPIES;

/// Names that are looked at for one file at most. Each is shorter than one before it.
const MOST: usize = 48;

/// The name itself and every name that it may be a copy of. `name` is lower case.
pub(super) fn bases(name: &str) -> Vec<String> {
    let mut found = vec![name.to_owned()];
    let mut at = 0;
    while at < found.len() && found.len() < MOST {
        for base in shortened(&found[at]) {
            if !base.is_empty() && !found.contains(&base) {
                found.push(base);
            }
        }
        at += 1;
    }
    found
}

/// The names from which one step makes this one.
fn shortened(name: &str) -> Vec<String> {
    let mut found: Vec<String> = ends(name).map(str::to_owned).collect();
    // In front of the extension: `credentials (1).json`, `kubeconfig-backup.yaml`.
    if let Some((stem, extension)) = name.rsplit_once('.')
        && !stem.is_empty()
    {
        found.extend(ends(stem).map(|stem| format!("{stem}.{extension}")));
    }
    // Vim's and Emacs' own: `.name.swp`, `.#name`, `#name#`.
    let is_swap = [".swp", ".swo", ".swn", ".swx"].iter().any(|end| name.ends_with(end));
    if is_swap && let Some(rest) = name.strip_prefix('.') {
        found.push(rest[..rest.len() - 4].to_owned());
    }
    let fronts =
        [".#", "#", "copy of ", "copy_of_", "copy-of-", "backup_", "backup-", "old_", "old-"];
    found.extend(fronts.iter().filter_map(|front| name.strip_prefix(front)).map(str::to_owned));
    found
}

/// The name without one end that a copy gets.
fn ends(name: &str) -> impl Iterator<Item = &str> {
    let by_word = COPIES.iter().filter_map(|end| name.strip_suffix(end));
    let hash = name.strip_suffix('#');
    let rest = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_copy = rest.len() < name.len() && COPIES.iter().any(|end| rest.ends_with(end));
    by_word.chain(hash).chain(numbered(name)).chain(counted(name)).chain(is_copy.then_some(rest))
}

/// The name without a number, a date or a time at its end: `.1`, `-20240131`, `.2024-01-31t10:00`,
/// `;1`, `.~1~`.
fn numbered(name: &str) -> Option<&str> {
    let is_time = |c: char| c.is_ascii_digit() || "-_:.tz~+;".contains(c);
    let rest = name.trim_end_matches(is_time);
    let end = &name[rest.len()..];
    let is_apart = end.starts_with(['.', '-', '_', ';', '~']);
    (is_apart && end.contains(|c: char| c.is_ascii_digit())).then_some(rest)
}

/// The name without a count of a file manager: ` (1)`, `(1)`, ` copy 2`, ` 2`.
fn counted(name: &str) -> Option<&str> {
    if let Some(inner) = name.strip_suffix(')') {
        let rest = inner.trim_end_matches(|c: char| c.is_ascii_digit());
        return (rest.len() < inner.len()).then(|| rest.strip_suffix('('))?.map(str::trim_end);
    }
    let rest = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (rest.len() < name.len()).then(|| rest.strip_suffix(' '))?
}
