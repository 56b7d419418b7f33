//! The backlog of requests that arrive while an earlier one is handled. Pure.

use std::collections::VecDeque;

use crate::wire::client_frame::ClientFrame;

const MAX_REQUESTS: usize = 64;

#[derive(Debug)]
pub(super) struct Backlog {
    /// Each with the bytes of its frame.
    requests: VecDeque<(ClientFrame, usize)>,
    bytes: usize,
    max_bytes: usize,
}

impl Backlog {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { requests: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// Adds a request whose frame had `bytes` bytes, or returns it if there is no room.
    pub(super) fn push(&mut self, request: ClientFrame, bytes: usize) -> Result<(), ClientFrame> {
        if self.requests.len() >= MAX_REQUESTS || self.bytes + bytes > self.max_bytes {
            return Err(request);
        }
        self.bytes += bytes;
        self.requests.push_back((request, bytes));
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Option<ClientFrame> {
        let (request, bytes) = self.requests.pop_front()?;
        self.bytes -= bytes;
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TurnNumber;

    #[test]
    fn requests_wait_in_order_and_no_more_than_there_is_room_for() {
        let mut backlog = Backlog::new(10);
        let retry =
            |turn| ClientFrame::Retry { turn, conversation: None, agent: None, message_id: None };
        assert_eq!(backlog.push(retry(TurnNumber(1)), 6), Ok(()));
        assert_eq!(backlog.push(retry(TurnNumber(2)), 5), Err(retry(TurnNumber(2))));
        assert_eq!(backlog.push(retry(TurnNumber(3)), 4), Ok(()));
        assert_eq!(
            (backlog.pop(), backlog.pop(), backlog.pop()),
            (Some(retry(TurnNumber(1))), Some(retry(TurnNumber(3))), None)
        );
        for _ in 0..MAX_REQUESTS {
            backlog.push(ClientFrame::Stop, 0).unwrap();
        }
        assert_eq!(backlog.push(ClientFrame::Stop, 0), Err(ClientFrame::Stop));
    }
}
