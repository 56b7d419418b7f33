//! Rights in conversations: who may do what with whose. Pure, and the only place that decides.
//!
//! | | read | write | delete | share | publish |
//! | --- | --- | --- | --- | --- | --- |
//! | its owner | yes | yes | yes | yes | yes |
//! | others, of one that is open to the team | yes | yes | yes | no | only if nobody owns it |
//! | a guest, who has opened its link | yes | no | no | no | no |
//! | others, of a private one | no | no | no | no | no |
//! | an admin | as the others, and all private ones with `team.admins_read` | as the others | yes | what the admin reads and somebody owns | what the admin reads |
//!
//! What nobody owns has no one to ask: everybody who may delete it may publish it too, once the operator
//! allows that (`team.public_snapshots`).
//!
//! What a person may not read does not exist for that person.

use std::{collections::BTreeSet, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who asks for something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principal {
    /// The user's name, where it is known.
    pub(crate) user: Option<String>,
    /// The groups that a trusted proxy or a login names.
    pub(crate) groups: Arc<[String]>,
    /// Has shown an admin's token. A server without tokens has no admin here, as everybody would be
    /// one.
    pub(crate) is_admin: bool,
    /// Reads private conversations of others too.
    pub(crate) reads_all: bool,
}

/// Who may read a conversation: everybody who may see the project, or its owner and guests.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "told above")]
pub enum Visibility {
    #[default]
    Team,
    Private,
}

/// Whose a conversation is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ownership {
    /// Who began it; `None` where users are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Without an owner it is always open to the team.
    #[serde(default, skip_serializing_if = "Visibility::is_team")]
    pub visibility: Visibility,
    /// Users who have opened its link.
    #[serde(skip)]
    pub guests: BTreeSet<String>,
}

/// What somebody wants to do with a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// See that it is there, and all that it holds.
    Read,
    /// Ask, stop, withdraw, attach files, rename.
    Write,
    Delete,
    /// Decide who may read it.
    Share,
    /// Make a frozen copy public.
    Publish,
}

/// Why something is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denial {
    /// For this person it does not exist.
    Unknown,
    Forbidden,
}

impl Visibility {
    pub(crate) fn is_team(&self) -> bool {
        *self == Self::Team
    }
}

/// How a person stands to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Owner,
    Member,
    Guest,
    Outsider,
}

impl Ownership {
    /// That of a conversation that `principal` begins.
    pub(crate) fn of_new(principal: &Principal, visibility: Visibility) -> Self {
        let owner = principal.user.clone();
        let visibility = if owner.is_some() { visibility } else { Visibility::Team };
        Self { owner, visibility, guests: BTreeSet::new() }
    }

    /// Whether `principal` may do this.
    ///
    /// # Errors
    /// As which the refusal is to be told.
    pub(crate) fn check(&self, principal: &Principal, action: Action) -> Result<(), Denial> {
        if self.allows(principal, action) {
            return Ok(());
        }
        match self.allows(principal, Action::Read) {
            true => Err(Denial::Forbidden),
            false => Err(Denial::Unknown),
        }
    }

    pub(crate) fn allows(&self, principal: &Principal, action: Action) -> bool {
        let relation = self.relation(principal);
        let own = match (relation, action) {
            (Relation::Owner, _) | (Relation::Member | Relation::Guest, Action::Read) => true,
            (Relation::Member, Action::Write | Action::Delete) => true,
            (Relation::Member, Action::Publish) => self.owner.is_none(),
            (Relation::Member, Action::Share) | (Relation::Guest | Relation::Outsider, _) => false,
        };
        let reads = principal.reads_all || relation != Relation::Outsider;
        let as_admin = match action {
            Action::Read => principal.reads_all,
            Action::Write => false,
            Action::Delete => true,
            Action::Share => reads && self.owner.is_some(),
            Action::Publish => reads,
        };
        own || (principal.is_admin && as_admin)
    }

    /// Whether somebody could read it before and may not any more.
    pub(crate) fn takes_from(&self, before: &Self) -> bool {
        !self.visibility.is_team()
            && (before.visibility.is_team() || !before.guests.is_subset(&self.guests))
    }

