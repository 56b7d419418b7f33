//! Which files of a conversation an agent gets with a question.

use std::collections::HashMap;

use crate::{
    attachment::{AttachedFile, told::ToldFile},
    entry::Content,
    ids::TurnNumber,
};

use super::{recap::AgentKnowledge, transcript::Transcript};

/// Bytes and number of files of earlier questions that an agent gets that does not know them.
const EARLIER_BYTES: u64 = 4 << 20; // 4 MiB
const EARLIER_FILES: usize = 8;

/// Files with what an agent is told of them, by their ids.
#[derive(Debug, Default)]
pub(crate) struct PassedFiles {
    files: HashMap<String, ToldFile>,
}

impl PassedFiles {
    pub(crate) fn new(files: impl IntoIterator<Item = (String, ToldFile)>) -> Self {
        Self { files: files.into_iter().collect() }
    }

    /// What is told of these; of those that were not read, their names.
    pub(crate) fn of(&self, files: &[AttachedFile]) -> Vec<ToldFile> {
        let told = |file: &AttachedFile| self.files.get(&file.id).cloned();
        files.iter().map(|file| told(file).unwrap_or_else(|| ToldFile::unread(file))).collect()
    }
}

/// The files that the agent gets with the question of `turn`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct WantedFiles {
    /// Of the question.
    pub(crate) own: Vec<AttachedFile>,
    /// Of earlier questions, the oldest first: the newest that fit.
    pub(crate) earlier: Vec<AttachedFile>,
}

impl WantedFiles {
    pub(crate) fn all(&self) -> impl Iterator<Item = &AttachedFile> {
        self.earlier.iter().chain(&self.own)
    }
}

/// The files of the question of `turn`, and those of earlier ones for an agent that does not know them.
pub(crate) fn wanted(
    transcript: &Transcript,
    turn: TurnNumber,
    knowledge: AgentKnowledge,
) -> WantedFiles {
    let own = transcript.question(turn).map(|question| question.attachments.clone());
    let own = own.unwrap_or_default();
    let knows = matches!(knowledge, AgentKnowledge::Everything | AgentKnowledge::WithoutTheLast);
    let earlier = if knows { Vec::new() } else { earlier(transcript, turn, &own) };
    WantedFiles { own, earlier }
}

fn earlier(transcript: &Transcript, turn: TurnNumber, own: &[AttachedFile]) -> Vec<AttachedFile> {
    let questions = transcript.contents().filter_map(|(of, content)| match content {
        Content::UserMessage(message) if of < turn => Some(&message.attachments),
        _ => None,
    });
    let all: Vec<&AttachedFile> = questions.flatten().collect();
    let (mut kept, mut bytes): (Vec<AttachedFile>, u64) = (Vec::new(), 0);
    for file in all.into_iter().rev() {
        let is_known = kept.iter().chain(own).any(|known| known.id == file.id);
        if is_known || kept.len() == EARLIER_FILES || bytes + file.bytes > EARLIER_BYTES {
            continue;
        }
        bytes += file.bytes;
        kept.push(file.clone());
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{attachment::AttachedType, entry::UserMessage, ids::Seq};

    fn file(id: &str, bytes: u64) -> AttachedFile {
        AttachedFile {
            id: id.to_owned(),
            name: format!("{id}.txt"),
            content_type: AttachedType::Text,
            bytes,
            width: None,
            height: None,
        }
    }

    fn transcript(questions: &[&[(&str, u64)]]) -> Transcript {
        let mut transcript = Transcript::new(Seq(1000));
        for (at, files) in questions.iter().enumerate() {
            let attachments = files.iter().map(|(id, bytes)| file(id, *bytes)).collect();
            let content = "?".to_owned();
            let message = UserMessage { content, attachments, ..UserMessage::default() };
            let turn = TurnNumber(i64::try_from(at).unwrap() + 1);
            transcript.push(turn, Content::UserMessage(message));
        }
        transcript
    }

    fn ids(files: &[AttachedFile]) -> Vec<&str> {
        files.iter().map(|file| file.id.as_str()).collect()
    }

    #[test]
    fn an_agent_that_knows_the_conversation_gets_the_new_files_alone() {
        let transcript = transcript(&[&[("a", 1)], &[("b", 1), ("c", 1)], &[("d", 1)]]);
        for (knowledge, earlier) in [
            (AgentKnowledge::Everything, vec![]),
            (AgentKnowledge::WithoutTheLast, vec![]),
            (AgentKnowledge::Nothing, vec!["a"]),
            (AgentKnowledge::Untold, vec!["a"]),
        ] {
            let wanted = wanted(&transcript, TurnNumber(2), knowledge);
            assert_eq!(ids(&wanted.own), ["b", "c"], "{knowledge:?}");
            assert_eq!(ids(&wanted.earlier), earlier, "{knowledge:?}");
        }
    }

    #[test]
    fn of_earlier_files_the_newest_that_fit_are_passed_again_and_each_once() {
        let large = EARLIER_BYTES;
        let transcript = transcript(&[
            &[("a", 5), ("b", large)],
            &[("c", 1)],
            &[("c", 1), ("d", 9)],
            &[("d", 9)],
        ]);
        let wanted = wanted(&transcript, TurnNumber(4), AgentKnowledge::Nothing);
        assert_eq!(ids(&wanted.earlier), ["a", "c"]);
        let ids: Vec<String> = (0..20).map(|id| id.to_string()).collect();
        let files: Vec<_> = ids.iter().map(|id| (id.as_str(), 1)).collect();
        let many = self::transcript(&[&files, &[]]);
        let passed = super::wanted(&many, TurnNumber(2), AgentKnowledge::Untold).earlier;
        assert_eq!(passed.len(), EARLIER_FILES);
        assert_eq!(passed.last().unwrap().id, "19");
    }
}
