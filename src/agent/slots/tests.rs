//! Who gets a slot, and who makes room for whom.

use futures_util::FutureExt as _;

use super::*;

fn project(name: &str) -> ProjectName {
    ProjectName::mend(name)
}

fn is_reclaimed(slot: &Slot) -> bool {
    slot.reclaim_requested().now_or_never().is_some()
}

/// Takes a slot that must be there, and says whether its agent is idle.
fn take(slots: &Slots, name: &str, idle: bool) -> Slot {
    let slot = slots.acquire(&project(name)).try_take().unwrap();
    slot.set_idle(idle);
    slot
}

#[test]
fn p9_no_more_places_are_given_than_there_are() {
    let slots = Slots::new(2, 2);
    let _held = [take(&slots, "a", false), take(&slots, "b", false)];
    assert!(slots.try_acquire(&project("c")).is_none());
    let mut queue = slots.acquire(&project("c"));
    assert!(queue.try_take().is_none());
    assert_eq!((slots.in_use(), slots.waiting()), (2, 1));
}

#[test]
fn a_place_that_is_given_back_goes_to_the_one_who_waits_for_longest() {
    let slots = Slots::new(1, 1);
    let held = take(&slots, "a", false);
    let (mut first, mut second) = (slots.acquire(&project("b")), slots.acquire(&project("c")));
    assert_eq!((first.ahead(), second.ahead()), (0, 1));
    drop(held);
    let held = first.try_take().unwrap();
    assert!(second.try_take().is_none());
    assert_eq!(second.ahead(), 0);
    drop(held);
    assert!(second.try_take().is_some());
}

#[test]
fn the_agent_that_is_idle_for_longest_makes_room_and_a_busy_one_never_does() {
    let slots = Slots::new(3, 3);
    let busy = take(&slots, "a", false);
    let oldest = take(&slots, "b", true);
    let newer = take(&slots, "c", true);
    let _line = slots.acquire(&project("d"));
    assert!(is_reclaimed(&oldest) && !is_reclaimed(&newer) && !is_reclaimed(&busy));
    let _next = slots.acquire(&project("d"));
    assert!(is_reclaimed(&newer) && !is_reclaimed(&busy));
}

#[test]
fn an_agent_that_becomes_busy_keeps_its_place_and_the_next_idle_one_makes_room() {
    let slots = Slots::new(2, 2);
    let (one, two) = (take(&slots, "a", true), take(&slots, "b", false));
    let _line = slots.acquire(&project("c"));
    assert!(is_reclaimed(&one));
    one.set_idle(false);
    assert!(!is_reclaimed(&one));
    two.set_idle(true);
    assert!(is_reclaimed(&two) && !is_reclaimed(&one));
}

#[test]
fn a_project_that_has_its_share_waits_for_its_own_and_keeps_nobody_else() {
    let slots = Slots::new(3, 1);
    let own = take(&slots, "a", true);
    let other = take(&slots, "b", true);
    let mut full = slots.acquire(&project("a"));
    assert!(is_reclaimed(&own) && !is_reclaimed(&other));
    assert!(slots.acquire(&project("c")).try_take().is_some(), "it waits for another project");
    assert!(full.try_take().is_none());
    drop(own);
    assert!(full.try_take().is_some());
}

#[test]
fn who_leaves_the_line_is_passed_over() {
    let slots = Slots::new(1, 1);
    let held = take(&slots, "a", true);
    let first = slots.acquire(&project("b"));
    let mut second = slots.acquire(&project("c"));
    drop(first);
    assert_eq!(second.ahead(), 0);
    drop(held);
    assert!(second.try_take().is_some());
    // One who leaves with the slot in hand gives it back.
    assert_eq!(slots.in_use(), 0);
}

#[test]
fn an_agent_is_started_ahead_of_need_only_where_nobody_would_miss_the_place() {
    let slots = Slots::new(1, 1);
    let held = slots.try_acquire(&project("a")).unwrap();
    assert!(slots.try_acquire(&project("b")).is_none());
    let mut queue = slots.acquire(&project("b"));
    assert!(is_reclaimed(&held), "nothing is asked of it yet");
    drop(held);
    assert!(queue.try_take().is_some());
}
