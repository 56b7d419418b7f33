//! What the server asks readers, each question with its deadline and the check of its answer.

use std::time::Duration;

use crate::{
    citation::{Citation, References, anchor::Standing},
    features::{self, FeatureStats},
    history::checkout::Checkout,
    project::Project,
    suggestions::{self, Suggestions},
};

use super::{
    Readers, checks,
    protocol::{
        CheckedReferences, FileRefusal, FoundFiles, GrownCode, HighlightedCode, PageOf, ReadPage,
        ReaderAnswer, ReaderError, ReaderRequest,
    },
};

/// Time to answer what needs no file of the project beyond one.
const SHORT: Duration = Duration::from_secs(10);

/// Time to tell what is checked out, for which git looks at all files.
const CHECKOUT_TIME: Duration = Duration::from_secs(3);

/// Time to highlight beyond the highlighter's own limit.
pub(super) const SLACK: Duration = Duration::from_secs(6);

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum PageError {
    Refused(FileRefusal),
    Reader(ReaderError),
}

/// The reader's state of a code block that it was told of.
pub(super) enum CodeAnswer {
    /// It knows what it was told; a closed block is highlighted, or stays plain.
    Known(Option<HighlightedCode>),
    /// It has not what was told before.
    Unknown,
}

impl Readers {
    /// The files whose paths match best.
    pub(crate) async fn find_files(
        &self,
        project: &Project,
        query: String,
        limit: usize,
    ) -> Result<FoundFiles, ReaderError> {
        let request = ReaderRequest::FindFiles { query, limit };
        match self.ask(project, request, self.settings().reader.timeout).await? {
            ReaderAnswer::Found(found) if checks::are_found(&found.files, found.total, limit) => {
                Ok(found)
            }
            _ => Err(self.on_nonsense(project)),
        }
    }

    /// A page of a file, or of a commit.
    pub(crate) async fn page(
        &self,
        project: &Project,
        of: PageOf,
        line: Option<usize>,
        is_highlighted: bool,
    ) -> Result<ReadPage, PageError> {
        let request = ReaderRequest::Page { of, line, is_highlighted };
        let (reading, highlighting) = (&self.settings().reading, &self.settings().highlighting);
        let limit = self.settings().reader.timeout + highlighting.timeout + SLACK;
        let answer = self.ask(project, request, limit).await.map_err(PageError::Reader)?;
        let fits = |page: &ReadPage| {
            let text = &page.excerpt.text;
            let are_lines = |lines: &Vec<String>| match page.excerpt.total_lines {
                0 => lines.is_empty(),
                _ => checks::are_highlighted(lines, text),
            };
            checks::is_excerpt(&page.excerpt, reading.page_lines, reading.page_bytes)
                && page.lines.is_some() == is_highlighted
                && page.lines.as_ref().is_none_or(are_lines)
        };
        match answer {
            ReaderAnswer::Page(page) if fits(&page) => Ok(page),
            ReaderAnswer::Refused(FileRefusal { kind, words }) => {
                Err(PageError::Refused(FileRefusal { kind, words: checks::sentence(words) }))
            }
            _ => Err(PageError::Reader(self.on_nonsense(project))),
        }
    }

    /// What is said of the project before anything was asked.
    pub(crate) async fn suggest(&self, project: &Project) -> Result<Suggestions, ReaderError> {
        match self.ask(project, ReaderRequest::Suggest, self.settings().reader.timeout).await? {
            ReaderAnswer::Suggestions(Suggestions { about, questions })
                if questions.len() <= suggestions::QUESTIONS =>
            {
                Ok(Suggestions {
                    about: about.map(checks::sentence),
                    questions: questions.into_iter().map(checks::sentence).collect(),
                })
            }
            _ => Err(self.on_nonsense(project)),
        }
    }

