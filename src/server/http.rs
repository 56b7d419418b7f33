//! The HTTP server: its applications, and what bounds its connections.

use std::{
    io,
    net::TcpListener,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use actix_http::HttpService;
use actix_server::ServerBuilder;
use actix_service::{ServiceFactoryExt as _, map_config};
use actix_web::{
    App,
    body::MessageBody,
    dev::{AppConfig, Server, ServiceFactory, ServiceRequest, ServiceResponse, fn_service},
    middleware, rt,
    web::Data,
};

use crate::{
    config::settings::Settings,
    histogram::Histogram,
    session::Resources,
    web::{
        self,
        access::{self, AccessControl},
        assets::Assets,
        browser_cookie::Browsers,
        connections::{Connections, table::ConnectionLimits},
        event_streams::EventStreams,
        readings::Readings,
        state::AppState,
    },
};

use super::{
    accept::{Acceptor, Stream},
    descriptors,
    registry_cell::RegistryCell,
    reload::CurrentTls,
};

/// Time for a connection's next request to begin.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Interval between searches for idle connections.
const IDLE_STEP: Duration = Duration::from_secs(1);

/// Time to drain a client that sends on after the answer, so that it reads the answer.
const LINGER: Duration = Duration::from_secs(1);

/// Seconds that remaining connections get when everything else has ended.
const LAST_CONNECTIONS: u64 = 1;

/// What the applications of all listening sockets share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) resources: Resources,
    pub(super) registry: Arc<RegistryCell>,
    pub(super) assets: Assets,
    pub(super) access_control: Arc<AccessControl>,
    pub(super) browsers: Arc<Browsers>,
    pub(super) event_streams: EventStreams,
    pub(super) readings: Arc<Readings>,
    pub(super) deliveries: Arc<Histogram>,
    pub(super) started_at: Arc<str>,
    pub(super) draining: Arc<AtomicBool>,
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
        .wrap(middleware::from_fn(web::placement::check))
        .wrap(middleware::Compress::default())
        .wrap(middleware::from_fn(move |mut request, next| {
            web::base_path::remove(&base, &mut request);
            access::middleware::check(access_control.clone(), request, next)
        }))
}

/// The server on these sockets.
pub(super) fn http(
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
