//! How many agents may run at once, of one project and of all: who has a place, who waits for one,
//! and whose idle agent is asked to make room. Starts and ends nothing itself.
//!
//! A place is a value: whoever drops it, on purpose or in a panic, gives it back. Who asks for one
//! with a question in hand waits in a line and sees it move; meanwhile the agent that has been
//! idle for longest is told that its place is wanted.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::{oneshot, watch};

use crate::project::ProjectName;

/// All places. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub struct Places {
    book: Arc<Mutex<Book>>,
}

/// The right to run one agent.
#[derive(Debug)]
pub struct Place {
    id: u64,
    places: Places,
    wanted: watch::Receiver<bool>,
}

/// A wait in the line. Dropping it leaves the line.
#[derive(Debug)]
pub struct InLine {
    id: u64,
    places: Places,
    granted: oneshot::Receiver<Place>,
    ahead: watch::Receiver<usize>,
}

/// What a wait comes to next.
#[derive(Debug)]
pub enum Step {
    /// This place.
    Granted(Place),
    /// So many are before it now.
    Moved(usize),
}

#[derive(Debug)]
struct Book {
    most: usize,
    most_per_project: usize,
    ids: u64,
    held: Vec<Held>,
    line: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Held {
    id: u64,
    project: ProjectName,
    /// Since when its agent has nothing to do; `None` while it has.
    idle_since: Option<Instant>,
    wanted: watch::Sender<bool>,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    project: ProjectName,
    grant: oneshot::Sender<Place>,
    ahead: watch::Sender<usize>,
}

impl Places {
    /// `most` places, and `most_per_project` of them for one project.
    pub fn new(most: usize, most_per_project: usize) -> Self {
        let book = Book { most, most_per_project, ids: 0, held: Vec::new(), line: VecDeque::new() };
        Self { book: Arc::new(Mutex::new(book)) }
    }

    /// A place for an agent that is started ahead of need: only where one is free.
    pub fn take_free(&self, project: &ProjectName) -> Option<Place> {
        let mut book = self.book();
        book.fits(project).then(|| book.hold(project.clone(), self, Some(Instant::now())))
    }

    /// Stands in line for a place. Where one is free, the first step grants it at once.
    pub fn stand_in_line(&self, project: &ProjectName) -> InLine {
        let (grant, granted) = oneshot::channel();
        let (ahead, mut moved) = watch::channel(0);
        let mut book = self.book();
        let id = book.next_id();
        book.line.push_back(Waiter { id, project: project.clone(), grant, ahead });
        let unclaimed = book.settle(self);
        drop(book);
        drop(unclaimed);
        moved.mark_unchanged();
        InLine { id, places: self.clone(), granted, ahead: moved }
    }

    /// How many agents run.
    pub fn taken(&self) -> usize {
        self.book().held.len()
    }

    /// How many stand in line.
    pub fn waiting(&self) -> usize {
        self.book().line.len()
    }

    fn change(&self, change: impl FnOnce(&mut Book)) {
        let mut book = self.book();
        change(&mut book);
        let unclaimed = book.settle(self);
        drop(book);
        // Giving a place back opens the book again.
        drop(unclaimed);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Tells whether the agent has something to do. One that has is never asked for its place.
    pub fn set_idle(&self, idle: bool) {
        let mut book = self.places.book();
        let held = book.held.iter_mut().find(|held| held.id == self.id);
        let Some(held) = held.filter(|held| held.idle_since.is_some() != idle) else { return };
        held.idle_since = idle.then(Instant::now);
        held.wanted.send_if_modified(std::mem::take);
        let unclaimed = book.settle(&self.places);
        drop(book);
        drop(unclaimed);
    }

    /// Resolves to `true` when the place is wanted, and to `false` when it was given back.
    pub fn wanted(&self) -> impl Future<Output = bool> + 'static {
        let mut wanted = self.wanted.clone();
        async move { wanted.wait_for(|wanted| *wanted).await.is_ok() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.change(|book| book.held.retain(|held| held.id != self.id));
    }
}

impl InLine {
    /// The place, if it is there already.
    pub fn granted(&mut self) -> Option<Place> {
        self.granted.try_recv().ok()
    }

    /// How many are before it.
    pub fn ahead(&self) -> usize {
        *self.ahead.borrow()
    }

    /// Waits for the next step. `None` when there will be none.
    pub async fn step(&mut self) -> Option<Step> {
        tokio::select! {
            biased;
            place = &mut self.granted => place.ok().map(Step::Granted),
            moved = self.ahead.changed() => {
                moved.ok().map(|()| Step::Moved(*self.ahead.borrow_and_update()))
            }
        }
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        self.places.change(|book| book.line.retain(|waiter| waiter.id != self.id));
    }
}

impl Book {
    fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn is_full_for(&self, project: &ProjectName) -> bool {
        let own = self.held.iter().filter(|held| held.project == *project).count();
        own >= self.most_per_project
    }

    fn fits(&self, project: &ProjectName) -> bool {
        self.held.len() < self.most && !self.is_full_for(project)
    }

    fn hold(&mut self, project: ProjectName, places: &Places, idle: Option<Instant>) -> Place {
        let id = self.next_id();
        let (wanted, is_wanted) = watch::channel(false);
        self.held.push(Held { id, project, idle_since: idle, wanted });
        Place { id, places: places.clone(), wanted: is_wanted }
    }

    /// Gives places to those who can have one, in the order of the line, asks idle agents to make
    /// room for the others, and tells everybody how far they are. Gives back the places of those
    /// who went meanwhile.
    fn settle(&mut self, places: &Places) -> Vec<Place> {
        let mut unclaimed = Vec::new();
        let mut at = 0;
        while let Some(waiter) = self.line.get(at) {
            // One whose project has its share does not keep those behind it.
            if !self.fits(&waiter.project) {
                at += 1;
                continue;
            }
            if let Some(Waiter { project, grant, .. }) = self.line.remove(at) {
                let place = self.hold(project, places, None);
                unclaimed.extend(grant.send(place).err());
            }
        }
        self.ask_for_room();
        for (ahead, waiter) in self.line.iter().enumerate() {
            waiter.ahead.send_if_modified(|now| std::mem::replace(now, ahead) != ahead);
        }
        unclaimed
    }

    fn ask_for_room(&self) {
        // Each that makes room already does so for one that waits.
        let mut leaving: Vec<&Held> = self.held.iter().filter(|it| *it.wanted.borrow()).collect();
        for waiter in &self.line {
            let own_only = self.is_full_for(&waiter.project);
            let serves = |held: &Held| !own_only || held.project == waiter.project;
            if let Some(at) = leaving.iter().position(|held| serves(held)) {
                leaving.swap_remove(at);
                continue;
            }
            let idle = self.held.iter().filter(|it| serves(it) && !*it.wanted.borrow());
            let idlest =
                idle.filter_map(|held| Some((held.idle_since?, held))).min_by_key(|it| it.0);
            if let Some((_, held)) = idlest {
                held.wanted.send_replace(true);
            }
        }
    }
}

#[cfg(test)]
mod tests;
