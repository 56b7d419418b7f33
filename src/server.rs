//! Composition of the server: what starts in which order, and how it ends.

mod accept;
mod activation;
pub mod allocator;
pub(crate) mod descriptors;
pub mod discovery;
mod error;
pub mod forget;
mod hand_over;
mod http;
mod login_key;
mod registry_cell;
mod reload;
mod retention;
mod signals;
pub(crate) mod tls;

use std::{
    io::{self, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix::{Actor as _, Addr};
use actix_web::{dev::ServerHandle, rt};
use tokio::sync::{Notify, mpsc};

use crate::{
    agent::{Agents, slots::Slots},
    cluster::{ClusterEvent, NodeStore, membership::Membership},
    config::settings::{Live, Settings},
    database::{self, Clock, Database, messages::Flush},
    drawing::Drawings,
    histogram::Histogram,
    reader::{Readers, code::CodeHighlighter},
    registry::{
        Registry,
        messages::{Drain, Lose, Resume},
    },
    repositories::Repositories,
    session::Resources,
    telemetry::Telemetry,
    web::{
        self, access::AccessControl, assets::Assets, event_streams::EventStreams,
        state::DELIVERY_BOUNDS,
    },
    webhook::Webhooks,
};
pub use error::ServerError;
use http::{Shared, http};
use registry_cell::RegistryCell;
pub use reload::Reload;
use reload::{CurrentTls, Reloaded};
use signals::{end_of_service, outlive_file_limit};

/// Time for work on other threads once everything is stored.
const LAST_WORK: Duration = Duration::from_secs(2);

/// Serves until the process receives a signal to end.
pub fn run(reload: Reload) -> Result<(), ServerError> {
    let mut settings = reload.begun_with.settings.clone();
    let inherited = activation::inherited(&mut settings)?;
    let is_ready = |scheme: &str, address| {
        activation::tell_ready();
        announce(scheme, address)
    };
    let served = rt::System::new().block_on(async {
        serve(Arc::new(settings), inherited, is_ready, end_of_service, Some(reload)).await
    });
    if let Err(error) = end_in_time(served.is_ok()) {
        log::warn!("the end is not bounded in time error={error}");
    }
    served
}

/// Serves until `end` is there, and tells the address once it does.
pub(crate) fn run_until(
    settings: Settings,
    is_ready: impl FnOnce(SocketAddr),
    end: impl Future<Output = ()>,
) -> Result<(), ServerError> {
    let is_ready = |_: &str, address| {
        is_ready(address);
        Ok(())
    };
    rt::System::new().block_on(serve(Arc::new(settings), Vec::new(), is_ready, |_| Ok(end), None))
}

/// Ends the process if work on another thread does not, such as reading a file that never ends.
/// Everything is stored by now.
fn end_in_time(is_well: bool) -> io::Result<()> {
    let end = move || {
        std::thread::sleep(LAST_WORK);
        log::warn!("work that was under way after {LAST_WORK:?} is not waited for");
        std::process::exit(i32::from(!is_well));
    };
    std::thread::Builder::new().name("last-work".to_owned()).spawn(end).map(drop)
}

/// Serves until the future of `end` is ready, on these sockets or else on its own. Tells the scheme and the
/// address once it does.
async fn serve<E: Future<Output = ()>>(
    settings: Arc<Settings>,
    inherited: Vec<TcpListener>,
    is_ready: impl FnOnce(&str, SocketAddr) -> io::Result<()>,
    end: impl FnOnce(Arc<Notify>) -> io::Result<E>,
    reload: Option<Reload>,
) -> Result<(), ServerError> {
    let assets = match &settings.assets {
        Some(dir) => Assets::from_directory(dir, &settings.base_path)?,
        None => Assets::embedded(&settings.base_path)?,
    };
    let tls = settings.tls.as_ref().map(tls::load).transpose()?.map(CurrentTls::new);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut membership = Membership::join(&settings.cluster).await?;
    membership.prepare(&settings).await?;
    let path = settings.data_dir.join(database::FILE_NAME);
    let (database, reader) = Database::open_with(&path, Clock::system(), membership.journal())?;
    let live = Live::new(settings.live.clone());
    let agents = Agents::new(&settings, live.clone());
    let readers = Readers::new(agents.clone(), settings.clone());
    let resources = Resources {
        drawings: Drawings::new(agents.clone()),
        repositories: Repositories::new(agents.clone(), settings.git.clone()),
        agents,
        slots: Slots::new(settings.limits.agents, settings.limits.agents_per_project),
        highlighter: CodeHighlighter::new(readers.clone()),
        readers,
        webhooks: Webhooks::new(&settings.webhooks, &settings.base_path),
        telemetry: Telemetry::new(&settings.telemetry),
        settings: settings.clone(),
        live: live.clone(),
        database: database.start(),
        reader,
        cluster: membership.cluster(),
    };
    resources.agents.clear();
    rt::spawn(database::drop_loose_regularly(resources.database.downgrade()));
    let begun_with = live.get();
    resources.agents.clear_indexes(&begun_with.projects);
    resources.agents.clear_repositories(&begun_with.repositories);
    resources.repositories.keep(&begun_with.repositories);
    let kept = resources.clone();
    let (agents, database) = (resources.agents.clone(), resources.database.clone());
    let registry = Arc::<RegistryCell>::default();
    let shared = Shared {
        resources,
        registry: Arc::clone(&registry),
        assets,
        access_control: AccessControl::new(
            &settings,
            live,
            membership.cluster(),
            login_key::of(&settings),
        ),
        browsers: Arc::default(),
        event_streams: EventStreams::default(),
        readings: Arc::default(),
        deliveries: Arc::new(Histogram::new(&DELIVERY_BOUNDS)),
        started_at: Clock::system().now().into(),
        draining: Arc::default(),
    };
    shared.access_control.restore(&shared.resources.reader, shared.resources.database.clone());
    let (access_control, draining) =
        (Arc::clone(&shared.access_control), Arc::clone(&shared.draining));
    let deliveries = Arc::clone(&shared.deliveries);
    let listeners = match inherited.is_empty() {
        true => accept::listen(&settings.listen)
            .map_err(|(address, source)| ServerError::Listen { address, source })?,
        false => inherited,
    };
    let address = listeners.first().map(TcpListener::local_addr).transpose()?;
    let address = address.ok_or(io::ErrorKind::AddrNotAvailable).map_err(io::Error::from)?;
    let server = http(shared, &settings, tls.clone(), listeners)?;
    access_control.set_port(address.port());
    let handle = server.handle();
    let mut serving = rt::spawn(server);
    let registry = tokio::select! {
        registry = registry.started() => registry,
        ended = &mut serving => return Ok(ended.map_err(io::Error::other)??),
    };
    let store = NodeStore {
        database: database.clone(),
        reader: kept.reader.clone(),
        live: kept.live.clone(),
        port: address.port(),
    };
    if let Some(events) = membership.begin(store).await? {
        rt::spawn(follow_cluster(registry.clone(), access_control, events));
    }
    rt::spawn(web::metrics::export_regularly(kept.clone(), registry.clone(), deliveries));
    rt::spawn(retention::delete_old_regularly(registry.clone(), kept.clone()));
    let terminal_gone = Arc::<Notify>::default();
    if let Some(reload) = reload {
        let reloaded = Reloaded { resources: kept, registry: registry.clone(), tls };
        reload::on_hangup(reload, reloaded, Arc::clone(&terminal_gone))?;
    }
    let told = end(terminal_gone)?;
    let _file_limit = outlive_file_limit()?;
    rt::spawn(async move { agents.test_sandbox(&begun_with.projects).await });
    is_ready(scheme, address)?;
    told.await;
    draining.store(true, Ordering::Relaxed);
    drain(&settings, registry, (database, &membership), handle).await?;
    serving.await.map_err(io::Error::other)??;
    log::info!("stopped");
    Ok(())
}

/// Prints the one line on stdout, for which programs that start the server wait.
#[expect(clippy::print_stdout, reason = "the line is the program's output")]
fn announce(scheme: &str, address: SocketAddr) -> io::Result<()> {
    println!("listening on {scheme}://{address}");
    io::stdout().flush()
}

/// Tells the registry which projects this node has taken and lost, and access control who may come in.
async fn follow_cluster(
    registry: Addr<Registry>,
    access_control: Arc<AccessControl>,
    mut events: mpsc::UnboundedReceiver<ClusterEvent>,
) {
    while let Some(event) = events.recv().await {
        let told = match event {
            ClusterEvent::Taken(project) => registry.send(Resume { project }).await,
            ClusterEvent::Lost(project) => registry.send(Lose { project }).await,
            ClusterEvent::Credential(change) => {
                access_control.on_credential(change);
                continue;
            }
        };
        if told.is_err() {
            return;
        }
    }
}

/// Closes all sessions, stores everything and closes the sockets.
async fn drain(
    settings: &Settings,
    registry: Addr<Registry>,
    (database, membership): (Addr<Database>, &Membership),
    handle: ServerHandle,
) -> Result<(), ServerError> {
    let all = async {
        if settings.cluster.is_on() {
            hand_over::answers_end(&registry, settings.shutdown_timeout).await;
        }
        if let Err(error) = registry.send(Drain).await {
            log::error!("cannot end the sessions error={error}");
        }
        membership.leave(&database).await;
        match database.send(Flush).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => log::error!("cannot store everything error={error}"),
            Err(error) => log::error!("cannot store everything error={error}"),
        }
    };
    let drained = tokio::time::timeout(settings.shutdown_timeout, all).await;
    handle.stop(true).await;
    drained.map_err(|_| ServerError::Overdue(settings.shutdown_timeout))
}
