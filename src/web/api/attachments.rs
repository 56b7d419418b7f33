//! Files for questions: sent before the question that names them, shown as long as its conversation
//! is there.

use std::{str::FromStr as _, time::Duration};

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::{self, BytesMut},
};
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::{sync::Semaphore, time::timeout};
use utoipa::IntoParams;

use crate::{
    attachment::{
        self, AttachedFile, AttachedType, LoadedFile,
        content::{Recognized, UnsuitableContent, recognize},
        name,
    },
    config::settings::AttachmentSettings,
    database::{
        DatabaseError,
        messages::{AddAttachment, AttachmentAdded},
        queries::attachments::StoredFiles,
    },
    rights::Action,
    source,
};

use crate::web::{
    access::{body_timeout_message, problems::limit_exceeded, rate_limit::Visitor},
    problem::{HandlerResult, Problem, ProblemResponse},
    state::{AppState, complete},
};

use super::conversations::permitted;

/// Files that the whole server receives at a time: they are held in memory until they are whole.
static RECEIVED: Semaphore = Semaphore::const_new(32);

/// How long a file waits for its turn to be received.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Questions whose files a sender may have stored without asking them.
const LOOSE_QUESTIONS: u64 = 8;

/// Lets nothing in the response run, load or be framed, whatever a browser takes it for.
const SANDBOX: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadQuery {
    /// The file's name.
    #[serde(default)]
    name: String,
}

/// `POST /api/assistant/conversations/{project}/{id}/attachments?name=`: stores the body as a file for
/// a question that is to be asked in the conversation.
#[utoipa::path(
    post,
    path = "/api/assistant/conversations/{project}/{id}/attachments",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id"), UploadQuery),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 201, body = AttachedFile), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn upload(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    query: web::Query<UploadQuery>,
    visitor: web::ReqData<Visitor>,
    body: web::Payload,
) -> HandlerResult {
    let (project, conversation, _) = permitted(&state, &path, &visitor, Action::Write).await?;
    let limits = &state.resources.settings.attachments;
    if limits.count == 0 {
        let detail = "This server takes no files with questions (attachments.count).";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let _permit = visitor.begin_upload().map_err(limit_exceeded)?;
    let received = timeout(LONGEST_WAIT, RECEIVED.acquire()).await;
    let Ok(Ok(_received)) = received else {
        return Err(Problem::unavailable("Many files are being sent; try again in a moment."));
    };
    let content = read(body, limits.file_bytes).await?;
    let loaded = web::block({
        let (name, image_side) = (query.0.name, limits.image_side);
        move || recognized(&name, content, image_side)
    });
    let loaded = loaded.await.map_err(Problem::unavailable)?.map_err(unsuitable)?;
    let file = loaded.file.clone();
    let most = StoredFiles {
        conversation: limits.conversation_bytes as u64,
        loose: LOOSE_QUESTIONS * limits.question_bytes as u64,
        n_loose: LOOSE_QUESTIONS * u64::from(limits.count),
    };
    let sender = visitor.sender();
    let add = AddAttachment { project, conversation, loaded, sender, most };
    let (database, limits) = (state.resources.database.clone(), limits.clone());
    let added = complete(async move {
        match database.send(add).await? {
            Ok(added) => Ok(added),
            Err(DatabaseError::ConversationGone { .. }) => {
                Err(Problem::not_found("Conversation not found"))
            }
            Err(error) => Err(error.into()),
        }
    });
    match added.await? {
        AttachmentAdded::Stored => Ok(HttpResponse::Created().json(file)),
        refused => Err(full(refused, &limits)),
    }
}

/// Reads a body to its end, but not beyond the bound.
async fn read(mut body: web::Payload, most: usize) -> Result<Vec<u8>, Problem> {
    let mut content = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| match body_timeout_message(&error) {
            Some(message) => Problem::new(StatusCode::REQUEST_TIMEOUT, message),
            None => Problem::new(
                StatusCode::BAD_REQUEST,
                format!("The file did not arrive whole ({error}); send it again."),
            ),
        })?;
        if content.len() + chunk.len() > most {
            let detail = format!(
                "The file has more than {most} bytes, which is the limit (attachments.file_bytes)."
            );
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content.into())
}

fn recognized(
    name: &str,
    content: Vec<u8>,
    image_side: u32,
) -> Result<LoadedFile, UnsuitableContent> {
    let Recognized { content_type, size } = recognize(&content, image_side)?;
    let file = AttachedFile {
        id: attachment::new_id(),
        name: name::cleaned(name, content_type),
        content_type,
        bytes: content.len() as u64,
        width: size.map(|(width, _)| width),
        height: size.map(|(_, height)| height),
    };
    Ok(LoadedFile { file, content })
}

fn unsuitable(why: UnsuitableContent) -> Problem {
    let status = match why {
        UnsuitableContent::TooManyPixels { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        UnsuitableContent::Unknown => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        UnsuitableContent::Empty | UnsuitableContent::Damaged => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, why.to_string())
}

fn full(refused: AttachmentAdded, limits: &AttachmentSettings) -> Problem {
    let detail = match refused {
        AttachmentAdded::ConversationFull => format!(
            "The files of this conversation have {} bytes together, which is the limit \
             (attachments.conversation_bytes). Go on in a new one.",
            limits.conversation_bytes
        ),
        _ => "You have sent many files without a question that they belong to. Ask it, or wait an \
              hour until they are deleted."
            .to_owned(),
    };
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
}

/// `GET /api/assistant/conversations/{project}/{id}/attachments/{attachment}`: the file.
#[utoipa::path(
    get,
    path = "/api/assistant/conversations/{project}/{id}/attachments/{attachment}",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id"), ("attachment" = String, Path, description = "The file's id")),
    responses((status = 200, description = "The file", content((String = "text/plain"), (String = "image/png"), (String = "image/jpeg"), (String = "image/gif"), (String = "image/webp"))), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn download(
    state: web::Data<AppState>,
    path: web::Path<(String, String, String)>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, conversation, id) = path.into_inner();
    let path = (project, conversation);
    let (project, conversation, _) = permitted(&state, &path, &visitor, Action::Read).await?;
    let reader = &state.resources.reader;
    let found = reader.ask(move |reader| reader.loaded_file(&project, conversation, &id)).await?;
    let LoadedFile { file, content } =
        found.ok_or_else(|| Problem::not_found("Attachment not found"))?;
    let content_type = match file.content_type {
        AttachedType::Text => {
            let encoding = source::text::decode(&content).map_or("UTF-8", |found| found.encoding);
            format!("text/plain; charset={encoding}")
        }
        image => image.as_str().to_owned(),
    };
    Ok(HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, SANDBOX))
        .insert_header(shown_as(&file.name))
        .body(content))
}

/// Shown in the browser, and saved under its name.
fn shown_as(name: &str) -> header::ContentDisposition {
    let ascii = name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    let mut parameters = vec![header::DispositionParam::Filename(ascii)];
    if !name.is_ascii() {
        parameters.push(header::DispositionParam::FilenameExt(header::ExtendedValue {
            charset: header::Charset::from_str("UTF-8").unwrap_or(header::Charset::Us_Ascii),
            language_tag: None,
            value: name.as_bytes().to_vec(),
        }));
    }
    header::ContentDisposition { disposition: header::DispositionType::Inline, parameters }
}
