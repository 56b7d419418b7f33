//! What a snapshot shows: the questions and what their answers say, as HTML by the renderer of answers.
//!
//! Nothing else of the conversation is in it: no names of people, steps, thinking, errors or files, and
//! no directory of this machine.

use std::sync::Arc;

use actix_web::{HttpResponse, http::header, web};

use crate::{
    citation::anchor::Standing,
    database::{
        DatabaseError,
        queries::{
            export::{EntryOrder, START, StoredEntry},
            snapshots::Snapshot,
        },
        title,
    },
    entry::{Content, Outcome, UserMessage},
    ids::{ConversationId, TurnNumber},
    markdown::{self, AnswerPart, escape::push_escaped},
    project::{Project, Roots},
    web::{
        api::{
            export::markdown::{Markdown, time},
            references::ComparedReference,
        },
        state::AppState,
    },
};

use super::drawings::{DIAGRAM_LANGUAGE, Drawer, FrozenHtml};

/// The document around it.
pub(super) const TEMPLATE: &str = "snapshot.html";

/// Longest HTML of a snapshot, in bytes.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// It loads its styles and its icon, and nothing else; diagrams are in it.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
                      frame-ancestors 'none'; form-action 'none'";

/// Why there is no copy of a conversation.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotFrozen {
    #[error("There is nothing to publish yet: no answer has ended.")]
    Nothing,
    #[error(
        "This conversation is too long for a snapshot, which has {} MB at most. Go on from an answer \
         near its beginning in a new one, and publish that.",
        MAX_BYTES / (1024 * 1024)
    )]
    TooLong,
    #[error(transparent)]
    Unread(#[from] DatabaseError),
}

/// A frozen conversation.
pub(super) struct Frozen {
    pub(super) title: Option<String>,
    /// Questions and answers.
    pub(super) html: String,
}

/// A turn as far as it was read.
#[derive(Default)]
struct Turn {
    number: TurnNumber,
    question: Option<UserMessage>,
    /// Of the question.
    asked_at: String,
    /// What the answer says, and what it cites.
    answer: String,
    markdown: Markdown,
}

/// The conversation's turns that have ended, and its title.
pub(super) async fn freeze(
    state: &AppState,
    project: &Project,
    conversation: ConversationId,
    mut title: Option<String>,
) -> Result<Frozen, NotFrozen> {
    let roots = project.roots.clone();
    let resolved = web::block(move || roots.resolved()).await;
    let mut roots = vec![project.roots.clone()];
    roots.extend(resolved.ok().and_then(Result::ok));
    let drawer = Drawer::new(state, project, MAX_BYTES);
    let (mut html, mut at, mut turn) = (FrozenHtml::default(), START, Turn::default());
    loop {
        let read =
            state.resources.reader.ask(move |it| it.entries(conversation, EntryOrder::ByTurn, at));
        let page = read.await?;
        let Some(last) = page.last() else { break };
        at = last.cursor();
        for entry in &page {
            if entry.turn != turn.number {
                turn = Turn { number: entry.turn, ..Turn::default() };
            }
            let end = turn.add(entry);
            // Its HTML would be longer still.
            if turn.answer.len() > MAX_BYTES {
                return Err(NotFrozen::TooLong);
            }
            let Some(end) = end else { continue };
            let ended = std::mem::take(&mut turn);
            turn.number = ended.number;
            if entry.turn == TurnNumber::GREETING || end.is_withdrawal() {
                continue;
            }
            let asked = ended.asked_title();
            let shown = ended.without_dirs(&roots);
            // A title that was cut out of a question may end within a directory.
            if asked.is_some() && title == asked {
                title = shown.asked_title();
            }
            add_article(state, project, &drawer, &shown, &end, &mut html).await;
            if html.plain_bytes() > MAX_BYTES {
                return Err(NotFrozen::TooLong);
            }
        }
    }
    let title = title.map(|title| without_dirs(title, &roots));
    if html.is_empty() {
        return Err(NotFrozen::Nothing);
    }
    Ok(Frozen { title, html: html.into_html(MAX_BYTES) })
}

impl Turn {
    /// Adds an entry. Returns it if it ends the turn.
    fn add(&mut self, entry: &StoredEntry) -> Option<Content> {
        // One of a later version says nothing.
        let content = Content::from_row(&entry.kind, entry.payload.get()).ok()?;
        match content {
            Content::UserMessage(question) => {
                self.question = Some(question);
                self.asked_at = time(&entry.created_at);
            }
            Content::Question(question) => self.markdown.asked(&question, &mut self.answer),
            end if end.is_end() => {
                let cited = entry.sources().0.into_iter();
                let cited = cited
                    .map(|citation| ComparedReference { citation, standing: Standing::Unknown });
                self.markdown.add_words(entry, &cited.collect::<Vec<_>>(), &mut self.answer);
                return Some(end);
            }
            _ => self.markdown.add_words(entry, &[], &mut self.answer),
        }
        None
    }

    /// The title that a conversation gets from the question.
    fn asked_title(&self) -> Option<String> {
        self.question.as_ref().map(|question| title::from_message(&question.content))
    }

