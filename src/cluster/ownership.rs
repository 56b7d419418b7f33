//! Who owns which project, as far as this node knows. Pure.

use std::collections::{HashMap, HashSet};

use crate::{
    database::journal::{Owner, Position},
    project::ProjectName,
};

/// A node that lives, as it tells the others.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct LiveNode {
    /// Of this run.
    pub(crate) incarnation: String,
    /// How other nodes reach it.
    #[serde(default)]
    pub(crate) address: String,
    /// Of its program.
    #[serde(default)]
    pub(crate) version: String,
    /// What it can serve.
    #[serde(default)]
    pub(crate) projects: Vec<ProjectName>,
    /// Its store has all records up to this place.
    #[serde(default)]
    pub(crate) applied: Position,
}

/// The node that owns a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnedElsewhere {
    pub(crate) node: String,
    /// Its run.
    pub(crate) incarnation: String,
    /// How other nodes reach it.
    pub(crate) address: String,
}

/// Whose a project is to this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OwnerStanding {
    Mine,
    /// Nobody's, or that of a node that is gone: it can be taken.
    Free,
    Elsewhere(OwnedElsewhere),
    /// This node does not know who lives, and may itself be thought gone.
    OutOfReach,
}

/// Who owns which project.
#[derive(Debug)]
pub(crate) struct ProjectOwners {
    me: Owner,
    /// By the newest record that says so; `None` for nobody's.
    owners: HashMap<ProjectName, (Option<Owner>, Position)>,
    /// Those that live, by name. This node is among them.
    live: HashMap<String, LiveNode>,
    /// Projects that this node has taken and not lost.
    held: HashSet<ProjectName>,
    taking: HashSet<ProjectName>,
    is_in_reach: bool,
}

impl ProjectOwners {
    /// What a node knows at its start: the owners that its store knows.
    pub(crate) fn new(me: Owner) -> Self {
        Self {
            me,
            owners: HashMap::new(),
            live: HashMap::new(),
            held: HashSet::new(),
            taking: HashSet::new(),
            is_in_reach: false,
        }
    }

    /// This run of this node.
    pub(crate) fn me(&self) -> &Owner {
        &self.me
    }

    /// Whose a project is.
    pub(crate) fn standing(&self, project: &ProjectName) -> OwnerStanding {
        if !self.is_in_reach {
            return OwnerStanding::OutOfReach;
        }
        match self.owner(project) {
            Some(owner) if *owner == self.me => match self.held.contains(project) {
                true => OwnerStanding::Mine,
                false => OwnerStanding::Free,
            },
            Some(owner) => match self.live_address(owner) {
                Some(address) => {
                    let Owner { node, incarnation } = owner.clone();
                    OwnerStanding::Elsewhere(OwnedElsewhere { node, incarnation, address })
                }
                None => OwnerStanding::Free,
            },
            None => OwnerStanding::Free,
        }
    }

    /// The owner by the newest record, dead or alive.
    pub(crate) fn owner(&self, project: &ProjectName) -> Option<&Owner> {
        self.owners.get(project)?.0.as_ref()
    }

    fn live_address(&self, owner: &Owner) -> Option<String> {
        let node = self.live.get(&owner.node)?;
        (node.incarnation == owner.incarnation).then(|| node.address.clone())
    }

    /// The places up to which the other live nodes have applied the log, by their names.
    pub(crate) fn applied_by_others(&self) -> Vec<(String, Position)> {
        let others = self.live.iter().filter(|(name, _)| **name != self.me.node);
        others.map(|(name, node)| (name.clone(), node.applied)).collect()
    }

    /// Whether this node does what one of them has to do: the one whose name comes first.
    pub(crate) fn is_first(&self) -> bool {
        self.is_in_reach && self.live.keys().all(|name| *name >= self.me.node)
    }

    /// Whether this run of a node lives.
    pub(crate) fn is_live(&self, node: &str, incarnation: &str) -> bool {
        self.live.get(node).is_some_and(|live| live.incarnation == incarnation)
    }

    /// Notes that a project is to be taken. Answers whether nobody has begun that.
    pub(crate) fn begin_taking(&mut self, project: &ProjectName) -> bool {
        self.taking.insert(project.clone())
    }

