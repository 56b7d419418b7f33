//! P4, for every order of events: several viewers of both dialects come, go, lag and return while
//! turns run, questions come in between, and the server crashes. Whatever happens, a viewer of
//! ours ends with what is stored, and one of the original with what was said since it came in.

use std::collections::VecDeque;

use proptest::prelude::*;

use crate::ids::{Seq, TurnNumber};

use super::{
    TextKind,
    disk::Disk,
    seed::{CALL, END, Seed},
    *,
};

/// Viewers of our dialects, of Markdown and then of HTML, the last ones of what is new of it; those of the
/// original's are counted after them.
const OURS: usize = 6;
const MARKDOWN: usize = 3;
const WHOLE_PARTS: usize = 4;
const SEEDS: usize = 2;

mod arbitrary;
mod withdrawing;

use arbitrary::{step, text};

#[derive(Debug, Clone)]
enum Step {
    Append(bool, String),
    CloseBlock,
    Replace(String),
    /// Texts and thoughts of these counts are taken back.
    Withdraw(Vec<usize>),
    /// What has come is rendered, or as much of it as may be by now.
    Refresh(bool),
    /// Colours come of the code of this count among those that wait for theirs.
    Colour(usize),
    Call,
    Ask,
    End,
    /// What changed is handed to the database.
    Write,
    /// The database answers.
    Written(bool),
    /// All but so many bytes leave memory.
    Forget(usize),
    /// Whether the write that was under way took effect, and how many of the newest entries are read.
    Crash(bool, usize),
    Read(usize, usize),
    Return(usize, After),
    Resume(usize, Place),
}

/// What a viewer of ours says it saw last.
#[derive(Debug, Clone)]
enum After {
    Newest,
    Nothing,
    Nonsense(i64),
    /// What it had at an earlier moment, by its count: a page from a cache.
    Earlier(usize),
}

/// Where a viewer of the original comes in.
#[derive(Debug, Clone)]
enum Place {
    Now,
    End,
    /// Behind the entry of this count.
    Behind(usize),
}

/// An entry as a client of the original sees it.
#[derive(Debug, Clone)]
struct Said {
    turn: TurnNumber,
    first_seq: Seq,
    /// `None`: it sees nothing of it.
    text: Option<String>,
    is_open: bool,
    is_question: bool,
    is_empty: bool,
}

/// A client of ours and all that it had before.
struct Ours {
    dialect: Dialect,
    client: Client,
    cursor: Cursor,
    past: Vec<(Seq, BTreeMap<Seq, Shown>)>,
}

struct World {
    transcript: Transcript,
    reserved: Seq,
    disk: Disk,
    /// Rows that are being written.
    writing: Option<Vec<EntryRow>>,
    held: Vec<Seq>,
    said: Vec<Said>,
    ours: Vec<Ours>,
    seeds: Vec<Seed>,
    /// The texts and thoughts of a turn, with their entries.
    pieces: (TurnNumber, Vec<(bool, Vec<usize>)>),
    is_begun: bool,
    running: Option<TurnNumber>,
    waiting: VecDeque<TurnNumber>,
    turns: TurnNumber,
    /// Code that waits for its colours.
    uncoloured: Vec<PendingHighlight>,
    has_crashed: bool,
}

impl World {
    fn new() -> Self {
        let transcript = Transcript::new(Seq(SEQ_RANGE));
        let cursor = transcript.resume_point(None, Dialect::V1).cursor;
        let ours = |viewer| Ours {
            dialect: match viewer {
                0..MARKDOWN => Dialect::V1,
                MARKDOWN..WHOLE_PARTS => Dialect::Html,
                _ => Dialect::HtmlChanges,
            },
            client: Client::default(),
            cursor,
            past: Vec::new(),
        };
        let seed = |_| Seed::new(cursor, 0, Vec::new());
        Self {
            transcript,
            reserved: Seq(SEQ_RANGE),
            disk: Disk::default(),
            writing: None,
            held: Vec::new(),
            said: Vec::new(),
            ours: (0..OURS).map(ours).collect(),
            seeds: (0..SEEDS).map(seed).collect(),
            pieces: (TurnNumber(0), Vec::new()),
            is_begun: false,
            running: None,
            waiting: VecDeque::new(),
            turns: TurnNumber(0),
            uncoloured: Vec::new(),
            has_crashed: false,
        }
    }

