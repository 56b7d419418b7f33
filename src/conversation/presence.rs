//! Who reads a conversation: people, however many tabs they have open.

use std::collections::BTreeSet;

use crate::rights::Principal;

use super::viewer::{BrowserId, ViewerId};

/// Names that are told, at most.
const MAX_NAMES: usize = 8;

/// Who a viewer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) viewer: ViewerId,
    pub(crate) browser: Option<BrowserId>,
    pub(crate) principal: Principal,
}

/// The people who read a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    /// A user or, where none is named, a browser counts once.
    pub(crate) viewers: usize,
    /// The users' names, sorted, at most [`MAX_NAMES`].
    pub(crate) people: Vec<String>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identity<'a> {
    User(&'a str),
    Browser(&'a str),
    Viewer(ViewerId),
}

impl Presence {
    pub(crate) fn of<'a>(present: impl Iterator<Item = &'a Person>) -> Self {
        let identities: BTreeSet<_> = present
            .map(|person| match (&person.principal.user, &person.browser) {
                (Some(user), _) => Identity::User(user),
                (None, Some(browser)) => Identity::Browser(browser),
                (None, None) => Identity::Viewer(person.viewer),
            })
            .collect();
        let viewers = identities.len();
        let names = identities.into_iter().filter_map(|identity| match identity {
            Identity::User(name) => Some(name.to_owned()),
            _ => None,
        });
        Self { viewers, people: names.take(MAX_NAMES).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(people: &[(Option<&str>, Option<&str>)]) -> (usize, Vec<String>) {
        let person = |(id, (browser, user)): (u64, &(Option<&str>, Option<&str>))| Person {
            viewer: ViewerId(id),
            browser: browser.map(str::to_owned),
            principal: Principal { user: user.map(str::to_owned), ..Principal::default() },
        };
        let people: Vec<_> = (0..).zip(people).map(person).collect();
        let Presence { viewers, people } = Presence::of(people.iter());
        (viewers, people)
    }

    #[test]
    fn a_person_counts_once_however_many_tabs_and_browsers_are_open() {
        for (people, viewers, names) in [
            (&[(Some("a"), None), (Some("a"), None)][..], 1, &[][..]),
            (&[(Some("a"), None), (Some("b"), None), (None, None), (None, None)], 4, &[]),
            (&[(Some("a"), Some("ana")), (Some("b"), Some("ana"))], 1, &["ana"]),
            // Two people at one machine.
            (&[(Some("a"), Some("ben")), (Some("a"), Some("ana"))], 2, &["ana", "ben"]),
            (&[(Some("a"), Some("ana")), (Some("b"), None)], 2, &["ana"]),
        ] {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(present(people), (viewers, names), "{people:?}");
        }
    }

    #[test]
    fn few_names_are_told() {
        let names: Vec<String> = (10..50).map(|number| format!("user {number}")).collect();
        let people: Vec<_> = names.iter().map(|name| (None, Some(name.as_str()))).collect();
        assert_eq!(present(&people), (40, names[..MAX_NAMES].to_vec()));
    }
}
