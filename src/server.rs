//! Composition of the server: what starts in which order, and how it ends.

mod accept;
mod activation;
pub mod allocator;
pub(crate) mod descriptors;
pub mod discovery;
mod error;
pub mod forget;
mod registry_cell;
mod reload;
mod retention;
mod signals;
pub(crate) mod tls;

use std::{
    io::{self, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix::{Actor as _, Addr};
use actix_http::HttpService;
use actix_server::ServerBuilder;
use actix_service::{ServiceFactoryExt as _, map_config};
use actix_web::{
    App,
    body::MessageBody,
    dev::{
        AppConfig, Server, ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse,
        fn_service,
    },
    middleware, rt,
    web::Data,
};
use tokio::sync::Notify;

use crate::{
    agent::{Agents, slots::Slots},
    config::settings::{Live, Settings},
    database::{self, Clock, Database, messages::Flush},
    drawing::Drawings,
    histogram::Histogram,
    reader::{Readers, code::CodeHighlighter},
    registry::{Registry, messages::Drain},
    repositories::Repositories,
    session::Resources,
    telemetry::Telemetry,
    web::{
        self,
        access::{self, AccessControl},
        assets::Assets,
        browser_cookie::Browsers,
        connections::{Connections, table::ConnectionLimits},
        event_streams::EventStreams,
        readings::Readings,
        state::{AppState, DELIVERY_BOUNDS},
    },
    webhook::Webhooks,
};
use accept::{Acceptor, Stream};
pub use error::ServerError;
use registry_cell::RegistryCell;
pub use reload::Reload;
use reload::{CurrentTls, Reloaded};
use signals::{end_of_service, outlive_file_limit};

/// Time for a connection's next request to begin.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Interval between searches for idle connections.
const IDLE_STEP: Duration = Duration::from_secs(1);

/// Time to drain a client that sends on after the answer, so that it reads the answer.
const LINGER: Duration = Duration::from_secs(1);

/// Seconds that remaining connections get when everything else has ended.
const LAST_CONNECTIONS: u64 = 1;

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
    let (database, reader) = Database::open(&settings.data_dir.join(database::FILE_NAME))?;
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
        access_control: AccessControl::new(&settings, live),
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
    drain(&settings, registry, database, handle).await?;
    serving.await.map_err(io::Error::other)??;
    log::info!("stopped");
    Ok(())
}

/// What the applications of all listening sockets share.
#[derive(Clone)]
struct Shared {
    resources: Resources,
    registry: Arc<RegistryCell>,
    assets: Assets,
    access_control: Arc<AccessControl>,
    browsers: Arc<Browsers>,
    event_streams: EventStreams,
    readings: Arc<Readings>,
    deliveries: Arc<Histogram>,
    started_at: Arc<str>,
    draining: Arc<AtomicBool>,
}

/// The application that answers requests.
fn app(
    shared: Shared,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let registry = shared.registry.get_or_start(&shared.resources);
    let Shared {
        resources,
        assets,
        access_control,
        browsers,
        event_streams,
        readings,
        deliveries,
        started_at,
        draining,
        ..
    } = shared;
    let base = resources.settings.base_path.clone();
    let state = AppState {
        resources,
        registry,
        browsers,
        event_streams,
        readings,
        deliveries,
        started_at,
        draining,
    };
    App::new()
        .app_data(Data::new(state))
        .app_data(Data::new(Arc::clone(&access_control)))
        .configure(|config| access_control.configure(config))
        .configure(web::configure)
        .configure(|config| web::assets::configure(config, assets))
        .wrap(middleware::Compress::default())
        .wrap(middleware::from_fn(move |mut request, next| {
            web::base_path::remove(&base, &mut request);
            access::middleware::check(access_control.clone(), request, next)
        }))
}

/// The server on these sockets.
fn http(
    shared: Shared,
    settings: &Settings,
    tls: Option<CurrentTls>,
    listeners: Vec<TcpListener>,
) -> io::Result<Server> {
    let most = most_connections(settings)?;
    let proxies = settings.access.trusted_proxies.clone();
    let connections = Connections::new(bounds(settings, most), proxies);
    let request_timeout = settings.socket.request_timeout;
    let acceptor = Acceptor {
        connections: Arc::clone(&connections),
        tls,
        handshake: request_timeout,
        stall: settings.socket.stall_timeout,
    };
    rt::spawn(shut_down_idle(connections, KEEP_ALIVE + request_timeout));
    // One worker carries HTTP, the viewers and their sessions: a chunk crosses no thread on its
    // way from the agent to the socket.
    let server = Server::build()
        .workers(1)
        .max_concurrent_connections(most)
        .disable_signals()
        .shutdown_timeout(LAST_CONNECTIONS);
    let ending = server.graceful_shutdown_signal();
    let service = move || {
        let (acceptor, ending) = (acceptor.clone(), ending.clone());
        let http = HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(request_timeout)
            .client_disconnect_timeout(LINGER)
            .graceful_shutdown_signal(move || {
                let ending = ending.clone();
                async move { ending.notified().await }
            })
            .on_connect_ext(|stream: &Stream, data| {
                data.insert(stream.connection());
            })
            .h1(map_config(app(shared.clone()), |()| AppConfig::default()))
            .map_err(|error| log::debug!("connection failed error={error}"));
        let accept = fn_service(move |socket| {
            let accepted = acceptor.clone().accept(socket);
            async move { accepted.await.ok_or(()) }
        });
        accept.and_then(http)
    };
    let listen = |server: ServerBuilder, listener| server.listen("http", listener, service.clone());
    Ok(listeners.into_iter().try_fold(server, listen)?.run())
}

/// Prints the one line on stdout, for which programs that start the server wait.
#[expect(clippy::print_stdout, reason = "the line is the program's output")]
fn announce(scheme: &str, address: SocketAddr) -> io::Result<()> {
    println!("listening on {scheme}://{address}");
    io::stdout().flush()
}

/// Closes all sessions, stores everything and closes the sockets.
async fn drain(
    settings: &Settings,
    registry: Addr<Registry>,
    database: Addr<Database>,
    handle: ServerHandle,
) -> Result<(), ServerError> {
    let all = async {
        if let Err(error) = registry.send(Drain).await {
            log::error!("cannot end the sessions error={error}");
        }
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

/// The maximum number of connections, after raising the limit of open files for them.
fn most_connections(settings: &Settings) -> io::Result<usize> {
    let open_files = descriptors::raise()?;
    let (most, wanted) =
        (descriptors::connections(&settings.limits, open_files), settings.limits.connections);
    if most < wanted {
        log::warn!(
            "the limit of open files, {open_files}, leaves room for {most} of {wanted} connections: \
             raise it to {} (`ulimit -n`, or LimitNOFILE= in systemd's unit), or lower \
             limits.connections",
            descriptors::needed(&settings.limits)
        );
    }
    Ok(most)
}

/// The admission limits where `most` connections are accepted: somewhat fewer, so that evicted ones
/// can be replaced, and some of them for requests without a WebSocket.
fn bounds(settings: &Settings, most: usize) -> ConnectionLimits {
    let less = |number: usize| number - (number / 8).clamp(1, 64).min(number - 1);
    let connections = less(most.max(1));
    ConnectionLimits {
        connections,
        sockets: less(connections),
        per_address: settings.visitor_limits.connections_per_address,
    }
}

async fn shut_down_idle(connections: Arc<Connections>, longest: Duration) {
    loop {
        tokio::time::sleep(IDLE_STEP).await;
        connections.shut_down_idle(longest);
    }
}
