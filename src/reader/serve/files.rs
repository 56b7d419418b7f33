//! Answers from the project's files. All of it blocks.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    citation::{Citation, WrittenReference, check, project_files::ProjectFiles},
    features::{self, FeatureStats, Features},
    guide::{
        answer::project::introduction,
        answering::{self, AnswerTask},
    },
    highlighter::HighlightRequest,
    history::{self, ProjectHistory, checkout::Checkout},
    policy::{
        InvalidSecret, Policy, Secrets,
        gate::Tree,
        opening::{self, FileReadError},
    },
    project::{AGENT_INSTRUCTIONS, Root, Roots, SPECIFICATIONS},
    reader::{
        excerpt::{self, FileExcerpt},
        file_list::{self, FileList, KeptList},
        protocol::{
            self, CheckedReferences, FileRefusal, FoundFiles, PageOf, ReadLimits, ReaderAnswer,
            ReaderPlan,
        },
    },
    source::{
        index::{
            Index,
            shared::{IndexError, SharedIndex},
        },
        readme::{self, TextFile},
        text,
    },
    suggestions::{self, ProjectFile, Suggestions},
};

/// Longest part of a file's first line that is used to guess its language, in bytes.
const MAX_FIRST_LINE_BYTES: usize = 200;

/// For how long it is used what is checked out.
const CHECKOUTS_LIFETIME: Duration = Duration::from_secs(2);

/// Longest difference of a commit that is shown, in bytes.
const MAX_DIFF_BYTES: usize = 1 << 20;

/// The files of one project, as far as they may be read.
#[derive(Debug)]
pub(super) struct ReadableFiles {
    /// The same for checks of references.
    cited: ProjectFiles,
    roots: Roots,
    secrets: Secrets,
    policy: Policy,
    limits: ReadLimits,
    list: KeptList,
    index: SharedIndex,
    /// When it was looked at what is checked out, and what was. Locked meanwhile.
    checkouts: Mutex<Option<(Instant, Vec<Checkout>)>>,
}

impl ReadableFiles {
    pub(super) fn new(plan: ReaderPlan) -> Result<Self, InvalidSecret> {
        let ReaderPlan { roots, secrets, limits, index, log: _ } = plan;
        let secrets = Secrets::new(&secrets)?;
        let policy = Policy::new(roots.clone(), secrets.clone());
        let list = KeptList::new(limits.list_lifetime);
        let cited = ProjectFiles::new(policy.clone(), roots.clone(), limits.file_bytes);
        let index = SharedIndex::new(roots.clone(), secrets.clone(), Some(index));
        let checkouts = Mutex::default();
        Ok(Self { cited, roots, secrets, policy, limits, list, index, checkouts })
    }

    /// Asks the index. Blocks, and waits for a while where it is built; the error is for a person.
    pub(super) fn with_index<T>(&self, ask: impl FnOnce(&Index) -> T) -> Result<T, IndexError> {
        self.index.ask(self.limits.index_wait, ask)
    }

    /// Answers a question of the guide.
    pub(super) fn answer(&self, task: AnswerTask) -> ReaderAnswer {
        match answering::answer(&self.index, protocol::INDEX_WAIT, task) {
            Ok(answer) => ReaderAnswer::Answered(answer),
            Err(error) => ReaderAnswer::Failed(error.to_string()),
        }
    }

    /// The commits of the project.
    pub(super) fn history(&self) -> ProjectHistory {
        ProjectHistory::new(self.roots.clone(), self.secrets.clone())
    }

    /// All files that may be read, as of a moment ago.
    pub(super) fn list(&self) -> Arc<FileList> {
        self.list.list(&self.roots, &self.secrets)
    }

    /// The project's directories.
    pub(super) fn roots(&self) -> &Roots {
        &self.roots
    }

    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The largest file that is read, in bytes.
    pub(super) fn max_file_bytes(&self) -> usize {
        self.limits.file_bytes
    }

    /// How long a tool may take, or wait for the index.
    pub(super) fn tool_time(&self) -> Duration {
        self.limits.index_wait
    }

