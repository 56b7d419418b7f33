//! What is made of the definition of the command line: completion scripts and manual pages.

use std::{fs, io, path::Path};

use clap::{Command as Definition, CommandFactory as _};

use super::Cli;

/// The completion script of a shell.
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), env!("CARGO_PKG_NAME"), &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page of the program, in roff.
///
/// # Errors
///
/// It cannot be rendered.
pub fn manual_page() -> io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// Writes the manual pages of the program and of its commands into a directory.
///
/// # Errors
///
/// The directory cannot be made, or a page not written.
pub fn write_manual_pages(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    clap_mangen::generate_to(command(), dir)
}

/// The command line without the commands that are for the program alone.
fn command() -> Definition {
    let all = Cli::command();
    let shown = all.get_subcommands().filter(|it| !it.is_hide_set()).cloned();
    Definition::new(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .about(all.get_about().cloned().unwrap_or_default())
        .long_about(all.get_long_about().cloned().unwrap_or_default())
        .args(all.get_arguments())
        .subcommands(shown)
        .disable_help_subcommand(true)
}
