//! Without the feature `cluster` there is no other node.

use actix_web::{HttpRequest, HttpResponse, web::Bytes};
use serde_json::Value;

use super::{NotHandedOn, body::RequestBody};
use crate::{cluster::ownership::OwnedElsewhere, web::state::AppState};

/// Never comes to anything.
#[expect(clippy::unused_async, reason = "with the feature it waits")]
pub(super) async fn hand_on(
    _: &AppState,
    _: &HttpRequest,
    _: &mut RequestBody,
    _: &OwnedElsewhere,
) -> Result<HttpResponse, NotHandedOn> {
    Err(NotHandedOn::Undone("there is no other node".to_owned()))
}

/// There are none.
#[expect(clippy::unused_async, reason = "with the feature it waits")]
pub(crate) async fn ask_others(_: &AppState, _: &HttpRequest) -> Vec<(String, Option<Value>)> {
    Vec::new()
}

/// There are none.
pub(crate) fn tell_others(_: &AppState, _: &HttpRequest, _: &Bytes) {}
