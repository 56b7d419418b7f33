//! Brings the store of another node to one that misses what the log does not have any more.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hyper::{Request, StatusCode};

use super::{
    base::WayIn,
    connect::NatsConnection,
    error::ClusterError,
    lease,
    nats_log::NatsLog,
    node_client,
    ownership::LiveNode,
    peers::{HEADER, PeerClient, PeerSecret, SNAPSHOT_PATH, SignedHead},
};
use crate::{
    config::settings::Settings,
    database::{
        self,
        journal::{
            Position, Record, VERSION,
            stored_log::{self, StoredLog},
        },
    },
};

/// The copy while it comes, in the data directory.
const FILE_NAME: &str = "cicerone.snapshot";

/// Longest wait for a node that has a store to copy: all may just be starting.
const OFFERED_WITHIN: Duration = Duration::from_secs(60);

/// Longest wait until a node has made a copy, and between two pieces of it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(600);
const SILENT: Duration = Duration::from_secs(30);

/// Wait before the nodes are asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Subjects that are looked at together.
const TOGETHER: usize = 32;

/// Puts the store of another node in the place of this one's, where following the log would not do. The one
/// before is kept beside it.
pub(super) async fn bring(
    connection: &NatsConnection,
    settings: &Settings,
    secret: &PeerSecret,
) -> Result<(), ClusterError> {
    let path = settings.data_dir.join(database::FILE_NAME);
    let stored = StoredLog::of(&path)?;
    if stored.is_none() && path.exists() {
        // Opening it says what it is.
        return Ok(());
    }
    let stored = stored.unwrap_or_default();
    if stored.log == connection.log_id {
        require_own_records(&connection.log, &stored).await?;
    }
    let why = match connection.base.way_in(&connection.log_id, &stored) {
        WayIn::Follow if !misses_records(&connection.log, &stored).await? => return Ok(()),
        WayIn::Follow => "the log does not have all records any more that this store misses",
        WayIn::Snapshot => "the log begins with what other nodes have",
        WayIn::OtherLog => return Err(ClusterError::OtherLog),
        WayIn::MoreThanBase => return Err(ClusterError::MoreThanBase(stored.most().0)),
    };
    log::info!("a snapshot of another node is needed: {why}");
    stored_log::make_directory(&path)?;
    let deadline = Instant::now() + OFFERED_WITHIN;
    let mut last = "no other node lives".to_owned();
    while Instant::now() < deadline {
        let others = lease::live_nodes(&connection.leases).await?.into_iter();
        for (name, node) in others.filter(|(name, _)| *name != connection.node) {
            match fetch(&name, &node, connection, settings, secret).await {
                Ok((copy, copied)) if stored.log != copied.log || copied.has_all_of(&stored) => {
                    return put(copy, path, &name).await;
                }
                Ok((copy, _)) => {
                    remove(&copy);
                    last = format!("{name}: its store has less than this one");
                }
                Err(error) => {
                    remove(&settings.data_dir.join(FILE_NAME));
                    log::warn!("cannot get a snapshot node={name} error={error}");
                    last = format!("{name}: {error}");
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(ClusterError::NoSnapshot(last))
}

/// Whether a scope has records in the log that this store cannot apply, as those before them are gone.
async fn misses_records(log: &NatsLog, stored: &StoredLog) -> Result<bool, ClusterError> {
    let scopes = log.scopes().await?;
    let looked = stream::iter(scopes).map(|scope| async move {
        let applied = stored.applied(&scope);
        let next = log.next_after(&scope, applied).await?;
        // What a newer program wrote is told by the follower.
        let is_hole = |record: &Record| record.v <= VERSION && record.after != applied;
        Ok::<_, ClusterError>(next.is_some_and(|next| is_hole(&next.record)))
    });
    looked.buffer_unordered(TOGETHER).try_any(std::future::ready).await
}

/// Refuses a log that has lost what this store has of it.
async fn require_own_records(log: &NatsLog, stored: &StoredLog) -> Result<(), ClusterError> {
    let looked = stream::iter(stored.newest()).map(|(scope, at)| async move {
        match log.next_after(&scope, Position(at.0 - 1)).await? {
            Some(_) => Ok(()),
            None => Err(ClusterError::Emptied { scope: scope.to_string(), at: at.0 }),
        }
    });
    looked.buffer_unordered(TOGETHER).try_collect().await
}

/// Copies the store of a node. Answers the file.
async fn fetch(
    name: &str,
    node: &LiveNode,
    connection: &NatsConnection,
    settings: &Settings,
    secret: &PeerSecret,
) -> io::Result<(PathBuf, StoredLog)> {
    let LiveNode { incarnation, address, .. } = node;
    let head = SignedHead { method: "GET", path: SNAPSHOT_PATH, incarnation };
    let client = PeerClient { address: [127, 0, 0, 1].into(), is_secure: true };
    let header = secret.header(head, &client);
    let proof = secret.proof_for(&header);
    let request = Request::get(settings.base_path.address(SNAPSHOT_PATH))
        .header("host", "localhost")
        .header(HEADER, header)
        .body(String::new())
        .map_err(io::Error::other)?;
    let mut sender = node_client::open(address, &settings.cluster).await?;
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let answer = tokio::time::timeout(ANSWERED_WITHIN, sender.send_request(request)).await;
    let answer = answer.map_err(late)?.map_err(io::Error::other)?;
    if !node_client::is_proved(&answer, &proof) {
        return Err(io::Error::other(format!("what answers at {address:?} is not that node")));
    }
    if answer.status() != StatusCode::OK {
        return Err(io::Error::other(format!("it answers {}", answer.status())));
    }
    let path = settings.data_dir.join(FILE_NAME);
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    let mut body = answer.into_body();
    while let Some(chunk) =
        tokio::time::timeout(SILENT, node_client::next_chunk(&mut body)).await.map_err(late)?
    {
        file.write_all(&chunk?)?;
    }
    file.sync_all()?;
    let copied = StoredLog::of(&path).map_err(io::Error::other)?.unwrap_or_default();
    if copied.log != connection.log_id {
        return Err(io::Error::other(format!("the store of {name} is of another log")));
    }
    let misses = misses_records(&connection.log, &copied).await.map_err(io::Error::other)?;
    match misses {
        true => Err(io::Error::other(format!("the store of {name} misses records as well"))),
        false => Ok((path, copied)),
    }
}

/// Puts a copy in the place of the store.
async fn put(copy: PathBuf, path: PathBuf, from: &str) -> Result<(), ClusterError> {
    let placed = tokio::task::spawn_blocking(move || {
        let before = database::restore::run(&copy, &path);
        remove(&copy);
        before
    });
    let before = placed.await.map_err(|_| ClusterError::Ended)?;
    let before = before.map_err(|error| ClusterError::Snapshot(error.to_string()))?;
    log::info!("this node has a snapshot now from={from} before={before:?}");
    Ok(())
}

/// Removes the copy, and what SQLite keeps beside it.
fn remove(copy: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = copy.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                log::warn!("cannot delete a snapshot path={name:?} error={error}");
            }
            _ => (),
        }
    }
}