    fn step(&mut self, step: Step) {
        match (step, self.running) {
            (Step::Append(thinking, text), Some(turn)) => self.append(turn, thinking, &text),
            (Step::CloseBlock, _) => {
                self.transcript.close_block();
                self.is_begun = true;
                self.close();
            }
            (Step::Replace(text), Some(turn)) => self.replace(turn, &text),
            (Step::Withdraw(counts), Some(turn)) => self.withdraw(turn, &counts),
            (Step::Refresh(true), _) => self.transcript.refresh(),
            (Step::Refresh(false), _) => drop(self.transcript.refresh_within_pace()),
            (Step::Colour(count), _) => self.colour(count),
            (Step::Call, Some(turn)) => drop(self.push(turn, call(), Some(CALL), false)),
            (Step::Ask, _) => {
                self.turns += 1;
                self.push(self.turns, asked("q"), None, false);
                self.waiting.push_back(self.turns);
                self.advance();
            }
            (Step::End, Some(turn)) => {
                let seq = self.push(turn, done(), Some(END), true);
                self.held.push(seq);
                self.running = None;
                self.advance();
            }
            (Step::Write, _) if self.writing.is_none() => {
                self.writing = Some(self.transcript.take_dirty());
            }
            (Step::Written(well), _) => self.written(well),
            (Step::Forget(keep), _) if self.writing.is_none() => self.forget(keep),
            (Step::Crash(took_effect, read), _) => self.crash(took_effect, read),
            (Step::Read(viewer, bytes), _) => drop(self.read(viewer, bytes)),
            (Step::Return(viewer, after), _) => self.come_back(viewer, &after),
            (Step::Resume(viewer, place), _) => self.resume(viewer, &place),
            // Nothing is said outside a turn, and one write is under way at a time.
            _ => (),
        }
    }

    fn colour(&mut self, count: usize) {
        self.uncoloured.extend(self.transcript.take_uncoloured());
        if !self.uncoloured.is_empty() {
            let code = self.uncoloured.swap_remove(count % self.uncoloured.len());
            let html = in_colours(&code.fence).map(Into::into);
            self.transcript.colour(code, html);
        }
    }

    fn forget(&mut self, keep: usize) {
        let ours = self.ours.iter().map(|ours| (ours.cursor, ours.dialect));
        let seeds = self.seeds.iter().map(|seed| (seed.cursor, Dialect::Legacy));
        let cursors: Vec<_> = ours.chain(seeds).collect();
        self.transcript.evict(&cursors, keep);
    }

    /// Reads what a viewer cannot be sent otherwise.
    fn insert_reloaded(&mut self, cursor: Cursor, dialect: Dialect) {
        if let Some(missing) = self.transcript.missing(&cursor, dialect) {
            let (first, last) = missing.seqs;
            let rows: Vec<_> =
                self.disk.0.range(first..=last).map(|(_, row)| row.clone()).collect();
            self.transcript.insert_reloaded(missing, ReloadedEntries::read(&rows));
        }
    }

    fn advance(&mut self) {
        if self.running.is_none() {
            self.running = self.waiting.pop_front();
        }
    }

    fn close(&mut self) {
        if let Some(last) = self.said.last_mut() {
            last.is_open = false;
        }
    }

