//! The feature server: an MCP server on stdin and stdout with a project's feature list. Read-only.
//! Tool names, parameters and texts are those of AutoForge's feature server, plus a tool to ask the user.

mod arguments;
mod ascii_json;
mod input;
mod questions;
mod tools;

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
        JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
        Tool,
    },
    service::{RequestContext, ServerInitializeError},
};
use rustix::process::Signal;

use crate::features::{Features, FeaturesError};

/// The name under which agents know this server.
pub const SERVER_NAME: &str = "features";

/// Why the server failed.
#[derive(Debug, thiserror::Error)]
pub enum McpError {
    /// The process or its runtime could not be set up.
    #[error("cannot set up the feature server")]
    SetUp(#[source] io::Error),
    /// The project's directory cannot be found.
    #[error("cannot read the project {0:?}")]
    Project(PathBuf, #[source] io::Error),
    /// The client's handshake was invalid.
    #[error("the client did not initialize the MCP session")]
    Initialize(#[source] Box<ServerInitializeError>),
    /// The serving task was cancelled or panicked.
    #[error("the feature server ended unexpectedly")]
    Ended(#[source] tokio::task::JoinError),
}

/// Why a call failed; the text is for the model.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("Unknown tool: {0}")]
    UnknownTool(String),
    #[error("{0}")]
    Arguments(String),
    #[error("Error executing tool {tool}: {source}")]
    Features { tool: String, source: FeaturesError },
    #[error("Error executing tool {tool}: {source}")]
    Json { tool: String, source: serde_json::Error },
    #[error("Error executing tool {tool}: {source}")]
    Task { tool: String, source: tokio::task::JoinError },
}

/// The tools, for an agent that has another way to call them than a server of its own.
pub(crate) fn tools() -> Vec<Tool> {
    tools::list(true)
}

/// Runs a tool on the project in `dir`. Blocks. The error is for the model.
pub(crate) fn call(name: &str, arguments: &JsonObject, dir: &Path) -> Result<String, String> {
    tools::call(name, arguments, dir).map_err(|error| error.to_string())
}

/// Serves the features of the project in `dir` until the end of stdin.
pub fn serve(dir: &Path) -> Result<(), McpError> {
    // This process must not outlive a killed agent.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| McpError::SetUp(error.into()))?;
    let dir = dir.canonicalize().map_err(|error| McpError::Project(dir.to_owned(), error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(McpError::SetUp)?;
    runtime.block_on(async {
        let server = FeatureServer { dir };
        let (stdin, stdout) = rmcp::transport::stdio();
        let service = match server.serve((input::mended(stdin), stdout)).await {
            Ok(service) => service,
            // A client may close the connection before the handshake.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => return Err(McpError::Initialize(Box::new(error))),
        };
        service.waiting().await.map_err(McpError::Ended)?;
        Ok(())
    })
}

/// Answers the requests of one client.
#[derive(Debug)]
struct FeatureServer {
    dir: PathBuf,
}

impl ServerHandler for FeatureServer {
    fn get_info(&self) -> ServerConfig {
        let mut config = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        config.server_info = Implementation::new(SERVER_NAME, env!("CARGO_PKG_VERSION"));
        config
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let dir = self.dir.clone();
        let has_dependencies = tokio::task::spawn_blocking(move || {
            let features = Features::open(&dir).ok().flatten();
            features.is_some_and(|features| features.has_dependencies())
        });
        let has_dependencies = has_dependencies.await.unwrap_or(false);
        Ok(ListToolsResult::with_all_items(tools::list(has_dependencies)))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let CallToolRequestParams { name, arguments, .. } = request;
        let result = self.call(name, arguments.unwrap_or_default()).await;
        Ok(match result {
            Ok(text) => success(text),
            Err(error) => CallToolResult::error(vec![ContentBlock::text(error.to_string())]),
        }
        .into())
    }
}

impl FeatureServer {
    async fn call(
        &self,
        name: Cow<'static, str>,
        arguments: JsonObject,
    ) -> Result<String, CallError> {
        let tool = name.clone().into_owned();
        let dir = self.dir.clone();
        // The file may be on a slow disk or locked.
        tokio::task::spawn_blocking(move || tools::call(&name, &arguments, &dir))
            .await
            .map_err(|source| CallError::Task { tool, source })?
    }
}

/// The text as content and, for the output schema, as structured content.
fn success(text: String) -> CallToolResult {
    let structured = serde_json::json!({ "result": text });
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(structured);
    result
}
