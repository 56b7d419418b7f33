//! What a client asks while an earlier request of its own is still being seen to. Pings are not
//! among it: they are answered at once. Pure code.

use std::collections::VecDeque;

use crate::wire::client_frame::ClientFrame;

/// Requests that may wait.
const MOST: usize = 64;

/// Requests that wait, in their order.
#[derive(Debug)]
pub(super) struct Backlog {
    requests: VecDeque<(ClientFrame, usize)>,
    bytes: usize,
    most_bytes: usize,
}

impl Backlog {
    /// An empty one for `most_bytes` of frames.
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { requests: VecDeque::new(), bytes: 0, most_bytes }
    }

    /// Adds a request that came in a frame of so many bytes; gives it back where there is no room.
    pub(super) fn push(&mut self, request: ClientFrame, bytes: usize) -> Result<(), ClientFrame> {
        if self.requests.len() >= MOST || self.bytes + bytes > self.most_bytes {
            return Err(request);
        }
        self.bytes += bytes;
        self.requests.push_back((request, bytes));
        Ok(())
    }

    /// The request that waits for longest.
    pub(super) fn pop(&mut self) -> Option<ClientFrame> {
        let (request, bytes) = self.requests.pop_front()?;
        self.bytes -= bytes;
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_wait_in_order_and_no_more_than_there_is_room_for() {
        let mut backlog = Backlog::new(10);
        let retry = |turn| ClientFrame::Retry { turn, conversation: None, message_id: None };
        assert_eq!(backlog.push(retry(1), 6), Ok(()));
        assert_eq!(backlog.push(retry(2), 5), Err(retry(2)));
        assert_eq!(backlog.push(retry(3), 4), Ok(()));
        assert_eq!(
            (backlog.pop(), backlog.pop(), backlog.pop()),
            (Some(retry(1)), Some(retry(3)), None)
        );
        for _ in 0..MOST {
            backlog.push(ClientFrame::Stop, 0).unwrap();
        }
        assert_eq!(backlog.push(ClientFrame::Stop, 0), Err(ClientFrame::Stop));
    }
}
