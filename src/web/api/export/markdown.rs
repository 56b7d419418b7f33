//! Markdown export: the questions with author and time, the answers, their tool calls and ends. Pure.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    attachment::told,
    citation::{anchor::Standing, written},
    database::{Summary, queries::export::StoredEntry},
    entry::{AgentQuestion, Content, Outcome, ResponseDone, ToolResult, UserMessage},
    ids::TurnNumber,
    web::api::references::ComparedReference,
};

use super::AroundAnswer;

/// Longest part of a tool's input or error that is shown, in characters.
const MAX_TOOL_CHARS: usize = 200;

/// Digits of a commit that are shown.
const SHORT_COMMIT: usize = 12;

/// The state of the document on which the text that follows depends.
#[derive(Debug, Default)]
pub(in crate::web::api) struct Markdown {
    /// The turn whose answer has its heading already.
    answering: Option<TurnNumber>,
    /// The turn whose end is still to come.
    open: Option<TurnNumber>,
    last: Last,
    /// The tools of this turn by call id.
    tools: HashMap<String, String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    /// A complete paragraph.
    #[default]
    Paragraph,
    /// Text that the next text continues.
    Text,
    /// A list item.
    Line,
}

/// The heading of the document.
pub(super) fn head(summary: &Summary) -> String {
    let title = line(summary.title.as_deref().unwrap_or("Conversation without a title"));
    format!(
        "# {title}\n\nProject {}, conversation {}. Begun {}, last changed {}.\n",
        summary.project_name,
        summary.id,
        time(&summary.created_at),
        time(&summary.updated_at),
    )
}

impl Markdown {
    /// Adds an entry, and at the end of an answer what belongs to it.
    pub(super) fn add(&mut self, entry: &StoredEntry, around: &AroundAnswer, out: &mut String) {
        let references = &around.references;
        let Ok(content) = Content::from_row(&entry.kind, entry.payload.get()) else {
            // An entry of a later version.
            return;
        };
        if self.open.is_some_and(|open| open != entry.turn) {
            self.note_open(out);
        }
        self.open = Some(entry.turn);
        if let Content::UserMessage(message) = &content {
            return self.question(message, Some(&entry.created_at), out);
        }
        if self.answering.replace(entry.turn) != Some(entry.turn) {
            self.tools.clear();
            let who = if entry.turn == TurnNumber::GREETING { "Greeting" } else { "Answer" };
            self.paragraph(&format!("## {who} · {}", time(&entry.created_at)), out);
        }
        match content {
            Content::UserMessage(_) | Content::Thinking(_) | Content::Withdrawn(_) => (),
            Content::Text(text) if text.content.is_empty() => (),
            Content::Text(text) => self.text(&text.content, out),
            Content::ToolCall(call) => {
                let tool = line(&call.tool);
                self.line(&format!("- {tool} `{}`", shown(call.input.get())), out);
                self.tools.insert(call.call_id, tool);
            }
            Content::ToolResult(result) => self.tool_result(&result, out),
            Content::Question(question) => self.asked(&question, out),
            Content::ResponseDone(done) => {
                self.open = None;
                self.references(references, out);
                self.notes(&done.notes, out);
                let words = ended(&done);
                if !words.is_empty() {
                    self.paragraph(&format!("*{words}*"), out);
                }
                self.marks(around, out);
            }
            Content::Error(error) => {
                self.open = None;
                self.references(references, out);
                self.notes(&error.notes, out);
                self.paragraph(&format!("**Error:** {}", line(&error.content)), out);
                self.marks(around, out);
            }
        }
    }

    /// Adds what an entry of an answer says, without the steps that led to it, and at its end its
    /// references.
    pub(in crate::web::api) fn add_words(
        &mut self,
        entry: &StoredEntry,
        references: &[ComparedReference],
        out: &mut String,
    ) {
        match Content::from_row(&entry.kind, entry.payload.get()) {
            Ok(Content::Text(text)) if !text.content.is_empty() => self.text(&text.content, out),
            Ok(Content::ToolCall(_)) if self.last == Last::Text => self.last = Last::Line,
            Ok(content) if content.is_end() => self.references(references, out),
            _ => (),
        }
    }

