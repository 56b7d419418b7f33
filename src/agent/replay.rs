//! An agent that plays a recording: this program's `replay` subcommand, which has neither a network nor
//! a project.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    num::NonZeroU16,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{
    AgentError,
    codec::acp::{AcpSettings, UsageScope},
};
use crate::{
    config::settings::agents::ReplayConfig,
    recording::{Head, MAX_FILE_BYTES, MAX_HEAD_BYTES},
};

/// A recording that can be played.
#[derive(Debug, Clone)]
pub(super) struct ReplayProgram {
    file: PathBuf,
    speed: u16,
    pub head: Head,
}

impl ReplayProgram {
    /// Reads the head of the file. Blocks.
    pub(super) fn find(config: &ReplayConfig) -> Result<Self, AgentError> {
        let file = config.file.clone();
        let head = head_of(&file).map_err(|why| AgentError::Recording(file.clone(), why))?;
        let speed = config.speed.map_or(1, NonZeroU16::get);
        Ok(Self { file, speed, head })
    }

    /// The text of the file. The error is for a person. Blocks.
    pub(super) fn read(&self) -> Result<String, String> {
        let failed = |error: &dyn std::fmt::Display| {
            format!("The recording {:?} cannot be read: {error}.", self.file)
        };
        let mut text = Vec::new();
        let read = open(&self.file).map(|file| file.take(MAX_FILE_BYTES + 1));
        read.and_then(|mut file| file.read_to_end(&mut text)).map_err(|error| failed(&error))?;
        match text.len() as u64 > MAX_FILE_BYTES {
            true => Err(failed(&format!("it is larger than {MAX_FILE_BYTES} bytes"))),
            false => Ok(String::from_utf8_lossy(&text).into_owned()),
        }
    }

    /// The arguments after `cicerone` to play `copy`.
    pub(super) fn arguments(&self, copy: &Path) -> Vec<OsString> {
        let speed = self.speed.to_string();
        vec!["replay".into(), copy.into(), "--speed".into(), speed.into()]
    }

    /// How it is spoken to, where it recorded the Agent Client Protocol.
    pub(super) fn acp_settings(&self, session: Uuid, tool_result_bytes: usize) -> AcpSettings {
        AcpSettings {
            tool_result_bytes,
            dir: "/".to_owned(),
            session,
            resume: None,
            auth_method: None,
            mode: None,
            meta: None,
            preface: None,
            usage: match self.head.counts_session {
                true => UsageScope::Session,
                false => UsageScope::Turn,
            },
            log_in: "This is what the recorded agent said.".to_owned(),
        }
    }
}

fn head_of(file: &Path) -> Result<Head, String> {
    let mut line = String::new();
    // A line that is as long as this is too long.
    let head = open(file).map(|file| BufReader::new(file.take(MAX_HEAD_BYTES as u64 + 1)));
    let read = head.and_then(|mut head| head.read_line(&mut line));
    read.map_err(|error| error.to_string())?;
    Head::of_agent(line.trim_end()).map_err(|error| error.to_string())
}

/// Opens a plain file; a pipe or a device may never end.
fn open(path: &Path) -> io::Result<File> {
    match path.metadata()?.is_file() {
        true => File::open(path),
        false => Err(io::Error::other("it is no plain file")),
    }
}
