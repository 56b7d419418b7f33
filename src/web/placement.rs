//! Requests that concern a project go on at the node that owns it: here, or they are handed on.

mod body;
#[cfg(feature = "cluster")]
pub(crate) mod hand_on;
#[cfg(not(feature = "cluster"))]
#[path = "placement/no_hand_on.rs"]
pub(crate) mod hand_on;
mod place;

use std::time::{Duration, Instant};

use actix_web::{
    Error, HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};

use crate::{
    cluster::{
        Cluster, NotHere,
        peers::{self, HandedOn},
    },
    project::ProjectName,
    web::{
        access::rate_limit::Visitor, openai_error::ApiError, problem::Problem, state::AppState,
        websocket::upgrade::refuse_elsewhere,
    },
};
use body::RequestBody;
use place::{Need, Place};

/// Longest time for a request to reach the owner of its project, while that changes.
const REACHED_WITHIN: Duration = Duration::from_secs(15);

/// Wait before the owner is tried again, first and at most.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Why a request has no answer of another node.
#[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "there is no other node"))]
enum NotHandedOn {
    /// Nothing of it was done there.
    Undone(String),
    /// Nothing was done, and it would be no other way a moment later.
    Refused,
    /// It may have been done.
    Unknown(String),
}

/// A request that is on its way to the owner of its project.
struct Placed<'a> {
    cluster: &'a Cluster,
    project: ProjectName,
    need: Need,
    /// Another node has handed it on, and it goes no further.
    is_handed_on: bool,
}

/// Has a request that concerns a project answered by the node that owns the project. A request that writes
/// takes a project that no live node owns.
pub(crate) async fn check<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let state = request.app_data::<Data<AppState>>().cloned();
    let Some(state) = state.filter(|state| state.resources.cluster.is_clustered()) else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    let cluster = &state.resources.cluster;
    let is_handed_on = request.extensions().contains::<HandedOn>();
    let mut body = RequestBody::of(&mut request);
    let found = match place::of(request.method(), request.path()) {
        Place::Anywhere => None,
        Place::At(project, need) => Some((project, need)),
        Place::InBody => match body.read(&state, request.request()).await {
            Ok(project) => project.map(|project| (project, Need::Owned)),
            Err(problem) => {
                let refusal = in_words(request.path(), problem);
                return Ok(request.into_response(refusal).map_into_right_body());
            }
        },
    };
    // Nobody learns of a project by where it is.
    let known = found.filter(|(name, _)| {
        let extensions = request.extensions();
        let visitor = extensions.get::<Visitor>();
        visitor.is_some_and(|visitor| state.visible_project(visitor, name).is_some())
    });
    if let Some((project, need)) = known {
        let placed = Placed { cluster, project, need, is_handed_on };
        if let Some(answer) = placed.reach(&state, request.request(), &mut body).await {
            // A browser shows its page no other reason for a socket than a close code.
            let answer = match answer {
                Err(problem) if place::is_socket(request.request()) => {
                    refuse_elsewhere(request.request(), body.into(), problem.words())?
                }
                Err(problem) => in_words(request.path(), problem),
                Ok(answer) => answer,
            };
            return Ok(request.into_response(answer).map_into_right_body());
        }
    }
    request.set_payload(body.into());
    let mut response = next.call(request).await?;
    if is_handed_on && let Some(added) = cluster.added() {
        let name = HeaderName::from_static(peers::POSITION_HEADER);
        response.headers_mut().insert(name, HeaderValue::from(added.0));
    }
    Ok(response.map_into_left_body())
}

impl Placed<'_> {
    /// The answer of the node that owns the project; `None` where that is this one.
    async fn reach(
        &self,
        state: &AppState,
        request: &HttpRequest,
        body: &mut RequestBody,
    ) -> Option<Result<HttpResponse, Problem>> {
        let deadline = Instant::now() + REACHED_WITHIN;
        let mut pause = PAUSE;
        loop {
            let owner = match self.standing().await {
                Ok(()) => return None,
                Err(NotHere::Elsewhere(owner)) if !self.is_handed_on => owner,
                Err(not_here) => return Some(Err(refusal(&not_here))),
            };
            let why = match hand_on::hand_on(state, request, body, &owner).await {
                Ok(answer) => return Some(Ok(answer)),
                Err(NotHandedOn::Undone(why)) => why,
                Err(NotHandedOn::Refused) => {
                    return Some(Err(refusal(&NotHere::Elsewhere(owner))));
                }
                Err(NotHandedOn::Unknown(why)) => {
                    log::warn!("a request got no answer of node={} error={why}", owner.node);
                    return Some(Err(Problem::unavailable(format!(
                        "The node {} got the request and did not answer; it is not known whether \
                         it was done.",
                        owner.node
                    ))));
                }
            };
            if Instant::now() > deadline || !body.can_be_sent() {
                log::error!(
                    "cannot hand a request on to node={} address={:?} error={why}",
                    owner.node,
                    owner.address
                );
                return Some(Err(refusal(&NotHere::Elsewhere(owner))));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether the project is this node's. One that is only looked at is not taken.
    async fn standing(&self) -> Result<(), NotHere> {
        match self.need {
            Need::Owned => self.cluster.here(&self.project).await,
            Need::WhereOwned => match self.cluster.elsewhere(&self.project) {
                Some(owner) => Err(NotHere::Elsewhere(owner)),
                None => Ok(()),
            },
        }
    }
}

/// What is answered in place of a write.
fn refusal(not_here: &NotHere) -> Problem {
    let status = match not_here {
        NotHere::Elsewhere(_) => StatusCode::MISDIRECTED_REQUEST,
        NotHere::OutOfReach => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, format!("Nothing was changed: {not_here}."))
        .with_header(header::RETRY_AFTER, "1")
}

/// A problem in the shape that clients of the path read.
fn in_words(path: &str, problem: Problem) -> HttpResponse {
    match path.starts_with("/v1/") {
        true => ApiError::from(problem).response(),
        false => problem.error_response(),
    }
}
