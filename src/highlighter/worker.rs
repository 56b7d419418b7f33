//! Threads that read one block each, as it grows, and end with it: how far a block is read never
//! leaves its thread.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::markdown::code::{Fence, Reading};

use super::{Shared, THREAD, handed_over};

/// Something to do for whoever reads a block.
pub(super) struct Step {
    pub shared: Arc<Shared>,
    /// The block as far as it goes.
    pub fence: Arc<Fence>,
    /// Held while it is done.
    pub permit: OwnedSemaphorePermit,
    /// Who waits for all of it, where it is closed; nothing is sent where it stays plain.
    pub end: Option<oneshot::Sender<Option<Finished>>>,
}

/// A block with its colours.
#[derive(Debug)]
pub(super) struct Finished {
    pub html: String,
    /// Whether the limits were wide enough.
    pub is_whole: bool,
    /// Bytes that had been read ahead.
    pub ahead: usize,
}

/// What has become of a block.
enum State {
    /// Nothing has been read.
    New,
    /// It has been read, which has taken so long altogether.
    Read(Box<Reading>, Duration),
    /// Nothing will come of reading it ahead: it takes too long, or has no language that is known.
    Lost,
}

/// Starts to read a block. Whoever has the sender has the thread; what panics does nothing any more.
pub(super) fn start() -> mpsc::Sender<Step> {
    let (sender, steps) = mpsc::channel();
    let thread = thread::Builder::new().name(THREAD.to_owned());
    if let Err(error) = thread.spawn(move || run(&steps)) {
        log::error!("nothing can be highlighted error={error}");
    }
    sender
}

fn run(steps: &mpsc::Receiver<Step>) {
    let mut state = State::New;
    for Step { shared, fence, permit, end } in steps {
        if let Some(end) = end {
            let finished = shared.read_all(&fence, state);
            drop(permit);
            return drop(end.send(finished));
        }
        state = shared.read(&fence, state);
    }
}

impl Shared {
    /// Starts to read a block; `None` where its language is not known.
    fn begin(&self, fence: &Fence) -> Option<Box<Reading>> {
        let grammar = self.grammars().get_or_insert_default().of_fence(fence)?;
        Some(Box::new(Reading::new(fence, grammar)))
    }

    /// Reads what has been added to a block.
    fn read(&self, fence: &Fence, before: State) -> State {
        let (begun, spent) = match before {
            State::New => (self.begin(fence), Duration::ZERO),
            State::Read(reading, spent) => (Some(reading), spent),
            State::Lost => (None, Duration::ZERO),
        };
        let Some(mut reading) = begun else { return State::Lost };
        let start = Instant::now();
        let ((), is_whole) = self.patiently(spent, |patience| reading.read(&fence.code, patience));
        let Fence { language, .. } = fence;
        log::debug!("read ahead language={language} bytes={}", reading.bytes());
        if is_whole { State::Read(reading, spent + start.elapsed()) } else { State::Lost }
    }

    /// Reads what is left of a block.
    fn read_all(&self, fence: &Fence, before: State) -> Option<Finished> {
        // What ran out of time when it was read ahead has all of it again.
        let (finished, is_whole) = self.patiently(Duration::ZERO, |patience| {
            let reading = match before {
                State::Read(reading, _) => reading,
                State::New | State::Lost => self.begin(fence)?,
            };
            let ahead = reading.bytes();
            Some((reading.finish(&fence.code, patience), ahead))
        });
        let (html, ahead) = finished?;
        Some(Finished { html: handed_over(html), is_whole, ahead })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fence, highlighter};
    use super::*;

    #[test]
    fn what_took_too_long_ahead_has_all_its_time_again() {
        let (highlighter, code) = (highlighter(), fence("rust", "let a;\n"));
        let shared = &highlighter.0;
        let spent = State::Read(shared.begin(&code).unwrap(), shared.settings.timeout);
        let lost = shared.read(&code, spent);
        assert!(matches!(lost, State::Lost));
        assert!(matches!(shared.read(&code, State::Lost), State::Lost));
        let finished = shared.read_all(&code, lost).unwrap();
        assert_eq!(finished.html, "<span class=\"keyword\">let</span> a;\n");
        assert!(finished.is_whole);
    }
}
