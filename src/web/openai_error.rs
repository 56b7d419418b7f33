//! Errors in the shape that clients of the chat completions read.

use actix_web::{HttpResponse, http::StatusCode};
use serde_json::{Value, json};

use super::problem::Problem;

/// An error: its message, the field that is wrong, and a code.
#[derive(Debug)]
pub(crate) struct ApiError {
    problem: Problem,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl ApiError {
    pub(crate) fn no_model(name: &str) -> Self {
        let detail = format!("There is no project {name:?} here; GET /v1/models lists them.");
        let problem = Problem::not_found(&detail);
        Self { problem, param: Some("model"), code: Some("model_not_found") }
    }

    /// A request whose field `param` is wrong.
    pub(crate) fn bad_request(message: &str, param: &'static str) -> Self {
        let problem = Problem::new(StatusCode::BAD_REQUEST, message);
        Self { problem, param: Some(param), code: None }
    }

    /// The error as JSON.
    pub(crate) fn body(&self) -> Value {
        let status = self.problem.status();
        let kind = match status.as_u16() {
            401 => "authentication_error",
            402 => "insufficient_quota",
            403 => "permission_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        let code = self.code.or(match status.as_u16() {
            401 => Some("invalid_api_key"),
            402 => Some("insufficient_quota"),
            413 => Some("context_length_exceeded"),
            429 => Some("rate_limit_exceeded"),
            _ => None,
        });
        let message = self.problem.words();
        json!({ "error": { "message": message, "type": kind, "param": self.param, "code": code } })
    }

    pub(crate) fn response(&self) -> HttpResponse {
        let status = self.problem.status();
        let is_budget = status == StatusCode::PAYMENT_REQUIRED;
        // Clients know a budget that is used up by this status, and are told not to try again.
        let status = if is_budget { StatusCode::TOO_MANY_REQUESTS } else { status };
        let mut response = HttpResponse::build(status);
        for (name, value) in self.problem.headers() {
            response.insert_header((name.clone(), value.as_str()));
        }
        if is_budget {
            response.insert_header(("x-should-retry", "false"));
        }
        response.json(self.body())
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self { problem, param: None, code: None }
    }
}
