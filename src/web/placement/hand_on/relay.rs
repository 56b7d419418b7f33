//! The bytes of an answer, and those of a socket in both directions, until one side or the other node is gone.

use std::{io, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::SizedStream,
    dev::Payload,
    http::{StatusCode, header},
    rt::task::JoinHandle,
    web::{Bytes, BytesMut},
};
use futures_util::{Stream, StreamExt as _, stream};
use hyper::{
    Response,
    body::Incoming,
    upgrade::{self, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use crate::{
    cluster::node_client,
    web::connections::{Connection, SocketGuard},
};

use super::{NotHandedOn, headers::answered};

/// What is read of a socket at a time, in bytes.
const CHUNK: usize = 16 << 10; // 16 KiB

/// The body of an answer, as it comes.
pub(super) fn body(
    mut response: HttpResponseBuilder,
    answer: Response<Incoming>,
    gone: impl Future<Output = ()> + 'static,
) -> HttpResponse {
    let length = answer.headers().get("content-length");
    let length = length.and_then(|it| it.to_str().ok()?.parse().ok());
    let stream = until(gone, chunks(answer.into_body()));
    match length {
        Some(length) => response.body(SizedStream::new(length, stream)),
        None => response.streaming(stream),
    }
}

fn chunks(body: Incoming) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(body, |mut body| async {
        node_client::next_chunk(&mut body).await.map(|chunk| (chunk, body))
    })
}

/// A stream that breaks off once the other node is gone: nothing comes of it any more, and its connection may
/// not tell.
fn until(
    gone: impl Future<Output = ()> + 'static,
    stream: impl Stream<Item = io::Result<Bytes>> + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + 'static {
    let both = (Box::pin(gone), Box::pin(stream));
    stream::unfold(Some(both), |both| async {
        let (mut gone, mut stream) = both?;
        tokio::select! {
            biased;
            next = stream.next() => match next? {
                Ok(bytes) => Some((Ok(bytes), Some((gone, stream)))),
                Err(error) => Some((Err(error), None)),
            },
            () = &mut gone => Some((Err(io::ErrorKind::ConnectionReset.into()), None)),
        }
    })
}

/// A socket whose other end is at the other node.
pub(super) async fn socket(
    answer: Response<Incoming>,
    client: Payload,
    request: &HttpRequest,
    gone: impl Future<Output = ()> + 'static,
) -> Result<HttpResponse, NotHandedOn> {
    let mut response = HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS);
    answered(answer.headers(), &mut response);
    let protocol = request.headers().get(header::UPGRADE).map(|it| it.as_bytes().to_vec());
    let undone = |error: &dyn ToString| NotHandedOn::Undone(error.to_string());
    let upgraded = upgrade::on(answer).await.map_err(|error| undone(&error))?;
    let (from_node, to_node) = tokio::io::split(TokioIo::new(upgraded));
    // As of a viewer of this node, so that there is room for others.
    let in_use = match request.conn_data::<Arc<Connection>>() {
        Some(connection) => Some(connection.open_socket().ok_or(NotHandedOn::Refused)?),
        None => None,
    };
    let sending = actix_web::rt::spawn(send(client, to_node));
    let socket = Socket { from_node, sending, _in_use: in_use };
    response.upgrade(protocol.unwrap_or_default());
    Ok(response.streaming(until(gone, received(socket))))
}

/// What a socket keeps until the client has gone.
struct Socket {
    from_node: ReadHalf<TokioIo<Upgraded>>,
    sending: JoinHandle<()>,
    _in_use: Option<SocketGuard>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.sending.abort();
    }
}

/// Sends what the client sends, until it has nothing more to say.
async fn send(mut client: Payload, mut to_node: WriteHalf<TokioIo<Upgraded>>) {
    while let Some(Ok(chunk)) = client.next().await {
        if to_node.write_all(&chunk).await.is_err() {
            return;
        }
    }
    // It has ended already where nobody hears.
    to_node.shutdown().await.unwrap_or_default();
}

/// What the node sends.
fn received(socket: Socket) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(socket, |mut socket| async {
        let mut chunk = BytesMut::with_capacity(CHUNK);
        match socket.from_node.read_buf(&mut chunk).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(chunk.freeze()), socket)),
            Err(error) => Some((Err(error), socket)),
        }
    })
}
