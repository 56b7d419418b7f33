//! A server for one question: it serves one project to this process alone, and ends with it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::client::{AskError, ServerClient};
use crate::{
    config::{settings::Settings, token::Token},
    database::OpenError,
    hex,
    server::{self, ServerError},
};

/// Most stores for one directory: as many can be asked about it at the same time.
const MAX_STORES: u32 = 16;

/// A server of this process.
pub(super) struct OwnServer {
    pub(super) client: ServerClient,
    /// The name of its project.
    pub(super) project: String,
    /// Of several stores for the directory, which one it uses.
    pub(super) store: u32,
    /// Ends it when dropped.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
}

impl OwnServer {
    /// Starts a server for the only project of `settings`. Its conversations stay in a store of their
    /// own below `dir`: in `store`, or in the first that no other process uses.
    pub(super) fn start(
        settings: &Settings,
        dir: &Path,
        store: Option<u32>,
    ) -> Result<Self, AskError> {
        let project = settings.live.projects.first().ok_or(AskError::NoProject)?;
        let token =
            Token::new(&Uuid::new_v4().simple().to_string()).map_err(AskError::OwnServer)?;
        let mut in_use = None;
        for number in store.map_or(0..MAX_STORES, |store| store..store + 1) {
            let data_dir = store_dir(dir, project.roots.first(), number);
            let own = settings.clone().for_own_use(data_dir, token.clone());
            match start_thread(own) {
                Ok((address, end, thread)) => {
                    let client = ServerClient::new(&format!("http://{address}"), Some(token))?;
                    let project = project.name.to_string();
                    let (end, thread) = (Some(end), Some(thread));
                    return Ok(Self { client, project, store: number, end, thread });
                }
                Err(error) if is_in_use(&error) => in_use = Some(error),
                Err(error) => return Err(failed(error.as_ref())),
            }
        }
        let error = in_use.map_or_else(|| "no store is free".to_owned(), |it| it.to_string());
        Err(AskError::OwnServer(error))
    }
}

impl Drop for OwnServer {
    /// Waits until everything is stored.
    fn drop(&mut self) {
        self.end.take();
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Ok(Err(error))) = ended {
            log::warn!("the server did not end well: {error}");
        }
    }
}

type Started = (SocketAddr, oneshot::Sender<()>, JoinHandle<Result<(), ServerError>>);

/// Starts the server, and waits until it serves.
fn start_thread(settings: Settings) -> Result<Started, Box<ServerError>> {
    let (end, ended) = oneshot::channel();
    let (ready, address) = std::sync::mpsc::channel();
    let thread = thread::Builder::new()
        .name("server".to_owned())
        .spawn(move || {
            let is_ready = move |address| {
                // Who started it waits for this, or has gone.
                ready.send(address).ok();
            };
            server::run_until(settings, is_ready, async {
                // Dropping the sender ends it too.
                ended.await.ok();
            })
        })
        .map_err(|error| Box::new(ServerError::Io(error)))?;
    match address.recv() {
        Ok(address) => Ok((address, end, thread)),
        Err(_) => Err(Box::new(match thread.join() {
            Ok(Err(error)) => error,
            _ => ServerError::Io(std::io::Error::other("it ended at once")),
        })),
    }
}

fn is_in_use(error: &ServerError) -> bool {
    matches!(error, ServerError::Database(OpenError::InUse { .. }))
}

fn failed(error: &ServerError) -> AskError {
    AskError::OwnServer(error.to_string())
}

/// Where the conversations about a directory are kept.
fn store_dir(dir: &Path, project_dir: &Path, number: u32) -> PathBuf {
    let digest = Sha256::digest(project_dir.as_os_str().as_encoded_bytes());
    dir.join(hex::digits(&digest[..8])).join(number.to_string())
}
