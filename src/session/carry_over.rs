//! Conversations that go on with another one that has become too long, or is of no use to the agent any
//! more: its question is asked again, after a digest of what was said there.

use actix::{ActorFutureExt as _, AsyncContext as _, Context, WrapFuture as _};

use crate::{
    conversation::{inbox::PostContent, recap, transcript::Transcript},
    ids::{ConversationId, Seq, TurnNumber},
    wire::server_frame::{ErrorNotice, Notice},
};

use super::{Session, attach::restore, post::Post};

impl Session {
    /// The question of a turn of a conversation that is live, to be asked in another one. None where it
    /// is not live.
    pub(super) fn carried_over(
        &self,
        conversation: ConversationId,
        turn: TurnNumber,
    ) -> Option<Result<PostContent, String>> {
        if self.deleted.contains(&conversation) {
            return Some(Err(unknown(conversation)));
        }
        let live = self.conversations.get(&conversation)?;
        Some(carry(&live.transcript, conversation, turn))
    }

    /// Posts the question of a turn of a stored conversation, once that is read. Whether it is accepted
    /// comes as a frame.
    pub(super) fn post_carried(
        &mut self,
        post: Post,
        conversation: ConversationId,
        turn: TurnNumber,
        context: &mut Context<Self>,
    ) {
        let project = self.project.name.clone();
        let reader = self.resources.reader.clone();
        let keep = self.resources.settings.limits.history_memory;
        let read = async move {
            let loaded = reader.ask(move |reader| reader.load(&project, conversation, keep)).await;
            let loaded = loaded.map_err(|error| error.to_string())?;
            let loaded = loaded.ok_or_else(|| unknown(conversation))?;
            let read = move || {
                let (old, _) = restore(loaded, Seq::ZERO).map_err(|error| error.to_string())?;
                carry(&old.transcript, conversation, turn)
            };
            let carried = tokio::task::spawn_blocking(read).await;
            carried.map_err(|error| error.to_string())?
        };
        context.spawn(read.into_actor(self).map(move |read, session, context| {
            let (viewer, message_id) = (post.viewer, post.message_id.clone());
            let posted = match read {
                Ok(what) => session.post(Post { what, ..post }, context),
                Err(content) => Err(ErrorNotice { content, retryable: Some(false), message_id }),
            };
            let live = session.following.get(&viewer).copied();
            let live = live.and_then(|id| session.conversations.get_mut(&id));
            if let (Err(refusal), Some(live)) = (posted, live) {
                live.answer_to(&[viewer], &Notice::Error(refusal));
            }
        }));
    }
}

fn carry(
    transcript: &Transcript,
    conversation: ConversationId,
    turn: TurnNumber,
) -> Result<PostContent, String> {
    let question = transcript.question(turn).ok_or_else(|| {
        format!("Turn {turn} of conversation {conversation} has no question to ask again.")
    })?;
    Ok(PostContent::Carried {
        content: question.content.clone(),
        from: conversation,
        digest: recap::carry_over(transcript, turn),
    })
}

fn unknown(conversation: ConversationId) -> String {
    format!("Conversation {conversation} not found in this project. It may have been deleted.")
}