    /// Lists the places that an answer cites, with what has become of them.
    fn references(&mut self, references: &[ComparedReference], out: &mut String) {
        let found: Vec<_> = references.iter().filter(|it| it.citation.found).collect();
        let Some(first) = found.first() else { return };
        let commit = first.citation.anchor.as_ref().and_then(|anchor| anchor.commit.as_ref());
        let commit = commit.and_then(|commit| commit.get(..SHORT_COMMIT));
        let at = commit.map_or_else(String::new, |commit| format!(" at commit `{commit}`"));
        let items: Vec<_> = found.iter().map(|it| format!("- {}", cited(it))).collect();
        self.paragraph(&format!("Cited{at}:\n\n{}", items.join("\n")), out);
    }

    /// Lists what people say of an answer.
    fn marks(&mut self, around: &AroundAnswer, out: &mut String) {
        if let Some(note) = &around.note {
            let by = note.by.as_deref().map_or_else(String::new, |by| format!(" by {}", line(by)));
            self.paragraph(&format!("*Kept as a note{by}, {}*", time(&note.at)), out);
        }
        if around.reactions.is_empty() {
            return;
        }
        let items = around.reactions.iter().map(|stored| {
            let who = stored.user.as_deref().map_or_else(|| "Somebody".to_owned(), line);
            let why = stored.reaction.why.as_deref();
            let why = why.map_or_else(String::new, |why| format!(": {}", line(why)));
            format!("- {who} finds it {}{why}", stored.reaction.verdict.as_str())
        });
        self.paragraph(&items.collect::<Vec<_>>().join("\n"), out);
    }

    fn notes(&mut self, notes: &[String], out: &mut String) {
        for note in notes {
            self.paragraph(&format!("*{}*", line(note)), out);
        }
    }

    /// Writes the end, with the questions that have no answer yet.
    pub(super) fn end(mut self, waiting: &[(TurnNumber, Box<RawValue>)], out: &mut String) {
        self.note_open(out);
        for (_, question) in waiting {
            if let Ok(question) = serde_json::from_str::<UserMessage>(question.get()) {
                self.question(&question, None, out);
                self.paragraph("*Waiting for an answer.*", out);
            }
        }
        if self.last != Last::Paragraph {
            out.push('\n');
        }
    }

    fn question(&mut self, message: &UserMessage, at: Option<&str>, out: &mut String) {
        let who = message.author.as_deref().map_or_else(|| "Question".to_owned(), line);
        let at = at.map_or_else(String::new, |at| format!(" · {}", time(at)));
        self.paragraph(&format!("## {who}{at}"), out);
        let quoted: Vec<_> = message.content.lines().map(|line| format!("> {line}")).collect();
        self.paragraph(&quoted.join("\n"), out);
        if !message.attachments.is_empty() {
            let files: Vec<_> = message.attachments.iter().map(told::mention).collect();
            self.paragraph(&format!("*Attached: {}*", line(&files.join("; "))), out);
        }
    }

    fn tool_result(&mut self, result: &ToolResult, out: &mut String) {
        if !result.ok {
            let tool = self.tools.get(&result.call_id).map_or("A tool", String::as_str);
            self.line(&format!("- {tool} failed: `{}`", shown(&result.content)), out);
        }
    }

    /// Adds a question of the agent with the answers that it offers.
    pub(in crate::web::api) fn asked(&mut self, question: &AgentQuestion, out: &mut String) {
        #[derive(Deserialize)]
        struct Asked {
            question: String,
            #[serde(default)]
            options: Vec<Choice>,
        }
        #[derive(Deserialize)]
        struct Choice {
            label: String,
        }
        let asked: Vec<Asked> = serde_json::from_str(question.questions.get()).unwrap_or_default();
        for Asked { question, options } in asked {
            let labels: Vec<_> = options.iter().map(|choice| line(&choice.label)).collect();
            let choices = if labels.is_empty() { String::new() } else { labels.join(" / ") };
            self.paragraph(&format!("**{}** {choices}", line(&question)), out);
        }
    }

