//! Takes projects: those that somebody asks for, and those that a node left behind.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::Addr;
use tokio::sync::mpsc;

use super::{ClusterEvent, Member, ownership::OwnerStanding};
use crate::{
    config::settings::Live,
    database::{
        Database, DatabaseError,
        journal::messages::{LeaveProject, TakeProject},
    },
    project::ProjectName,
};

/// Longest time for one project.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// Wait for what is on its way in the log, before a project is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// Takes projects for as long as this node runs.
pub(super) async fn keep(
    member: Arc<Member>,
    database: Addr<Database>,
    live: Live,
    mut wants: mpsc::UnboundedReceiver<ProjectName>,
    look_each: Duration,
) {
    let mut tick = tokio::time::interval(look_each);
    loop {
        let wanted = tokio::select! {
            wanted = wants.recv() => match wanted {
                Some(wanted) => vec![wanted],
                None => return,
            },
            _ = tick.tick() => orphans(&member, &live),
        };
        for project in wanted {
            let (member, database) = (Arc::clone(&member), database.clone());
            tokio::task::spawn_local(async move {
                let is_taken = take(&member, &database, &project).await;
                member.ownership().end_taking(&project, is_taken);
                if is_taken {
                    log::info!("this node owns the project now project={project}");
                    member.events.send(ClusterEvent::Taken(project)).unwrap_or_default();
                }
            });
        }
    }
}

/// What gone nodes left to this one, of what it serves.
fn orphans(member: &Member, live: &Live) -> Vec<ProjectName> {
    let mut ownership = member.ownership();
    let mut orphans = ownership.orphans();
    orphans.retain(|project| {
        live.get().project(project.as_str()).is_some() && ownership.begin_taking(project)
    });
    orphans
}

/// Takes a project, unless another node is faster. Answers whether it is this node's.
async fn take(member: &Member, database: &Addr<Database>, project: &ProjectName) -> bool {
    let deadline = Instant::now() + TAKEN_WITHIN;
    while Instant::now() < deadline {
        let instead_of = {
            let ownership = member.ownership();
            if ownership.standing(project) != OwnerStanding::Free {
                return false;
            }
            ownership.owner(project).cloned()
        };
        let take = TakeProject { project: project.clone(), instead_of };
        match database.send(take).await {
            Ok(Ok(())) => return true,
            // The record that says whose it is is on its way.
            Ok(Err(DatabaseError::NotOwner { .. })) => (),
            Ok(Err(error)) => log::warn!("cannot take the project={project} error={error}"),
            Err(_) => return false,
        }
        tokio::time::sleep(PAUSE).await;
    }
    false
}

/// Gives all projects back, so that other nodes need not wait for the end of the lease.
pub(super) async fn leave_all(member: &Member, database: &Addr<Database>) {
    let held = member.ownership().held();
    let left = held.into_iter().map(|project| async move {
        let leave = LeaveProject { project: project.clone() };
        if let Ok(Err(error)) = database.send(leave).await {
            log::warn!("cannot give the project back project={project} error={error}");
        }
        member.ownership().give_up(&project);
    });
    futures_util::future::join_all(left).await;
}
