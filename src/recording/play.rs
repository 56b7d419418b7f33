//! The process that plays a recording: an agent that says what another once said, at its pace or
//! faster. It reads no project and asks no service.

mod acp;
mod pace;
mod script;
mod stream_json;

use std::io;

use super::{Protocol, Recording, RecordingError};
use pace::Pace;
use script::Script;

/// Why the process ended.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The file cannot be played.
    #[error("the recording cannot be played: {0}")]
    Recording(#[from] RecordingError),
    /// The input cannot be read.
    #[error("cannot read the next line of input: {0}")]
    Input(#[from] io::Error),
}

/// Plays the recording in `text` on stdin and stdout, `speed` times as fast as it was, until stdin
/// ends.
///
/// # Errors
/// The text is no recording of an agent, or the input cannot be read. It ends without an error if the
/// reader of its output is gone.
pub fn run(text: &str, speed: u16) -> Result<(), PlayError> {
    let recording = Recording::parse(text)?;
    if recording.unread > 0 {
        eprintln!("{} lines of the recording cannot be read and are left out", recording.unread);
    }
    let pace = Pace::new(speed);
    match recording.head.protocol {
        Protocol::StreamJson => stream_json::play(Script::of_stream_json(&recording), pace)?,
        Protocol::Acp => acp::play(Script::of_acp(&recording), pace)?,
        Protocol::Chat | Protocol::Messages => return Err(RecordingError::NoAgent.into()),
    }
    Ok(())
}
