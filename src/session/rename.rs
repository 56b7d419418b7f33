//! Titles that people give: stored first, then shown to the viewers.

use actix::{ActorFutureExt as _, Handler, Message, ResponseActFuture, WrapFuture as _};

use crate::{
    database::{DatabaseError, Summary, messages::RenameConversation},
    ids::ConversationId,
};

use super::Session;

/// Gives a conversation a title, live or not; viewers see it once it is stored. Answers `None` if
/// the project has no such conversation.
#[derive(Message, Debug)]
#[rtype(result = "Result<Option<Summary>, DatabaseError>")]
pub(crate) struct Rename {
    pub(crate) conversation: ConversationId,
    /// `None` takes the title away.
    pub(crate) title: Option<String>,
}

impl Handler<Rename> for Session {
    type Result = ResponseActFuture<Self, Result<Option<Summary>, DatabaseError>>;

    /// The title counts from here on, in the order of the database, so that a question that is
    /// accepted meanwhile sees it.
    fn handle(&mut self, rename: Rename, _: &mut Self::Context) -> Self::Result {
        let Rename { conversation, title } = rename;
        let live = self.conversations.get_mut(&conversation);
        let before = live.map(|live| std::mem::replace(&mut live.title, title.clone()));
        let project = self.env.project.name.clone();
        let rename = RenameConversation { project, conversation, title: title.clone() };
        let renamed = self.env.resources.database.send(rename);
        Box::pin(renamed.into_actor(self).map(move |answer, session, context| {
            let answer = answer.unwrap_or(Err(DatabaseError::Stopped));
            if let Ok(Some(_)) = &answer {
                session.list_changed(conversation, context);
            }
            let Some(live) = session.conversations.get_mut(&conversation) else { return answer };
            let is_newest = before.is_none() || live.title == title;
            match (&answer, before) {
                (Ok(_), _) if is_newest => {
                    live.set_title(title);
                    live.deliver();
                }
                (Err(_), Some(before)) if is_newest => live.title = before,
                _ => (),
            }
            answer
        }))
    }
}
