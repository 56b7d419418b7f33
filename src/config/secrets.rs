//! Tokens from the environment: moves them from the environment to a pipe.
//!
//! Every process of the same user, so an agent too, can read in `/proc` the environment that a process
//! was started with. The program therefore starts itself anew without the tokens, under the same
//! process id, and reads them from stdin.

use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    io::{self, Read as _, Write as _},
    os::unix::{ffi::OsStrExt as _, process::CommandExt as _},
    process::Command,
};

/// The variable with the viewers' token.
pub const VIEWER: &str = "CICERONE_VIEWER_TOKEN";

/// The variable with the admin's token.
pub const ADMIN: &str = "CICERONE_ADMIN_TOKEN";

/// What this program shows to a server that it asks.
pub const CLIENT: &str = "CICERONE_TOKEN";

/// Set when the tokens come on stdin, one `NAME=TOKEN` a line.
pub const ON_STDIN: &str = "CICERONE_TOKENS_ON_STDIN";

/// Longest tokens together, in bytes: a pipe takes as much without a reader.
const MAX_BYTES: usize = 4096;

/// Starts the program anew if its environment holds a token. Returns only if it holds none or the
/// restart fails.
pub fn leave_environment() -> io::Result<()> {
    let tokens: Vec<(&str, OsString)> =
        [VIEWER, ADMIN].into_iter().filter_map(|name| Some((name, env::var_os(name)?))).collect();
    if tokens.is_empty() {
        return Ok(());
    }
    let mut text = Vec::new();
    for (name, token) in &tokens {
        text.extend([name.as_bytes(), b"=", token.as_bytes(), b"\n"].concat());
    }
    if text.len() > MAX_BYTES {
        return Err(io::Error::other(format!(
            "{VIEWER} and {ADMIN} together have more than {MAX_BYTES} bytes"
        )));
    }
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(&text)?;
    drop(writer);
    let mut arguments = env::args_os();
    let mut command = Command::new(env::current_exe()?);
    command
        .arg0(arguments.next().unwrap_or_default())
        .args(arguments)
        .env_remove(VIEWER)
        .env_remove(ADMIN)
        .env(ON_STDIN, "1")
        .stdin(reader);
    Err(command.exec())
}

/// The tokens that [`leave_environment`] handed over, by the names of their variables. They can be read once;
/// without them everybody would be let in, so a second time is an error.
pub fn handed_over() -> io::Result<HashMap<String, OsString>> {
    if env::var_os(ON_STDIN).is_none() {
        return Ok(HashMap::new());
    }
    let mut text = String::new();
    io::stdin().take(MAX_BYTES as u64).read_to_string(&mut text)?;
    if text.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, token)| (name.to_owned(), token.into())).collect())
}
