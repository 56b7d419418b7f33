//! The whole server: what is started, in which order, and how it ends.

pub mod tls;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix::{Actor as _, Addr};
use actix_web::{
    App, HttpServer,
    dev::{Extensions, ServerHandle},
    middleware, rt,
    web::Data,
};
use rustix::{net::sockopt, process::Signal};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use crate::{
    agent::{Agents, places::Places},
    config::settings::Settings,
    database::{self, Clock, Database, messages::Flush},
    highlighter::Highlighter,
    registry::{Registry, messages::Drain},
    session::Resources,
    web::{
        self,
        assets::{Assets, AssetsError},
        door::{self, Door},
        files::Files,
        line::{self, Line},
        state::State,
    },
};

/// Unsent bytes that the kernel holds for a connection at most: what a viewer that does not read
/// costs beside one batch.
const SEND_BUFFER: usize = 128 * 1024;

/// Sockets that are left when everything else has ended are waited for this long, in seconds.
const LAST_CONNECTIONS: u64 = 1;

/// Why the server did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] database::OpenError),
    /// The page cannot be served.
    #[error(transparent)]
    Assets(#[from] AssetsError),
    /// The certificate or its key do not do.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; another program may use the port: choose another \
         with --listen, or port 0 for a free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The operating system refused something else.
    #[error("the server failed: {0}")]
    Io(#[from] io::Error),
    /// Not everything could be stored in the time for shutting down.
    #[error("shutting down took longer than {0:?}; what was not stored yet is lost")]
    Overdue(Duration),
}

/// Serves until the process is told to end.
pub fn run(settings: Settings) -> Result<(), ServerError> {
    rt::System::new().block_on(serve(Arc::new(settings)))
}

async fn serve(settings: Arc<Settings>) -> Result<(), ServerError> {
    let assets = match &settings.assets {
        Some(dir) => Assets::from_directory(dir)?,
        None => Assets::embedded(),
    };
    let tls = settings.tls.as_ref().map(tls::load).transpose()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let door = Door::new(&settings);
    let (database, reader) = Database::open(&settings.data_dir.join(database::FILE_NAME))?;
    let resources = Resources {
        agents: Agents::new(&settings.agent, &settings.limits, &settings.data_dir),
        places: Places::new(settings.limits.agents, settings.limits.agents_per_project),
        highlighter: Highlighter::new(&settings.highlighting),
        settings: settings.clone(),
        database: database.start(),
        reader,
    };
    resources.agents.clear();
    let (agents, tested) = (resources.agents.clone(), settings.clone());
    let database = resources.database.clone();
    let browsers = Arc::default();
    let started_at: Arc<str> = Clock::system().now().into();
    let files = Arc::new(Files::new(&settings));
    let draining = Arc::new(AtomicBool::new(false));
    let drained = Arc::clone(&draining);
    let (place, placed) = Place::new();
    let stall = settings.socket.stall_timeout;
    let doorway = door.clone();
    // One worker carries HTTP, the viewers and their sessions: a chunk crosses no thread on its
    // way from the agent to the socket.
    let server = HttpServer::new(move || {
        let registry = place.registry(&resources);
        let state = State {
            resources: resources.clone(),
            registry,
            browsers: Arc::clone(&browsers),
            files: Arc::clone(&files),
            started_at: Arc::clone(&started_at),
            draining: Arc::clone(&drained),
        };
        let (assets, door) = (assets.clone(), doorway.clone());
        App::new()
            .app_data(Data::new(state))
            .app_data(Data::new(door.clone()))
            .configure(|config| door.configure(config))
            .configure(web::configure)
            .configure(|config| web::assets::configure(config, assets))
            .wrap(middleware::Compress::default())
            .wrap(middleware::from_fn(move |request, next| door::pass(door.clone(), request, next)))
    })
    .workers(1)
    .max_connections(settings.limits.connections)
    .on_connect(move |connection, extensions: &mut Extensions| {
        bound_sending(connection, stall);
        if let Some(line) = Line::of(connection) {
            extensions.insert(line);
        }
    })
    .disable_signals()
    .shutdown_timeout(LAST_CONNECTIONS);
    let server = match tls {
        Some(tls) => server.bind_rustls_0_23(settings.listen, tls),
        None => server.bind(settings.listen),
    }
    .map_err(|source| ServerError::Listen { address: settings.listen, source })?;
    let address = server.addrs().first().copied().unwrap_or(settings.listen);
    door.open(address.port());
    let server = server.run();
    let handle = server.handle();
    let serving = rt::spawn(server);
    let registry = placed.await.map_err(io::Error::other)?;
    let told = end_of_service()?;
    let _file_limit = outlive_file_limit()?;
    rt::spawn(async move { agents.prove(&tested.projects).await });
    announce(scheme, address)?;
    told.await;
    draining.store(true, Ordering::Relaxed);
    drain(&settings, registry, database, handle).await?;
    serving.await.map_err(io::Error::other)??;
    log::info!("stopped");
    Ok(())
}

/// The one line on stdout: whoever started the server waits for it.
#[expect(clippy::print_stdout, reason = "the line is the program's output")]
fn announce(scheme: &str, address: SocketAddr) -> io::Result<()> {
    println!("listening on {scheme}://{address}");
    io::stdout().flush()
}

/// Resolves when the process is told to end. The signals are caught from this call on.
fn end_of_service() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        log::info!("shutting down signal={name}");
    })
}

/// A limit on the size of files makes writing fail, which the store tells of in words; while this
/// is kept it does not end the server.
fn outlive_file_limit() -> io::Result<tokio::signal::unix::Signal> {
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))
}

/// Ends all sessions, stores everything, and closes the sockets.
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

/// Bounds what the kernel holds for a client that does not read, and for how long.
fn bound_sending(connection: &dyn std::any::Any, stall: Duration) {
    let Some(socket) = line::socket(connection) else { return };
    let stall = u32::try_from(stall.as_millis()).unwrap_or(u32::MAX);
    let bounded = sockopt::set_socket_send_buffer_size(socket, SEND_BUFFER)
        .and_then(|()| sockopt::set_tcp_user_timeout(socket, stall))
        .and_then(|()| sockopt::set_tcp_nodelay(socket, true));
    if let Err(error) = bounded {
        log::debug!("cannot set up a connection error={error}");
    }
}

/// Where the registry lives: on the thread of the worker, which alone can start it there.
#[derive(Clone)]
struct Place {
    registry: Arc<Mutex<Option<Addr<Registry>>>>,
    tell: Arc<Mutex<Option<oneshot::Sender<Addr<Registry>>>>>,
}

impl Place {
    fn new() -> (Self, oneshot::Receiver<Addr<Registry>>) {
        let (tell, told) = oneshot::channel();
        (Self { registry: Arc::default(), tell: Arc::new(Mutex::new(Some(tell))) }, told)
    }

    /// The registry, started on this thread by whoever asks first.
    fn registry(&self, resources: &Resources) -> Addr<Registry> {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let registry =
            registry.get_or_insert_with(|| Registry::new(resources.clone()).start()).clone();
        let tell = self.tell.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tell) = tell {
            // A server that failed to start meanwhile needs no registry.
            tell.send(registry.clone()).unwrap_or_default();
        }
        registry
    }
}
