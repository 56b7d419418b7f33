//! What the clients of one conversation know together: what they asked, what was acknowledged,
//! and what stood under each number when it was seen. It is held against what is stored.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::{Duration, Instant},
};

use crate::{
    questions::Question,
    screen::{Screen, Shown},
    server::Server,
};

/// A growing text is written at least this often; the rest is for the commit and a busy machine.
const WRITTEN_WITHIN: Duration = Duration::from_millis(200 + 1800);

/// See the module.
pub struct Journal {
    pub conversation: i64,
    /// The questions, by the clients' ids for them; those of the original's clients by their text.
    asked: HashMap<String, Asked>,
    seen: BTreeMap<i64, Seen>,
    /// Turns whose question was seen, and whether their end was.
    turns: HashMap<i64, bool>,
    /// What was stored when the server that lives had started.
    stored: Screen,
    /// Counts the servers: what is seen on the socket of an older one was sent before its end.
    life: u32,
}

struct Asked {
    question: Question,
    has_id: bool,
    /// The turn that the acknowledgement told.
    accepted: Option<i64>,
}

/// What a client had when it had seen everything up to a number.
#[derive(Debug)]
struct Seen {
    turn: i64,
    kind: String,
    /// Bytes of the text so far.
    len: usize,
    hash: u64,
    at: Instant,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// The server that sent it, by its count, has not been killed, or that has not been looked at.
    Open(u32),
    Kept,
    Lost,
}

impl Journal {
    pub fn new(conversation: i64) -> Self {
        Self {
            conversation,
            asked: HashMap::new(),
            seen: BTreeMap::new(),
            turns: HashMap::new(),
            stored: Screen::default(),
            life: 0,
        }
    }

    /// Somebody is about to ask something.
    pub fn asks(&mut self, id: &str, question: Question, has_id: bool) {
        let asked = Asked { question, has_id, accepted: None };
        assert!(self.asked.insert(id.to_owned(), asked).is_none(), "{id} is not unique");
    }

    /// A question was acknowledged, perhaps again.
    pub fn accepted(&mut self, id: &str, turn: i64) {
        let known = self.asked.get_mut(id).unwrap().accepted.replace(turn);
        assert!(known.is_none_or(|known| known == turn), "{id}: turns {known:?} and {turn}");
    }

    /// How many turns are known that have not ended.
    pub fn open_turns(&self) -> usize {
        self.turns.values().filter(|has_ended| !**has_ended).count()
    }

    /// Whether all that can be is acknowledged.
    pub fn is_acknowledged(&self) -> bool {
        self.asked.values().all(|asked| asked.accepted.is_some() || !asked.has_id)
    }

    /// The count of the server that lives.
    pub fn life(&self) -> u32 {
        self.life
    }

    /// A client of this server has an entry on its screen as it is up to the entry's number.
    pub fn saw(&mut self, shown: &Shown, life: u32) {
        *self.turns.entry(shown.turn).or_default() |= shown.is_end();
        let (len, hash) = measure(shown, usize::MAX).unwrap();
        let seen = self.seen.entry(shown.seq).or_insert_with(|| Seen {
            turn: shown.turn,
            kind: shown.kind.clone(),
            len,
            hash,
            at: Instant::now(),
            fate: Fate::Open(life),
        });
        let is_same = (seen.turn, seen.len, seen.hash) == (shown.turn, len, hash);
        assert!(is_same, "the number of {seen:?} was used again: {shown:?}");
    }

    /// A client has caught up: it shows what was stored when the server had started.
    pub fn assert_caught_up(&self, screen: &Screen, who: &str) {
        let ended: HashSet<i64> =
            self.stored.entries.iter().filter(|it| it.is_end()).map(|it| it.turn).collect();
        let of_ended = |screen: &Screen| {
            let entries = screen.entries.iter().filter(|it| ended.contains(&it.turn));
            Screen { entries: entries.cloned().collect(), seq: 0 }
        };
        of_ended(screen).assert_same(&of_ended(&self.stored), who);
    }