    /// Notes an entry, and what the original's clients are to get of it.
    fn say(&mut self, turn: TurnNumber, first_seq: Seq, text: Option<&str>, is_open: bool) {
        self.close();
        let text_of = text.map(str::to_owned);
        let (is_question, is_empty) = (false, false);
        self.said.push(Said { turn, first_seq, text: text_of, is_open, is_question, is_empty });
        self.seeds.iter_mut().for_each(|seed| seed.add(text.unwrap_or_default()));
    }

    fn push(&mut self, turn: TurnNumber, content: Content, text: Option<&str>, held: bool) -> Seq {
        let is_question = matches!(content, Content::UserMessage(_));
        let seq = match held {
            true => self.transcript.push_held(turn, content),
            false => self.transcript.push(turn, content),
        };
        self.say(turn, seq, text, false);
        self.said.last_mut().unwrap().is_question = is_question;
        seq
    }

    fn is_open(&self, turn: TurnNumber, thinking: bool) -> bool {
        let last = self.said.last();
        last.is_some_and(|it| it.is_open && it.turn == turn && it.text.is_none() == thinking)
    }

    fn append(&mut self, turn: TurnNumber, thinking: bool, text: &str) {
        let seq = self.transcript.numbers.next;
        let kind = if thinking { TextKind::Thinking } else { TextKind::Answer };
        self.transcript.append(turn, kind, text);
        self.note_append(turn, thinking, text, seq);
    }

    fn note_append(&mut self, turn: TurnNumber, thinking: bool, text: &str, seq: Seq) {
        if self.pieces.0 != turn {
            self.pieces = (turn, Vec::new());
        }
        let pieces = &mut self.pieces.1;
        let begins = std::mem::take(&mut self.is_begun);
        if begins || pieces.last().is_none_or(|(kind, _)| *kind != thinking) {
            pieces.push((thinking, Vec::new()));
        }
        if !self.is_open(turn, thinking) {
            self.say(turn, seq, Some(text).filter(|_| !thinking), true);
            self.pieces.1.last_mut().unwrap().1.push(self.said.len() - 1);
            return;
        }
        let last = self.said.last_mut().unwrap();
        last.is_empty = false;
        if let Some(known) = &mut last.text {
            known.push_str(text);
            self.seeds.iter_mut().for_each(|seed| seed.grow(text));
        }
    }

    /// As the session does it: what is held is shown also when it cannot be stored.
    fn written(&mut self, well: bool) {
        let Some(rows) = self.writing.take() else { return };
        let last = rows.iter().map(|row| row.last_seq).max().unwrap_or(Seq(0));
        match rows.first().map(|row| row.first_seq) {
            Some(first) if !well => self.transcript.mark_dirty_from(first),
            _ => self.disk.write(rows),
        }
        for seq in std::mem::take(&mut self.held) {
            if seq <= last {
                self.transcript.release(seq);
            } else {
                self.held.push(seq);
            }
        }
    }

    /// The server is gone and another one reads what is stored. A question was stored before it
    /// was shown, so that it gets its entry again; the turn that ran is ended.
    fn crash(&mut self, took_effect: bool, read: usize) {
        if let Some(rows) = self.writing.take().filter(|_| took_effect) {
            self.disk.write(rows);
        }
        let mut seq = self.reserved;
        for turn in (1..=self.turns.0).map(TurnNumber) {
            let question = (!self.disk.has(turn, "user_message")).then(|| asked("q"));
            let has_ended = self.waiting.contains(&turn) || self.disk.has(turn, "response_done");
            for content in question.into_iter().chain((!has_ended).then(done)) {
                seq += 1;
                let (kind, payload) = (content.kind().to_owned(), content.payload().unwrap());
                let row = EntryRow { turn, first_seq: seq, last_seq: seq, kind, payload };
                self.disk.write(vec![row]);
            }
        }
        // What was asked for before comes all the same.
        self.uncoloured.extend(self.transcript.take_uncoloured());
        self.has_crashed = true;
        let (rows, outlines) = self.disk.load(read);
        self.transcript = Transcript::restore(&rows, &outlines, seq + 1).unwrap();
        self.reserved = seq + SEQ_RANGE;
        self.held.clear();
        self.pieces = (TurnNumber(0), Vec::new());
        self.is_begun = false;
        self.running = None;
        self.advance();
        self.said = self.disk.rows().iter().map(said).collect();
        for viewer in 0..OURS + SEEDS {
            self.come_back(viewer, &After::Newest);
            self.resume(viewer, &Place::Now);
        }
    }

