//! Which conversation a chat of a stateless client is, by what was said in it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};

use crate::ids::{ConversationId, TurnNumber};

use super::request::ChatWords;

/// Ends of chats that are remembered, the newest ones: about a megabyte.
const MAX_CHATS: usize = 8192;

type ChatKey = [u8; 32];

/// The turn in which a chat arrived.
pub(crate) type ChatPlace = (ConversationId, TurnNumber);

#[derive(Debug, Default)]
pub(crate) struct Chats(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    places: HashMap<ChatKey, ChatPlace>,
    /// The oldest first.
    order: VecDeque<ChatKey>,
}

/// Whose chat it is, and with which project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChatOwner {
    pub(crate) project: String,
    pub(crate) user: String,
}

impl Chats {
    /// Remembers that a chat that ends with an answer has arrived in a turn.
    pub(crate) fn remember(&self, owner: &ChatOwner, said: &[ChatWords], place: ChatPlace) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(owner, said) {
            if known.places.insert(key, place).is_none() {
                known.order.push_back(key);
            }
            if known.order.len() > MAX_CHATS
                && let Some(oldest) = known.order.pop_front()
            {
                known.places.remove(&oldest);
            }
        }
    }

    /// Where a chat has arrived, by all that was said, or by the last question and its answer: clients
    /// leave the beginning of a long chat out.
    pub(crate) fn find(&self, owner: &ChatOwner, said: &[ChatWords]) -> Option<ChatPlace> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys(owner, said).into_iter().find_map(|key| known.places.get(&key).copied())
    }
}

/// The keys of a chat; none of one that does not end with an answer.
fn keys(owner: &ChatOwner, said: &[ChatWords]) -> Vec<ChatKey> {
    let (Some(last), Some(before)) = (said.last(), said.len().checked_sub(2)) else {
        return Vec::new();
    };
    if last.by_person {
        return Vec::new();
    }
    let pair = said.get(before..).unwrap_or_default();
    vec![key(owner, "all", said), key(owner, "last", pair)]
}

fn key(owner: &ChatOwner, of: &str, said: &[ChatWords]) -> ChatKey {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    };
    [&owner.project, &owner.user, of].into_iter().for_each(&mut add);
    for one in said {
        add(if one.by_person { "person" } else { "assistant" });
        // Clients trim and wrap.
        add(&one.text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(texts: &[&str]) -> Vec<ChatWords> {
        let said = texts.iter().enumerate();
        said.map(|(at, text)| ChatWords { by_person: at % 2 == 0, text: (*text).to_owned() })
            .collect()
    }

    fn owner(project: &str, user: &str) -> ChatOwner {
        ChatOwner { project: project.to_owned(), user: user.to_owned() }
    }

    const PLACE: ChatPlace = (ConversationId(7), TurnNumber(2));

    #[test]
    fn a_chat_is_found_by_what_was_said_and_for_its_owner_alone() {
        let chats = Chats::default();
        let ana = owner("demo", "ana");
        chats.remember(&ana, &chat(&["a", "b", "what?", "That \n it is.\n"]), PLACE);
        assert_eq!(chats.find(&ana, &chat(&["a", "b", "what?", " That it is."])), Some(PLACE));
        assert_eq!(chats.find(&ana, &chat(&["what?", "That it is."])), Some(PLACE), "it was cut");
        for other in
            [&["a", "b"][..], &["a", "b", "what?", "No."], &["a", "b", "what?"], &["a"], &[]]
        {
            assert_eq!(chats.find(&ana, &chat(other)), None, "{other:?}");
        }
        for other in [owner("demo", "ben"), owner("shop", "ana")] {
            assert_eq!(chats.find(&other, &chat(&["what?", "That it is."])), None);
        }
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let chats = Chats::default();
        let ana = owner("demo", "ana");
        for number in 0..MAX_CHATS {
            chats.remember(&ana, &chat(&["a", &number.to_string()]), PLACE);
        }
        let known = chats.0.lock().unwrap();
        assert!(known.places.len() <= MAX_CHATS && known.order.len() == known.places.len());
        drop(known);
        assert_eq!(chats.find(&ana, &chat(&["a", "0"])), None);
        assert_eq!(chats.find(&ana, &chat(&["a", &(MAX_CHATS - 1).to_string()])), Some(PLACE));
    }
}
