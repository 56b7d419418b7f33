//! WebSockets that are refused: a browser shows its page no other reason than a close code.

use actix::{Actor, StreamHandler};
use actix_web::{HttpRequest, HttpResponse, error::PayloadError, web::Bytes};
use actix_web_actors::ws::{self, Message, ProtocolError, WebsocketContext};

use futures_util::Stream;

use crate::wire::{Dialect, server_frame::Notice};

use super::close;

struct Refused {
    code: u16,
    reason: String,
}

/// Upgrades a request to a WebSocket that sends an error and closes.
pub(super) fn start(
    request: &HttpRequest,
    stream: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
    code: u16,
    reason: String,
) -> actix_web::Result<HttpResponse> {
    ws::start(Refused { code, reason }, request, stream)
}

impl Actor for Refused {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        if let Some(frame) = Notice::error(self.reason.as_str()).frame(Dialect::Legacy) {
            context.text(frame);
        }
        close(context, self.code, &self.reason);
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Refused {
    fn handle(&mut self, _: Result<Message, ProtocolError>, _: &mut Self::Context) {}
}