    /// Notes that the last answer is incomplete.
    fn note_open(&mut self, out: &mut String) {
        if self.open.take().is_some() {
            self.paragraph("*The answer was not complete at the time of this export.*", out);
        }
    }

    fn paragraph(&mut self, text: &str, out: &mut String) {
        out.push_str(if self.last == Last::Paragraph { "\n" } else { "\n\n" });
        out.push_str(text.trim_end());
        out.push('\n');
        self.last = Last::Paragraph;
    }

    fn text(&mut self, text: &str, out: &mut String) {
        match self.last {
            Last::Paragraph => out.push('\n'),
            Last::Line => out.push_str("\n\n"),
            Last::Text => (),
        }
        out.push_str(text);
        self.last = Last::Text;
    }

    fn line(&mut self, text: &str, out: &mut String) {
        out.push_str(match self.last {
            Last::Line | Last::Paragraph => "\n",
            Last::Text => "\n\n",
        });
        out.push_str(text);
        self.last = Last::Line;
    }
}

/// How an answer ended, its duration, tokens and cost.
/// A cited place, and what has become of it.
fn cited(ComparedReference { citation, standing }: &ComparedReference) -> String {
    let lines = |path: &str, first: Option<u32>| match (first, citation.reference.end_line) {
        (Some(first), Some(end)) => {
            let length = end.saturating_sub(citation.reference.line.unwrap_or(end));
            written::lines(path, first, first.saturating_add(length))
        }
        (Some(line), None) => written::line(path, line),
        (None, _) => written::file(path),
    };
    let line = citation.reference.line.filter(|_| !citation.lines_in_name);
    let place = lines(citation.file(), line);
    match standing {
        Standing::Fresh | Standing::Unknown => place,
        Standing::Moved { file, line } => {
            let file = file.as_deref().unwrap_or(citation.file());
            format!("{place}, since moved to {}", lines(file, *line))
        }
        Standing::Changed => format!("{place}, since changed"),
        Standing::Gone => format!("{place}, since gone"),
    }
}

fn ended(done: &ResponseDone) -> String {
    let mut words = match done.outcome {
        Outcome::Stopped if done.withdrawn => {
            let who = done.stopped_by.as_deref().map(|who| format!(" by {}", line(who)));
            vec![format!("Withdrawn{}", who.unwrap_or_default())]
        }
        Outcome::Completed => Vec::new(),
        Outcome::Stopped => {
            let who = done.stopped_by.as_deref().map_or_else(|| "a person".to_owned(), line);
            vec![format!("Stopped by {who}")]
        }
        Outcome::Interrupted => vec!["Interrupted: the server stopped".to_owned()],
    };
    words.extend(done.facts.duration_ms.map(|ms| format!("{}.{} s", ms / 1000, ms % 1000 / 100)));
    words.extend(done.facts.usage.as_ref().map(|usage| format!("{} tokens", usage.output_tokens)));
    words.extend(done.facts.cost_usd.map(|cost| format!("${cost:.4}")));
    words.join(" · ")
}

/// `2026-01-07T10:00:00.000000Z` as `2026-01-07 10:00:00 UTC`.
pub(in crate::web::api) fn time(stored: &str) -> String {
    match (stored.get(..10), stored.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => stored.to_owned(),
    }
}

