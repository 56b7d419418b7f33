//! Threads that end with their job, so that their memory can be returned to the system.

use std::thread;

use tokio::sync::oneshot;

const NAME: &str = "highlight";

/// Allocations of this size are not kept in a cache of the thread that frees them, bytes.
const UNCACHED_BYTES: usize = 4096;

/// Starts a thread. If the system refuses, `run` is dropped.
pub(super) fn start(run: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name(NAME.to_owned()).spawn(run) {
        log::error!("cannot start a thread to highlight code error={error}");
    }
}

/// Runs `run` on a thread of its own, even if nobody waits. The receiver gets no result if `run`
/// panics.
pub(super) fn run<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (sender, receiver) = oneshot::channel();
    start(move || drop(sender.send(run())));
    receiver
}

/// A text that a job hands to another thread. That thread would cache a small allocation after
/// freeing it, which keeps the memory below it from being returned.
pub(super) fn to_hand_over(mut text: String) -> String {
    text.reserve_exact(UNCACHED_BYTES.saturating_sub(text.len()));
    text
}
