//! Export of a conversation as Markdown or JSON.
//!
//! It is read and sent in pieces, so a long conversation or a slow client costs no more than one.

pub(super) mod markdown;

use std::collections::HashSet;

use actix_web::{
    HttpResponse,
    http::header,
    web::{self, Bytes},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};
use utoipa::{IntoParams, ToSchema};

use crate::{
    attachment::AttachedFile,
    database::{
        DatabaseError, Reader, Summary,
        queries::export::{EntryOrder, ExportCursor, START, StoredEntry},
    },
    entry::UserMessage,
    ids::{ConversationId, Seq, TurnNumber},
    project::Project,
    reaction::{KeptNote, StoredReaction},
    reader::Readers,
    rights::Action,
};

use crate::web::{
    access::rate_limit::Visitor,
    api::{
        conversations::permitted,
        references::{self, ComparedReference},
    },
    problem::{HandlerResult, Problem, ProblemResponse},
    state::AppState,
};
use markdown::Markdown;

/// Longest part of a file name that comes from the title, in bytes.
const MAX_TITLE_BYTES: usize = 60;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// `md` by default.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// Only what the answer of this turn says, with its references, as Markdown.
    #[param(value_type = Option<i64>)]
    turn: Option<TurnNumber>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Md,
    Json,
}

/// `GET /api/assistant/conversations/{project}/{id}/export?format=md|json`: all that is stored,
/// also during an answer.
#[utoipa::path(
    get,
    path = "/api/assistant/conversations/{project}/{id}/export",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id"), ExportQuery),
    responses((status = 200, description = "The file", content((String = "text/markdown"), (Value = "application/json"))), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn download(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    query: web::Query<ExportQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, id, _) = permitted(&state, &path, &visitor, Action::Read).await?;
    let reader = state.resources.reader.clone();
    let summary = reader.ask(move |reader| reader.summary(&project, id)).await?;
    let summary = summary.ok_or_else(|| Problem::not_found("Conversation not found"))?;
    let (content_type, extension) = match query.format {
        Format::Md => ("text/markdown; charset=utf-8", "md"),
        Format::Json => ("application/json", "json"),
    };
    let name = file_name(&summary, extension);
    let project = state.project(&visitor, &path.0).await?;
    let readers = state.resources.readers.clone();
    let export = Export::new(reader, Comparison { readers, project }, summary, query.format);
    if let Some(turn) = query.turn {
        let answer = export.answer(turn).await?;
        let answer = answer.ok_or_else(|| Problem::not_found("There is no such answer."))?;
        return Ok(HttpResponse::Ok().content_type("text/markdown; charset=utf-8").body(answer));
    }
    let pieces = stream::try_unfold(Some(export), next);
    Ok(HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(Box::pin(pieces)))
}

/// What references are compared with.
struct Comparison {
    readers: Readers,
    project: Project,
}

impl Comparison {
    /// The references of the answer that an entry ends; none if they cannot be compared.
    async fn references(&self, entry: &StoredEntry) -> Vec<ComparedReference> {
        let compared = references::of_end(&self.readers, &self.project, entry).await;
        compared.unwrap_or_else(|error| {
            log::warn!("an export tells nothing of references error={error}");
            Vec::new()
        })
    }
}

/// An entry with what belongs to the answer that it ends.
#[derive(Serialize)]
struct ExportedEntry<'a> {
    #[serde(flatten)]
    entry: &'a StoredEntry,
    #[serde(flatten)]
    around: AroundAnswer,
}

/// What is told with the end of an answer besides what is stored with it.
#[derive(Debug, Default, Serialize)]
struct AroundAnswer {
    /// What it refers to, as it is now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    references: Vec<ComparedReference>,
    /// What people say of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reactions: Vec<StoredReaction>,
    /// Present if it is kept as a note.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<KeptNote>,
}

/// The state of an export between two pieces.
struct Export {
    reader: Reader,
    comparison: Comparison,
    conversation: ConversationId,
    at: ExportCursor,
    writer: Writer,
    /// Text to send before the next entries.
    head: String,
}