    /// The same with paths as the project has them, whatever its directories are.
    fn without_dirs(mut self, roots: &[Roots]) -> Self {
        self.answer = without_dirs(self.answer, roots);
        if let Some(question) = &mut self.question {
            question.content = without_dirs(std::mem::take(&mut question.content), roots);
        }
        self
    }
}

fn without_dirs(text: String, roots: &[Roots]) -> String {
    roots.iter().fold(text, |text, roots| roots.without_dirs(&text))
}

/// Adds a question with its answer.
async fn add_article(
    state: &AppState,
    project: &Project,
    drawer: &Drawer<'_>,
    turn: &Turn,
    end: &Content,
    to: &mut FrozenHtml,
) {
    let mut html = String::from("<article>\n");
    if let Some(UserMessage { content, attachments, .. }) = &turn.question {
        element("h2 class=\"question\" dir=\"auto\"", content, &mut html);
        element("p class=\"note\"", &turn.asked_at, &mut html);
        if !attachments.is_empty() {
            let names: Vec<_> = attachments.iter().map(|file| file.name.as_str()).collect();
            element(
                "p class=\"note\" dir=\"auto\"",
                &format!("Attached: {}", names.join(", ")),
                &mut html,
            );
        }
    }
    html.push_str("<answer-text>\n");
    to.push_str(&html);
    let answer = turn.answer.clone();
    for part in web::block(move || markdown::answer_parts(&answer)).await.unwrap_or_default() {
        let code = part.code.iter().filter(|code| code.block.language == DIAGRAM_LANGUAGE);
        let diagrams = code.map(|code| code.block.code.clone()).collect();
        let part = with_colours(state, project, part).await;
        to.push_str("<div class=\"part\" dir=\"auto\">");
        drawer.add(&within_reach(&part), diagrams, to).await;
        to.push_str("</div>\n");
    }
    let mut html = String::from("</answer-text>\n");
    let note = match end {
        Content::ResponseDone(done) => match done.outcome {
            Outcome::Completed if turn.answer.trim().is_empty() => "There is no answer.",
            Outcome::Completed => "",
            Outcome::Stopped => "The answer was stopped here.",
            Outcome::Interrupted => "The answer was interrupted here.",
        },
        _ => "The answer failed here.",
    };
    if !note.is_empty() {
        element("p class=\"note\"", note, &mut html);
    }
    html.push_str("</article>\n");
    to.push_str(&html);
}

/// The HTML of a part with the colours of its code.
async fn with_colours(state: &AppState, project: &Project, part: AnswerPart) -> String {
    let mut colours: Vec<Option<Arc<str>>> = Vec::with_capacity(part.code.len());
    for code in &part.code {
        let highlighter = &state.resources.highlighter;
        colours.push(highlighter.block(project.clone(), Arc::clone(&code.block)).await);
    }
    part.with_highlights(|block| {
        let at = part.code.iter().position(|code| *code.block == *block)?;
        colours.get(at)?.clone()
    })
}

/// Code and tables that may be wider than the page, so that keys scroll them. Text has no tags: it is
/// escaped.
fn within_reach(html: &str) -> String {
    html.replace("<pre>", "<pre class=\"code\" tabindex=\"0\" dir=\"ltr\">").replace(
        "<div class=\"table\">",
        "<div class=\"table\" tabindex=\"0\" role=\"group\" aria-label=\"Table\">",
    )
}

/// Appends an element with a text in it. `tag` has its attributes.
fn element(tag: &str, text: &str, html: &mut String) {
    html.push_str(&format!("<{tag}>"));
    push_escaped(text, html);
    let name = tag.split(' ').next().unwrap_or_default();
    html.push_str(&format!("</{name}>\n"));
}

/// The page of a snapshot, or that there is none.
pub(super) fn response(template: &str, snapshot: Option<&Snapshot>) -> HttpResponse {
    let untitled = "Conversation without a title";
    let (mut response, title) = match snapshot {
        Some(snapshot) => (HttpResponse::Ok(), snapshot.title.as_deref().unwrap_or(untitled)),
        None => (HttpResponse::NotFound(), "There is no snapshot here"),
    };
    let mut content = String::new();
    element("h1 dir=\"auto\"", title, &mut content);
    match snapshot {
        Some(Snapshot { project, published_at, html, .. }) => {
            let told = format!(
                "A frozen snapshot of a conversation about {project}, made {}. What was asked or changed \
                 later is not in it.",
                time(published_at)
            );
            element("p class=\"frozen\"", &told, &mut content);
            content.push_str(html);
        }
        None => {
            let told = "It was withdrawn, or the address is not complete.";
            element("p class=\"frozen\"", told, &mut content);
        }
    }
    response
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header(("x-robots-tag", "noindex, nofollow, noarchive"))
        .body(filled(template, title, &content))
}

/// The template with its title and its content, each in its one place.
fn filled(template: &str, title: &str, content: &str) -> String {
    let mut page = String::with_capacity(template.len() + content.len());
    let (head, rest) = template.split_once("{title}").unwrap_or_default();
    page.push_str(head);
    push_escaped(title, &mut page);
    let (between, rest) = rest.split_once("{content}").unwrap_or_default();
    page.push_str(between);
    page.push_str(content);
    page.push_str(rest);
    page
}
