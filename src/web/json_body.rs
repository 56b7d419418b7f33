//! JSON request bodies.

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest, ResponseError as _, dev::Payload,
    error::PayloadError, http::StatusCode, web::Bytes,
};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::{access::bodies::timeout_message, problem::Problem};
use crate::json;

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
        let kind = request.mime_type().ok().flatten();
        let is_json = kind.is_some_and(|kind| kind.subtype() == "json");
        let body = Bytes::from_request(request, payload);
        Box::pin(async move {
            if !is_json {
                let detail = "The body must be JSON: send it with Content-Type: application/json.";
                return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).into());
            }
            let body = body.await.map_err(body_error)?;
            json::from_str(&json::decode_text(&body)).map(Self).map_err(|error| {
                let status = match error.is_data() {
                    true => StatusCode::UNPROCESSABLE_ENTITY,
                    false => StatusCode::BAD_REQUEST,
                };
                Problem::new(status, format!("Cannot parse the body: {error}.")).into()
            })
        })
    }
}