    /// Notes how the taking ended.
    pub(crate) fn end_taking(&mut self, project: &ProjectName, is_taken: bool) {
        self.taking.remove(project);
        if is_taken {
            self.held.insert(project.clone());
        }
    }

    /// Notes what a record at `at` says of a project's owner. Answers whether this node has lost it.
    pub(crate) fn on_record(
        &mut self,
        project: &ProjectName,
        owner: Option<Owner>,
        at: Position,
    ) -> bool {
        let known = self.owners.entry(project.clone()).or_default();
        if at <= known.1 {
            return false;
        }
        *known = (owner, at);
        known.0.as_ref() != Some(&self.me) && self.held.remove(project)
    }

    /// Gives a project up: this node cannot write it any more. Answers whether it could before.
    pub(crate) fn give_up(&mut self, project: &ProjectName) -> bool {
        self.held.remove(project)
    }

    /// Gives all projects up, and answers them.
    pub(crate) fn give_up_all(&mut self) -> Vec<ProjectName> {
        self.held.drain().collect()
    }

    /// The projects that this node owns.
    pub(crate) fn held(&self) -> Vec<ProjectName> {
        self.held.iter().cloned().collect()
    }

    /// Notes whether this node holds its lease. Answers the projects that it lost with it.
    pub(crate) fn set_in_reach(&mut self, is_in_reach: bool) -> Vec<ProjectName> {
        self.is_in_reach = is_in_reach;
        if is_in_reach { Vec::new() } else { self.give_up_all() }
    }

    /// Whether this node holds its lease.
    pub(crate) fn is_in_reach(&self) -> bool {
        self.is_in_reach
    }

    /// Notes that a node lives, or is gone. Answers whether that is new.
    pub(crate) fn on_node(&mut self, name: &str, node: Option<LiveNode>) -> bool {
        let incarnation = node.as_ref().map(|node| node.incarnation.clone());
        let before = match node {
            Some(node) => self.live.insert(name.to_owned(), node),
            None => self.live.remove(name),
        };
        before.map(|node| node.incarnation) != incarnation
    }

    /// The other nodes that live, in the order of their names.
    pub(crate) fn others(&self) -> Vec<OwnedElsewhere> {
        let others = self.live.iter().filter(|(name, _)| **name != self.me.node);
        let mut others: Vec<_> = others
            .map(|(name, LiveNode { incarnation, address, .. })| OwnedElsewhere {
                node: name.clone(),
                incarnation: incarnation.clone(),
                address: address.clone(),
            })
            .collect();
        others.sort_by(|a, b| a.node.cmp(&b.node));
        others
    }

    /// The projects of nodes that are gone, which this node is to take: of those that can serve a project
    /// it is the one that all prefer.
    pub(crate) fn orphans(&self) -> Vec<ProjectName> {
        if !self.is_in_reach {
            return Vec::new();
        }
        let is_orphan = |project: &ProjectName| {
            !self.taking.contains(project)
                && self.owner(project).is_some()
                && self.standing(project) == OwnerStanding::Free
                && self.preferred(project) == Some(self.me.node.as_str())
        };
        self.owners.keys().filter(|project| is_orphan(project)).cloned().collect()
    }

    /// The live node that is to take a project: every node finds the same.
    fn preferred(&self, project: &ProjectName) -> Option<&str> {
        let able = self.live.iter().filter(|(_, node)| node.projects.contains(project));
        let names = able.map(|(name, _)| name.as_str());
        names.max_by_key(|name| (weight(project.as_str(), name), *name))
    }
}

