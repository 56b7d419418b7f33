//! What webhooks tell. Pure.

use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    budget::BudgetMonth,
    config::{base_path::BasePath, event_kind::EventKind},
    ids::{ConversationId, TurnNumber},
    project::ProjectName,
};

/// Longest answer that is told, in characters.
const MAX_ANSWER: usize = 8_000;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum WebhookEvent<'a> {
    Answered(AnsweredEvent<'a>),
    Wrong(WrongEvent<'a>),
    BudgetReached(BudgetEvent<'a>),
}

/// The place of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerPlace<'a> {
    pub(crate) project: &'a ProjectName,
    pub(crate) conversation: ConversationId,
    pub(crate) turn: TurnNumber,
}

/// How a turn ended.
#[derive(Debug)]
pub(crate) struct AnsweredEvent<'a> {
    pub(crate) place: AnswerPlace<'a>,
    /// `completed` or `error`.
    pub(crate) outcome: &'static str,
    /// Who asked, if a proxy names the user.
    pub(crate) user: Option<&'a str>,
    pub(crate) question: &'a str,
    /// Markdown.
    pub(crate) answer: &'a str,
}

/// What somebody says of an answer.
#[derive(Debug)]
pub(crate) struct WrongEvent<'a> {
    pub(crate) place: AnswerPlace<'a>,
    /// Who says it, if a proxy names the user.
    pub(crate) user: Option<&'a str>,
    pub(crate) why: Option<&'a str>,
}

/// A question was refused for its cost.
#[derive(Debug)]
pub(crate) struct BudgetEvent<'a> {
    pub(crate) project: &'a ProjectName,
    /// Whose question it was, if a proxy names the user.
    pub(crate) user: Option<&'a str>,
    /// Whether the budget is the user's, and not the project's.
    pub(crate) is_users: bool,
    pub(crate) month: BudgetMonth,
    /// What the person was told.
    pub(crate) message: &'a str,
}

impl WebhookEvent<'_> {
    pub(crate) fn kind(&self) -> EventKind {
        match self {
            Self::Answered(_) => EventKind::Answered,
            Self::Wrong(_) => EventKind::Wrong,
            Self::BudgetReached(_) => EventKind::BudgetReached,
        }
    }
}

impl BudgetEvent<'_> {
    /// The same for all questions that one budget refuses in one month.
    pub(super) fn key(&self) -> String {
        let Self { project, user, is_users, month, .. } = self;
        match is_users {
            true => format!("user {month} {}", user.unwrap_or_default()),
            false => format!("project {month} {project}"),
        }
    }
}

/// The body of a request.
pub(super) fn body(base: &BasePath, event: &WebhookEvent<'_>, at: OffsetDateTime) -> String {
    let data = match event {
        WebhookEvent::Answered(AnsweredEvent { place, outcome, user, question, answer }) => {
            let told: String = answer.chars().take(MAX_ANSWER).collect();
            let mut data = of_place(base, *place);
            data["outcome"] = json!(outcome);
            data["user"] = json!(user);
            data["question"] = json!(question);
            data["is_cut"] = json!(told.len() < answer.len());
            data["answer"] = json!(told);
            data
        }
        WebhookEvent::Wrong(WrongEvent { place, user, why }) => {
            let mut data = of_place(base, *place);
            data["user"] = json!(user);
            data["why"] = json!(why);
            data
        }
        WebhookEvent::BudgetReached(BudgetEvent { project, user, message, .. }) => {
            json!({"project": project, "user": user, "message": message})
        }
    };
    let timestamp = at.format(&Rfc3339).unwrap_or_default();
    json!({"type": event.kind().name(), "timestamp": timestamp, "data": data}).to_string()
}

fn of_place(base: &BasePath, place: AnswerPlace<'_>) -> serde_json::Value {
    let AnswerPlace { project, conversation, turn } = place;
    let link = base.address(&project.turn_link(conversation, turn));
    json!({"project": project, "conversation_id": conversation, "turn": turn, "link": link})
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use time::macros::datetime;

    use super::*;

    fn told(event: &WebhookEvent<'_>) -> Value {
        serde_json::from_str(&body(&BasePath::default(), event, datetime!(2026-01-07 10:00 UTC)))
            .unwrap()
    }

    fn name() -> ProjectName {
        ProjectName::parse("shop").unwrap()
    }

    #[test]
    fn an_answer_is_told_with_its_place_and_a_long_one_is_cut() {
        let project = name();
        let place =
            AnswerPlace { project: &project, conversation: ConversationId(7), turn: TurnNumber(2) };
        for (answer, is_cut) in [("It is here.".to_owned(), false), ("é".repeat(9_000), true)] {
            let event = WebhookEvent::Answered(AnsweredEvent {
                place,
                outcome: "completed",
                user: Some("ana"),
                question: "Where?",
                answer: &answer,
            });
            let told = told(&event);
            assert_eq!(told["type"], "answered");
            assert_eq!(told["timestamp"], "2026-01-07T10:00:00Z");
            assert_eq!(told["data"]["link"], "/p/shop/7#turn-2");
            assert_eq!(told["data"]["is_cut"], is_cut);
            let shown = told["data"]["answer"].as_str().unwrap();
            assert!(answer.starts_with(shown) && shown.chars().count() <= MAX_ANSWER);
        }
    }

    #[test]
    fn a_budget_is_told_once_a_month_for_each_whose_it_is() {
        let project = name();
        let key = |user, is_users, month| {
            let month = BudgetMonth::of(month);
            BudgetEvent { project: &project, user, is_users, month, message: "" }.key()
        };
        let (may, later) = (datetime!(2026-05-01 0:00 UTC), datetime!(2026-05-31 0:00 UTC));
        let june = datetime!(2026-06-01 0:00 UTC);
        assert_eq!(key(Some("ana"), true, may), key(Some("ana"), true, later));
        assert_ne!(key(Some("ana"), true, may), key(Some("ben"), true, may));
        assert_eq!(key(Some("ana"), false, may), key(Some("ben"), false, may));
        assert_ne!(key(Some("ana"), true, may), key(Some("ana"), false, may));
        assert_ne!(key(Some("ana"), true, may), key(Some("ana"), true, june));
    }
}
