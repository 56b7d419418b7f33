//! Line output: whole lines from any thread, flushed one by one.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

pub(crate) struct LineOutput(Mutex<Box<dyn Write + Send>>);

impl LineOutput {
    pub(crate) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self(Mutex::new(writer))
    }

    /// Writes a line.
    ///
    /// # Errors
    /// The reader is gone.
    pub(crate) fn line(&self, value: &Value) -> io::Result<()> {
        self.raw(value.to_string())
    }

    /// Writes a line as it is, without its end.
    ///
    /// # Errors
    /// The reader is gone.
    pub(crate) fn raw(&self, mut line: String) -> io::Result<()> {
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