/// The text in one line.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The beginning of a text, fit for a code span.
fn shown(text: &str) -> String {
    let mut shown = line(&text.chars().take(MAX_TOOL_CHARS).collect::<String>()).replace('`', "'");
    if text.chars().nth(MAX_TOOL_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::ids::{ConversationId, Seq, TurnNumber};

    fn entry(turn: TurnNumber, seq: Seq, kind: &str, payload: &str) -> StoredEntry {
        StoredEntry {
            turn,
            first_seq: seq,
            last_seq: seq,
            kind: kind.to_owned(),
            payload: RawValue::from_string(payload.to_owned()).unwrap(),
            created_at: "2027-01-15T08:00:00.123456Z".to_owned(),
            updated_at: "2027-01-15T08:00:00.123456Z".to_owned(),
        }
    }

    #[test]
    fn a_conversation_reads_well() {
        let summary = Summary {
            id: ConversationId(3),
            project_name: "demo".to_owned(),
            title: Some("Where\nis it?".to_owned()),
            created_at: "2027-01-15T08:00:00.000000Z".to_owned(),
            updated_at: "2027-01-15T08:01:00.000000Z".to_owned(),
            message_count: 2,
            ownership: crate::rights::Ownership::default(),
            forked_from: None,
        };
        let mut out = head(&summary);
        let mut markdown = Markdown::default();
        for entry in [
            entry(TurnNumber(0), Seq(1), "text", r#"{"block":0,"content":"Hello!"}"#),
            entry(TurnNumber(0), Seq(2), "response_done", r#"{"outcome":"completed"}"#),
            entry(
                TurnNumber(1),
                Seq(3),
                "user_message",
                r##"{"author":"Ana","content":"# Where\nis it?"}"##,
            ),
            entry(TurnNumber(1), Seq(4), "thinking", r#"{"block":0,"content":"hm"}"#),
            entry(TurnNumber(1), Seq(5), "text", r#"{"block":1,"content":"I look."}"#),
            entry(
                TurnNumber(1),
                Seq(6),
                "tool_call",
                r#"{"call_id":"a","tool":"Read","input":{"file_path":"`a`"}}"#,
            ),
            entry(
                TurnNumber(1),
                Seq(7),
                "tool_call",
                r#"{"call_id":"b","tool":"Grep","input":{"pattern":"x"}}"#,
            ),
            entry(
                TurnNumber(1),
                Seq(8),
                "tool_result",
                r#"{"call_id":"a","ok":false,"content":"no\nfile","truncated":false}"#,
            ),
            entry(
                TurnNumber(1),
                Seq(9),
                "tool_result",
                r#"{"call_id":"b","ok":true,"content":"1","truncated":false}"#,
            ),
            entry(TurnNumber(1), Seq(10), "text", r#"{"block":2,"content":"It is "}"#),
            entry(TurnNumber(1), Seq(11), "text", r#"{"block":3,"content":"here."}"#),
            entry(
                TurnNumber(1),
                Seq(12),
                "response_done",
                r#"{"outcome":"stopped","duration_ms":1234,"cost_usd":0.5,"stopped_by":"Ana"}"#,
            ),
            entry(TurnNumber(2), Seq(13), "user_message", r#"{"content":"And now?"}"#),
            entry(
                TurnNumber(2),
                Seq(14),
                "error",
                r#"{"content":"the agent crashed","retryable":true}"#,
            ),
            entry(TurnNumber(3), Seq(15), "user_message", r#"{"content":"Once more"}"#),
            entry(TurnNumber(3), Seq(16), "text", r#"{"block":0,"content":"It"}"#),
        ] {
            markdown.add(&entry, &AroundAnswer::default(), &mut out);
        }
        let waits = RawValue::from_string(r#"{"content":"Last"}"#.to_owned()).unwrap();
        markdown.end(&[(TurnNumber(4), waits)], &mut out);
        expect![[r##"
            # Where is it?

            Project demo, conversation 3. Begun 2027-01-15 08:00:00 UTC, last changed 2027-01-15 08:01:00 UTC.

            ## Greeting · 2027-01-15 08:00:00 UTC

            Hello!

            ## Ana · 2027-01-15 08:00:00 UTC

            > # Where
            > is it?

            ## Answer · 2027-01-15 08:00:00 UTC

            I look.

            - Read `{"file_path":"'a'"}`
            - Grep `{"pattern":"x"}`
            - Read failed: `no file`

            It is here.

            *Stopped by Ana · 1.2 s · $0.5000*

            ## Question · 2027-01-15 08:00:00 UTC

            > And now?

            ## Answer · 2027-01-15 08:00:00 UTC

            **Error:** the agent crashed

            ## Question · 2027-01-15 08:00:00 UTC

            > Once more

            ## Answer · 2027-01-15 08:00:00 UTC

            It

            *The answer was not complete at the time of this export.*

            ## Question

            > Last

            *Waiting for an answer.*
        "##]].assert_eq(&out);
    }
}
