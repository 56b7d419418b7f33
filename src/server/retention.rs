//! Deletes what is kept no longer: old conversations (`history.keep`) and rows of the audit log (`audit`).

use std::time::{Duration, SystemTime};

use actix::Addr;

use crate::{
    config::settings::AuditSettings,
    database::{messages::TrimAudit, timestamp},
    ids::ConversationId,
    project::ProjectName,
    registry::Registry,
    session::Resources,
    web::api::conversations::delete_conversation,
};

/// Interval between searches.
const INTERVAL: Duration = Duration::from_secs(3600);

/// Conversations that one search finds.
const BATCH: u32 = 100;

/// Runs as long as the server does.
pub(super) async fn delete_old_regularly(registry: Addr<Registry>, resources: Resources) {
    loop {
        if let Some(keep) = resources.live.get().history.keep {
            match delete_older(&registry, &resources, keep).await {
                0 => (),
                deleted => log::info!("deleted old conversations number={deleted}"),
            }
        }
        trim_audit(&resources).await;
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Deletes the rows of the audit log that are too old or too many, some at a time.
async fn trim_audit(resources: &Resources) {
    let AuditSettings { keep, rows, .. } = resources.live.get().audit;
    let before = keep.and_then(time_ago);
    loop {
        match resources.database.send(TrimAudit { before: before.clone(), rows }).await {
            Ok(Ok(true)) => (),
            Ok(Ok(false)) | Err(_) => return,
            Ok(Err(error)) => return log::warn!("cannot trim the audit log error={error}"),
        }
    }
}

/// The time so long ago, as rows have it.
fn time_ago(age: Duration) -> Option<String> {
    SystemTime::now().checked_sub(age).map(|time| timestamp(time.into()))
}

/// Gives how many were deleted.
async fn delete_older(registry: &Addr<Registry>, resources: &Resources, keep: Duration) -> usize {
    let Some(before) = time_ago(keep) else { return 0 };
    let mut deleted = 0;
    loop {
        let limit = before.clone();
        let old = resources.reader.ask(move |reader| reader.unchanged_since(&limit, BATCH)).await;
        let old = match old {
            Ok(old) => old,
            Err(error) => {
                log::warn!("cannot look for old conversations error={error}");
                return deleted;
            }
        };
        let mut progress = 0;
        for (project, id) in old {
            progress += usize::from(delete(registry, resources, project, id).await);
        }
        deleted += progress;
        // What cannot be deleted would be found again.
        if progress < BATCH as usize {
            return deleted;
        }
    }
}

async fn delete(
    registry: &Addr<Registry>,
    resources: &Resources,
    project: ProjectName,
    id: ConversationId,
) -> bool {
    let name = project.clone();
    let deleted = async {
        match resources.reader.ask(move |reader| reader.ownership(&name, id)).await? {
            Some(of) => delete_conversation(registry, resources, project, id, of).await,
            None => Ok(false),
        }
    };
    let deleted = deleted.await;
    deleted
        .inspect_err(|error| log::warn!("cannot delete an old conversation id={id} error={error}"))
        .unwrap_or_default()
}
