//! The wire: what clients and server say to each other over a WebSocket, in two dialects of one
//! stream. Pure code: frames in, requests out; entries in, frames out.

pub mod client_frame;
pub(crate) mod encode;
pub(crate) mod server_frame;

/// How a client wants to be spoken to. It is set by its `start` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The original's frames and nothing more.
    Legacy,
    /// Ours: sequence numbers, replay, acknowledgements. Asked for with `"protocol": 1`.
    V1,
    /// Ours, with answers as HTML in place of Markdown. Asked for with `"format": "html"` besides.
    Html,
    /// The same, where of a part that grows only what is new is sent. Asked for with `"changes": true`
    /// besides.
    HtmlChanges,
}

impl Dialect {
    /// Whether it is one of ours and not the original's.
    pub fn is_ours(self) -> bool {
        self != Self::Legacy
    }

    /// Whether answers are HTML.
    pub fn is_html(self) -> bool {
        matches!(self, Self::Html | Self::HtmlChanges)
    }
}

/// Close codes of our own, beside those of RFC 6455.
pub mod close_code {
    /// The address names no valid project.
    pub const BAD_PROJECT_NAME: u16 = 4000;
    /// The project is unknown, or its directory is gone.
    pub const NO_SUCH_PROJECT: u16 = 4004;
    /// The conversation is unknown in this project.
    pub const NO_SUCH_CONVERSATION: u16 = 4404;
    /// Too many of something; the reason says which limit.
    pub const TOO_MANY: u16 = 4429;
}
