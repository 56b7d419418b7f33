//! Configuration: one TOML file, the environment and the command line become [`settings`].

pub mod settings;
