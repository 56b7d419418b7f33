//! Access to projects: who may know that one is there. Pure, and the only place that decides.
//!
//! For everybody else it does not exist.

use crate::rights::Principal;

/// Marks a name as a group's where both may stand.
const GROUP: &str = "group:";

/// Marks a name as a person's.
const USER: &str = "user:";

/// Longest list of a project.
const MAX_NAMES: usize = 1000;

/// Who may use a project: everybody, or whoever each of its lists names. A group of projects has the
/// lists of all its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectAccess(Vec<Vec<Grantee>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Grantee {
    /// A person or a group of this name.
    Either(String),
    User(String),
    Group(String),
}

impl ProjectAccess {
    /// Access for these people and groups; for everybody if there are none.
    ///
    /// # Errors
    /// What is wrong with the list, for a person.
    pub(crate) fn new(names: &[String]) -> Result<Self, String> {
        if names.len() > MAX_NAMES {
            return Err(format!("has {} names and may have {MAX_NAMES}", names.len()));
        }
        let list = names.iter().map(|name| Grantee::parse(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(if list.is_empty() { Vec::new() } else { vec![list] }))
    }

    /// Access for those who have all of these.
    pub(crate) fn all<'a>(accesses: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut lists: Vec<Vec<Grantee>> = Vec::new();
        for list in accesses.into_iter().flat_map(|access| &access.0) {
            if !lists.contains(list) {
                lists.push(list.clone());
            }
        }
        Self(lists)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the project exists for `principal`. Admins see all.
    pub(crate) fn admits(&self, principal: &Principal) -> bool {
        let is_named = |list: &Vec<Grantee>| list.iter().any(|it| it.is(principal));
        principal.is_admin || self.0.iter().all(is_named)
    }
}

impl Grantee {
    fn parse(text: &str) -> Result<Self, String> {
        let grantee = match (text.strip_prefix(GROUP), text.strip_prefix(USER)) {
            (Some(group), _) => Self::Group(group.to_owned()),
            (_, Some(user)) => Self::User(user.to_owned()),
            _ => Self::Either(text.to_owned()),
        };
        let (Self::Either(name) | Self::User(name) | Self::Group(name)) = &grantee;
        // A name with a space around it, which nobody has, would shut somebody out unseen.
        match name.is_empty() || name.trim() != name || name.chars().any(char::is_control) {
            true => Err(format!("{text:?} is no name of a person or a group")),
            false => Ok(grantee),
        }
    }

    fn is(&self, principal: &Principal) -> bool {
        let is_user = |name: &String| principal.user.as_ref() == Some(name);
        let is_group = |name: &String| principal.groups.contains(name);
        match self {
            Self::Either(name) => is_user(name) || is_group(name),
            Self::User(name) => is_user(name),
            Self::Group(name) => is_group(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn access(names: &[&str]) -> ProjectAccess {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        ProjectAccess::new(&names).unwrap()
    }

    fn person(user: Option<&str>, groups: &[&str]) -> Principal {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Principal { user: user.map(str::to_owned), groups, ..Principal::default() }
    }

    #[test]
    fn a_project_exists_for_those_whom_its_list_names_and_for_admins() {
        let shop = access(&["team-a", "ann@example.org", "user:bob", "group:ops"]);
        for who in [
            person(None, &["team-a"]),
            person(Some("ann@example.org"), &[]),
            person(Some("bob"), &[]),
            person(Some("cem"), &["x", "ops"]),
            Principal { is_admin: true, ..Principal::default() },
        ] {
            assert!(shop.admits(&who), "{who:?}");
        }
        for who in [
            person(None, &[]),
            person(Some("Ann@example.org"), &["team-b", "Team-A", ""]),
            person(Some("ops"), &["bob"]),
            person(Some("user:bob"), &["group:ops"]),
        ] {
            assert!(!shop.admits(&who), "{who:?}");
        }
    }

    #[test]
    fn without_a_list_it_exists_for_everybody_and_of_several_lists_each_must_name_them() {
        let (open, a, b) = (access(&[]), access(&["team-a"]), access(&["team-b", "ann"]));
        assert!(open.is_open() && open.admits(&Principal::default()));
        let both = ProjectAccess::all([&open, &a, &b]);
        assert!(both.admits(&person(Some("ann"), &["team-a"])));
        assert!(
            !both.admits(&person(Some("ann"), &[])) && !both.admits(&person(None, &["team-a"]))
        );
        assert!(ProjectAccess::all([&open, &open]).is_open());
    }

    #[test]
    fn a_name_that_nobody_can_have_is_refused() {
        for bad in ["", " ", "a ", " a", "group:", "user:", "user: a", "a\nb"] {
            assert!(ProjectAccess::new(&[bad.to_owned()]).is_err(), "{bad:?}");
        }
        assert!(ProjectAccess::new(&vec!["a".to_owned(); MAX_NAMES + 1]).is_err());
    }

    proptest! {
        #[test]
        fn nobody_is_let_in_by_a_name_that_is_not_their_own(
            name in "[a-c:]{1,3}", user in "[a-c:]{0,3}", group in "[a-c:]{0,3}",
        ) {
            let Ok(list) = ProjectAccess::new(std::slice::from_ref(&name)) else { return Ok(()) };
            let who = person(Some(&user), &[&group]);
            prop_assert_eq!(list.admits(&who), name == user || name == group);
        }
    }
}
