//! What people say of answers, and which are kept as notes: stored first, then shown to everybody who looks.

use actix::{Handler, Message};

use crate::ids::ConversationId;

use super::{Session, live::LiveConversation};

/// Tells that somebody has said something of an answer, or keeps it as a note.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct ReactionStored {
    pub(crate) conversation: ConversationId,
}

impl Handler<ReactionStored> for Session {
    type Result = ();

    fn handle(&mut self, stored: ReactionStored, context: &mut Self::Context) {
        self.look_for_notes(context);
        // One that is not live is read when somebody comes.
        if let Some(mut live) = self.live(stored.conversation, context) {
            live.read_reactions();
        }
    }
}

impl LiveConversation<'_> {
    /// Reads what people say of the answers, and shows the viewers what has changed.
    pub(super) fn read_reactions(&mut self) {
        if !self.state.reactions.begin_read() {
            return;
        }
        let (reader, id) = (self.env.resources.reader.clone(), self.state.id);
        let read = async move { reader.ask(move |reader| reader.answer_marks(id)).await };
        self.spawn(read, |live, read| {
            let read = read.inspect_err(|error| log::warn!("cannot read reactions error={error}"));
            let (changed, is_stale) = live.state.reactions.end_read(read.ok());
            live.state.show_reactions(&changed);
            if is_stale {
                live.read_reactions();
            }
        });
    }
}
