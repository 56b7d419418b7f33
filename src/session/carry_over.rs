//! Questions of another conversation asked again in this one, with a recap of what was said there.

use actix::{ActorFutureExt as _, AsyncContext as _, Context, WrapFuture as _};
use tokio::task::spawn_blocking;

use crate::{
    attachment::{self, AttachedFile},
    conversation::{inbox::PostContent, recap, transcript::Transcript},
    ids::{ConversationId, Seq, TurnNumber},
    rights::{Action, Principal},
    wire::server_frame::{ErrorNotice, Notice},
};

use super::{Session, load::restore, post::Post};

impl Session {
    /// Posts the question of a turn of another conversation, which is read first where it is not
    /// live.
    pub(super) fn post_onward(
        &mut self,
        post: Post,
        (from, turn): (ConversationId, TurnNumber),
        context: &mut Context<Self>,
    ) -> Result<(), ErrorNotice> {
        let message_id = post.message_id.clone();
        let refuse =
            |content: String| ErrorNotice::permanent(content).of_message(message_id.clone());
        let person = self.principal_of(post.viewer, context);
        let is_known = self.known_ownership(from).is_none_or(|of| of.allows(&person, Action::Read));
        if self.deleted.contains_key(&from) || !is_known {
            return Err(refuse(not_found(from)));
        }
        if let Some(other) = self.conversations.get(&from) {
            let what = carried(&other.transcript, from, turn).map_err(refuse)?;
            return self.post(Post { what, ..post }, context);
        }
        let read = self.read_carried(from, turn, person);
        context.spawn(read.into_actor(self).map(move |read, session, context| {
            let viewer = post.viewer;
            let posted = match read {
                Ok(what) => session.post(Post { what, ..post }, context),
                Err(content) => Err(ErrorNotice::permanent(content).of_message(message_id)),
            };
            if let (Err(refusal), Some(live)) = (posted, session.followed_by(viewer, context)) {
                live.state.answer_to(&[viewer], &Notice::Error(refusal));
            }
        }));
        Ok(())
    }

    fn read_carried(
        &self,
        from: ConversationId,
        turn: TurnNumber,
        person: Principal,
    ) -> impl Future<Output = Result<PostContent, String>> + 'static {
        let project = self.env.project.name.clone();
        let reader = self.env.resources.reader.clone();
        let keep = self.env.history_memory();
        async move {
            let loaded = reader.ask(move |reader| reader.load(&project, from, keep)).await;
            let loaded = loaded.map_err(|error| error.to_string())?;
            let loaded = loaded
                .filter(|it| it.summary.ownership.allows(&person, Action::Read))
                .ok_or_else(|| not_found(from))?;
            let carried = spawn_blocking(move || {
                let (old, _) = restore(loaded, Seq::ZERO).map_err(|error| error.to_string())?;
                carried(&old.transcript, from, turn)
            });
            carried.await.map_err(|error| error.to_string())?
        }
    }
}

fn carried(
    transcript: &Transcript,
    from: ConversationId,
    turn: TurnNumber,
) -> Result<PostContent, String> {
    let question = transcript.question(turn).ok_or_else(|| {
        format!("Turn {turn} of conversation {from} has no question to ask again.")
    })?;
    let content = question.content.clone();
    let recap = recap::carry_over(transcript, turn);
    let copy = |file: &AttachedFile| AttachedFile { id: attachment::new_id(), ..file.clone() };
    let attachments = question.attachments.iter().map(|file| (file.id.clone(), copy(file)));
    let attachments = attachments.collect();
    Ok(PostContent::Carried { content, from, recap, attachments })
}

fn not_found(conversation: ConversationId) -> String {
    format!("Conversation {conversation} not found in this project. It may have been deleted.")
}