    /// Holds what the next server has against all that was seen before the last one was killed.
    /// Gives the age that the oldest loss had then.
    pub fn check_after_kill(&mut self, server: &Server, killed: Instant) -> Duration {
        self.check_acknowledged(server);
        self.stored = Screen::stored(server, self.conversation);
        let mut oldest = Duration::ZERO;
        for (seq, seen) in &mut self.seen {
            if seen.fate == Fate::Lost {
                continue;
            }
            let is_kept = seen.is_in(&self.stored, *seq);
            let must_be =
                seen.fate == Fate::Kept || matches!(seen.kind.as_str(), "response_done" | "error");
            assert!(is_kept || !must_be, "{seq} {seen:?} is lost");
            if !is_kept && seen.fate == Fate::Open(self.life) {
                let age = killed.saturating_duration_since(seen.at);
                assert!(age < WRITTEN_WITHIN, "{seq} {seen:?} is lost {age:?} after it was seen");
                oldest = oldest.max(age);
            }
            seen.fate = if is_kept { Fate::Kept } else { Fate::Lost };
        }
        self.life += 1;
        oldest
    }

    /// Every acknowledged question is there once, under the turn that was told.
    fn check_acknowledged(&self, server: &Server) {
        let database = server.database();
        let sql = "SELECT message_id, turn FROM turns
                   WHERE conversation_id = ?1 AND message_id IS NOT NULL";
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([self.conversation], |row| Ok((row.get(0)?, row.get(1)?)));
        let mut turns: HashMap<String, Vec<i64>> = HashMap::new();
        for row in rows.unwrap() {
            let (id, turn): (String, i64) = row.unwrap();
            turns.entry(id).or_default().push(turn);
        }
        for (id, asked) in self.asked.iter().filter(|(_, asked)| asked.has_id) {
            let stored = turns.get(id).map(Vec::as_slice).unwrap_or_default();
            match asked.accepted {
                Some(turn) => assert_eq!(stored, [turn], "{id} was acknowledged"),
                None => assert!(stored.len() <= 1, "{id} is there more than once: {stored:?}"),
            }
        }
    }

    /// When nothing is asked or answered any more: every turn has one end, every question was
    /// taken once, and what completed is whole. Gives how many turns there are.
    pub fn check_at_rest(&self, stored: &Screen) -> usize {
        let ends: Vec<i64> =
            stored.entries.iter().filter(|it| it.is_end()).map(|it| it.turn).collect();
        assert!(ends.is_sorted(), "the questions were not answered in their order: {ends:?}");
        let asked = stored.entries.iter().filter(|shown| shown.kind == "user_message");
        let mut turns: HashMap<&str, i64> = HashMap::new();
        for shown in asked {
            let content = shown.fields["content"].as_str().unwrap();
            let id = shown.fields.get("message_id").map_or(content, |id| id.as_str().unwrap());
            let twice = turns.insert(id, shown.turn);
            assert_eq!(twice, None, "{id} was taken twice");
            self.asked[id].question.assert_answered(stored, shown.turn);
        }
        for (id, asked) in self.asked.iter().filter(|(_, asked)| asked.has_id) {
            assert!(asked.accepted.is_some(), "{id} was never acknowledged");
            assert_eq!(turns.get(id.as_str()).copied(), asked.accepted, "{id}");
        }
        turns.len()
    }
}

impl Seen {
    /// Whether it is in what is stored, under the same number, as it was seen or grown since.
    fn is_in(&self, stored: &Screen, seq: i64) -> bool {
        let index = stored.entries.partition_point(|shown| shown.seq < seq);
        stored.entries.get(index).is_some_and(|shown| {
            (shown.turn, &shown.kind) == (self.turn, &self.kind)
                && measure(shown, self.len) == Some((self.len, self.hash))
        })
    }
}

/// The length and a hash of an entry, of a text's first bytes.
fn measure(shown: &Shown, most: usize) -> Option<(usize, u64)> {
    let mut hasher = DefaultHasher::new();
    (shown.turn, &shown.kind).hash(&mut hasher);
    if !matches!(shown.kind.as_str(), "text" | "thinking") {
        serde_json::to_string(&shown.fields).unwrap().hash(&mut hasher);
        return Some((0, hasher.finish()));
    }
    let content = shown.fields["content"].as_str().unwrap();
    let text = content.get(..most.min(content.len()))?;
    (shown.fields["block"].as_i64(), text).hash(&mut hasher);
    Some((text.len(), hasher.finish()))
}