    /// Where a path leads that may be read.
    pub(super) fn locate(&self, path: &str) -> Result<(Tree, PathBuf), FileReadError> {
        opening::find(&self.policy, path)
    }

    /// The bytes of a file; the error says why it is not shown.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, FileReadError> {
        opening::read(&self.policy, path, self.limits.file_bytes)
    }

    /// The text of a file; the error says why it is not shown.
    pub(super) fn text(&self, path: &str) -> Result<String, FileReadError> {
        let bytes = self.bytes(path)?;
        let decoded = text::of_file(Path::new(path), &bytes);
        Ok(decoded.map(|it| it.text.into_owned()).unwrap_or_default())
    }

    pub(super) fn find(&self, query: &str, limit: usize) -> ReaderAnswer {
        let list = self.list();
        let (files, total) = file_list::rank(&list, query, limit);
        ReaderAnswer::Found(FoundFiles { files, total, truncated: list.truncated })
    }

    /// What is in a directory.
    pub(super) fn directory(&self, path: &str) -> ReaderAnswer {
        ReaderAnswer::Directory(self.list().directory(path, self.roots.is_group()))
    }

    /// The bytes of what a page shows, under a name that tells their language.
    pub(super) fn content<'a>(&self, of: &'a PageOf) -> Result<(&'a str, Vec<u8>), FileRefusal> {
        Ok(match of {
            PageOf::File(path) => (path.as_str(), self.bytes(path)?),
            PageOf::FileAt { path, commit } => {
                (path.as_str(), self.history().file_at(commit, path)?)
            }
            PageOf::Commit(id) => {
                let shown = self.history().show(id, MAX_DIFF_BYTES.min(self.limits.file_bytes))?;
                ("commit.diff", history::text::shown(&shown).into_bytes())
            }
        })
    }

    /// A page, and what of it is to be highlighted.
    pub(super) fn page(
        &self,
        of: &PageOf,
        line: Option<usize>,
        is_highlighted: bool,
    ) -> Result<(FileExcerpt, Option<HighlightRequest>), FileRefusal> {
        let limits = &self.limits;
        let (path, bytes) = self.content(of)?;
        let excerpt = excerpt::of(path, &bytes, line, limits.page_lines, limits.page_bytes);
        let [_, max_before, _] = limits.highlighted_bytes;
        let unhighlighted =
            is_highlighted.then(|| unhighlighted(path, &excerpt, &bytes, max_before));
        Ok((excerpt, unhighlighted))
    }

    pub(super) fn check_references(
        &self,
        references: Vec<WrittenReference>,
        read: &[String],
    ) -> ReaderAnswer {
        let mentioned = references.into_iter().collect();
        // The server may know the directory by a link.
        let read: Vec<String> =
            read.iter().map(|path| self.roots.path_of(path).into_owned()).collect();
        ReaderAnswer::Checked(CheckedReferences {
            citations: check::check(&self.cited, &mentioned, &read),
            commits: self.cited.head_commits(),
        })
    }

    pub(super) fn standings(&self, citations: &[Citation]) -> ReaderAnswer {
        ReaderAnswer::Standings(check::standings(&self.cited, citations))
    }

    /// What is checked out, as of a moment ago.
    pub(super) fn checkouts(&self) -> ReaderAnswer {
        let mut kept = self.checkouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = kept.as_ref().filter(|it| it.0.elapsed() < CHECKOUTS_LIFETIME) {
            return ReaderAnswer::Checkouts(known.clone());
        }
        let (_, known) = kept.insert((Instant::now(), self.history().checkouts()));
        ReaderAnswer::Checkouts(known.clone())
    }

    pub(super) fn suggest(&self) -> ReaderAnswer {
        let list = self.list();
        let files: Vec<_> =
            list.files().iter().map(|it| ProjectFile { path: &it.path, size: it.size }).collect();
        let readme = readme::of_project(files.iter().map(|it| it.path)).and_then(|path| {
            let bytes = self.bytes(path).ok()?;
            let text = text::decode(&bytes)?.text.into_owned();
            Some(readme::plain(TextFile { path: path.to_owned(), text }))
        });
        // What the guide does not read it cannot answer.
        let is_read = |path: &String| files.iter().any(|it| it.path == *path);
        let spec = self.specifications().find(is_read);
        let introduction = readme.as_ref().map(introduction).unwrap_or_default();
        ReaderAnswer::Suggestions(Suggestions {
            about: introduction.first().and_then(|it| suggestions::about::first_sentence(&it.text)),
            questions: suggestions::of(&files, readme.as_ref(), spec.as_deref()),
        })
    }

    pub(super) fn check_content(&self, path: &str) -> ReaderAnswer {
        match self.policy.check_content(path) {
            Ok(()) => ReaderAnswer::Done,
            Err(refusal) => ReaderAnswer::Denied(refusal.to_string()),
        }
    }

    pub(super) fn specification(&self, max_chars: usize) -> ReaderAnswer {
        // One character more tells that there is more.
        let most = max_chars.saturating_add(1).saturating_mul(char::MAX.len_utf8());
        let read = |path: String| {
            let bytes = opening::read_start(&self.policy, &path, most).ok()?;
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            (!text.is_empty()).then_some((path, text))
        };
        if !self.roots.is_group() {
            return ReaderAnswer::Specification(
                self.specifications().find_map(read).map(|it| it.1),
            );
        }
        // Each member's first one, of which none may take the room of the others.
        let share = max_chars / self.roots.iter().count();
        let of_members = self.roots.iter().filter_map(|root| {
            let of_root = SPECIFICATIONS.iter().map(|path| root.prefix() + path);
            let (path, text) = of_root.into_iter().find_map(read)?;
            Some(format!("## {path}\n\n{}", super::super::checks::shortened(&text, share)))
        });
        let all = of_members.collect::<Vec<_>>().join("\n\n");
        ReaderAnswer::Specification((!all.is_empty()).then_some(all))
    }

    /// What a repository says for agents; a group has no root where that would be.
    pub(super) fn instructions(&self, max_chars: usize) -> ReaderAnswer {
        let most = max_chars.saturating_add(1).saturating_mul(char::MAX.len_utf8());
        let found = AGENT_INSTRUCTIONS.iter().enumerate().find_map(|(number, path)| {
            let bytes = opening::read_start(&self.policy, path, most).ok()?;
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            (!text.is_empty()).then_some((number, text))
        });
        ReaderAnswer::Instructions(found)
    }

    /// The paths at which specifications may be.
    fn specifications(&self) -> impl Iterator<Item = String> {
        let of_root = |root: &Root| SPECIFICATIONS.map(|path| root.prefix() + path);
        self.roots.iter().flat_map(of_root)
    }

    pub(super) fn feature_stats(&self) -> ReaderAnswer {
        let features = Features::open(features::root_of(&self.roots));
        match features.and_then(|features| features.map(|it| it.stats()).transpose()) {
            Ok(stats) => ReaderAnswer::Stats(stats.unwrap_or_else(|| FeatureStats::of(0, 0, 0))),
            Err(error) => ReaderAnswer::Failed(error.to_string()),
        }
    }
}

/// The text to highlight: the page, and at most so many bytes before it.
fn unhighlighted(
    path: &str,
    excerpt: &FileExcerpt,
    bytes: &[u8],
    max_before: usize,
) -> HighlightRequest {
    let decoded = text::of_file(Path::new(path), bytes);
    let text = decoded.as_ref().map_or("", |decoded| &decoded.text);
    let first_line = text.lines().next().unwrap_or_default();
    let first_line = first_line.get(..first_line.floor_char_boundary(MAX_FIRST_LINE_BYTES));
    HighlightRequest {
        path: path.into(),
        first_line: first_line.unwrap_or_default().to_owned(),
        before: excerpt::text_before(text, excerpt.first_line, max_before),
        shown: excerpt.text.as_str().into(),
    }
}

#[cfg(test)]
pub(super) mod tests;
