//! Texts of the states that viewers are shown.

use crate::wire::server_frame::{ConversationState, Status};

pub(super) fn status(state: ConversationState, detail: &str) -> Status {
    Status { state, detail: detail.to_owned(), queue_position: None }
}

/// The state of a question while `ahead` others are answered before it.
pub(crate) fn queued(ahead: usize) -> Status {
    let questions = if ahead == 1 { "1 question" } else { &format!("{ahead} questions") };
    Status {
        state: ConversationState::Queued,
        detail: format!(
            "Waiting: {questions} before yours; you can leave, the answer will be here"
        ),
        queue_position: Some(ahead),
    }
}

/// The state while all slots are taken and `ahead` conversations wait before this one.
pub(crate) fn in_line(ahead: usize) -> Status {
    let turn = match ahead {
        0 => "yours is next".to_owned(),
        1 => "1 question is before yours".to_owned(),
        _ => format!("{ahead} questions are before yours"),
    };
    Status {
        state: ConversationState::Waiting,
        detail: format!("All agents are busy; {turn}. You can leave, the answer will be here"),
        queue_position: Some(ahead),
    }
}
