//! JSON request bodies.

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest, ResponseError as _,
    dev::Payload,
    error::PayloadError,
    http::StatusCode,
    web::{Bytes, BytesMut},
};
use futures_util::{Stream, StreamExt as _, future::LocalBoxFuture};
use serde::de::DeserializeOwned;

use super::{
    access::{bodies::timeout_message, body_timeout_message},
    problem::Problem,
};
use crate::json;

/// Reads a body to its end, but not beyond a bound that is another than that of most bodies.
pub(crate) async fn read(
    mut body: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    max_bytes: usize,
) -> Result<Bytes, Problem> {
    let mut read = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| match body_timeout_message(&error) {
            Some(message) => Problem::new(StatusCode::REQUEST_TIMEOUT, message),
            None => {
                Problem::new(StatusCode::BAD_REQUEST, format!("Cannot read the body: {error}."))
            }
        })?;
        if read.len() + chunk.len() > max_bytes {
            let detail = format!("The body is too large: the limit is {max_bytes} bytes.");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.freeze())
}

/// Parses a body that [`read`] has read.
pub(crate) fn parse<T: DeserializeOwned>(request: &HttpRequest, body: &[u8]) -> Result<T, Problem> {
    if !is_json(request) {
        return Err(not_json());
    }
    json::from_str(&json::decode_text(body)).map_err(|error| {
        let status = match error.is_data() {
            true => StatusCode::UNPROCESSABLE_ENTITY,
            false => StatusCode::BAD_REQUEST,
        };
        Problem::new(status, format!("Cannot parse the body: {error}."))
    })
}

fn is_json(request: &HttpRequest) -> bool {
    let kind = request.mime_type().ok().flatten();
    kind.is_some_and(|kind| kind.subtype() == "json")
}

fn not_json() -> Problem {
    let detail = "The body must be JSON: send it with Content-Type: application/json.";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

/// The error for a body that timed out or is too large.
fn body_error(error: actix_web::Error) -> actix_web::Error {
    let Some(cause) = error.as_error::<PayloadError>() else { return error };
    let problem = match timeout_message(cause) {
        Some(message) => Problem::new(StatusCode::REQUEST_TIMEOUT, message),
        None => Problem::new(cause.status_code(), cause.to_string()),
    };
    problem.into()
}

/// Extracts a JSON body. Unlike [`actix_web::web::Json`] it accepts lone surrogates, which JavaScript
/// writes.
#[derive(Debug)]
pub(crate) struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let body = Bytes::from_request(&request, payload);
        Box::pin(async move {
            if !is_json(&request) {
                return Err(not_json().into());
            }
            let body = body.await.map_err(body_error)?;
            Ok(Self(parse(&request, &body)?))
        })
    }
}
