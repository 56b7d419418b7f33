//! Requests that all nodes answer, each for itself.

use std::time::Duration;

use actix_web::{
    HttpMessage as _, HttpRequest,
    web::{Bytes, BytesMut},
};
use futures_util::future::join_all;
use hyper::StatusCode;
use serde_json::Value;

use super::{head, is_proved, sent_body::SentBody};
use crate::{
    cluster::{node_client, ownership::OwnedElsewhere, peers::HandedOn},
    web::{placement::body::RequestBody, state::AppState},
};

/// Longest wait for the others.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 16 << 20; // 16 MiB

/// What the other nodes answer to a request without a body: `None` of one that does not. Asks nobody where
/// another node asks.
pub(crate) async fn ask_others(
    state: &AppState,
    request: &HttpRequest,
) -> Vec<(String, Option<Value>)> {
    let asked = others(state, request).into_iter().map(|node| async {
        let body = Bytes::new();
        let answer = tokio::time::timeout(ANSWERED_WITHIN, ask(state, request, &node, &body)).await;
        (node.node, answer.ok().flatten())
    });
    join_all(asked).await
}

/// Has the other nodes do what this one has been asked for, without waiting for them.
pub(crate) fn tell_others(state: &AppState, request: &HttpRequest, body: &Bytes) {
    for node in others(state, request) {
        let (state, request, body) = (state.clone(), request.clone(), body.clone());
        actix_web::rt::spawn(async move {
            let asked = ask(&state, &request, &node, &body);
            if tokio::time::timeout(ANSWERED_WITHIN, asked).await.is_err() {
                log::debug!("a node has not been told node={}", node.node);
            }
        });
    }
}

fn others(state: &AppState, request: &HttpRequest) -> Vec<OwnedElsewhere> {
    match request.extensions().contains::<HandedOn>() {
        true => Vec::new(),
        false => state.resources.cluster.others(),
    }
}

/// What a node answers, if it is JSON.
async fn ask(
    state: &AppState,
    request: &HttpRequest,
    node: &OwnedElsewhere,
    body: &Bytes,
) -> Option<Value> {
    let (head, proof) = head(state, request, node)?;
    let settings = &state.resources.settings.cluster;
    let mut sender = node_client::open(&node.address, settings).await.ok()?;
    let sent = SentBody::from(RequestBody::Whole(body.clone()));
    let mut head = head.map(|()| sent);
    // It is read here.
    head.headers_mut().remove("accept-encoding");
    let answer = sender.send_request(head).await.ok()?;
    if !is_proved(&answer, &proof, node) || answer.status() != StatusCode::OK {
        return None;
    }
    let mut incoming = answer.into_body();
    let mut read = BytesMut::new();
    while let Some(chunk) = node_client::next_chunk(&mut incoming).await {
        let chunk = chunk.ok()?;
        if read.len() + chunk.len() > MAX_ANSWER {
            return None;
        }
        read.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&read).ok()
}
