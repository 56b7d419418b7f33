//! The network between browser and server: a fixed address whose connections can be cut.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// Forwards every connection. Cut when dropped.
pub struct Gate {
    /// Without a slash at the end.
    pub url: String,
    /// Where connections lead; `None` refuses them.
    server: Arc<Mutex<Option<String>>>,
    /// Whether it lets WebSockets through.
    passes_sockets: Arc<AtomicBool>,
    lines: Arc<Mutex<JoinSet<()>>>,
    accepting: JoinHandle<()>,
}

impl Gate {
    /// A gate in front of the server at this address.
    pub async fn open(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Arc::new(Mutex::new(Some(server.to_owned())));
        let lines = Arc::new(Mutex::new(JoinSet::new()));
        let passes_sockets = Arc::new(AtomicBool::new(true));
        let accepting = tokio::spawn(accept(
            listener,
            Arc::clone(&server),
            Arc::clone(&passes_sockets),
            Arc::clone(&lines),
        ));
        Self { url, server, passes_sockets, lines, accepting }
    }

    /// Ends every connection and refuses new ones.
    pub fn cut(&self) {
        *self.server.lock().unwrap() = None;
        self.lines.lock().unwrap().abort_all();
    }

    /// Closes connections that begin with the handshake of a WebSocket.
    pub fn refuse_sockets(&self) {
        self.passes_sockets.store(false, Ordering::Relaxed);
    }

    /// Leads to this server from now on.
    pub fn lead_to(&self, server: &str) {
        *self.server.lock().unwrap() = Some(server.to_owned());
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    server: Arc<Mutex<Option<String>>>,
    passes_sockets: Arc<AtomicBool>,
    lines: Arc<Mutex<JoinSet<()>>>,
) {
    while let Ok((mut near, _)) = listener.accept().await {
        // A connection that is not forwarded is closed by being dropped.
        let Some(server) = server.lock().unwrap().clone() else { continue };
        let passes_sockets = passes_sockets.load(Ordering::Relaxed);
        lines.lock().unwrap().spawn(async move {
            if !passes_sockets && is_socket(&near).await {
                return;
            }
            if let Ok(mut far) = TcpStream::connect(server).await {
                // Either side may end it in whatever way.
                copy_bidirectional(&mut near, &mut far).await.ok();
            }
        });
    }
}

/// Whether the first request asks for a WebSocket. Browsers open a connection for each.
async fn is_socket(near: &TcpStream) -> bool {
    let mut head = [0; 4096];
    let length = near.peek(&mut head).await.unwrap_or(0);
    String::from_utf8_lossy(&head[..length]).to_ascii_lowercase().contains("upgrade: websocket")
}
