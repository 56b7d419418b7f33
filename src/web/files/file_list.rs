//! Lists of the projects' files, and the fuzzy search in them.
//!
//! A list is made by walking the project and used for a few seconds. Those who ask meanwhile wait for
//! the same list.

use std::{
    collections::HashMap,
    sync::{self, Arc, PoisonError},
    time::{Duration, Instant},
};

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{AtomKind, CaseMatching, Normalization, Pattern},
};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::{
    policy::Secrets,
    project::{Project, ProjectName},
    source::walk,
};

/// Projects whose lists are kept; the one used least recently makes room.
const MAX_LISTS: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FoundFile {
    /// The path from the project's root.
    pub path: String,
    /// The size in bytes.
    pub size: u64,
}

/// The files of a project that may be read.
#[derive(Debug)]
pub(crate) struct FileList {
    /// Ordered by path.
    files: Vec<FoundFile>,
    /// Whether the project has more files.
    pub truncated: bool,
}

impl FileList {
    pub(crate) fn files(&self) -> &[FoundFile] {
        &self.files
    }
}

/// A list and when it was made. Locked while the project is walked.
type ListSlot = Arc<Mutex<Option<(Instant, Arc<FileList>)>>>;

#[derive(Debug)]
pub(crate) struct FileLists {
    lifetime: Duration,
    /// The list of each project, and when it was last asked for.
    lists: sync::Mutex<HashMap<ProjectName, (Instant, ListSlot)>>,
}

impl FileLists {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { lifetime, lists: sync::Mutex::default() }
    }

    /// The files of a project, as of a moment ago.
    pub(crate) async fn list(
        &self,
        project: &Project,
        secrets: Secrets,
    ) -> Result<Arc<FileList>, actix_web::error::BlockingError> {
        let slot = self.slot(&project.name);
        // Callers that come during a walk waits here for its list.
        let mut slot = slot.lock().await;
        if let Some((_, list)) = slot.as_ref().filter(|(at, _)| at.elapsed() < self.lifetime) {
            return Ok(Arc::clone(list));
        }
        let dir = project.dir.clone();
        let list = actix_web::web::block(move || Arc::new(walk(&dir, &secrets))).await?;
        *slot = Some((Instant::now(), Arc::clone(&list)));
        Ok(list)
    }

    fn slot(&self, project: &ProjectName) -> ListSlot {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if lists.len() >= MAX_LISTS && !lists.contains_key(project) {
            let oldest = lists.iter().min_by_key(|(_, (asked, _))| *asked);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                lists.remove(&oldest);
            }
        }
        let (asked, slot) =
            lists.entry(project.clone()).or_insert_with(|| (Instant::now(), ListSlot::default()));
        *asked = Instant::now();
        Arc::clone(slot)
    }
}

fn walk(dir: &std::path::Path, secrets: &Secrets) -> FileList {
    let found = walk::files(dir, secrets);
    let truncated = found.is_cut;
    let mut files: Vec<_> = found
        .files
        .into_iter()
        // A path that is not UTF-8 cannot be requested.
        .filter_map(|it| {
            Some(FoundFile { path: it.path.into_os_string().into_string().ok()?, size: it.size })
        })
        .collect();
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    FileList { files, truncated }
}

/// The files whose paths match best, and the number of matches. Blocks for long with a long list.
pub(crate) fn rank(list: &FileList, query: &str, limit: usize) -> (Vec<FoundFile>, usize) {
    let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
    let pattern = Pattern::new(query, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy);
    let mut characters = Vec::new();
    let mut scored: Vec<(u32, &FoundFile)> = list
        .files
        .iter()
        .filter_map(|file| {
            let path = Utf32Str::new(&file.path, &mut characters);
            Some((pattern.score(path, &mut matcher)?, file))
        })
        .collect();
    let total = scored.len();
    if !query.trim().is_empty() {
        // Equal scores are ordered by length, then by path, as the sort is stable.
        scored.sort_by_key(|(score, file)| (std::cmp::Reverse(*score), file.path.len()));
    }
    (scored.into_iter().take(limit).map(|(_, file)| file.clone()).collect(), total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(paths: &[&str]) -> FileList {
        let file = |path: &&str| FoundFile { path: (*path).to_owned(), size: 1 };
        FileList { files: paths.iter().map(file).collect(), truncated: false }
    }

    fn ranked(list: &FileList, query: &str) -> Vec<String> {
        rank(list, query, 10).0.into_iter().map(|it| it.path).collect()
    }

    #[test]
    fn letters_of_a_path_find_its_file_and_the_name_counts_most() {
        let list = list(&[
            "docs/session.md",
            "src/session.rs",
            "src/session/turn.rs",
            "src/web/viewer.rs",
        ]);
        assert_eq!(ranked(&list, "turn")[0], "src/session/turn.rs");
        assert_eq!(ranked(&list, "sesrs")[0], "src/session.rs");
        assert_eq!(ranked(&list, "web view"), ["src/web/viewer.rs"]);
        assert_eq!(ranked(&list, "Session").len(), 0, "a capital letter means itself");
        assert_eq!(ranked(&list, "zzz").len(), 0);
        assert_eq!(ranked(&list, "").len(), 4);
        assert_eq!(rank(&list, "s", 1), (vec![list.files[1].clone()], 4));
        // Operators of other finders are plain text here.
        assert_eq!(ranked(&list, "!turn").len(), 0);
        assert_eq!(ranked(&list, "^src").len(), 0);
    }

    #[test]
    fn only_a_few_lists_are_kept() {
        let lists = FileLists::new(Duration::from_secs(5));
        for n in 0..2 * MAX_LISTS {
            lists.slot(&ProjectName::parse(&format!("p{n}")).unwrap());
        }
        assert_eq!(lists.lists.lock().unwrap().len(), MAX_LISTS);
    }
}
