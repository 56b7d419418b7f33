//! Hands a request on to another node, and its answer back, as bytes in both directions.
//!
//! Nothing of a conversation is kept here: a viewer's socket ends at the owner of its project. A side
//! that does not read holds the other one up, as TCP does.

mod headers;
mod others;
mod relay;
mod sent_body;

use std::{pin::pin, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode},
    web::Data,
};
use hyper::{StatusCode as AnsweredStatus, body::Incoming, client::conn::http1::SendRequest};

use crate::{
    cluster::{
        Cluster, node_client,
        ownership::OwnedElsewhere,
        peers::{HEADER, POSITION_HEADER, SignedHead},
    },
    database::journal::Position,
    web::{access::AccessControl, connections::Connection, state::AppState},
};

use super::{NotHandedOn, body::RequestBody, place};
use headers::{answered, sent};
pub(crate) use others::{ask_others, tell_others};
use sent_body::SentBody;

/// Interval at which it is looked whether the client has left.
const LOOK: Duration = Duration::from_millis(500);

/// Longest wait until this node knows what a request has changed at another one.
const READ_WITHIN: Duration = Duration::from_secs(5);

type Handed = Result<HttpResponse, NotHandedOn>;

/// Has another node answer a request, of which only the body may be taken.
pub(super) async fn hand_on(
    state: &AppState,
    request: &HttpRequest,
    body: &mut RequestBody,
    node: &OwnedElsewhere,
) -> Handed {
    let undone = |error: &dyn ToString| NotHandedOn::Undone(error.to_string());
    let cluster = &state.resources.cluster;
    let settings = &state.resources.settings.cluster;
    let sender =
        node_client::open(&node.address, settings).await.map_err(|error| undone(&error))?;
    let (head, proof) = head(state, request, node).ok_or_else(|| undone(&"it cannot be signed"))?;
    let is_socket = place::is_socket(request);
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let sent = SentBody::from(if is_socket { RequestBody::Gone } else { body.next_to_send() });
    let gone = cluster.clone().until_gone(node.clone());
    let answer = answer(sender, head.map(|()| sent), request, gone).await.map_err(|error| {
        // What only reads can be done twice.
        if is_read { NotHandedOn::Undone(error) } else { NotHandedOn::Unknown(error) }
    })?;
    if answer.status() == AnsweredStatus::MISDIRECTED_REQUEST {
        return Err(NotHandedOn::Undone(format!("{} does not own the project", node.node)));
    }
    if !is_proved(&answer, &proof, node) {
        return Err(NotHandedOn::Refused);
    }
    wait_for_own_write(cluster, &answer).await;
    let gone = cluster.clone().until_gone(node.clone());
    if answer.status() == AnsweredStatus::SWITCHING_PROTOCOLS {
        let RequestBody::Coming(client) = std::mem::replace(body, RequestBody::Gone) else {
            return Err(undone(&"the client cannot speak any more"));
        };
        return relay::socket(answer, client, request, gone).await;
    }
    let mut response = HttpResponse::build(status(answer.status()));
    answered(answer.headers(), &mut response);
    Ok(relay::body(response, answer, gone))
}

/// Whether an answer is of the node that was meant.
fn is_proved(answer: &hyper::Response<Incoming>, proof: &str, node: &OwnedElsewhere) -> bool {
    let is_proved = node_client::is_proved(answer, proof);
    if !is_proved {
        log::error!(
            "what answers at the address of another node is not that node: check its cluster.address \
             and that cluster.secret_file is the same on all node={} address={:?}",
            node.node,
            node.address
        );
    }
    is_proved
}

/// The head of a request as it is sent, and what the answer has to prove.
fn head(
    state: &AppState,
    request: &HttpRequest,
    node: &OwnedElsewhere,
) -> Option<(hyper::Request<()>, String)> {
    let access = request.app_data::<Data<Arc<AccessControl>>>()?;
    let secret = state.resources.cluster.secret()?;
    let path = request.uri().path_and_query()?.as_str();
    let signed =
        SignedHead { method: request.method().as_str(), path, incarnation: &node.incarnation };
    let header = secret.header(signed, &access.peer(request));
    let proof = secret.proof_for(&header);
    let mut head =
        hyper::Request::builder().method(signed.method).uri(state.base_path().address(path));
    sent(request.headers(), head.headers_mut()?);
    Some((head.header(HEADER, header).body(()).ok()?, proof))
}

/// The answer to a request. Nobody waits for it once the client has left, or the node is gone.
async fn answer(
    mut sender: SendRequest<SentBody>,
    sent: hyper::Request<SentBody>,
    request: &HttpRequest,
    gone: impl Future<Output = ()>,
) -> Result<hyper::Response<Incoming>, String> {
    let connection = request.conn_data::<Arc<Connection>>();
    let mut answer = pin!(sender.send_request(sent));
    let mut gone = pin!(gone);
    loop {
        tokio::select! {
            answer = &mut answer => return answer.map_err(|error| error.to_string()),
            () = &mut gone => return Err("the node is gone".to_owned()),
            () = tokio::time::sleep(LOOK) => {
                if connection.is_some_and(|it| it.is_abandoned()) {
                    return Err("the client has left".to_owned());
                }
            }
        }
    }
}

/// Waits until this node's store has what the request has changed, so that whoever wrote it reads it here.
async fn wait_for_own_write(cluster: &Cluster, answer: &hyper::Response<Incoming>) {
    let position =
        answer.headers().get(POSITION_HEADER).and_then(|it| it.to_str().ok()?.parse().ok());
    if let Some(position) = position
        && !cluster.has_applied(Position(position), READ_WITHIN).await
    {
        log::warn!("this node does not know yet what it has handed on position={position}");
    }
}

fn status(of: AnsweredStatus) -> StatusCode {
    StatusCode::from_u16(of.as_u16()).unwrap_or(StatusCode::BAD_GATEWAY)
}
