//! Error responses: problem documents (RFC 9457), whose `detail` legacy clients read as well.

use std::fmt;

use actix_web::{
    Error, HttpRequest, HttpResponse, ResponseError,
    error::{InternalError, QueryPayloadError},
    http::{StatusCode, header::HeaderName},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{ToResponse, ToSchema};

/// An error response.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: Value,
    headers: Vec<(HeaderName, String)>,
}

/// The order of the fields is that of the JSON text.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// Always `about:blank`: the status says what kind of error it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status as text.
    title: Option<&'static str>,
    /// The status.
    status: u16,
    /// What failed, why and how to fix it: a text, or a list where legacy servers send one.
    detail: &'a Value,
}

/// Any error response, for the OpenAPI description.
#[derive(ToResponse)]
#[response(description = "An error and its cause", content_type = "application/problem+json")]
pub(crate) struct ProblemResponse(
    #[expect(dead_code, reason = "only its type is described")] ProblemDocument<'static>,
);

/// The answer of a handler.
pub(crate) type HandlerResult = Result<HttpResponse, Problem>;

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: Value::String(detail.into()), headers: Vec::new() }
    }

    /// As [`Problem::new`], of a status as a number.
    pub(crate) fn of_status(status: u16, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), detail)
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn bad_project_name() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Invalid project name")
    }

    pub(crate) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 422 for a path segment that is no number, in the form of legacy servers.
    pub(crate) fn not_an_integer(name: &str, input: &str) -> Self {
        let detail = json!([{
            "type": "int_parsing",
            "loc": ["path", name],
            "msg": "Input should be a valid integer, unable to parse string as an integer",
            "input": input,
        }]);
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail, headers: Vec::new() }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn headers(&self) -> &[(HeaderName, String)] {
        &self.headers
    }

    /// What failed, why and how to fix it.
    pub(crate) fn words(&self) -> String {
        self.detail.as_str().map_or_else(|| self.detail.to_string(), str::to_owned)
    }

    pub(crate) fn body(&self) -> String {
        let document = ProblemDocument {
            kind: "about:blank",
            title: self.status.canonical_reason(),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        json!(document).to_string()
    }

    /// 503: the same request may work later.
    pub(crate) fn unavailable(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail.to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.as_str()));
        }
        response.content_type("application/problem+json").body(self.body())
    }
}

impl From<crate::database::DatabaseError> for Problem {
    fn from(error: crate::database::DatabaseError) -> Self {
        let is_busy = matches!(error, crate::database::DatabaseError::TookTooLong(_));
        match is_busy || error.is_retryable() {
            true => Self::unavailable(error),
            false => Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }
}

impl From<actix::MailboxError> for Problem {
    fn from(error: actix::MailboxError) -> Self {
        Self::unavailable(format!("the server is shutting down ({error})"))
    }
}

/// The error for an invalid query string.
pub(crate) fn bad_query(error: QueryPayloadError, _: &HttpRequest) -> Error {
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
    InternalError::from_response(error, problem.error_response()).into()
}

/// The error for a known path with another method.
pub(crate) async fn method_not_allowed() -> HandlerResult {
    Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
}