    fn relation(&self, principal: &Principal) -> Relation {
        match &principal.user {
            Some(user) if self.owner.as_ref() == Some(user) => Relation::Owner,
            _ if self.visibility.is_team() => Relation::Member,
            Some(user) if self.guests.contains(user) => Relation::Guest,
            _ => Relation::Outsider,
        }
    }
}

/// SQL for [`Action::Read`], for a row named `conversation`, with the parameters `:user` and
/// `:reads_all`. A test compares it with [`Ownership::allows`].
macro_rules! readable {
    () => {
        "(conversation.private = 0 OR conversation.owner = :user OR :reads_all OR EXISTS (
             SELECT 1 FROM guests
             WHERE guests.conversation_id = conversation.id AND guests.user = :user))"
    };
}
pub(crate) use readable;

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(user: Option<&str>, is_admin: bool, reads_all: bool) -> Principal {
        let user = user.map(str::to_owned);
        Principal { user, is_admin, reads_all, ..Principal::default() }
    }

    fn owned(owner: Option<&str>, visibility: Visibility, guests: &[&str]) -> Ownership {
        let guests = guests.iter().map(|guest| (*guest).to_owned()).collect();
        Ownership { owner: owner.map(str::to_owned), visibility, guests }
    }

    /// What is allowed, as letters: Read, Write, Delete, Share, Publish.
    fn rights(ownership: &Ownership, principal: &Principal) -> String {
        let all = [
            ('r', Action::Read),
            ('w', Action::Write),
            ('d', Action::Delete),
            ('s', Action::Share),
            ('p', Action::Publish),
        ];
        let allowed = all.iter().filter(|(_, action)| ownership.allows(principal, *action));
        allowed.map(|(letter, _)| letter).collect()
    }

    #[test]
    fn the_table_of_rights() {
        use Visibility::{Private, Team};
        let people = [
            principal(None, false, false),
            principal(Some("ana"), false, false),
            principal(Some("ben"), false, false),
            principal(None, true, false),
            principal(Some("ben"), true, false),
            principal(Some("ben"), true, true),
        ];
        for (ownership, expected) in [
            (owned(None, Team, &[]), ["rwdp", "rwdp", "rwdp", "rwdp", "rwdp", "rwdp"]),
            (owned(Some("ana"), Team, &[]), ["rwd", "rwdsp", "rwd", "rwdsp", "rwdsp", "rwdsp"]),
            (owned(Some("ana"), Private, &[]), ["", "rwdsp", "", "d", "d", "rdsp"]),
            (owned(Some("ana"), Private, &["ben"]), ["", "rwdsp", "r", "d", "rdsp", "rdsp"]),
            // It is not made, but must not be open if it is there.
            (owned(None, Private, &[]), ["", "", "", "d", "d", "rdp"]),
        ] {
            let told: Vec<_> = people.iter().map(|person| rights(&ownership, person)).collect();
            assert_eq!(told, expected, "{ownership:?}");
        }
    }

    #[test]
    fn what_may_not_be_read_is_unknown_and_the_rest_forbidden() {
        let private = owned(Some("ana"), Visibility::Private, &["ben"]);
        let check = |user, action| private.check(&principal(Some(user), false, false), action);
        assert_eq!(check("ana", Action::Share), Ok(()));
        for action in [Action::Write, Action::Delete, Action::Share, Action::Publish] {
            assert_eq!(check("ben", action), Err(Denial::Forbidden));
            assert_eq!(check("cem", action), Err(Denial::Unknown));
        }
        assert_eq!(check("cem", Action::Read), Err(Denial::Unknown));
    }

    #[test]
    fn a_new_one_is_private_only_where_it_has_an_owner() {
        let ana = principal(Some("ana"), false, false);
        let new = |who: &Principal| Ownership::of_new(who, Visibility::Private);
        assert_eq!(new(&ana), owned(Some("ana"), Visibility::Private, &[]));
        assert_eq!(new(&Principal::default()), Ownership::default());
    }
}