enum Writer {
    Markdown(Markdown),
    Json {
        is_first: bool,
        /// The files of the questions so far.
        files: Vec<AttachedFile>,
    },
    /// After all entries: the files that are still to be written.
    Files {
        is_first: bool,
        left: std::vec::IntoIter<AttachedFile>,
    },
}

impl Export {
    fn new(reader: Reader, comparison: Comparison, summary: Summary, format: Format) -> Self {
        let (writer, head) = match format {
            Format::Md => (Writer::Markdown(Markdown::default()), markdown::head(&summary)),
            Format::Json => {
                let head = format!("{{\"conversation\":{},\n\"entries\":[", json!(summary));
                (Writer::Json { is_first: true, files: Vec::new() }, head)
            }
        };
        Self { reader, comparison, conversation: summary.id, at: START, writer, head }
    }

    /// What belongs to the answer that an entry ends.
    async fn around(&self, entry: &StoredEntry) -> Result<AroundAnswer, DatabaseError> {
        let mut around = AroundAnswer::default();
        if entry.is_end() {
            around.references = self.comparison.references(entry).await;
            let (conversation, turn) = (self.conversation, entry.turn);
            let read = move |reader: &Reader| reader.marks_of(conversation, turn);
            let marks = self.reader.ask(read).await?;
            (around.reactions, around.note) = (marks.reactions, marks.note);
        }
        Ok(around)
    }

    /// What the answer of a turn says, as far as it is stored; `None` if it says nothing.
    async fn answer(self, turn: TurnNumber) -> Result<Option<String>, DatabaseError> {
        let (conversation, mut at) = (self.conversation, (turn, Seq(-1)));
        let (mut markdown, mut text) = (Markdown::default(), String::new());
        loop {
            let page =
                self.reader.ask(move |it| it.entries(conversation, EntryOrder::ByTurn, at)).await?;
            let of_turn: Vec<_> = page.iter().filter(|entry| entry.turn == turn).collect();
            for entry in &of_turn {
                at = entry.cursor();
                let references = self.comparison.references(entry).await;
                markdown.add_words(entry, &references, &mut text);
            }
            if of_turn.is_empty() || of_turn.len() < page.len() {
                break;
            }
        }
        let text = text.trim();
        Ok((!text.is_empty()).then(|| format!("{text}\n")))
    }
}

/// The next piece; `None` at the end. If the conversation is deleted meanwhile or cannot be read, the
/// connection is cut: a truncated export must not look complete.
async fn next(export: Option<Export>) -> Result<Option<(Bytes, Option<Export>)>, DatabaseError> {
    let Some(mut export) = export else { return Ok(None) };
    let (conversation, at) = (export.conversation, export.at);
    let order = match export.writer {
        Writer::Markdown(_) => EntryOrder::ByTurn,
        Writer::Json { .. } => EntryOrder::BySequence,
        Writer::Files { .. } => return next_file(export).await,
    };
    let page = export.reader.ask(move |reader| reader.entries(conversation, order, at)).await?;
    let mut text = std::mem::take(&mut export.head);
    for entry in &page {
        export.at = entry.cursor();
        let around = export.around(entry).await?;
        match &mut export.writer {
            Writer::Markdown(markdown) => markdown.add(entry, &around, &mut text),
            Writer::Json { is_first, files } => {
                files.extend(files_of(entry));
                text.push_str(if std::mem::take(is_first) { "\n" } else { ",\n" });
                text.push_str(&json!(ExportedEntry { entry, around }).to_string());
            }
            Writer::Files { .. } => (),
        }
    }
    if !page.is_empty() {
        return Ok(Some((text.into(), Some(export))));
    }
    let waiting = export.reader.ask(move |reader| reader.questions_without_entry(conversation));
    let waiting = waiting.await?;
    match export.writer {
        Writer::Markdown(markdown) => markdown.end(&waiting, &mut text),
        Writer::Json { mut files, .. } => {
            let questions = waiting.iter().map(|(_, question)| &**question);
            files.extend(questions.flat_map(attachments_of));
            let waiting = waiting.iter().map(|(turn, it)| json!({ "turn": turn, "payload": it }));
            let waiting: Vec<_> = waiting.collect();
            text.push_str(&format!("],\n\"waiting\":{}", json!(waiting)));
            if !files.is_empty() {
                text.push_str(",\n\"attachments\":{");
                let left = distinct(files).into_iter();
                export.writer = Writer::Files { is_first: true, left };
                return Ok(Some((text.into(), Some(export))));
            }
            text.push_str("}\n");
        }
        Writer::Files { .. } => (),
    }
    Ok(Some((text.into(), None)))
}