/// The weight of a node for a project (rendezvous hashing; FNV-1a, as all nodes must find the same).
fn weight(project: &str, node: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in project.bytes().chain([0]).chain(node.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // The last bytes alone would decide most of the upper bits.
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> ProjectName {
        ProjectName::parse(name).unwrap()
    }

    fn owner(node: &str, incarnation: &str) -> Owner {
        Owner { node: node.to_owned(), incarnation: incarnation.to_owned() }
    }

    fn live(incarnation: &str, projects: &[&str]) -> Option<LiveNode> {
        Some(LiveNode {
            incarnation: incarnation.to_owned(),
            address: format!("http://{incarnation}"),
            version: String::new(),
            applied: Position(0),
            projects: projects.iter().map(|name| named(name)).collect(),
        })
    }

    /// A node `a` in reach, which has taken `shop`.
    fn owning() -> ProjectOwners {
        let mut ownership = ProjectOwners::new(owner("a", "a1"));
        ownership.set_in_reach(true);
        ownership.on_node("a", live("a1", &["shop"]));
        assert_eq!(ownership.standing(&named("shop")), OwnerStanding::Free);
        assert!(ownership.begin_taking(&named("shop")));
        assert!(!ownership.begin_taking(&named("shop")));
        ownership.on_record(&named("shop"), Some(owner("a", "a1")), Position(1));
        assert_eq!(
            ownership.standing(&named("shop")),
            OwnerStanding::Free,
            "it is not in order yet"
        );
        ownership.end_taking(&named("shop"), true);
        assert_eq!(ownership.standing(&named("shop")), OwnerStanding::Mine);
        ownership
    }

    #[test]
    fn a_newer_record_decides_and_an_older_one_that_comes_later_does_not() {
        let (mut ownership, shop) = (owning(), named("shop"));
        assert!(!ownership.on_record(&shop, None, Position(1)), "its own, which comes back");
        assert_eq!(ownership.standing(&shop), OwnerStanding::Mine);
        ownership.on_node("b", live("b1", &["shop"]));
        assert!(ownership.on_record(&shop, Some(owner("b", "b1")), Position(2)));
        assert!(
            matches!(ownership.standing(&shop), OwnerStanding::Elsewhere(it) if it.node == "b")
        );
        ownership.on_record(&shop, None, Position(3));
        assert_eq!(ownership.standing(&shop), OwnerStanding::Free);
    }

    #[test]
    fn the_projects_of_a_node_that_is_gone_or_came_back_anew_are_free() {
        let (mut ownership, shop) = (owning(), named("shop"));
        ownership.on_record(&shop, Some(owner("b", "b1")), Position(2));
        assert_eq!(ownership.standing(&shop), OwnerStanding::Free, "nobody has seen it alive");
        for (node, standing) in [(live("b1", &[]), false), (live("b2", &[]), true), (None, true)] {
            ownership.on_node("b", node);
            assert_eq!(ownership.standing(&shop) == OwnerStanding::Free, standing);
        }
    }

    #[test]
    fn a_node_that_lost_its_lease_owns_nothing_and_says_what_it_lost() {
        let (mut ownership, shop) = (owning(), named("shop"));
        assert_eq!(ownership.set_in_reach(false), [named("shop")]);
        assert_eq!(ownership.standing(&shop), OwnerStanding::OutOfReach);
        ownership.set_in_reach(true);
        assert_eq!(ownership.standing(&shop), OwnerStanding::Free, "it is taken anew");
        assert!(ownership.held().is_empty());
    }

    #[test]
    fn one_live_node_that_has_the_project_takes_an_orphan_and_all_agree_which() {
        let projects: Vec<String> = (0..40).map(|at| format!("p{at}")).collect();
        let names: Vec<&str> = projects.iter().map(String::as_str).collect();
        let nodes = ["a", "b", "c"].map(|me| {
            let mut ownership = ProjectOwners::new(owner(me, me));
            ownership.set_in_reach(true);
            for node in ["a", "b", "c"] {
                // The first is on c alone.
                let has = if node == "c" { &names[..] } else { &names[1..] };
                ownership.on_node(node, live(node, has));
            }
            for name in &names {
                ownership.on_record(&named(name), Some(owner("gone", "g")), Position(1));
            }
            ownership
        });
        let taken: Vec<Vec<ProjectName>> = nodes.iter().map(ProjectOwners::orphans).collect();
        assert_eq!(taken.iter().map(Vec::len).sum::<usize>(), 40, "each by one");
        assert!(taken.iter().all(|taken| taken.len() > 5), "spread: {taken:?}");
        assert!(taken[2].contains(&named("p0")));
        let mut away = nodes.into_iter().next().unwrap();
        away.set_in_reach(false);
        assert!(away.orphans().is_empty());
    }
}