    /// Tells whether there is more to read.
    fn read(&mut self, viewer: usize, bytes: usize) -> bool {
        let page = self.read_page(viewer, bytes);
        // One of the original may come in at the running answer, behind an end that is held.
        if viewer < OURS {
            let is_early = |held: &Seq| page.seq.is_some_and(|seq| seq >= *held);
            let told = || format!("shown up to {:?} while {:?} is held", page.seq, self.held);
            assert!(!self.held.iter().any(is_early), "{}", told());
        }
        page.more
    }

    fn read_page(&mut self, viewer: usize, bytes: usize) -> HistoryPage {
        let ours = self.ours.get(viewer).map(|ours| (ours.cursor, ours.dialect));
        let (cursor, dialect) =
            ours.unwrap_or_else(|| (self.seeds[viewer - OURS].cursor, Dialect::Legacy));
        self.insert_reloaded(cursor, dialect);
        if let Some(ours) = self.ours.get_mut(viewer) {
            let page = self.transcript.page(ours.cursor, ours.dialect, bytes);
            frames(&page).iter().for_each(|frame| ours.client.apply(frame));
            ours.past.push((ours.client.seq, ours.client.entries.clone()));
            ours.cursor = page.next;
            return page;
        }
        let seed = &mut self.seeds[viewer - OURS];
        let page = self.transcript.page(seed.cursor, Dialect::Legacy, bytes);
        frames(&page).iter().for_each(|frame| seed.take(frame));
        seed.cursor = page.next;
        page
    }

    fn come_back(&mut self, viewer: usize, after: &After) {
        let Some(ours) = self.ours.get_mut(viewer) else { return };
        let after = match after {
            After::Newest => Some(ours.client.seq),
            After::Nothing => None,
            // A number that was given out would mean that it has what came before.
            After::Nonsense(after) => Some(Seq(*after))
                .filter(|after| !(Seq::ZERO..self.transcript.numbers.next).contains(after)),
            After::Earlier(moment) => {
                let moment = moment % ours.past.len().max(1);
                let (seq, entries) = ours.past.get(moment).cloned().unwrap_or_default();
                ours.client = Client { seq, entries, ..Client::default() };
                Some(seq)
            }
        };
        let entrance = self.transcript.resume_point(after, ours.dialect);
        ours.client.resume_point(&entrance);
        ours.cursor = entrance.cursor;
    }

    fn resume(&mut self, viewer: usize, place: &Place) {
        let Some(index) = viewer.checked_sub(OURS) else { return };
        // What is held back is still to come.
        let held = self.said.iter().position(|said| self.held.contains(&said.first_seq));
        let end = held.unwrap_or(self.said.len());
        let (cursor, from) = match (place, self.running) {
            (Place::Now, Some(turn)) => {
                let is_answer = |said: &Said| said.turn == turn && !said.is_question;
                let from = self.said.iter().position(is_answer).unwrap_or(end);
                (self.transcript.start_of(turn), from)
            }
            // It saw nothing of what is held.
            (Place::Behind(count), _) if end > 0 => {
                let at = count % end;
                (self.transcript.behind(self.said[at].first_seq), at + 1)
            }
            _ => (self.transcript.end(), end),
        };
        let texts = self.said[from..].iter().map(|said| said.text.clone().unwrap_or_default());
        self.seeds[index] = Seed::new(cursor, from, texts.collect());
    }
}

