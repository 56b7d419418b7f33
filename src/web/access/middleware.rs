//! The middleware: has every request checked before it reaches its handler.

use std::sync::Arc;

use actix_web::{
    Error, HttpMessage as _, HttpResponse, ResponseError as _,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
};

use crate::{
    cluster::peers,
    web::{connections::Connection, openai_error::ApiError},
};

use super::{
    AccessControl, Decision,
    bodies::{self, GuardedBody},
    is_upload, issued_tokens,
    problems::quote,
    response_headers::{self, HeaderContext},
};

/// How many times as long as another body a file may take.
const UPLOAD_TIME: u32 = 12;

pub(crate) async fn check<B: MessageBody + 'static>(
    access: Arc<AccessControl>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<GuardedBody<EitherBody<B>>>, Error> {
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let guard = connection.as_ref().map(|connection| connection.begin_request());
    // The frames of a WebSocket are a body too, and take as long as they like.
    let is_websocket =
        request.method() == Method::GET && request.headers().contains_key(header::UPGRADE);
    if !is_websocket {
        let body = request.take_payload();
        let is_upload = is_upload(request.method(), request.match_info().as_str());
        let longer = if is_upload { UPLOAD_TIME } else { 1 };
        request.set_payload(bodies::with_timeout(body, access.body_timeout * longer));
    }
    let handed_on = access.handed_on(&request);
    let proof = handed_on.as_ref().ok().and_then(|it| Some(it.as_ref()?.proof.clone()));
    if let Ok(Some(handed_on)) = &handed_on {
        if let Some(connection) = &connection {
            connection.is_of_node();
        }
        request.extensions_mut().insert(handed_on.clone());
    }
    let varies_by_origin = !access.origins.is_empty();
    let mut context = HeaderContext { varies_by_origin, ..HeaderContext::default() };
    if let Some(delay) = access.guessing_delay(&request) {
        tokio::time::sleep(delay).await;
    }
    let resource = access.resource_of(&request);
    let holder = match &resource {
        Some(resource) => access.token_holder(&request, resource.clone()).await,
        None => Ok(None),
    };
    let admitted = match handed_on.and(holder) {
        Ok(holder) => {
            if let Some(holder) = holder {
                request.extensions_mut().insert(holder);
            }
            access.admit(&request, &mut context)
        }
        Err(problem) => Err(problem),
    };
    let mut permit = None;
    let mut response = match admitted {
        Ok(Decision::Admit(visitor, request_permit)) => {
            permit = request_permit;
            request.extensions_mut().insert(*visitor);
            match next.call(request).await {
                Ok(response) => response.map_into_left_body(),
                Err(error) => {
                    let mut response = error.error_response();
                    response_headers::add(response.headers_mut(), &context);
                    prove(response.headers_mut(), proof);
                    return Err(InternalError::from_response(error, response).into());
                }
            }
        }
        Ok(Decision::AnswerPreflight) => {
            request.into_response(HttpResponse::NoContent().finish()).map_into_right_body()
        }
        Err(problem) => {
            let path = quote(request.path().as_bytes());
            log::debug!("refused method={} path={path} why={problem}", request.method());
            let response = match request.path().starts_with("/v1/") {
                true => ApiError::from(problem).response(),
                false => problem.error_response(),
            };
            request.into_response(response).map_into_right_body()
        }
    };
    if let Some(resource) = resource.filter(|_| response.status() == StatusCode::UNAUTHORIZED) {
        issued_tokens::name_metadata(response.headers_mut(), &resource);
    }
    response_headers::add(response.headers_mut(), &context);
    prove(response.headers_mut(), proof);
    Ok(response.map_body(|_, body| GuardedBody::new(body, guard, permit)))
}

/// Proves to the node that has handed a request on whose answer it is.
fn prove(headers: &mut HeaderMap, proof: Option<String>) {
    if let Some(Ok(proof)) = proof.map(HeaderValue::try_from) {
        headers.insert(HeaderName::from_static(peers::HEADER), proof);
    }
}
