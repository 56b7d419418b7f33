//! Advanced tables: what few need to set.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::values::{As, Count, HumanDuration, Size, WholeNumber};

/// Upper bounds of searches and of what is shown of files.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("advanced" = true))]
pub(crate) struct ReadingSettings {
    /// Longest time for a search over conversations.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "2s"))]
    pub(crate) search_timeout: Duration,
    /// Hits of one search over conversations.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 100))]
    pub(crate) search_hits: usize,
    /// Time for the search for similar questions; when it is over, what has been found is used.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "200ms", "formerly" = "reading.asked_timeout"))]
    pub(crate) similar_timeout: Duration,
    /// Earlier questions, the newest first, that a question is compared with.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 500, "formerly" = "reading.asked_candidates"))]
    pub(crate) similar_candidates: usize,
    /// Files that one search for files finds.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 200, "formerly" = "reading.found_files"))]
    pub(crate) file_search_hits: usize,
    /// How long the list of a project's files is used before it is made again.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "5s", "formerly" = "reading.files_kept"))]
    pub(crate) file_list_lifetime: Duration,
    /// Largest file that is shown.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "8MiB"))]
    pub(crate) file_bytes: usize,
    /// References to files in one answer that are checked; further ones stay plain text.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 200))]
    pub(crate) references: usize,
    /// Lines on one page of a file.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 2000))]
    pub(crate) page_lines: usize,
    /// Bytes on one page of a file.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "1MiB"))]
    pub(crate) page_bytes: usize,
}

/// Bounds of git, which fetches projects.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("advanced" = true))]
pub(crate) struct GitSettings {
    /// What one repository may take on disk, with all that is checked out of it.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "4GiB"))]
    pub(crate) disk: usize,
    /// Files and directories of one repository, with all that is checked out of it.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 1000000))]
    pub(crate) files: usize,
    /// Memory of one command of git.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "2GiB"))]
    pub(crate) memory: usize,
    /// Longest time of one command of git.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "10m"))]
    pub(crate) timeout: Duration,
}

/// The readers: a process for each project, which reads its files.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("advanced" = true))]
pub(crate) struct ReaderSettings {
    /// Readers that run at once; the one that has rested longest makes room.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 16))]
    pub(crate) processes: usize,
    /// Memory of one reader; one that takes more is stopped.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "600MiB"))]
    pub(crate) memory: usize,
    /// A reader that nobody has asked for this long ends.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "10m"))]
    pub(crate) idle_timeout: Duration,
    /// Longest time for one answer; highlighting has its own.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "20s"))]
    pub(crate) timeout: Duration,
}

/// How much code is highlighted. Beyond it, code stays plain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("advanced" = true))]
pub(crate) struct HighlightingSettings {
    /// Longest block of code in an answer.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "64KiB"))]
    pub(crate) block_bytes: usize,
    /// Part of a file that is read to highlight a page of it: the page, and what fits before it.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "256KiB"))]
    pub(crate) file_bytes: usize,
    /// Longest line.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "4KiB"))]
    pub(crate) line_bytes: usize,
    /// Longest time for one block or page.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "5s"))]
    pub(crate) timeout: Duration,
    /// Size of the cache of highlighted blocks.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "4MiB", "formerly" = "highlighting.kept_bytes"))]
    pub(crate) cache_bytes: usize,
    /// When nothing has been highlighted for this long, the memory of the grammars is freed.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "10m", "formerly" = "highlighting.keep"))]
    pub(crate) idle_timeout: Duration,
}

/// Timings of connections.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("advanced" = true))]
pub(crate) struct SocketSettings {
    /// How often the server pings a WebSocket.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "20s"))]
    pub(crate) ping_interval: Duration,
    /// A WebSocket on which nothing has arrived for this long is closed.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "60s"))]
    pub(crate) ping_timeout: Duration,
    /// A WebSocket that has sent nothing for this long after it opened is taken for a page that came
    /// back, and attached to its conversation.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "2s"))]
    pub(crate) attach_after: Duration,
    /// A viewer that has taken none of what was sent for this long is disconnected.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "30s"))]
    pub(crate) stall_timeout: Duration,
    /// Time for the head of a request, for its body and for the TLS handshake, each.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "10s"))]
    pub(crate) request_timeout: Duration,
}

/// When failed sessions are started again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("advanced" = true))]
pub(crate) struct RestartSettings {
    /// Wait before the first restart; it doubles with each further one.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "200ms"))]
    pub(crate) backoff: Duration,
    /// Longest wait.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "30s"))]
    pub(crate) backoff_max: Duration,
    /// Restarts within `window`; at the next failure the session is given up.
    #[serde(with = "As::<WholeNumber>")]
    #[schemars(extend("default" = 5))]
    pub(crate) attempts: u32,
    /// Period in which restarts are counted.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "60s"))]
    pub(crate) window: Duration,
}
