//! The body of a request that may be handed on.

use actix_web::{
    HttpMessage as _, HttpRequest,
    dev::{Payload, ServiceRequest},
    http::header,
    web::Bytes,
};

use crate::{
    json,
    project::ProjectName,
    web::{access::rate_limit::Visitor, json_body, problem::Problem, state::AppState},
};

use super::place;

/// The body of a request, as long as nobody has it.
pub(crate) enum RequestBody {
    Whole(Bytes),
    /// What still comes, which can be sent once.
    Coming(Payload),
    Gone,
}

impl RequestBody {
    /// Takes the body of a request.
    pub(super) fn of(request: &mut ServiceRequest) -> Self {
        let headers = request.headers();
        let has_none = !headers.contains_key(header::CONTENT_LENGTH)
            && !headers.contains_key(header::TRANSFER_ENCODING)
            && !headers.contains_key(header::UPGRADE);
        match has_none {
            true => Self::Whole(Bytes::new()),
            false => Self::Coming(request.take_payload()),
        }
    }

    /// Reads a body to its end. Answers the project that it names.
    pub(super) async fn read(
        &mut self,
        state: &AppState,
        request: &HttpRequest,
    ) -> Result<Option<ProjectName>, Problem> {
        let Self::Coming(payload) = std::mem::replace(self, Self::Gone) else { return Ok(None) };
        let most = state.resources.settings.limits.frame_bytes;
        let body = json_body::read(payload, most).await?;
        let only = request.extensions().get::<Visitor>().and_then(|visitor| {
            let mut projects = state.projects(visitor).into_iter();
            projects.next().filter(|_| projects.next().is_none())
        });
        let only = only.map(|project| project.name);
        // What cannot be read is refused by who reads it.
        let value = json::from_str(&json::decode_text(&body)).unwrap_or_default();
        *self = Self::Whole(body);
        Ok(place::project_of_body(request.path(), &value, only.as_ref()))
    }

    /// Whether it can still be sent.
    pub(super) fn can_be_sent(&self) -> bool {
        !matches!(self, Self::Gone)
    }

    /// The body for a request that is about to be sent. What is whole can be sent again.
    #[cfg(feature = "cluster")]
    pub(super) fn next_to_send(&mut self) -> Self {
        match self {
            Self::Whole(bytes) => Self::Whole(bytes.clone()),
            _ => std::mem::replace(self, Self::Gone),
        }
    }
}

impl From<RequestBody> for Payload {
    fn from(body: RequestBody) -> Self {
        match body {
            RequestBody::Whole(bytes) => bytes.into(),
            RequestBody::Coming(payload) => payload,
            RequestBody::Gone => Self::None,
        }
    }
}
