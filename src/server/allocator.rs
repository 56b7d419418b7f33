//! How the C library's allocator keeps memory. By itself it learns from a large block that was freed
//! to keep such blocks for ever, and each thread has a heap of its own to keep them in: once a
//! long answer was rendered the server would stay three times as large. It is told how to behave by
//! an environment variable alone, which it reads before the program begins; so the program starts
//! itself anew with that, under the same process id.

use std::{env, io, os::unix::process::CommandExt as _, process::Command};

/// The variable.
const VARIABLE: &str = "GLIBC_TUNABLES";

/// Blocks of 64 KiB and more go back to the system when they are freed, and all threads together
/// have two heaps.
const VALUE: &str = "glibc.malloc.mmap_threshold=65536:glibc.malloc.arena_max=2";

/// Starts the program anew with an allocator that gives memory back. Returns where that has been
/// done, where somebody else has set the variable, where another C library is in use, or with the
/// reason why it failed: the server then runs as well, only larger.
pub fn give_memory_back() -> io::Result<()> {
    if cfg!(not(target_env = "gnu")) || env::var_os(VARIABLE).is_some() {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let mut command = Command::new(env::current_exe()?);
    command.arg0(arguments.next().unwrap_or_default()).args(arguments).env(VARIABLE, VALUE);
    Err(command.exec())
}