/// What a stored entry is to a client of the original.
fn said(row: &EntryRow) -> Said {
    let payload: Value = serde_json::from_str(&row.payload).unwrap();
    let text = match row.kind.as_str() {
        "text" => payload["content"].as_str().map(str::to_owned),
        "tool_call" => Some(CALL.to_owned()),
        "response_done" => Some(END.to_owned()),
        _ => None,
    };
    let is_question = row.kind == "user_message";
    let is_empty = payload["content"] == "";
    Said { turn: row.turn, first_seq: row.first_seq, text, is_open: false, is_question, is_empty }
}

fn call() -> Content {
    let input = serde_json::value::RawValue::from_string("{}".to_owned()).unwrap();
    Content::ToolCall(ToolCall { call_id: "c".to_owned(), tool: "Read".to_owned(), input })
}

/// Takes the steps, and compares what every viewer has then with what is stored.
fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    steps.into_iter().for_each(|step| world.step(step));
    // Everything is stored and shown, and everybody reads to the end.
    world.written(true);
    world.writing = Some(world.transcript.take_dirty());
    world.written(true);
    world.transcript.refresh();
    for _ in 0..2 {
        for viewer in 0..OURS + SEEDS {
            while world.read(viewer, 4096) {}
        }
        (0..200).for_each(|_| world.colour(0));
    }
    for viewer in 0..OURS + SEEDS {
        while world.read(viewer, 4096) {}
    }
    let stored = stored(&world.disk.rows());
    prop_assert_eq!(world.disk.rows().len(), world.said.len());
    let (markdown, html) = world.ours.split_at(MARKDOWN);
    for ours in markdown {
        prop_assert_eq!(ours.client.screen(), stored.clone());
    }
    let plain = stored_as_html(&world.disk.rows(), crate::markdown::parts);
    for ours in html {
        let mut screen = by_turn(ours.client.screen());
        screen.iter_mut().for_each(|shown| shown.text = without_colours(&shown.text));
        prop_assert_eq!(screen, plain.clone());
    }
    // Colours that come when a viewer has left with the server before it are not missed.
    let coloured = stored_as_html(&world.disk.rows(), coloured_parts);
    for ours in html.iter().filter(|_| !world.has_crashed) {
        prop_assert_eq!(by_turn(ours.client.screen()), coloured.clone());
    }
    for seed in &world.seeds {
        prop_assert_eq!(&seed.got, &seed.expected());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Whatever happens, and in whatever order, every viewer's screen is what is stored.
    #[test]
    fn p4_every_reconstruction_equals_the_stored_conversation(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        check(steps)?;
    }

    /// A text is cut where one of its pieces ended, and so never within an escape.
    #[test]
    fn a_growing_text_is_never_cut_inside_an_escape(
        pieces in prop::collection::vec(text(), 1..40),
        sizes in prop::collection::vec(1usize..9000, 1..8),
    ) {
        let mut growing = StreamingText::new(TextKind::Answer, 0);
        for (seq, piece) in (1..).zip(&pieces) {
            growing.append(piece, Seq(seq));
        }
        let last_seq = i64::try_from(pieces.len()).unwrap();
        let (mut from, mut whole) = (0, String::new());
        for size in sizes.iter().cycle() {
            let (to, seq) = growing.cut(from, *size, Seq(last_seq));
            prop_assert!(to > from);
            let piece = &growing.escaped()[from..to];
            let piece: String = serde_json::from_str(&format!("\"{piece}\"")).unwrap();
            whole.push_str(&piece);
            let seen = pieces[..usize::try_from(seq.0).unwrap()].concat();
            prop_assert_eq!(&whole, &seen, "the number of a cut tells what was seen");
            from = to;
            if from == growing.escaped().len() {
                break;
            }
        }
        prop_assert_eq!(whole, pieces.concat());
    }
}
