//! The guide's output: one line at a time, whole, from any thread, and flushed as produced.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

/// Where the lines go.
pub(crate) struct LineOutput(Mutex<Box<dyn Write + Send>>);

impl LineOutput {
    /// Lines go to `writer`.
    pub(crate) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self(Mutex::new(writer))
    }

    /// Writes a line.
    ///
    /// # Errors
    /// The reader has gone.
    pub(crate) fn line(&self, value: &Value) -> io::Result<()> {
        let mut line = value.to_string();
        line.push('\n');
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(line.as_bytes())?;
        writer.flush()
    }
}

impl std::fmt::Debug for LineOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineOutput").finish_non_exhaustive()
    }
}
