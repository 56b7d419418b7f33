//! Search in the text of a project's files, sent as it goes on.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::ContentEncoding},
    web::{self, Bytes},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    project::Project,
    reader::{
        Readers,
        questions::PageError,
        text_search::{FileHits, FoundText, TextQuery, TextScope, TextStep, TextTally},
    },
    web::{
        access::rate_limit::Visitor,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

/// Most characters of the pattern and of the patterns of paths.
const MAX_CHARS: usize = 1000;

/// Most lines that are found; the last file may have some more.
const MAX_HITS: usize = 1000;

/// Most lines of one step, so that the first ones come soon.
const STEP_HITS: usize = 200;

/// Longest search.
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TextSearchQuery {
    /// What a line must contain.
    q: String,
    /// Whether it is a regular expression.
    #[serde(default)]
    regex: bool,
    /// Whether capital letters count.
    #[serde(default)]
    case: bool,
    /// Patterns of paths as in `.gitignore`, separated by spaces; with `!` before one it leaves out.
    #[serde(default)]
    paths: String,
    /// The language of the files, as a fenced code block names it.
    #[serde(default)]
    language: String,
}

/// A line of the response.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum TextFrame {
    /// The first: what is searched.
    Scope(TextScope),
    /// A file with hits.
    File(FileHits),
    /// How many files were looked at so far.
    Progress { searched: usize },
    /// The last.
    End(TextEnd),
    /// The last, where the search failed: why.
    Failed { detail: String },
}

/// How a search ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TextEnd {
    /// What ended it early; nothing if all was searched.
    cut: Option<TextCut>,
    /// Lines that match.
    hits: usize,
    /// Files with such lines.
    files: usize,
    /// How long it took.
    milliseconds: u64,
    tally: TextTally,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TextCut {
    /// There are more hits than are shown.
    Hits,
    /// It took too long.
    Time,
}

/// `GET /api/projects/{project}/text?q=&regex=&case=&paths=&language=`: the lines of the project's
/// files that match, as lines of JSON, each sent as soon as it is known. It ends when the client goes.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/text",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name"), TextSearchQuery),
    responses(
        (status = 200, body = TextFrame, content_type = "application/x-ndjson"),
        (status = "default", response = ProblemResponse),
    ),
)]
pub(crate) async fn find(
    state: web::Data<AppState>,
    project: web::Path<String>,
    query: web::Query<TextSearchQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?;
    let TextSearchQuery { q, regex, case, paths, language } = query.into_inner();
    let refused = |words: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, words);
    if q.is_empty() {
        return Err(refused("The text to search for is empty.".to_owned()));
    }
    if [&q, &paths, &language].iter().any(|text| text.chars().count() > MAX_CHARS) {
        return Err(refused(format!("The search may have at most {MAX_CHARS} characters.")));
    }
    let query = TextQuery { pattern: q, is_regex: regex, ignore_case: !case, paths, language };
    let readers = state.resources.readers.clone();
    let search = TextSearch::new(readers, project, query);
    // What is wrong with the query is known before anything is sent.
    let first = search.step().await?;
    let rest = stream::unfold((Some(search), Some(first)), next);
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        // A compressor would hold results back.
        .insert_header(ContentEncoding::Identity)
        .streaming(Box::pin(rest)))
}

/// The state of a search between two steps.
struct TextSearch {
    readers: Readers,
    project: Project,
    query: TextQuery,
    since: Instant,
    /// Where the next step begins.
    after: String,
    hits: usize,
    files: usize,
    tally: TextTally,
}

impl TextSearch {
    fn new(readers: Readers, project: Project, query: TextQuery) -> Self {
        let (since, after, tally) = (Instant::now(), String::new(), TextTally::default());
        Self { readers, project, query, since, after, hits: 0, files: 0, tally }
    }

    async fn step(&self) -> Result<FoundText, PageError> {
        let most = STEP_HITS.min(MAX_HITS.saturating_sub(self.hits));
        let step = TextStep { query: self.query.clone(), after: self.after.clone(), most };
        self.readers.search_text(&self.project, step).await
    }

    /// The lines to send for a step, and whether they are the last.
    fn frames(&mut self, found: FoundText) -> (Vec<TextFrame>, bool) {
        self.tally.add(found.tally);
        self.files += found.files.len();
        self.hits += found.files.iter().map(|file| file.hits.len()).sum::<usize>();
        let mut frames: Vec<TextFrame> = found.scope.map(TextFrame::Scope).into_iter().collect();
        frames.extend(found.files.into_iter().map(TextFrame::File));
        let cut = match &found.next {
            None if self.tally.cut_files > 0 => Some(TextCut::Hits),
            None => None,
            Some(_) if self.hits >= MAX_HITS => Some(TextCut::Hits),
            Some(_) if self.since.elapsed() > LONGEST => Some(TextCut::Time),
            Some(next) => {
                self.after.clone_from(next);
                let searched = self.tally.searched;
                frames.push(TextFrame::Progress { searched });
                return (frames, false);
            }
        };
        let milliseconds = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (hits, files, tally) = (self.hits, self.files, self.tally);
        frames.push(TextFrame::End(TextEnd { cut, hits, files, milliseconds, tally }));
        (frames, true)
    }
}

/// A piece of the response: what the step that was made, or the next one, has found.
async fn next(
    (search, made): (Option<TextSearch>, Option<FoundText>),
) -> Option<(Result<Bytes, Infallible>, (Option<TextSearch>, Option<FoundText>))> {
    let mut search = search?;
    let found = match made {
        Some(found) => Ok(found),
        None => search.step().await,
    };
    let (frames, is_last) = match found {
        Ok(found) => search.frames(found),
        Err(error) => {
            let detail = match error {
                PageError::Refused(refusal) => refusal.words,
                PageError::Reader(error) => error.to_string(),
            };
            (vec![TextFrame::Failed { detail }], true)
        }
    };
    let mut lines = Vec::new();
    for frame in &frames {
        // Texts and numbers are always JSON.
        lines.extend(serde_json::to_vec(frame).unwrap_or_default());
        lines.push(b'\n');
    }
    Some((Ok(Bytes::from(lines)), ((!is_last).then_some(search), None)))
}
