//! Who gets a place, and who makes room for whom.

use futures_util::FutureExt as _;

use super::*;

fn project(name: &str) -> ProjectName {
    ProjectName::mend(name)
}

fn is_wanted(place: &Place) -> bool {
    place.wanted().now_or_never().is_some()
}

/// Takes a place that must be there, and says whether its agent is idle.
fn take(places: &Places, name: &str, idle: bool) -> Place {
    let place = places.stand_in_line(&project(name)).granted().unwrap();
    place.set_idle(idle);
    place
}

#[test]
fn p9_no_more_places_are_given_than_there_are() {
    let places = Places::new(2, 2);
    let _held = [take(&places, "a", false), take(&places, "b", false)];
    assert!(places.take_free(&project("c")).is_none());
    let mut line = places.stand_in_line(&project("c"));
    assert!(line.granted().is_none());
    assert_eq!((places.taken(), places.waiting()), (2, 1));
}

#[test]
fn a_place_that_is_given_back_goes_to_the_one_who_waits_for_longest() {
    let places = Places::new(1, 1);
    let held = take(&places, "a", false);
    let (mut first, mut second) =
        (places.stand_in_line(&project("b")), places.stand_in_line(&project("c")));
    assert_eq!((first.ahead(), second.ahead()), (0, 1));
    drop(held);
    let held = first.granted().unwrap();
    assert!(second.granted().is_none());
    assert_eq!(second.ahead(), 0);
    drop(held);
    assert!(second.granted().is_some());
}

#[test]
fn the_agent_that_is_idle_for_longest_makes_room_and_a_busy_one_never_does() {
    let places = Places::new(3, 3);
    let busy = take(&places, "a", false);
    let oldest = take(&places, "b", true);
    let newer = take(&places, "c", true);
    let _line = places.stand_in_line(&project("d"));
    assert!(is_wanted(&oldest) && !is_wanted(&newer) && !is_wanted(&busy));
    let _next = places.stand_in_line(&project("d"));
    assert!(is_wanted(&newer) && !is_wanted(&busy));
}

#[test]
fn an_agent_that_becomes_busy_keeps_its_place_and_the_next_idle_one_makes_room() {
    let places = Places::new(2, 2);
    let (one, two) = (take(&places, "a", true), take(&places, "b", false));
    let _line = places.stand_in_line(&project("c"));
    assert!(is_wanted(&one));
    one.set_idle(false);
    assert!(!is_wanted(&one));
    two.set_idle(true);
    assert!(is_wanted(&two) && !is_wanted(&one));
}

#[test]
fn a_project_that_has_its_share_waits_for_its_own_and_keeps_nobody_else() {
    let places = Places::new(3, 1);
    let own = take(&places, "a", true);
    let other = take(&places, "b", true);
    let mut full = places.stand_in_line(&project("a"));
    assert!(is_wanted(&own) && !is_wanted(&other));
    assert!(
        places.stand_in_line(&project("c")).granted().is_some(),
        "it waits for another project"
    );
    assert!(full.granted().is_none());
    drop(own);
    assert!(full.granted().is_some());
}

#[test]
fn who_leaves_the_line_is_passed_over() {
    let places = Places::new(1, 1);
    let held = take(&places, "a", true);
    let first = places.stand_in_line(&project("b"));
    let mut second = places.stand_in_line(&project("c"));
    drop(first);
    assert_eq!(second.ahead(), 0);
    drop(held);
    assert!(second.granted().is_some());
    // One who leaves with the place in hand gives it back.
    assert_eq!(places.taken(), 0);
}

#[test]
fn an_agent_is_started_ahead_of_need_only_where_nobody_would_miss_the_place() {
    let places = Places::new(1, 1);
    let held = places.take_free(&project("a")).unwrap();
    assert!(places.take_free(&project("b")).is_none());
    let mut line = places.stand_in_line(&project("b"));
    assert!(is_wanted(&held), "nothing is asked of it yet");
    drop(held);
    assert!(line.granted().is_some());
}
