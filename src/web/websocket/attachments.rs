//! The files that a question names.

use crate::{attachment::AttachedFile, ids::ConversationId, wire::server_frame::ErrorNotice};

use super::ViewerEnv;

/// The files of these ids, if the conversation has them all and one question may have them.
pub(super) fn find(
    env: &ViewerEnv,
    conversation: ConversationId,
    ids: Vec<String>,
) -> impl Future<Output = Result<Vec<AttachedFile>, ErrorNotice>> + 'static {
    let resources = &env.state.resources;
    let (reader, project) = (resources.reader.clone(), env.project.clone());
    let limits = resources.settings.attachments.clone();
    async move {
        let most = limits.count as usize;
        if ids.len() > most {
            return Err(ErrorNotice::permanent(format!(
                "Your message has {} attached files; {most} is the limit (attachments.count).",
                ids.len()
            )));
        }
        let n_ids = ids.len();
        let found = reader.ask(move |reader| reader.attached_files(&project, conversation, &ids));
        let found = found.await.map_err(|error| ErrorNotice::retryable(error.to_string()))?;
        if found.len() < n_ids {
            return Err(ErrorNotice::permanent(
                "A file of your message is not on the server any more. Attach it again.",
            ));
        }
        let bytes: u64 = found.iter().map(|file| file.bytes).sum();
        if bytes > limits.question_bytes as u64 {
            return Err(ErrorNotice::permanent(format!(
                "The files of your message have {bytes} bytes together; {} is the limit \
                 (attachments.question_bytes). Attach fewer.",
                limits.question_bytes
            )));
        }
        Ok(found)
    }
}