    /// How far the project is by its list of features; 0 of 0 where it has none.
    pub(crate) async fn feature_stats(
        &self,
        project: &Project,
    ) -> Result<FeatureStats, ReaderError> {
        let roots = project.roots.clone();
        let has_features =
            tokio::task::spawn_blocking(move || features::exists(features::root_of(&roots)));
        let has_features = has_features.await;
        if !has_features.unwrap_or_default() {
            return Ok(FeatureStats::of(0, 0, 0));
        }
        match self.ask(project, ReaderRequest::FeatureStats, SHORT).await? {
            // What follows from the counts is the server's to say.
            ReaderAnswer::Stats(FeatureStats { passing, in_progress, total, .. }) => {
                Ok(FeatureStats::of(passing, in_progress, total))
            }
            _ => Err(self.on_nonsense(project)),
        }
    }

    /// The citations of an answer's references. `read` are the files that the agent has seen.
    pub(crate) async fn check_references(
        &self,
        project: &Project,
        mentioned: &References,
        read: Vec<String>,
    ) -> Result<CheckedReferences, ReaderError> {
        let references: Vec<_> = mentioned.iter().cloned().collect();
        let asked: Vec<_> = references.iter().map(|it| it.reference.clone()).collect();
        // For the commit alone none is started.
        if asked.is_empty() && !self.is_running(project) {
            return Ok(CheckedReferences::default());
        }
        let request = ReaderRequest::CheckReferences { references, read };
        match self.ask(project, request, SHORT).await? {
            ReaderAnswer::Checked(CheckedReferences { citations, commits }) => {
                Ok(CheckedReferences {
                    citations: checks::citations(citations, &asked),
                    commits: checks::checkouts(commits, project),
                })
            }
            _ => Err(self.on_nonsense(project)),
        }
    }

    /// What is checked out in the project's directories, of those that are repositories with a commit.
    pub(crate) async fn checkouts(&self, project: &Project) -> Result<Vec<Checkout>, ReaderError> {
        match self.ask(project, ReaderRequest::Checkouts, CHECKOUT_TIME).await? {
            ReaderAnswer::Checkouts(checkouts) => Ok(checks::checkouts(checkouts, project)),
            _ => Err(self.on_nonsense(project)),
        }
    }

    /// What has become of citations since they were checked, in their order.
    pub(crate) async fn standings(
        &self,
        project: &Project,
        citations: Vec<Citation>,
    ) -> Result<Vec<Standing>, ReaderError> {
        let n_citations = citations.len();
        if n_citations == 0 {
            return Ok(Vec::new());
        }
        let request = ReaderRequest::CompareCitations(citations);
        match self.ask(project, request, SHORT).await? {
            ReaderAnswer::Standings(standings)
                if standings.len() == n_citations && checks::are_standings(&standings) =>
            {
                Ok(standings)
            }
            _ => Err(self.on_nonsense(project)),
        }
    }

    /// How many of the places that an answer cites were found, and how many of these have changed since,
    /// or are gone.
    pub(crate) async fn count_changed(
        &self,
        project: &Project,
        mut citations: Vec<Citation>,
    ) -> Result<(usize, usize), ReaderError> {
        citations.retain(|citation| citation.found);
        let standings = self.standings(project, citations).await?;
        let changed = standings.iter().filter(|standing| standing.has_changed()).count();
        Ok((standings.len(), changed))
    }

    /// Tells the reader of a code block that has grown, or is closed.
    pub(super) async fn code(
        &self,
        project: &Project,
        grown: GrownCode,
        is_closed: bool,
    ) -> Result<CodeAnswer, ReaderError> {
        let request = match is_closed {
            true => ReaderRequest::HighlightCode(grown),
            false => ReaderRequest::PrefetchCode(grown),
        };
        let limit = self.settings().highlighting.timeout * 2 + SLACK;
        match self.ask(project, request, limit).await? {
            ReaderAnswer::Code(code) if is_closed => Ok(CodeAnswer::Known(code)),
            ReaderAnswer::Done if !is_closed => Ok(CodeAnswer::Known(None)),
            ReaderAnswer::UnknownCode => Ok(CodeAnswer::Unknown),
            _ => Err(self.on_nonsense(project)),
        }
    }
}
