//! Name list: the paths of a project's files by their names. Pure code.

use std::collections::HashMap;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::project::roots;

use super::verdict::Namesakes;

/// Files told of one name.
const MAX_NAMESAKES: usize = 64;

/// The files of a project.
#[derive(Debug, Default)]
pub(super) struct NameList {
    /// Paths and whether they are ignored or hidden.
    paths: Vec<(Box<str>, bool)>,
    /// Indices of the paths by a hash of their composed names.
    by_name: HashMap<u64, Vec<u32>>,
    /// Whether a limit kept some files out.
    pub is_cut: bool,
}

impl NameList {
    pub(super) fn add(&mut self, path: String, is_ignored: bool) {
        let Ok(at) = u32::try_from(self.paths.len()) else { return };
        self.by_name.entry(key(&path)).or_default().push(at);
        self.paths.push((path.into_boxed_str(), is_ignored));
    }

    /// The files at `path` below any directory, in the order of their paths. A name matches in
    /// composed and in decomposed Unicode.
    pub(super) fn namesakes(&self, path: &str) -> Namesakes {
        let path = path.trim_start_matches('/');
        let composed = composed(path);
        let mut namesakes = Namesakes { is_cut: self.is_cut, ..Namesakes::default() };
        for at in self.by_name.get(&key(path)).into_iter().flatten() {
            let Some((known, is_ignored)) = self.paths.get(*at as usize) else { continue };
            let ends_so = self::composed(known).strip_suffix(&*composed).is_some_and(|dirs| {
                dirs.is_empty() || dirs.ends_with('/') || roots::is_prefix(dirs)
            });
            match (ends_so, is_ignored) {
                (false, _) => (),
                (true, true) => namesakes.has_ignored = true,
                (true, false) if namesakes.files.len() < MAX_NAMESAKES => {
                    namesakes.files.push(known.to_string());
                }
                (true, false) => (),
            }
        }
        namesakes.files.sort_unstable();
        namesakes
    }
}

fn key(path: &str) -> u64 {
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
    let path = roots::inner_str(path);
    let name = path.rsplit('/').next().unwrap_or(path);
    BuildHasherDefault::<DefaultHasher>::default().hash_one(composed(name))
}

fn composed(text: &str) -> std::borrow::Cow<'_, str> {
    if is_nfc(text) { text.into() } else { text.nfc().collect::<String>().into() }
}
