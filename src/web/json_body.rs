//! Bodies of requests that are JSON, as JavaScript writes it.

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest, ResponseError as _, dev::Payload,
    error::PayloadError, http::StatusCode, web::Bytes,
};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::{access::bodies::timeout_message, problem::Problem};
use crate::json;

/// What is told where the body did not come, or is too large.
fn unread(error: actix_web::Error) -> actix_web::Error {
    let Some(cause) = error.as_error::<PayloadError>() else { return error };
    let problem = match timeout_message(cause) {
        Some(words) => Problem::new(StatusCode::REQUEST_TIMEOUT, words),
        None => Problem::new(cause.status_code(), cause.to_string()),
    };
    problem.into()
}

/// A body of JSON. In place of [`actix_web::web::Json`], which takes no half of a surrogate pair.
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
                let words = "The body must be JSON: send it with Content-Type: application/json.";
                return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words).into());
            }
            let body = body.await.map_err(unread)?;
            json::from_str(&json::decode_text(&body)).map(Self).map_err(|error| {
                let status = match error.is_data() {
                    true => StatusCode::UNPROCESSABLE_ENTITY,
                    false => StatusCode::BAD_REQUEST,
                };
                Problem::new(status, format!("The body cannot be read: {error}.")).into()
            })
        })
    }
}