/// The next file, by its id and in base64.
async fn next_file(mut export: Export) -> Result<Option<(Bytes, Option<Export>)>, DatabaseError> {
    let Writer::Files { is_first, left } = &mut export.writer else { return Ok(None) };
    let Some(file) = left.next() else { return Ok(Some(("}}\n".into(), None))) };
    let (project, conversation) = (export.comparison.project.name.clone(), export.conversation);
    let id = file.id.clone();
    let loaded =
        export.reader.ask(move |reader| reader.loaded_file(&project, conversation, &id)).await?;
    let loaded = loaded.ok_or(DatabaseError::AttachmentGone { name: file.name })?;
    let separator = if std::mem::take(is_first) { "\n" } else { ",\n" };
    let text = format!("{separator}{}:\"{}\"", json!(file.id), loaded.base64());
    Ok(Some((text.into(), Some(export))))
}

/// The files that an entry names.
fn files_of(entry: &StoredEntry) -> Vec<AttachedFile> {
    match entry.kind.as_str() {
        "user_message" => attachments_of(&entry.payload),
        _ => Vec::new(),
    }
}

fn attachments_of(payload: &RawValue) -> Vec<AttachedFile> {
    let question = serde_json::from_str::<UserMessage>(payload.get());
    question.map(|question| question.attachments).unwrap_or_default()
}

/// Each file once: a question that is asked again names the same ones.
fn distinct(files: Vec<AttachedFile>) -> Vec<AttachedFile> {
    let mut seen = HashSet::new();
    files.into_iter().filter(|file| seen.insert(file.id.clone())).collect()
}

/// A name that is safe in a header and on every file system: `demo-12-where-are-sockets-closed.md`.
fn file_name(summary: &Summary, extension: &str) -> String {
    let mut name = format!("{}-{}", summary.project_name, summary.id);
    let longest = name.len() + 1 + MAX_TITLE_BYTES;
    for word in summary
        .title
        .as_deref()
        .unwrap_or_default()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        if name.len() + 1 + word.len() > longest {
            break;
        }
        name.push('-');
        name.push_str(&word.to_ascii_lowercase());
    }
    format!("{name}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ConversationId;

    #[test]
    fn a_file_is_named_safely_after_the_title() {
        let name = |title: Option<&str>| {
            let summary = Summary {
                id: ConversationId(12),
                project_name: "demo".to_owned(),
                title: title.map(str::to_owned),
                created_at: String::new(),
                updated_at: String::new(),
                message_count: 0,
                ownership: crate::rights::Ownership::default(),
                forked_from: None,
            };
            file_name(&summary, "md")
        };
        assert_eq!(name(Some("Where are Sockets closed?")), "demo-12-where-are-sockets-closed.md");
        assert_eq!(name(Some("../../etc/\"passwd\"\r\nX: y")), "demo-12-etc-passwd-x-y.md");
        assert_eq!(name(Some("Wörter…")), "demo-12-w-rter.md");
        assert_eq!(name(None), "demo-12.md");
        assert!(name(Some(&"ab ".repeat(99))).len() <= "demo-12-.md".len() + MAX_TITLE_BYTES);
        assert_eq!(name(Some(&"x".repeat(99))), "demo-12.md");
    }
}
