//! Connections to other nodes, over HTTP.

use std::{
    error::Error,
    future::poll_fn,
    io,
    path::Path,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use hyper::{
    Response,
    body::{Body, Bytes, Frame, Incoming},
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use url::Url;

use super::peers::HEADER;
use crate::config::settings::ClusterSettings;

/// Longest wait for a connection.
const CONNECTED_WITHIN: Duration = Duration::from_secs(2);

/// A connection, encrypted or not.
trait NodeStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> NodeStream for T {}

/// Opens a connection to the node at an address, for one request.
pub(crate) async fn open<B>(address: &str, settings: &ClusterSettings) -> io::Result<SendRequest<B>>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let connected = tokio::time::timeout(CONNECTED_WITHIN, connect(address, settings));
    let stream = connected.await.map_err(late)??;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.with_upgrades().await {
            log::debug!("the connection to another node ended error={error}");
        }
    });
    Ok(sender)
}

/// Whether an answer shows that it is of the node that was meant.
pub(crate) fn is_proved(answer: &Response<Incoming>, proof: &str) -> bool {
    answer.headers().get(HEADER).is_some_and(|shown| shown.as_bytes() == proof.as_bytes())
}

/// The next piece of a body; `None` at its end. Trailers are passed over.
pub(crate) async fn next_chunk(body: &mut Incoming) -> Option<io::Result<Bytes>> {
    loop {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        match frame.map(Frame::into_data) {
            Ok(Ok(chunk)) => return Some(Ok(chunk)),
            Ok(Err(_)) => (),
            Err(error) => return Some(Err(io::Error::other(error))),
        }
    }
}

async fn connect(address: &str, settings: &ClusterSettings) -> io::Result<Box<dyn NodeStream>> {
    let no_address = || io::Error::other("it has no address");
    let url = Url::parse(address).map_err(io::Error::other)?;
    let host = url.host_str().ok_or_else(no_address)?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().ok_or_else(no_address)?;
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    stream.set_nodelay(true)?;
    if url.scheme() != "https" {
        return Ok(Box::new(stream));
    }
    let tls = TlsConnector::from(tls(settings.tls_ca.as_deref())?);
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    Ok(Box::new(tls.connect(name, stream).await?))
}

/// Trusts the authorities of the system, and those of the file.
fn tls(more: Option<&Path>) -> io::Result<Arc<ClientConfig>> {
    static TLS: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(tls) = TLS.get() {
        return Ok(Arc::clone(tls));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = more {
        for certificate in CertificateDer::pem_file_iter(file).map_err(io::Error::other)? {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(TLS.get_or_init(|| Arc::new(config))))
}
