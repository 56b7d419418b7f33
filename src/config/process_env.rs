//! Process environment: variables and directories that the configuration depends on.

use std::{
    collections::HashMap,
    env,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use crate::config::{error::ConfigMistake, secrets};

/// What the configuration takes from the process it runs in.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProcessEnv {
    pub(crate) variables: HashMap<String, OsString>,
    /// Where relative paths of flags and variables start.
    pub(crate) current_dir: PathBuf,
    pub(crate) home_dir: Option<PathBuf>,
    /// Where programs keep their data.
    pub(crate) data_dir: Option<PathBuf>,
    /// Where programs keep their configuration.
    pub(crate) config_dir: Option<PathBuf>,
}

impl ProcessEnv {
    /// The environment of this process, with the tokens that were handed over to it.
    pub(super) fn read() -> Result<Self, ConfigMistake> {
        let mut variables: HashMap<String, OsString> = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        variables.extend(secrets::handed_over().map_err(ConfigMistake::NoHandover)?);
        Ok(Self {
            variables,
            current_dir: env::current_dir().map_err(ConfigMistake::NoCurrentDir)?,
            home_dir: dirs::home_dir(),
            data_dir: dirs::data_dir(),
            config_dir: dirs::config_dir(),
        })
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(name).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }
}
