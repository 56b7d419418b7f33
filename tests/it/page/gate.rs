//! The network between browser and server: a fixed address whose connections can be cut.

use std::sync::{Arc, Mutex};

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
        let accepting = tokio::spawn(accept(listener, Arc::clone(&server), Arc::clone(&lines)));
        Self { url, server, lines, accepting }
    }

    /// Ends every connection and refuses new ones.
    pub fn cut(&self) {
        *self.server.lock().unwrap() = None;
        self.lines.lock().unwrap().abort_all();
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
    lines: Arc<Mutex<JoinSet<()>>>,
) {
    while let Ok((mut near, _)) = listener.accept().await {
        // A connection that is not forwarded is closed by being dropped.
        let Some(server) = server.lock().unwrap().clone() else { continue };
        lines.lock().unwrap().spawn(async move {
            if let Ok(mut far) = TcpStream::connect(server).await {
                // Either side may end it in whatever way.
                copy_bidirectional(&mut near, &mut far).await.ok();
            }
        });
    }
}
