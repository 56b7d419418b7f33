//! Slots: cap running agents per project and overall, with a FIFO of waiters.
//!
//! A slot is given back when it is dropped, also in a panic. While somebody waits, the agent that has
//! been idle for longest is asked for its slot.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::{oneshot, watch};

use crate::project::ProjectName;

/// All slots of the server. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub struct Slots {
    table: Arc<Mutex<SlotTable>>,
}

/// The right to run one agent.
#[derive(Debug)]
pub struct Slot {
    id: u64,
    slots: Slots,
    reclaim: watch::Receiver<bool>,
}

/// A wait in the queue. Dropping it leaves the queue.
#[derive(Debug)]
pub struct SlotWait {
    id: u64,
    slots: Slots,
    granted: oneshot::Receiver<Slot>,
    ahead: watch::Receiver<usize>,
}

/// The next event of a wait.
#[derive(Debug)]
pub enum WaitUpdate {
    Granted(Slot),
    /// The number of waiters ahead has changed to this.
    Moved(usize),
}

#[derive(Debug)]
struct SlotTable {
    most: usize,
    most_per_project: usize,
    ids: u64,
    held: Vec<HeldSlot>,
    queue: VecDeque<Waiter>,
}

#[derive(Debug)]
struct HeldSlot {
    id: u64,
    project: ProjectName,
    /// When its agent became idle; `None` while it is busy.
    idle_since: Option<Instant>,
    reclaim: watch::Sender<bool>,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    project: ProjectName,
    grant: oneshot::Sender<Slot>,
    ahead: watch::Sender<usize>,
}

impl Slots {
    /// `most` slots, and `most_per_project` of them for one project.
    pub fn new(most: usize, most_per_project: usize) -> Self {
        let table =
            SlotTable { most, most_per_project, ids: 0, held: Vec::new(), queue: VecDeque::new() };
        Self { table: Arc::new(Mutex::new(table)) }
    }

    /// A free slot for an agent that is started ahead of need.
    pub fn try_acquire(&self, project: &ProjectName) -> Option<Slot> {
        let mut table = self.table();
        table.fits(project).then(|| table.hold(project.clone(), self, Some(Instant::now())))
    }

    /// Queues for a slot. A free one is granted at once.
    pub fn acquire(&self, project: &ProjectName) -> SlotWait {
        let (grant, granted) = oneshot::channel();
        let (ahead, mut moved) = watch::channel(0);
        let mut table = self.table();
        let id = table.next_id();
        table.queue.push_back(Waiter { id, project: project.clone(), grant, ahead });
        let unclaimed = table.assign(self);
        drop(table);
        drop(unclaimed);
        moved.mark_unchanged();
        SlotWait { id, slots: self.clone(), granted, ahead: moved }
    }

    /// How many agents run.
    pub fn in_use(&self) -> usize {
        self.table().held.len()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.table().queue.len()
    }

    fn change(&self, change: impl FnOnce(&mut SlotTable)) {
        let mut table = self.table();
        change(&mut table);
        let unclaimed = table.assign(self);
        drop(table);
        // Dropping a slot locks the table again.
        drop(unclaimed);
    }

    fn table(&self) -> MutexGuard<'_, SlotTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Sets whether the agent is idle. A busy agent is never asked for its slot.
    pub fn set_idle(&self, idle: bool) {
        let mut table = self.slots.table();
        let held = table.held.iter_mut().find(|held| held.id == self.id);
        let Some(held) = held.filter(|held| held.idle_since.is_some() != idle) else { return };
        held.idle_since = idle.then(Instant::now);
        held.reclaim.send_if_modified(std::mem::take);
        let unclaimed = table.assign(&self.slots);
        drop(table);
        drop(unclaimed);
    }

    /// Resolves to `true` when the slot is wanted, and to `false` when it was given back.
    pub fn reclaim_requested(&self) -> impl Future<Output = bool> + 'static {
        let mut reclaim = self.reclaim.clone();
        async move { reclaim.wait_for(|reclaim| *reclaim).await.is_ok() }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.change(|table| table.held.retain(|held| held.id != self.id));
    }
}

impl SlotWait {
    /// The slot, if it was granted.
    pub fn try_take(&mut self) -> Option<Slot> {
        self.granted.try_recv().ok()
    }

    /// Number of waiters ahead.
    pub fn ahead(&self) -> usize {
        *self.ahead.borrow()
    }

    /// Waits for the next event; `None` if there will be none.
    pub async fn next_update(&mut self) -> Option<WaitUpdate> {
        tokio::select! {
            biased;
            slot = &mut self.granted => slot.ok().map(WaitUpdate::Granted),
            moved = self.ahead.changed() => {
                moved.ok().map(|()| WaitUpdate::Moved(*self.ahead.borrow_and_update()))
            }
        }
    }
}

impl Drop for SlotWait {
    fn drop(&mut self) {
        self.slots.change(|table| table.queue.retain(|waiter| waiter.id != self.id));
    }
}

impl SlotTable {
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

    fn hold(&mut self, project: ProjectName, slots: &Slots, idle: Option<Instant>) -> Slot {
        let id = self.next_id();
        let (reclaim, is_reclaimed) = watch::channel(false);
        self.held.push(HeldSlot { id, project, idle_since: idle, reclaim });
        Slot { id, slots: slots.clone(), reclaim: is_reclaimed }
    }

    /// Grants free slots in queue order, reclaims idle ones for the remaining waiters, and updates their
    /// positions. Returns slots whose waiter is gone, to be dropped without the lock.
    fn assign(&mut self, slots: &Slots) -> Vec<Slot> {
        let mut unclaimed = Vec::new();
        let mut at = 0;
        while let Some(waiter) = self.queue.get(at) {
            // A waiter whose project is at its limit does not block those behind it.
            if !self.fits(&waiter.project) {
                at += 1;
                continue;
            }
            if let Some(Waiter { project, grant, .. }) = self.queue.remove(at) {
                let slot = self.hold(project, slots, None);
                unclaimed.extend(grant.send(slot).err());
            }
        }
        self.request_reclaims();
        for (ahead, waiter) in self.queue.iter().enumerate() {
            waiter.ahead.send_if_modified(|now| std::mem::replace(now, ahead) != ahead);
        }
        unclaimed
    }

    fn request_reclaims(&self) {
        // Each reclaimed slot serves one waiter.
        let mut leaving: Vec<&HeldSlot> =
            self.held.iter().filter(|it| *it.reclaim.borrow()).collect();
        for waiter in &self.queue {
            let own_only = self.is_full_for(&waiter.project);
            let serves = |held: &HeldSlot| !own_only || held.project == waiter.project;
            if let Some(at) = leaving.iter().position(|held| serves(held)) {
                leaving.swap_remove(at);
                continue;
            }
            let idle = self.held.iter().filter(|it| serves(it) && !*it.reclaim.borrow());
            let idlest =
                idle.filter_map(|held| Some((held.idle_since?, held))).min_by_key(|it| it.0);
            if let Some((_, held)) = idlest {
                held.reclaim.send_replace(true);
            }
        }
    }
}

#[cfg(test)]
mod tests;
