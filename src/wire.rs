//! The wire protocol: the frames of a WebSocket, in the dialect that each client asks for. Pure.
//!
//! # Escaping
//!
//! The text of a streaming answer is escaped for JSON once, when it arrives, and the transcript keeps
//! it so: [`encode`] and the store copy any part of it between quotes without looking at it again.
//! That is the path of every token to every viewer. Only the HTML dialects pay more: their text is
//! unescaped for the Markdown renderer, and the HTML is escaped for its frame.
//!
//! # Dialects
//!
//! The legacy dialect is that of the project assistant of AutoForge (formerly AutoCoder), whose page
//! works with this server unchanged. Elsewhere in this code it is called legacy.

pub mod client_frame;
pub(crate) mod encode;
pub(crate) mod list_frame;
pub(crate) mod server_frame;

/// The frames that a client understands, as its `start` frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// A `start` frame without `protocol`: no sequence numbers, replay or acknowledgements.
    Legacy,
    /// `"protocol": 1`, with answers as Markdown.
    V1,
    /// `"protocol": 1, "format": "html"`: answers as HTML.
    Html,
    /// With `"changes": true` in addition: of an HTML part that grows, only what is new.
    HtmlChanges,
}

impl Dialect {
    /// Whether the client knows no protocol version.
    pub fn is_legacy(self) -> bool {
        self == Self::Legacy
    }

    /// Whether the client gets answers as HTML.
    pub fn is_html(self) -> bool {
        matches!(self, Self::Html | Self::HtmlChanges)
    }
}

/// Close codes of this protocol, besides those of RFC 6455.
pub mod close_code {
    /// RFC 6455: another node of a cluster serves the project; whoever connects again comes to it.
    pub const SERVED_ELSEWHERE: u16 = 1012;
    /// The URL names no valid project.
    pub const BAD_PROJECT_NAME: u16 = 4000;
    /// The project is unknown, or its directory is gone.
    pub const NO_SUCH_PROJECT: u16 = 4004;
    /// The project has no such conversation.
    pub const NO_SUCH_CONVERSATION: u16 = 4404;
    /// A limit is exceeded; the reason names it.
    pub const TOO_MANY: u16 = 4429;
}
