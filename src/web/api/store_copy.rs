//! A copy of this node's store, for another node of the cluster that misses what the log does not have any
//! more.

use std::fs::{self, File};

use actix_web::{
    HttpMessage as _, HttpRequest, HttpResponse,
    body::SizedStream,
    web::{self, BytesMut},
};
use futures_util::stream;
use tokio::{io::AsyncReadExt as _, sync::Semaphore};
use uuid::Uuid;

use crate::{
    cluster::peers::HandedOn,
    database::{self, backup},
    web::{
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

/// Copies at a time: each takes the space of the store.
static COPIES: Semaphore = Semaphore::const_new(1);

/// What is read of a copy at a time, in bytes.
const CHUNK: usize = 256 << 10; // 256 KiB

/// `GET /api/cluster/store`: the store as it is at this moment, for nodes of the cluster alone.
#[utoipa::path(
    get,
    path = "/api/cluster/store",
    tag = "health",
    responses((status = 200, description = "A SQLite database", content_type = "application/octet-stream"), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn show(state: web::Data<AppState>, request: HttpRequest) -> HandlerResult {
    if !request.extensions().contains::<HandedOn>() {
        return Err(Problem::not_found("Only nodes of the cluster are answered here."));
    }
    let permit = COPIES.try_acquire().map_err(|_| Problem::unavailable("A copy is being made."))?;
    let data_dir = state.resources.settings.data_dir.clone();
    let copied =
        web::block(move || -> Result<(u64, File), Box<dyn std::error::Error + Send + Sync>> {
            let target = data_dir.join(format!("{}.copy", Uuid::new_v4()));
            let bytes = backup::run(&data_dir.join(database::FILE_NAME), &target)?;
            let file = File::open(&target)?;
            // It stays until it is sent.
            fs::remove_file(&target)?;
            Ok((bytes, file))
        });
    let (bytes, file) = match copied.await {
        Ok(Ok(copied)) => copied,
        Ok(Err(error)) => return Err(Problem::unavailable(error)),
        Err(error) => return Err(Problem::unavailable(error)),
    };
    let chunks =
        stream::unfold((tokio::fs::File::from_std(file), permit), |(mut file, permit)| async {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            match file.read_buf(&mut chunk).await {
                Ok(0) => None,
                Ok(_) => Some((Ok(chunk.freeze()), (file, permit))),
                Err(error) => Some((Err(error), (file, permit))),
            }
        });
    let body = SizedStream::new(bytes, Box::pin(chunks));
    Ok(HttpResponse::Ok().content_type("application/octet-stream").body(body))
}
